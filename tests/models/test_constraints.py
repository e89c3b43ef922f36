"""What must never be in the tables is refused by the database itself, whatever the code above it does."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction
from django.db.models import ProtectedError

from participants.models import Actor, EventKind, Meeting, Participant, Person, Preset
from participants.models.event import record
from tests.factories import (
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    MeetingFactory,
    ParticipantFactory,
    PersonFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
OPENS, CLOSES = datetime(2027, 1, 11, 9, 0, tzinfo=UTC), datetime(2027, 1, 11, 10, 0, tzinfo=UTC)


def write(model: type[models.Model], pk: Any, **columns: Any) -> None:
    """Past every Python check: one UPDATE."""
    model._default_manager.filter(pk=pk).update(**columns)


def _enrol_twice() -> None:
    row = ParticipantFactory()
    ParticipantFactory(meeting=row.meeting, person=row.person, custom_participant_id="another")


def _share_custom_id_in_a_meeting() -> None:
    row = ParticipantFactory()
    ParticipantFactory(meeting=row.meeting, custom_participant_id=row.custom_participant_id)


def _share_remote_id_in_a_meeting() -> None:
    row = EnrolledFactory()
    EnrolledFactory(meeting=row.meeting, realtimekit_id=row.realtimekit_id)


def _enrolled_without_remote_id() -> None:
    write(Participant, EnrolledFactory().pk, realtimekit_id=None)


def _unknown_state_of_a_participant() -> None:
    write(Participant, ParticipantFactory().pk, state="lost")


def _unknown_state_of_a_meeting() -> None:
    write(Meeting, MeetingFactory().pk, state="lost")


def _share_remote_meeting() -> None:
    MadeMeetingFactory(realtimekit_id=MadeMeetingFactory().realtimekit_id)


def _created_without_remote_id() -> None:
    write(Meeting, MeetingFactory().pk, state="created")


def _close_before_opening() -> None:
    write(Meeting, MeetingFactory().pk, opens_at=CLOSES, closes_at=OPENS)


def _close_on_opening() -> None:
    write(Meeting, MeetingFactory().pk, opens_at=OPENS, closes_at=OPENS)


def _let_everybody_in_without_preset() -> None:
    write(Meeting, MeetingFactory(default_preset=None).pk, admission="signed_in")


def _negative_capacity() -> None:
    write(Meeting, MeetingFactory().pk, capacity=-1)


def _share_custom_id() -> None:
    PersonFactory(custom_participant_id=PersonFactory().custom_participant_id)


def _two_persons_of_a_user() -> None:
    PersonFactory(user=PersonFactory().user)


def _two_guests_of_an_email() -> None:
    GuestFactory(email=GuestFactory().email)


def _two_presets_of_a_name() -> None:
    Preset.objects.create(name="host", realtimekit_id="1")
    Preset.objects.create(name="host", realtimekit_id="2")


def _two_presets_of_a_remote_id() -> None:
    Preset.objects.create(name="host", realtimekit_id="1")
    Preset.objects.create(name="guest", realtimekit_id="1")


REFUSED: list[Callable[[], None]] = [
    _enrol_twice,
    _share_custom_id_in_a_meeting,
    _share_remote_id_in_a_meeting,
    _enrolled_without_remote_id,
    _unknown_state_of_a_participant,
    _unknown_state_of_a_meeting,
    _share_remote_meeting,
    _created_without_remote_id,
    _close_before_opening,
    _close_on_opening,
    _let_everybody_in_without_preset,
    _negative_capacity,
    _share_custom_id,
    _two_persons_of_a_user,
    _two_guests_of_an_email,
    _two_presets_of_a_name,
    _two_presets_of_a_remote_id,
]


@pytest.mark.parametrize("attempt", REFUSED, ids=lambda attempt: attempt.__name__.strip("_"))
def test_the_database_refuses(attempt: Callable[[], None]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        attempt()


def test_every_constraint_of_ours_has_an_attempt_that_it_refuses() -> None:
    names = set()
    for attempt in REFUSED:
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            attempt()
        names.add(str(caught.value))
    declared = [c for model in (Meeting, Participant, Person, Preset) for c in model._meta.constraints]
    # SQLite tells a check by name and a uniqueness by its columns.
    unseen = [c.name for c in declared if not any(_mentions(message, c) for message in names)]
    assert unseen == []


def _mentions(message: str, constraint: Any) -> bool:
    fields = getattr(constraint, "fields", ())
    return constraint.name in message or (bool(fields) and all(f".{field}" in message for field in fields))


def _enrol_in_two_meetings() -> None:
    row = EnrolledFactory()
    EnrolledFactory(person=row.person, realtimekit_id=row.realtimekit_id)


def _two_meetings_not_made_yet() -> None:
    MeetingFactory.create_batch(2)


def _two_participants_not_added_yet() -> None:
    ParticipantFactory.create_batch(2, meeting=MeetingFactory())


def _guest_and_user_of_an_email() -> None:
    GuestFactory(email=PersonFactory().email)


def _users_without_email() -> None:
    for _ in range(2):
        PersonFactory(user=UserFactory(email=""), email="")
        GuestFactory(email="")


def _a_preset_made_again_under_its_old_name() -> None:
    Preset.objects.create(name="host", realtimekit_id="1", gone_at=OPENS)
    Preset.objects.create(name="host", realtimekit_id="2", gone_at=OPENS)
    Preset.objects.create(name="host", realtimekit_id="3")


def _an_expiry_without_a_token() -> None:
    ParticipantFactory(token=None, token_expires_at=OPENS)


def _half_a_window() -> None:
    MeetingFactory(opens_at=OPENS)
    MeetingFactory(closes_at=OPENS)


ALLOWED: list[Callable[[], None]] = [
    _enrol_in_two_meetings,
    _two_meetings_not_made_yet,
    _two_participants_not_added_yet,
    _guest_and_user_of_an_email,
    _users_without_email,
    _a_preset_made_again_under_its_old_name,
    _an_expiry_without_a_token,
    _half_a_window,
]


@pytest.mark.parametrize("attempt", ALLOWED, ids=lambda attempt: attempt.__name__.strip("_"))
def test_the_database_allows(attempt: Callable[[], None]) -> None:
    attempt()


def test_people_meetings_and_presets_in_use_cannot_be_deleted(by: Actor) -> None:
    row = EnrolledFactory()
    record(EventKind.ENROLLED, by, participant=row)
    for used in (row, row.person, row.meeting, row.preset):
        with pytest.raises(ProtectedError):
            used.delete()


def test_deleting_a_user_leaves_their_person_rows_and_history(by: Actor) -> None:
    user = UserFactory()
    row = EnrolledFactory(person=PersonFactory(user=user), enrolled_by=user, removed_by=user)
    row.meeting.managers.add(user)
    event = record(EventKind.ENROLLED, Actor(via="tests", user=user), participant=row)
    user.delete()
    row.refresh_from_db()
    event.refresh_from_db()
    assert (row.person.user, row.enrolled_by, row.removed_by, event.actor) == (None, None, None, None)
    assert event.actor_name == user.username
