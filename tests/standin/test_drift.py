"""Comparing with servers of other manners: paging, shapes and lists that lag show no difference that is none."""

from datetime import timedelta

import pytest
from django.utils import timezone

from participants.models import Actor, Meeting, Participant
from participants.services import drift, sync
from participants.states import DriftAction
from tests.standin.conftest import Start, enrol, find_only, make_meeting
from tests.standin.manners import Manners, list_mixed
from tests.standin.server import Standin

pytestmark = pytest.mark.django_db(transaction=True)


def age() -> None:
    then = timezone.now() - timedelta(minutes=5)
    Participant.objects.update(created_at=then, updated_at=then, verify_after=None)
    Meeting.objects.update(created_at=then)


def add_behind_our_back(standin: Standin, row: Participant, custom_id: str) -> None:
    body = {"custom_participant_id": custom_id, "preset_name": row.preset.name, "name": "Somebody"}
    standin.world.perform("participants.add", {"room": str(row.meeting.realtimekit_id)}, body)


@pytest.mark.parametrize("manners", [pytest.param(m, id=name) for name, m in list_mixed(8, seed=20270111)])
def test_two_enrolled_people_are_no_drift_and_a_missing_one_is_added_once(
    start: Start, by: Actor, manners: Manners
) -> None:
    standin = start(manners)
    meeting = make_meeting(by)
    ada, bob = enrol(meeting, by), enrol(meeting, by, "bob")
    standin.world.settle()
    age()
    assert drift.compare(meeting, by=by).total == 0
    standin.world.forget(meeting.realtimekit_id, bob.realtimekit_id)
    report = drift.compare(meeting, by=by)
    assert [(item.kind, item.participant_id) for item in report.items.all()] == [("local_only", bob.pk)]
    drift.decide(report, drift.list_safe(report), by=by)
    drift.work(report, by=by)
    standin.world.settle()
    for row in (ada, bob):
        row.refresh_from_db()
        find_only(standin, row)


@pytest.mark.parametrize("manners", [pytest.param(m, id=name) for name, m in list_mixed(8, seed=4)])
def test_a_stranger_is_found_and_deleted(start: Start, by: Actor, manners: Manners) -> None:
    standin = start(manners)
    row = enrol(make_meeting(by), by)
    add_behind_our_back(standin, row, "crm-4711")
    standin.world.settle()
    age()
    report = drift.compare(row.meeting, by=by)
    assert [(item.kind, item.custom_participant_id) for item in report.items.all()] == [("remote_only", "crm-4711")]
    drift.decide(report, drift.list_safe(report, strangers=DriftAction.REMOVE), by=by)
    drift.work(report, by=by)
    assert report.items.count_outcomes() == {"applied": 1}
    find_only(standin, row)
    assert len(standin.world.people_in(row.meeting.realtimekit_id)) == 1


def test_a_list_that_lags_marks_nobody_gone_and_is_no_drift(start: Start, by: Actor) -> None:
    standin = start()
    standin.world.lagging = True
    row = enrol(make_meeting(by), by)
    assert sync.pull(by=by).missing == 0
    assert drift.compare(row.meeting, by=by).total == 0
    row.refresh_from_db()
    assert row.gone_at is None
