"""Short-lived tokens, long titles, odd sessions, slow servers: what is bounded stays bounded."""

import time
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from participants.errors import Busy, MeetingFull
from participants.models import Actor, Meeting, Participant
from participants.realtimekit import Deadline
from participants.services import enrolment, joining, meetings, passes, removal, sync
from participants.states import MeetingState, ParticipantState
from tests.factories import MeetingFactory
from tests.standin.conftest import Start, enrol, find_only, find_user, make_meeting
from tests.standin.manners import Manners
from tests.standin.world import Room

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_token_that_lives_for_seconds_is_handed_out_and_refreshed_at_the_next_join(start: Start, by: Actor) -> None:
    standin = start(Manners(token="brief"))
    meeting = make_meeting(by)
    row = enrol(meeting, by)
    tokens = [joining.join(meeting_id=meeting.pk, user=find_user(row), by=by).participant.token for _ in range(3)]
    assert len(set(tokens)) == 3
    assert standin.count("participants.refresh") == 3


def test_a_meeting_with_the_longest_title_is_made_where_titles_are_short(start: Start, by: Actor) -> None:
    standin = start(Manners(title_limit=100))
    meeting = MeetingFactory(title="x" * 100)
    assert meetings.try_now(meeting, by=by) is None
    assert standin.world.rooms[str(meeting.realtimekit_id)].fields["title"] == "x" * 100


def test_a_meeting_that_somebody_else_closed_is_not_opened_by_a_sync(start: Start, by: Actor) -> None:
    standin = start(Manners(status_case="lower"))
    closed = Room("theirs", 1.0, {"title": "  Their   room " + "x" * 300, "status": "INACTIVE"})
    standin.world.rooms["theirs"] = closed
    untitled = Room("untitled", 2.0, {"title": None, "status": "ACTIVE"})
    standin.world.rooms["untitled"] = untitled
    assert sync.pull(by=by).imported == 2
    passes.converge(by=by)
    sync.pull(by=by)
    passes.converge(by=by)
    assert Meeting.objects.get(realtimekit_id="theirs").status == "INACTIVE"
    assert (closed.fields["status"], untitled.fields["title"]) == ("INACTIVE", None)
    assert standin.count("meetings.patch") == 0


@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize("absent", [404, 200, 400, 500])
def test_a_removal_puts_out_whoever_is_inside_and_waits_for_nobody_who_is_not(
    start: Start, by: Actor, present: bool, absent: int
) -> None:
    standin = start(Manners(absent_from_session=absent))
    row = enrol(make_meeting(by), by)
    room = standin.world.rooms[str(row.meeting.realtimekit_id)]
    room.present |= {str(row.realtimekit_id)} if present else set()
    assert removal.remove(row, by=by).done
    assert room.present == set()
    assert room.people == []


def test_a_kick_that_keeps_failing_neither_stops_the_deletion_nor_waits_for_ever(start: Start, by: Actor) -> None:
    standin = start()
    row = enrol(make_meeting(by), by)
    standin.world.rooms[str(row.meeting.realtimekit_id)].present.add("somebody else")
    standin.failing["active.kick"] = 500
    report = removal.remove(row, by=by)
    assert report.waiting
    assert standin.world.people_in(row.meeting.realtimekit_id) == []
    for _ in range(removal.KICKS):
        passes.converge(by=by)
    row.refresh_from_db()
    assert row.state == ParticipantState.REMOVED


def test_a_failed_row_is_not_retried_into_a_full_meeting(start: Start, by: Actor) -> None:
    standin = start()
    meeting = make_meeting(by)
    Meeting.objects.update(capacity=1)
    standin.failing["participants.add"] = 400
    ada = enrol(meeting, by, "ada")
    assert ada.state == ParticipantState.FAILED
    standin.failing.clear()
    bob = enrol(meeting, by, "bob")
    assert bob.state == ParticipantState.ENROLLED
    with pytest.raises(MeetingFull):
        enrolment.retry(ada, by=by)
    assert len(standin.world.people_in(meeting.realtimekit_id)) == 1


def test_a_join_gives_up_in_time_though_both_the_room_and_the_token_are_slow(
    start: Start, settings: LazySettings, by: Actor
) -> None:
    standin = start()
    meeting = make_meeting(by)
    row = enrol(meeting, by)
    settings.REALTIMEKIT_READ_TIMEOUT = 60
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    Meeting.objects.update(applied_status="INACTIVE")
    begun = time.monotonic()
    with standin.hold("meetings.patch"), standin.hold("participants.refresh"), pytest.raises(Busy):
        joining.join(meeting_id=meeting.pk, user=find_user(row), by=by)
    assert time.monotonic() - begun < 20  # nine, on a machine that has time; both answers together would take thirty
    row.refresh_from_db()
    assert (row.state, row.lease_id) == (ParticipantState.ENROLLED, None)
    find_only(standin, row)


def test_a_schedule_is_kept_where_sessions_end_in_odd_ways(start: Start, by: Actor) -> None:
    standin = start(Manners(absent_from_session=500, shape="html"))
    meeting = make_meeting(by)
    room = standin.world.rooms[str(meeting.realtimekit_id)]
    room.present.add("somebody")
    meetings.edit(meeting, by=by, closes_at=timezone.now() + timedelta(hours=1))
    Meeting.objects.update(closes_at=timezone.now() - timedelta(seconds=1))
    passes.tick(by=by)
    assert (room.fields["status"], room.present) == ("INACTIVE", set())
    assert Meeting.objects.get().state == MeetingState.CREATED
    assert passes.list_unsettled(timezone.now()) == (0, 0)


def test_a_kick_that_hangs_does_not_keep_the_token_from_being_revoked(
    start: Start, settings: LazySettings, by: Actor
) -> None:
    standin = start(Manners(absent_from_session=200))
    row = enrol(make_meeting(by), by)
    standin.world.rooms[str(row.meeting.realtimekit_id)].present |= {str(row.realtimekit_id), "somebody else"}
    settings.REALTIMEKIT_READ_TIMEOUT = 60
    with standin.hold("active.kick"):
        report = removal.remove(row, by=by, deadline=Deadline.after(1.5))
    assert report.waiting
    assert standin.world.people_in(row.meeting.realtimekit_id) == []
