"""factory_boy factories: fixed sequences, no random data."""

import itertools
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import factory
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from factory.django import DjangoModelFactory

from participants.models import (
    ApiKey,
    Attendance,
    Batch,
    DriftItem,
    DriftReport,
    Hook,
    HookMessage,
    Meeting,
    Participant,
    Person,
    Presence,
    Preset,
    Session,
)
from participants.services import tallies
from participants.states import (
    DRIFT_ACTIONS,
    TELLABLE,
    DriftKind,
    HookKind,
    KeyScope,
    KnownBy,
    MeetingState,
    MeetingStatus,
    ParticipantState,
    Source,
)

NOW = datetime(2027, 1, 11, 8, 0, tzinfo=UTC)
_remote_ids = itertools.count(1)


def make_remote_id(prefix: str) -> str:
    return f"{prefix}-0000-4000-8000-{next(_remote_ids):012d}"


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    first_name = factory.Sequence(lambda n: f"First{n}")
    last_name = "Example"
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    password = factory.django.Password("secret-pass-1")

    @factory.post_generation  # type: ignore[untyped-decorator]  # factory-boy's own
    def permissions(self, create: bool, extracted: list[str] | None, **kwargs: object) -> None:
        for codename in extracted or ():
            # Django's own sessions have permissions of the same names as ours.
            found = Permission.objects.exclude(content_type__app_label="sessions")
            self.user_permissions.add(found.get(codename=codename))


class StaffFactory(UserFactory):
    is_staff = True


class AdminFactory(StaffFactory):
    is_superuser = True


class PersonFactory(DjangoModelFactory[Person]):
    class Meta:
        model = Person

    user = factory.SubFactory(UserFactory)
    display_name = factory.LazyAttribute(lambda person: person.user.get_full_name())
    email = factory.LazyAttribute(lambda person: person.user.email)


class GuestFactory(DjangoModelFactory[Person]):
    class Meta:
        model = Person

    display_name = factory.Sequence(lambda n: f"Guest {n}")
    email = factory.Sequence(lambda n: f"guest{n}@example.org")


class PresetFactory(DjangoModelFactory[Preset]):
    class Meta:
        model = Preset
        django_get_or_create = ("name",)

    name = "group_call_participant"
    realtimekit_id = factory.LazyAttribute(lambda preset: f"preset-{preset.name}")


class ApiKeyFactory(DjangoModelFactory[ApiKey]):
    """A key to all meetings whose secret is ``make_secret(name)``."""

    class Meta:
        model = ApiKey
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"Portal {n}")
    scopes = factory.LazyFunction(lambda: [scope.value for scope in KeyScope])
    all_meetings = True
    prefix = factory.LazyAttribute(lambda key: make_secret(key.name)[:12])
    digest = factory.LazyAttribute(lambda key: sha256(make_secret(key.name).encode()).hexdigest())
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=30))

    @factory.post_generation  # type: ignore[untyped-decorator]  # factory-boy's own
    def meetings(self, create: bool, extracted: list[Meeting] | None, **kwargs: object) -> None:
        self.meetings.set(extracted or [])


def make_secret(name: str) -> str:
    """In the form of a real one, and the same for the same name."""
    return "rck_" + sha256(name.encode()).hexdigest()[:43]


class MeetingFactory(DjangoModelFactory[Meeting]):
    """Not made remotely yet: the first join or a converging pass makes it."""

    class Meta:
        model = Meeting

    title = factory.Sequence(lambda n: f"Algebra, group {n}")
    default_preset = factory.SubFactory(PresetFactory)


class MadeMeetingFactory(MeetingFactory):
    """As if made remotely long ago."""

    state = MeetingState.CREATED
    realtimekit_id = factory.LazyFunction(lambda: make_remote_id("aaaa1111"))
    applied_title = factory.SelfAttribute("title")
    applied_status = MeetingStatus.ACTIVE


class ParticipantFactory(DjangoModelFactory[Participant]):
    """Pending: wanted, not tried yet."""

    class Meta:
        model = Participant

    meeting = factory.SubFactory(MeetingFactory)
    person = factory.SubFactory(PersonFactory)
    custom_participant_id = factory.SelfAttribute("person.custom_participant_id")
    preset = factory.SelfAttribute("meeting.default_preset")
    source = Source.ADMIN


class EnrolledFactory(ParticipantFactory):
    """As if added remotely long ago; without a token."""

    meeting = factory.SubFactory(MadeMeetingFactory)
    state = ParticipantState.ENROLLED
    realtimekit_id = factory.LazyFunction(lambda: make_remote_id("bbbb2222"))
    applied_preset = factory.SelfAttribute("preset.name")
    applied_name = factory.SelfAttribute("person.display_name")


class BatchFactory(DjangoModelFactory[Batch]):
    class Meta:
        model = Batch

    meeting = factory.SubFactory(MadeMeetingFactory)
    via = "tests"


class DriftReportFactory(DjangoModelFactory[DriftReport]):
    class Meta:
        model = DriftReport

    meeting = factory.SubFactory(MadeMeetingFactory)
    via = "tests"


