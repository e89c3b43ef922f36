"""The window is enforced remotely too (design 2.6)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from participants.models import Actor, Meeting
from participants.sandbox import Sandbox
from participants.services import meetings, passes, sync
from tests.factories import MeetingFactory

pytestmark = pytest.mark.django_db(transaction=True)
OPENS = datetime(2027, 1, 11, 9, 0, tzinfo=UTC)
CLOSES = datetime(2027, 1, 11, 10, 0, tzinfo=UTC)


@pytest.fixture
def lesson(sandbox: Sandbox, transactional_db: None, by: Actor) -> Meeting:
    with time_machine.travel(OPENS - timedelta(hours=1), tick=False):
        made = MeetingFactory(title="Lesson", opens_at=OPENS, closes_at=CLOSES)
        assert meetings.try_now(made, by=by) is None
    return made


def remote_status(sandbox: Sandbox) -> str:
    (remote,) = sandbox.world.meetings()
    return str(remote.status)


def test_a_meeting_made_before_it_opens_is_inactive_remotely(sandbox: Sandbox, lesson: Meeting) -> None:
    assert remote_status(sandbox) == "INACTIVE"


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        (OPENS - timedelta(seconds=61), "INACTIVE"),
        (OPENS - timedelta(seconds=60), "ACTIVE"),
        (CLOSES - timedelta(seconds=1), "ACTIVE"),
        (CLOSES, "INACTIVE"),
    ],
)
def test_a_tick_opens_the_room_a_minute_early_and_closes_it_on_time(
    sandbox: Sandbox, lesson: Meeting, by: Actor, moment: datetime, status: str
) -> None:
    with time_machine.travel(moment, tick=False):
        passes.tick(by=by)
    assert remote_status(sandbox) == status


def test_closing_ends_the_session(sandbox: Sandbox, lesson: Meeting, by: Actor) -> None:
    with time_machine.travel(OPENS, tick=False):
        passes.tick(by=by)
        guest = sandbox.world.add_participant(str(lesson.realtimekit_id), "somebody", "group_call_participant")
        sandbox.world.start_session(str(lesson.realtimekit_id), [guest.id])
    with time_machine.travel(CLOSES, tick=False):
        passes.tick(by=by)
    assert sandbox.world.session(str(lesson.realtimekit_id)) is None
    assert sandbox.requests.count("active_session.kick_all") >= 1


def test_an_opening_and_a_closing_that_no_worker_saw_are_caught_up_with(
    sandbox: Sandbox, lesson: Meeting, by: Actor
) -> None:
    with time_machine.travel(OPENS + timedelta(minutes=20), tick=False):
        passes.tick(by=by)
        assert remote_status(sandbox) == "ACTIVE"
        guest = sandbox.world.add_participant(str(lesson.realtimekit_id), "somebody", "group_call_participant")
        sandbox.world.start_session(str(lesson.realtimekit_id), [guest.id])
    with time_machine.travel(CLOSES + timedelta(hours=3), tick=False):
        passes.tick(by=by)
    assert remote_status(sandbox) == "INACTIVE"
    assert sandbox.world.session(str(lesson.realtimekit_id)) is None


def test_a_window_that_passed_while_no_worker_ran_is_never_opened(
    sandbox: Sandbox, lesson: Meeting, by: Actor
) -> None:
    sandbox.requests.clear()
    with time_machine.travel(CLOSES + timedelta(hours=3), tick=False):
        passes.tick(by=by)
    assert remote_status(sandbox) == "INACTIVE"
    assert sandbox.requests.all() == []


def test_the_schedule_never_overwrites_what_staff_wish(sandbox: Sandbox, lesson: Meeting, by: Actor) -> None:
    with time_machine.travel(CLOSES + timedelta(days=1), tick=False):
        passes.tick(by=by)
        lesson.refresh_from_db()
        assert lesson.status == "ACTIVE"
        meetings.edit(lesson, by=by, status="INACTIVE")
    with time_machine.travel(OPENS, tick=False):
        passes.tick(by=by)
    assert remote_status(sandbox) == "INACTIVE"


def test_a_window_that_is_not_enforced_leaves_the_room_alone(sandbox: Sandbox, lesson: Meeting, by: Actor) -> None:
    with time_machine.travel(OPENS - timedelta(hours=1), tick=False):
        meetings.edit(lesson, by=by, enforce_window=False)
    assert remote_status(sandbox) == "ACTIVE"


def test_a_settled_meeting_costs_a_tick_no_call(sandbox: Sandbox, lesson: Meeting, by: Actor) -> None:
    with time_machine.travel(OPENS, tick=False):
        passes.tick(by=by)
        sandbox.requests.clear()
        passes.tick(by=by)
    assert sandbox.requests.all() == []


def test_a_tick_waits_for_the_back_off_and_a_converging_pass_does_not(sandbox: Sandbox, by: Actor) -> None:
    meeting = MeetingFactory()
    sandbox.faults.down()
    assert meetings.try_now(meeting, by=by) is not None
    sandbox.faults.up()
    sandbox.requests.clear()
    passes.tick(by=by)
    assert sandbox.requests.all() == []
    passes.converge(by=by)
    meeting.refresh_from_db()
    assert meeting.state == "created"


def test_a_meeting_that_closes_before_it_opens_is_refused(by: Actor, transactional_db: None) -> None:
    with pytest.raises(ValidationError) as caught:
        meetings.create(by=by, title="Backwards", opens_at=CLOSES, closes_at=OPENS)
    assert "close after it opens" in str(caught.value)
    assert Meeting.objects.count() == 0


def test_letting_everybody_in_needs_a_default_preset(by: Actor, transactional_db: None) -> None:
    with pytest.raises(ValidationError):
        meetings.create(by=by, title="Open house", admission="signed_in")


def test_a_closing_room_whose_kick_failed_is_kicked_again(sandbox: Sandbox, lesson: Meeting, by: Actor) -> None:
    with time_machine.travel(OPENS, tick=False):
        passes.tick(by=by)
    sandbox.requests.clear()
    sandbox.faults.add("server_error", operation="active_session.kick_all", status=500)
    with time_machine.travel(CLOSES, tick=False):
        passes.tick(by=by)
        passes.converge(by=by)
    lesson.refresh_from_db()
    assert lesson.applied_status == "INACTIVE"
    assert sandbox.requests.count("active_session.kick_all") == 2


def test_a_closing_cut_short_before_the_session_ended_is_finished_whatever_a_sync_saw_meanwhile(
    sandbox: Sandbox, lesson: Meeting, by: Actor
) -> None:
    room = str(lesson.realtimekit_id)
    with time_machine.travel(OPENS, tick=False):
        passes.tick(by=by)
        guest = sandbox.world.add_participant(room, "somebody", "group_call_participant")
        sandbox.world.start_session(room, [guest.id])
    with time_machine.travel(CLOSES, tick=False):
        # The worker was killed after RealtimeKit had closed the room and before everybody was put out of it.
        sandbox.world.set_meeting_status(room, "INACTIVE")
        sync.pull(by=by)
        passes.tick(by=by)
    assert sandbox.world.session(room) is None


def test_an_opening_undone_elsewhere_is_seen_by_a_sync_and_done_again(
    sandbox: Sandbox, lesson: Meeting, by: Actor
) -> None:
    with time_machine.travel(OPENS, tick=False):
        passes.tick(by=by)
        sandbox.world.set_meeting_status(str(lesson.realtimekit_id), "INACTIVE")
        sync.pull(by=by)
        passes.tick(by=by)
    assert remote_status(sandbox) == "ACTIVE"
