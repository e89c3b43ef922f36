"""What was read before somebody was removed, blocked or replaced gives no way in."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.utils import timezone

from participants.errors import InactiveUser, MeetingFull, NotAdmitted, PersonBlocked
from participants.models import Actor, Meeting, Participant, Person, Preset
from participants.sandbox import Sandbox
from participants.services import enrolment, joining, meetings, people, removal
from participants.states import ParticipantState, Source
from tests.factories import EnrolledFactory, MadeMeetingFactory, MeetingFactory, PersonFactory, PresetFactory

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "eyJ-a-token-never-to-be-seen"


def find(row: Participant) -> Participant:
    assert row.person.user is not None
    found = joining.find_row(row.meeting_id, row.person.user)
    assert found is not None
    return found


def give_token(row: Participant, *, days: float, age: float) -> None:
    now = timezone.now()
    Participant.objects.filter(pk=row.pk).update(
        token=TOKEN, token_issued_at=now - timedelta(days=age), token_expires_at=now + timedelta(days=days)
    )


def test_a_usable_token_read_before_a_removal_is_not_given_out_when_realtimekit_is_lost(
    settings: LazySettings, by: Actor
) -> None:
    row = EnrolledFactory()
    give_token(row, days=0.01, age=50)
    seen = find(row)
    settings.REALTIMEKIT_API_TOKEN = ""
    removal.remove(row, by=by)
    with pytest.raises(NotAdmitted) as refusal:
        joining.admit(seen, by=by)
    assert refusal.value.code == "removed"


def test_a_usable_token_is_still_given_out_when_realtimekit_is_lost(settings: LazySettings, by: Actor) -> None:
    row = EnrolledFactory()
    give_token(row, days=0.01, age=50)
    settings.REALTIMEKIT_API_TOKEN = ""
    assert joining.admit(find(row), by=by).participant.token == TOKEN


def test_a_token_read_before_a_removal_is_not_given_out_after_waiting_for_the_room(
    sandbox: Sandbox, by: Actor
) -> None:
    meeting = MeetingFactory()
    assert meetings.try_now(meeting, by=by) is None
    person = PersonFactory()
    row = enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by).participant
    Meeting.objects.update(applied_status="INACTIVE")
    seen = find(row)
    removal.remove(row, by=by)
    with pytest.raises(NotAdmitted) as refusal:
        joining.admit(seen, by=by)
    assert refusal.value.code == "removed"


def test_a_person_read_before_they_were_blocked_is_not_enrolled(by: Actor) -> None:
    seen: Person = PersonFactory()
    people.block(Person.objects.get(pk=seen.pk), reason="", by=by)
    with pytest.raises(PersonBlocked):
        enrolment.store(meeting=MeetingFactory(), person=seen, preset=None, source=Source.API, by=by)
    assert not Participant.objects.exists()


def test_a_person_read_before_their_user_was_deactivated_is_not_enrolled(by: Actor) -> None:
    seen: Person = PersonFactory()
    User.objects.update(is_active=False)
    with pytest.raises(InactiveUser):
        enrolment.store(meeting=MeetingFactory(), person=seen, preset=None, source=Source.API, by=by)


def test_a_failed_row_whose_place_was_given_away_does_not_come_back_with_another_preset(by: Actor) -> None:
    meeting = MadeMeetingFactory(capacity=1)
    failed = EnrolledFactory(meeting=meeting, state=ParticipantState.FAILED, realtimekit_id=None)
    EnrolledFactory(meeting=meeting)
    other: Preset = PresetFactory(name="group_call_host")
    with pytest.raises(MeetingFull):
        enrolment.change(failed, preset=other, by=by)
    failed.refresh_from_db()
    assert failed.state == ParticipantState.FAILED