class DriftItemFactory(DjangoModelFactory[DriftItem]):
    """A stranger, whom nobody has decided on."""

    class Meta:
        model = DriftItem

    report = factory.SubFactory(DriftReportFactory)
    kind = DriftKind.REMOTE_ONLY
    name = factory.Sequence(lambda n: f"Stranger {n}")
    custom_participant_id = factory.Sequence(lambda n: f"stranger-{n}")
    remote_ids = factory.LazyFunction(lambda: [make_remote_id("cccc3333")])
    actions = factory.LazyAttribute(lambda item: [action.value for action in DRIFT_ACTIONS[DriftKind(item.kind)]])


class SessionFactory(DjangoModelFactory[Session]):
    """An hour's session that is over, of a meeting whose window it filled."""

    class Meta:
        model = Session

    meeting = factory.SubFactory(MadeMeetingFactory)
    realtimekit_id = factory.LazyFunction(lambda: make_remote_id("cccc3333"))
    remote_meeting_id = factory.LazyAttribute(lambda session: session.meeting.realtimekit_id)
    title = factory.SelfAttribute("meeting.title")
    started_at = NOW
    started_known_by = KnownBy.WEBHOOK
    ended_at = factory.LazyAttribute(lambda session: session.started_at + timedelta(hours=1))
    ended_known_by: str = KnownBy.WEBHOOK
    opens_at = factory.SelfAttribute("started_at")
    closes_at = factory.LazyAttribute(lambda session: session.started_at + timedelta(hours=1))
    rolled_at = factory.SelfAttribute("started_at")


class LiveSessionFactory(SessionFactory):
    ended_at = None
    ended_known_by = ""


class AttendanceFactory(DjangoModelFactory[Attendance]):
    """A connection that lasted as long as the session."""

    class Meta:
        model = Attendance

    session = factory.SubFactory(SessionFactory)
    participant = factory.LazyAttribute(lambda row: EnrolledFactory(meeting=row.session.meeting))
    peer_id = factory.LazyFunction(lambda: make_remote_id("dddd4444"))
    custom_participant_id = factory.LazyAttribute(lambda row: getattr(row.participant, "custom_participant_id", ""))
    name = factory.LazyAttribute(lambda row: row.participant.effective_name if row.participant else "Somebody")
    joined_at = factory.SelfAttribute("session.started_at")
    joined_known_by = KnownBy.WEBHOOK
    left_at = factory.SelfAttribute("session.ended_at")
    left_known_by = KnownBy.WEBHOOK


class PresenceFactory(DjangoModelFactory[Presence]):
    """Never came. ``joined`` (minutes after the start) and ``minutes`` make it somebody who did."""

    class Meta:
        model = Presence
        skip_postgeneration_save = True

    class Params:
        joined: float | None = None
        minutes: float | None = None

    session = factory.SubFactory(SessionFactory)
    participant = factory.LazyAttribute(lambda row: EnrolledFactory(meeting=row.session.meeting))
    was_enrolled = True
    first_joined_at = factory.LazyAttribute(
        lambda row: None if row.joined is None else row.session.started_at + timedelta(minutes=row.joined)
    )
    measured_seconds = factory.LazyAttribute(
        lambda row: 0 if row.joined is None else int(60 * (60 - row.joined if row.minutes is None else row.minutes))
    )
    is_present = factory.LazyAttribute(lambda row: row.joined is not None and row.session.ended_at is None)
    last_left_at = factory.LazyAttribute(
        lambda row: (
            None
            if row.joined is None or row.is_present
            else row.first_joined_at + timedelta(seconds=row.measured_seconds)
        )
    )
    connections = factory.LazyAttribute(lambda row: 0 if row.joined is None else 1)
    late_seconds = factory.LazyAttribute(lambda row: None if row.joined is None else int(60 * row.joined))
    share_of_window = factory.LazyAttribute(lambda row: row.measured_seconds / 3600)
    share_of_session = factory.LazyAttribute(lambda row: row.measured_seconds / 3600)
    meeting = factory.SelfAttribute("session.meeting")
    began_at = factory.LazyAttribute(lambda row: tallies.find_beginning(row.session))

    @factory.post_generation  # type: ignore[untyped-decorator]  # factory-boy's own
    def tallied(self, create: bool, extracted: object, **kwargs: object) -> None:
        if create:
            tallies.tally(self.session)
            tallies.note_first([self.participant_id])


class HookFactory(DjangoModelFactory[Hook]):
    """Told of everything, at an address where nobody listens."""

    class Meta:
        model = Hook

    name = factory.Sequence(lambda n: f"Receiver {n}")
    url = "https://127.0.0.1:9/hooks"
    kinds = factory.LazyFunction(lambda: [kind.value for kind in TELLABLE])
    secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class HookMessageFactory(DjangoModelFactory[HookMessage]):
    """Waiting."""

    class Meta:
        model = HookMessage

    hook = factory.SubFactory(HookFactory)
    kind: str = HookKind.ENROLLED
    webhook_id = factory.Sequence(lambda n: f"msg_{n:032}")
    payload = factory.LazyAttribute(
        lambda row: {"type": str(row.kind), "timestamp": "2027-01-11T08:00:00Z", "data": {}}
    )
