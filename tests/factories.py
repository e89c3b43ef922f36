"""factory_boy factories: fixed sequences, no random data."""

import itertools
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import factory
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from factory.django import DjangoModelFactory

from participants.models import ApiKey, Batch, DriftItem, DriftReport, Meeting, Participant, Person, Preset
from participants.states import (
    DRIFT_ACTIONS,
    DriftKind,
    KeyScope,
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
            self.user_permissions.add(Permission.objects.get(codename=codename))


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
