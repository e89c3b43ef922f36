"""Exactly one remote participant per row in the end, whatever was lost on the way (design 2.3)."""

from datetime import timedelta
from typing import Literal

import pytest
import time_machine
from django.utils import timezone

from participants.models import Actor, Meeting, Participant
from participants.models.base import CHANGE_REFUSED
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import enrolment, joining, meetings, passes
from participants.states import MeetingState, ParticipantState, Source
from tests.factories import MeetingFactory, ParticipantFactory, PersonFactory
from tests.services.conftest import enrol

pytestmark = pytest.mark.django_db(transaction=True)


def add_remotely(sandbox: Sandbox, meeting: Meeting, custom_id: str) -> str:
    """As if an Add of ours had been performed and its answer lost."""
    made = sandbox.world.add_participant(
        str(meeting.realtimekit_id), custom_participant_id=custom_id, preset_name="group_call_participant"
    )
    return str(getattr(made, "participant", made).id)


def converge_until_settled(by: Actor, passes_at_most: int = 20) -> None:
    for _ in range(passes_at_most):
        Participant.objects.update(verify_after=timezone.now() - timedelta(seconds=1))
        Meeting.objects.exclude(verify_after=None).update(verify_after=timezone.now() - timedelta(seconds=1))
        passes.converge(by=by)
        pending = Participant.objects.exclude(state=ParticipantState.ENROLLED).exists()
        if not pending and not Participant.objects.exclude(verify_after=None).exists():
            return
    raise AssertionError(list(Participant.objects.values_list("state", "last_error_code", "verify_after")))


@pytest.mark.parametrize("duplicates", ["second", "conflict", "same"])
@pytest.mark.parametrize("kind", ["lose_answer", "drop", "server_error", "malformed"])
def test_ten_people_end_enrolled_once_though_six_in_ten_answers_are_lost(
    sandbox: Sandbox, meeting: Meeting, by: Actor, duplicates: Literal["second", "conflict", "same"], kind: str
) -> None:
    sandbox.duplicates = duplicates
    sandbox.faults.add(kind, operation="participants.add", times=None, probability=0.6, seed=7)
    for n in range(10):
        enrol(meeting, by, f"pupil{n}")
    converge_until_settled(by)
    rows = list(Participant.objects.select_related("person__user", "meeting"))
    remote = sandbox.world.participants(str(meeting.realtimekit_id))
    assert sorted(r.custom_participant_id for r in remote) == sorted(r.custom_participant_id for r in rows)
    assert {r.id for r in remote} == {r.realtimekit_id for r in rows}
    for row in rows:
        assert row.person.user is not None
        admitted = joining.join(meeting_id=meeting.pk, user=row.person.user, by=by)
        assert sandbox.world.participant_of(admitted.participant.token) == row.realtimekit_id


def test_a_lost_answer_is_settled_within_the_same_enrolment(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    sandbox.faults.lose_next_answer(operation="participants.add")
    row = enrol(meeting, by)
    assert row.state == ParticipantState.ENROLLED
    assert sandbox.requests.count("participants.add") == 1
    assert row.verify_after is not None


def test_a_killed_enrolment_leaves_its_doubt_on_record_and_adopts_what_was_made(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    person = PersonFactory()
    row, _ = enrolment.store(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    Participant.objects.filter(pk=row.pk).update(
        outcome_unknown=True, attempts=1, lease_id=row.pk, lease_until=timezone.now() - timedelta(seconds=1)
    )
    made = add_remotely(sandbox, meeting, person.custom_participant_id)
    passes.converge(by=by)
    row.refresh_from_db()
    assert row.realtimekit_id == made
    assert sandbox.requests.count("participants.add") == 0


def test_a_conflict_adopts_the_one_who_is_there(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    sandbox.duplicates = "conflict"
    person = PersonFactory()
    made = add_remotely(sandbox, meeting, person.custom_participant_id)
    row = enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by).participant
    assert (row.state, row.realtimekit_id) == (ParticipantState.ENROLLED, made)


def test_a_conflict_that_no_complete_listing_explains_is_a_refusal(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    sandbox.faults.add("refuse", operation="participants.add", status=409, message="exists")
    row = enrol(meeting, by)
    assert row.state == ParticipantState.FAILED
    assert row.last_error_code == "conflict"


def test_doubles_made_while_lists_lagged_are_deleted_a_minute_later(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    sandbox.faults.add("hide_new", seconds=3600)
    sandbox.faults.lose_next_answer(operation="participants.add")
    row = enrol(meeting, by)
    assert len(sandbox.world.participants(str(meeting.realtimekit_id))) == 2
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        converge_until_settled(by)
    row.refresh_from_db()
    (left,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert left.id == row.realtimekit_id


def test_a_lost_meeting_creation_is_found_by_its_reference(sandbox: Sandbox, by: Actor, db: None) -> None:
    sandbox.faults.lose_next_answer(operation="meetings.create")
    meeting = MeetingFactory(title="Biology")
    assert meetings.try_now(meeting, by=by) is None
    (remote,) = sandbox.world.meetings()
    assert meeting.state == MeetingState.CREATED
    assert (remote.id, remote.title) == (meeting.realtimekit_id, "Biology")


def test_a_refused_title_does_not_keep_the_room_open(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    sandbox.faults.add("refuse", operation="meetings.patch", status=400, message="title")
    meetings.edit(meeting, by=by, title="Rude", status="INACTIVE")
    (remote,) = sandbox.world.meetings()
    assert remote.status == "INACTIVE"
    assert meeting.last_error_code == CHANGE_REFUSED


def test_unknown_outcomes_of_one_meeting_share_one_listing(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    for _ in range(5):
        row, _ = enrolment.store(meeting=meeting, person=PersonFactory(), preset=None, source=Source.ADMIN, by=by)
        add_remotely(sandbox, meeting, row.custom_participant_id)
    Participant.objects.update(outcome_unknown=True, attempts=1)
    passes.converge(by=by)
    assert Participant.objects.filter(state=ParticipantState.ENROLLED).count() == 5
    assert sandbox.requests.count("participants.list") == 1


def test_a_list_that_takes_longer_than_a_pass_answers_a_doubt_all_the_same(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    row = ParticipantFactory(meeting=meeting, outcome_unknown=True)
    remote_id = add_remotely(sandbox, meeting, row.custom_participant_id)
    for number in range(250):
        add_remotely(sandbox, meeting, f"somebody-else-{number}")
    sandbox.faults.add("latency", "participants.list", times=None, seconds=0.5)
    passes.tick(by=by, deadline=Deadline.after(1))
    row.refresh_from_db()
    assert (row.state, row.realtimekit_id) == (ParticipantState.ENROLLED, remote_id)
    assert sandbox.requests.count("participants.list") == 3


def test_all_that_are_to_be_verified_in_a_pass_share_one_listing(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    for row in ParticipantFactory.create_batch(130, meeting=meeting):
        add_remotely(sandbox, meeting, row.custom_participant_id)
    Participant.objects.update(outcome_unknown=True)
    passes.converge(by=by)
    Participant.objects.update(verify_after=timezone.now() - timedelta(seconds=1))
    sandbox.requests.clear()
    passes.converge(by=by)
    assert not Participant.objects.exclude(verify_after=None).exists()
    assert sandbox.requests.count("participants.list") == 2  # pages of one
