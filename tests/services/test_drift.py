"""Reports of comparisons, surveys, and the meeting itself."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from participants.errors import Busy, Misconfigured, WrongState
from participants.models import Actor, DriftItem, DriftReport, Meeting, Participant
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import drift, meetings
from participants.services.driftsteps import STEPS
from participants.states import DRIFT_ACTIONS, DriftAction
from tests.factories import EnrolledFactory, MadeMeetingFactory, MeetingFactory
from tests.services.drifting import (
    add_remotely,
    age,
    apply,
    delete_remotely,
    find_only_item,
    list_remote,
)

pytestmark = pytest.mark.django_db(transaction=True)


def compare(meeting: Meeting, by: Actor) -> DriftReport:
    return drift.compare(meeting, by=by)


# The meeting itself


def test_a_title_changed_elsewhere(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    rename_remotely(sandbox, "Renamed in the dashboard")
    item = apply(compare(meeting, by), by, DriftAction.OURS)
    assert (item.kind, item.outcome) == ("title_differs", "applied")
    assert sandbox.world.meetings()[0].title == meeting.title


def test_a_title_changed_elsewhere_is_taken_over(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    rename_remotely(sandbox, "Renamed in the dashboard")
    assert apply(compare(meeting, by), by, DriftAction.THEIRS).outcome == "applied"
    meeting.refresh_from_db()
    assert meeting.title == meeting.applied_title == "Renamed in the dashboard"
    assert sandbox.world.meetings()[0].title == "Renamed in the dashboard"


@pytest.mark.parametrize(("action", "status"), [(DriftAction.OURS, "ACTIVE"), (DriftAction.THEIRS, "INACTIVE")])
def test_a_room_closed_elsewhere(
    sandbox: Sandbox, meeting: Meeting, by: Actor, action: DriftAction, status: str
) -> None:
    sandbox.world.set_meeting_status(str(meeting.realtimekit_id), "INACTIVE")
    assert apply(compare(meeting, by), by, action).outcome == "applied"
    meeting.refresh_from_db()
    assert (meeting.status, meeting.applied_status, sandbox.world.meetings()[0].status) == (status, status, status)


def test_a_room_opened_elsewhere_outside_its_window_can_only_be_closed(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    meetings.edit(meeting, by=by, opens_at=timezone.now() + timedelta(hours=1))
    sandbox.world.set_meeting_status(str(meeting.realtimekit_id), "ACTIVE")
    assert find_only_item(compare(meeting, by)).actions == ["ours"]


def test_a_meeting_that_is_gone_is_told_and_can_only_be_looked_at(sandbox: Sandbox, by: Actor) -> None:
    sandbox.world.create_meeting("Another")
    lost = EnrolledFactory(meeting=MadeMeetingFactory())
    age()
    item = find_only_item(compare(lost.meeting, by))
    assert (item.kind, item.actions) == ("meeting_gone", [])


def test_an_app_without_any_meeting_is_taken_for_a_wrong_setting(sandbox: Sandbox, by: Actor) -> None:
    with pytest.raises(Misconfigured):
        compare(MadeMeetingFactory(), by)
    assert not DriftReport.objects.exists()


def test_a_meeting_not_made_yet_is_not_compared(by: Actor, transactional_db: None) -> None:
    with pytest.raises(WrongState):
        compare(MeetingFactory(), by)


# Reports


def test_what_does_not_fit_into_the_time_comes_first_at_the_next_survey(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    sandbox.faults.add("latency", operation="participants.list", seconds=2.0)
    with pytest.raises(Busy):
        drift.compare(meeting, by=by, deadline=Deadline.after(0.5))
    meeting.refresh_from_db()
    assert meeting.compared_at is None
    assert not DriftReport.objects.exists()


def test_what_was_decided_on_is_finished_by_a_survey(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    add_remotely(sandbox, meeting, "crm-4711")
    report = compare(meeting, by)
    item = find_only_item(report)
    sandbox.faults.down()
    drift.decide(report, {item.pk: DriftAction.REMOVE}, by=by)
    assert drift.work(report, by=by) is not None
    item.refresh_from_db()
    assert item.outcome == "waiting"
    sandbox.faults.up()
    DriftReport.objects.update(next_attempt_at=None)
    assert drift.survey(by=by).finished == 1
    assert list_remote(sandbox, meeting) == []


def test_what_was_decided_on_once_stays_decided(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    add_remotely(sandbox, meeting, "crm-4711")
    report = compare(meeting, by)
    item = find_only_item(report)
    assert drift.decide(report, {item.pk: DriftAction.ADOPT}, by=by) == 1
    assert drift.decide(report, {item.pk: DriftAction.REMOVE}, by=by) == 0
    item.refresh_from_db()
    assert item.action == "adopt"


def test_nothing_happens_that_was_not_decided_on(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    delete_remotely(sandbox, ada)
    age()
    report = compare(ada.meeting, by)
    drift.work(report, by=by)
    assert list_remote(sandbox, ada.meeting) == []
    assert find_only_item(report).outcome == "open"


def test_a_report_that_somebody_works_on_is_left_to_them(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    report = compare(meeting, by)
    DriftReport.objects.claim(report.pk, seconds=60)
    assert isinstance(drift.work(report, by=by), Busy)


def test_reports_that_nothing_was_decided_on_are_cleared_away(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    empty = compare(meeting, by)
    add_remotely(sandbox, meeting, "crm-4711")
    seen, latest = compare(meeting, by), compare(meeting, by)
    assert not DriftReport.objects.filter(pk=empty.pk).exists()
    assert DriftReport.objects.filter(pk=seen.pk).exists()
    DriftReport.objects.filter(pk=seen.pk).update(created_at=timezone.now() - drift.KEPT * 2)
    compare(meeting, by)
    assert not DriftReport.objects.filter(pk=seen.pk).exists()
    assert drift.find_latest(meeting) != latest


def test_safe_defaults_touch_no_stranger_unless_asked(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    add_remotely(sandbox, ada.meeting, "crm-4711")
    delete_remotely(sandbox, ada)
    age()
    report = compare(ada.meeting, by)
    chosen = {DriftItem.objects.get(pk=pk).kind: action for pk, action in drift.list_safe(report).items()}
    assert chosen == {"local_only": "add_again"}
    assert set(drift.list_safe(report, strangers=DriftAction.ADOPT).values()) == {"add_again", "adopt"}
    assert set(drift.list_safe(report, strangers=DriftAction.REMOVE).values()) == {"add_again", "remove"}


def test_a_survey_compares_those_compared_longest_ago_and_leaves_recent_ones(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    other = MeetingFactory()
    assert meetings.try_now(other, by=by) is None
    drift.compare(other, by=by)
    done = drift.survey(by=by)
    assert (done.compared, done.drifted, done.left, done.trouble) == (1, 0, 0, "")
    assert drift.survey(by=by).compared == 0
    Meeting.objects.update(compared_at=timezone.now() - drift.AGAIN_AFTER * 2)
    assert drift.survey(by=by).compared == 2


@pytest.mark.parametrize(
    "resting", [{"status": "INACTIVE"}, {"closes_at": timezone.now() - timedelta(days=300)}], ids=["inactive", "over"]
)
def test_a_meeting_at_rest_is_compared_once_a_day(
    sandbox: Sandbox, meeting: Meeting, by: Actor, resting: dict[str, object]
) -> None:
    Meeting.objects.update(**resting, compared_at=timezone.now() - drift.AGAIN_AFTER * 2)
    assert drift.survey(by=by).compared == 0
    Meeting.objects.update(compared_at=timezone.now() - drift.RESTING * 2)
    assert drift.survey(by=by).compared == 1


def test_a_survey_while_realtimekit_is_down_says_so_and_forgets_nothing(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    sandbox.faults.down()
    done = drift.survey(by=by, deadline=Deadline.after(2))
    assert (done.compared, bool(done.trouble), done.left) == (0, True, 1)


def test_every_action_of_every_kind_has_a_step() -> None:
    assert set(STEPS) == {(kind, action) for kind, actions in DRIFT_ACTIONS.items() for action in actions}


def rename_remotely(sandbox: Sandbox, title: str) -> None:
    with sandbox.world.lock:
        (remote,) = sandbox.world.meetings()
        sandbox.world.meeting_rows.put(replace(remote, title=title))
