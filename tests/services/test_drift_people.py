"""People on one side only, twice, different or removed: what a comparison shows, and what becomes of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from participants.errors import Misconfigured, WrongState
from participants.models import Actor, DriftReport, Meeting, Participant, Person
from participants.sandbox import Sandbox
from participants.services import drift, enrolment, passes, removal
from participants.states import DriftAction
from tests.services.conftest import enrol
from tests.services.drifting import (
    add_remotely,
    age,
    apply,
    change_remotely,
    delete_remotely,
    find_only_item,
    list_remote,
)

pytestmark = pytest.mark.django_db(transaction=True)


def compare(meeting: Meeting, by: Actor) -> DriftReport:
    return drift.compare(meeting, by=by)


def list_kinds(report: DriftReport) -> list[str]:
    return list(report.items.values_list("kind", flat=True))


def test_where_both_sides_agree_the_report_is_empty(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    age()
    report = compare(ada.meeting, by)
    assert (report.total, report.remote_count, report.local_count, report.in_flight) == (0, 1, 1, 0)


def test_a_comparison_changes_nothing_at_realtimekit(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    delete_remotely(sandbox, ada)
    add_remotely(sandbox, ada.meeting, "stranger")
    age()
    sandbox.requests.clear()
    assert compare(ada.meeting, by).total == 2
    assert {request.method for request in sandbox.requests.all()} == {"GET"}
    passes.converge(by=by)
    assert {request.method for request in sandbox.requests.all()} == {"GET"}


# Somebody only we have


def test_somebody_missing_is_added_again_exactly_once(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    delete_remotely(sandbox, ada)
    age()
    item = apply(compare(ada.meeting, by), by, DriftAction.ADD_AGAIN)
    ada.refresh_from_db()
    assert (item.kind, item.outcome) == ("local_only", "applied")
    (remote,) = list_remote(sandbox, ada.meeting)
    assert (ada.state, ada.realtimekit_id, ada.gone_at) == ("enrolled", remote.id, None)
    assert ada.token


def test_somebody_who_came_back_meanwhile_is_not_added_again(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    remote = list_remote(sandbox, ada.meeting)[0]
    delete_remotely(sandbox, ada)
    age()
    report = compare(ada.meeting, by)
    with sandbox.world.lock:
        sandbox.world.roster.put(remote)
    item = apply(report, by, DriftAction.ADD_AGAIN)
    ada.refresh_from_db()
    assert item.outcome == "no_longer_true"
    assert (ada.state, ada.lease_until, ada.realtimekit_id) == ("enrolled", None, remote.id)


def test_many_missing_share_two_listings(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    rows = [enrol(meeting, by, name) for name in ("ada", "bob", "cyd", "dan")]
    for row in rows:
        delete_remotely(sandbox, row)
    age()
    report = compare(meeting, by)
    sandbox.requests.clear()
    drift.decide(report, drift.list_safe(report), by=by)
    assert drift.work(report, by=by) is None
    assert report.items.count_outcomes() == {"applied": 4}
    assert len(list_remote(sandbox, meeting)) == 4
    assert sandbox.requests.count("participants.list") == 2


def test_a_meeting_that_can_no_longer_be_found_adds_nobody_again(
    sandbox: Sandbox, ada: Participant, by: Actor
) -> None:
    delete_remotely(sandbox, ada)
    age()
    report = compare(ada.meeting, by)
    sandbox.faults.add("refuse", operation="meetings.get", status=404, message="no", times=None)
    drift.decide(report, drift.list_safe(report), by=by)
    assert isinstance(drift.work(report, by=by), Misconfigured)
    ada.refresh_from_db()
    assert (ada.state, ada.lease_until) == ("enrolled", None)
    assert find_only_item(report).outcome == "waiting"


# Somebody there more than once


def test_of_duplicates_the_recorded_one_is_kept(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    add_remotely(sandbox, ada.meeting, ada.custom_participant_id)
    age()
    item = apply(compare(ada.meeting, by), by, DriftAction.KEEP_ONE)
    assert (item.kind, item.outcome) == ("duplicate", "applied")
    assert [one.id for one in list_remote(sandbox, ada.meeting)] == [ada.realtimekit_id]


def test_of_duplicates_without_the_recorded_one_the_newest_is_kept(
    sandbox: Sandbox, ada: Participant, by: Actor
) -> None:
    delete_remotely(sandbox, ada)
    older = add_remotely(sandbox, ada.meeting, ada.custom_participant_id)
    with sandbox.world.lock:
        sandbox.world.roster.put(replace(older, created_at=older.created_at - timedelta(minutes=1)))
    newest = add_remotely(sandbox, ada.meeting, ada.custom_participant_id)
    age()
    apply(compare(ada.meeting, by), by, DriftAction.KEEP_ONE)
    Participant.objects.exclude(verify_after=None).update(verify_after=timezone.now())
    passes.converge(by=by)
    ada.refresh_from_db()
    assert ada.realtimekit_id == newest.id
    assert [one.id for one in list_remote(sandbox, ada.meeting)] == [newest.id]


# Differences


@pytest.mark.parametrize(
    ("remote", "kind"),
    [
        ({"preset_name": "group_call_host"}, "preset_differs"),
        ({"name": "Somebody else"}, "name_differs"),
        ({"name": None}, "name_differs"),
    ],
)
def test_ours_is_pushed_again(
    sandbox: Sandbox, ada: Participant, by: Actor, remote: dict[str, str | None], kind: str
) -> None:
    before = list_remote(sandbox, ada.meeting)[0]
    change_remotely(sandbox, ada, **remote)
    age()
    item = apply(compare(ada.meeting, by), by, DriftAction.OURS)
    assert (item.kind, item.outcome) == (kind, "applied")
    after = list_remote(sandbox, ada.meeting)[0]
    assert (after.preset_name, after.name) == (before.preset_name, before.name)


def test_theirs_is_taken_over(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    change_remotely(sandbox, ada, preset_name="group_call_host", name="Ada Lovelace")
    age()
    report = compare(ada.meeting, by)
    assert list_kinds(report) == ["preset_differs", "name_differs"]
    drift.decide(report, {item.pk: DriftAction.THEIRS for item in report.items.all()}, by=by)
    drift.work(report, by=by)
    assert report.items.count_outcomes() == {"applied": 2}
    row = Participant.objects.with_relations().get()
    assert (row.preset.name, row.effective_name, row.find_drift()) == ("group_call_host", "Ada Lovelace", {})
    remote = list_remote(sandbox, ada.meeting)[0]
    assert (remote.preset_name, remote.name) == ("group_call_host", "Ada Lovelace")


def test_a_blanked_name_can_only_be_given_back(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    change_remotely(sandbox, ada, name=None)
    age()
    item = find_only_item(compare(ada.meeting, by))
    assert item.actions == ["ours"]
    with pytest.raises(WrongState):
        drift.decide(item.report, {item.pk: DriftAction.THEIRS}, by=by)
    item.refresh_from_db()
    assert item.outcome == "open"


def test_a_picture_of_ours_is_pushed_again(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    picture = "https://example.org/ada.png"
    Person.objects.filter(pk=ada.person_id).update(picture_url=picture)
    passes.converge(by=by)
    change_remotely(sandbox, ada, picture=None)
    age()
    assert apply(compare(ada.meeting, by), by, DriftAction.OURS).outcome == "applied"
    assert list_remote(sandbox, ada.meeting)[0].picture == picture


@pytest.mark.parametrize("action", [DriftAction.OURS, DriftAction.THEIRS])
def test_what_staff_changed_meanwhile_stands(
    sandbox: Sandbox, ada: Participant, by: Actor, action: DriftAction
) -> None:
    change_remotely(sandbox, ada, name="Somebody else")
    age()
    report = compare(ada.meeting, by)
    enrolment.change(ada, name="The Countess", by=by)
    assert apply(report, by, action).outcome == "no_longer_true"
    assert list_remote(sandbox, ada.meeting)[0].name == "The Countess"


def test_a_preset_that_realtimekit_no_longer_has_can_only_be_ours(
    sandbox: Sandbox, ada: Participant, by: Actor
) -> None:
    sandbox.world.add_preset("lecture-host")
    change_remotely(sandbox, ada, preset_name="lecture-host")
    sandbox.world.remove_preset("lecture-host")
    age()
    item = apply(compare(ada.meeting, by), by, DriftAction.THEIRS)
    assert (item.outcome, item.code) == ("failed", "unknown_preset")


# Removed here, still there


def test_somebody_removed_here_and_made_anew_elsewhere_is_deleted(
    sandbox: Sandbox, ada: Participant, by: Actor
) -> None:
    removal.remove(ada, by=by)
    back = add_remotely(sandbox, ada.meeting, ada.custom_participant_id)
    sandbox.world.start_session(str(ada.meeting.realtimekit_id), [back.id])
    age()
    item = apply(compare(ada.meeting, by), by, DriftAction.REMOVE)
    ada.refresh_from_db()
    assert (item.kind, item.outcome, ada.state) == ("should_be_removed", "applied", "removed")
    assert list_remote(sandbox, ada.meeting) == []
    session = sandbox.world.session(str(ada.meeting.realtimekit_id))
    assert session is None or session.present == []


def test_somebody_restored_meanwhile_is_not_deleted(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    removal.remove(ada, by=by)
    add_remotely(sandbox, ada.meeting, ada.custom_participant_id)
    age()
    report = compare(ada.meeting, by)
    enrolment.restore(Participant.objects.with_relations().get(), by=by)
    assert apply(report, by, DriftAction.REMOVE).outcome == "no_longer_true"
    assert list_remote(sandbox, ada.meeting)


# In motion


@pytest.mark.parametrize(
    "motion",
    [
        {"state": "pending"},
        {"state": "removing"},
        {"outcome_unknown": True},
        {"lease_until": timezone.now() + timedelta(days=365)},
        {"verify_after": timezone.now() + timedelta(days=365)},
        {"updated_at": timezone.now() + timedelta(days=365)},
        {"applied_name": "not pushed yet"},
    ],
    ids=" ".join,
)
def test_rows_in_motion_are_no_drift(
    sandbox: Sandbox, ada: Participant, by: Actor, motion: dict[str, object]
) -> None:
    delete_remotely(sandbox, ada)
    age()
    Participant.objects.update(**motion)
    report = compare(ada.meeting, by)
    assert (report.total, report.in_flight) == (0, 1)


def test_people_of_deactivated_users_are_left_to_the_next_pass(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    delete_remotely(sandbox, ada)
    age()
    User.objects.update(is_active=False)
    assert compare(ada.meeting, by).total == 0


def test_somebody_whose_addition_a_list_does_not_show_yet_is_no_drift(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    sandbox.faults.add("hide_new", seconds=60, times=None)
    enrol(meeting, by)
    assert compare(meeting, by).total == 0
