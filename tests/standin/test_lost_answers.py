"""Answers lost again and again, lists that lag, servers of every opinion on duplicates: one participant per row."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest
from django.utils import timezone

from participants.models import Actor, Meeting, Participant
from participants.services import enrolment, joining, meetings, passes, removal
from participants.states import MeetingState, ParticipantState
from tests.factories import MeetingFactory
from tests.standin.conftest import Start, enrol, find_only, find_user, make_meeting
from tests.standin.manners import Duplicate, Manners, Shape

pytestmark = pytest.mark.django_db(transaction=True)

DUPLICATES = ("second", "same", 409, 400, 422, 500)


def lose(share: float, seed: int = 3) -> Iterator[bool]:
    random = Random(seed)
    while True:
        yield random.random() < share


def pass_a_minute() -> None:
    Participant.objects.exclude(verify_after=None).update(verify_after=timezone.now() - timedelta(seconds=1))
    Meeting.objects.exclude(verify_after=None).update(verify_after=timezone.now() - timedelta(seconds=1))


def converge_until_settled(by: Actor) -> None:
    for _ in range(25):
        passes.converge(by=by)
        pass_a_minute()
        if passes.list_unsettled(timezone.now()) == (0, 0):
            return
    raise AssertionError(list(Participant.objects.values_list("state", "last_error_code", "last_error_detail")))


@pytest.mark.parametrize("shape", ["a", "html"])
@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_ten_people_end_enrolled_once_though_six_in_ten_answers_are_lost(
    start: Start, by: Actor, duplicate: Duplicate, shape: Shape
) -> None:
    standin = start(Manners(duplicate=duplicate, shape=shape, page_limit=3, total="none"))
    meeting = make_meeting(by)
    standin.losses["participants.add"] = lose(0.6)
    for n in range(10):
        enrol(meeting, by, f"pupil{n}")
    converge_until_settled(by)
    assert len(standin.world.people_in(meeting.realtimekit_id)) == 10
    for row in Participant.objects.with_relations():
        admitted = joining.join(meeting_id=meeting.pk, user=find_user(row), by=by).participant
        assert standin.world.owner_of[admitted.token] == find_only(standin, row).id


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_while_lists_lag_nobody_fails_and_in_the_end_everybody_is_there_once(
    start: Start, by: Actor, duplicate: Duplicate
) -> None:
    standin = start(Manners(duplicate=duplicate))
    meeting = make_meeting(by)
    standin.world.lagging = True
    standin.losses["participants.add"] = lose(0.6, seed=11)
    for n in range(4):
        enrol(meeting, by, f"pupil{n}")
    for _ in range(8):
        passes.converge(by=by)
    assert not Participant.objects.filter(state=ParticipantState.FAILED).exists()
    standin.world.settle()
    converge_until_settled(by)
    assert len(standin.world.people_in(meeting.realtimekit_id)) == 4
    for row in Participant.objects.with_relations():
        find_only(standin, row)


def test_a_refusal_that_nothing_explains_is_believed_once_lists_have_caught_up(start: Start, by: Actor) -> None:
    standin = start()
    meeting = make_meeting(by)
    standin.failing["participants.add"] = 503
    row = enrol(meeting, by)
    standin.failing["participants.add"] = 409
    passes.converge(by=by)
    row.refresh_from_db()
    assert row.state == ParticipantState.PENDING
    pass_a_minute()
    passes.converge(by=by)
    row.refresh_from_db()
    assert (row.state, row.last_error_code, row.outcome_unknown) == (ParticipantState.FAILED, "conflict", False)
    del standin.failing["participants.add"]
    assert enrolment.retry(row, by=by).trouble is None
    row.refresh_from_db()
    find_only(standin, row)


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_a_list_that_is_refused_says_nothing_about_an_enrolment(start: Start, by: Actor, status: int) -> None:
    standin = start(Manners(duplicate=400))
    meeting = make_meeting(by)
    standin.failing["participants.list"] = status
    standin.losses["participants.add"] = iter([True])
    row = enrol(meeting, by)
    assert (row.state, row.outcome_unknown) == (ParticipantState.PENDING, True)
    standin.failing.clear()
    converge_until_settled(by)
    row.refresh_from_db()
    find_only(standin, row)


def test_removing_somebody_whose_doubles_were_not_looked_for_yet_deletes_those_too(start: Start, by: Actor) -> None:
    standin = start()
    meeting = make_meeting(by)
    standin.world.lagging = True
    standin.losses["participants.add"] = iter([True])
    row = enrol(meeting, by)
    assert len(standin.world.people_in(meeting.realtimekit_id)) == 2
    standin.world.settle()
    removal.remove(row, by=by)
    converge_until_settled(by)
    row.refresh_from_db()
    assert row.state == ParticipantState.REMOVED
    assert standin.world.people_in(meeting.realtimekit_id) == []


@pytest.mark.parametrize("searches", [True, False])
@pytest.mark.parametrize("lags", [True, False])
def test_of_meetings_whose_making_was_lost_one_stays_open(
    start: Start, by: Actor, searches: bool, lags: bool
) -> None:
    standin = start(Manners(searches=searches, page_limit=2))
    standin.world.lagging = lags
    standin.losses["meetings.create"] = lose(0.6, seed=1)
    wanted = MeetingFactory.create_batch(5)
    for meeting in wanted:
        meetings.try_now(meeting, by=by)
    for _ in range(8):
        passes.converge(by=by)
    standin.world.settle()
    converge_until_settled(by)
    made = {meeting.realtimekit_id: meeting for meeting in Meeting.objects.all()}
    assert {meeting.state for meeting in made.values()} == {MeetingState.CREATED}
    open_rooms = {room.id for room in standin.world.rooms.values() if room.fields["status"] == "ACTIVE"}
    assert open_rooms == set(made)
    assert {standin.world.rooms[key].fields["title"] for key in open_rooms} == {m.title for m in wanted}


@pytest.mark.parametrize("wait", ["0", "1", None, "Wed, 21 Oct 2015 07:28:00 GMT", "soon"])
def test_an_enrolment_that_met_a_rate_limit_is_repeated_once(start: Start, by: Actor, wait: str | None) -> None:
    standin = start()
    meeting = make_meeting(by)
    standin.waits["participants.add"] = [wait]
    row = enrol(meeting, by)
    assert row.state == ParticipantState.ENROLLED
    assert standin.count("participants.add") == 2
    find_only(standin, row)


def test_a_long_rate_limit_keeps_the_row_waiting_as_long_as_asked(start: Start, by: Actor) -> None:
    standin = start()
    meeting = make_meeting(by)
    standin.waits["participants.add"] = ["200"]
    row = enrol(meeting, by)
    assert (row.state, row.outcome_unknown) == (ParticipantState.PENDING, False)
    assert row.next_attempt_at is not None
    assert row.next_attempt_at - timezone.now() > timedelta(seconds=190)
    assert passes.tick(by=by).settled == 0


def test_verifying_a_whole_meeting_lists_it_once(start: Start, by: Actor) -> None:
    standin = start()
    meeting = make_meeting(by)
    for n in range(6):
        enrol(meeting, by, f"pupil{n}")
    Participant.objects.update(verify_after=timezone.now() - timedelta(seconds=1))
    standin.calls.clear()
    passes.converge(by=by)
    assert standin.calls == ["participants.list"]
