"""Comparing a meeting with RealtimeKit, and deciding, by API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from participants.models import DriftItem, Meeting, Participant
from participants.sandbox import Sandbox
from participants.states import DriftKind
from tests.api.conftest import sign_in
from tests.factories import AdminFactory, DriftItemFactory, DriftReportFactory, MadeMeetingFactory, StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(transactional_db: None) -> APIClient:
    return sign_in(AdminFactory(username="boss"))


def address(meeting: Meeting, end: str = "") -> str:
    return f"/api/v1/manage/meetings/{meeting.pk}/drift/{end}"


def add_stranger(sandbox: Sandbox, meeting: Meeting) -> None:
    sandbox.world.add_participant(str(meeting.realtimekit_id), "crm-1", "group_call_participant", name="Bob")


def apply(client: APIClient, meeting: Meeting, body: Any) -> Any:
    return client.post(address(meeting, "apply/"), body, format="json")


def test_compare_list_decide_and_see(staff: APIClient, sandbox: Sandbox, meeting: Meeting) -> None:
    add_stranger(sandbox, meeting)
    made = staff.post(address(meeting))
    assert made.status_code == 201
    assert (made.json()["total"], made.json()["kinds"]) == (1, {"remote_only": 1})
    assert staff.get(address(meeting)).json() == made.json()
    (item,) = staff.get(address(meeting, "items/")).json()["results"]
    assert (item["actions"], item["safe_action"], item["name"]) == (["adopt", "remove"], None, "Bob")
    done = apply(
        staff, meeting, {"report": made.json()["id"], "items": [{"id": item["id"], "action": "adopt"}]}
    ).json()
    assert (done["outcomes"]["applied"], done["applied_by"]) == (1, "boss")
    (item,) = staff.get(address(meeting, "items/?outcome=applied")).json()["results"]
    assert item["participant"] == str(Participant.objects.get().pk)


def test_safe_decides_on_all_but_strangers(staff: APIClient, sandbox: Sandbox, meeting: Meeting) -> None:
    add_stranger(sandbox, meeting)
    with sandbox.world.lock:
        sandbox.world.set_meeting_status(str(meeting.realtimekit_id), "INACTIVE")
    staff.post(address(meeting))
    done = apply(staff, meeting, {"safe": True}).json()
    assert (done["outcomes"]["applied"], done["outcomes"]["open"]) == (1, 1)
    assert sandbox.world.meetings()[0].status == "ACTIVE"


def test_a_meeting_never_compared_has_no_report(staff: APIClient, meeting: Meeting) -> None:
    for answer in (staff.get(address(meeting)), staff.get(address(meeting, "items/")), apply(staff, meeting, {})):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_meeting_not_made_yet_can_not_be_compared(staff: APIClient) -> None:
    meeting = MadeMeetingFactory(state="pending", realtimekit_id=None)
    answer = staff.post(address(meeting))
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


def test_while_realtimekit_is_down_nothing_is_compared(staff: APIClient, sandbox: Sandbox, meeting: Meeting) -> None:
    sandbox.faults.down()
    answer = staff.post(address(meeting))
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")


def test_an_action_that_a_difference_does_not_allow_is_refused_and_nothing_done(staff: APIClient) -> None:
    report = DriftReportFactory()
    good, bad = DriftItemFactory(report=report), DriftItemFactory(report=report, kind=DriftKind.LOCAL_ONLY)
    body = {"items": [{"id": good.pk, "action": "remove"}, {"id": bad.pk, "action": "adopt"}]}
    answer = apply(staff, report.meeting, body)
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert set(DriftItem.objects.values_list("outcome", flat=True)) == {"open"}


@pytest.mark.parametrize(
    "body",
    [
        {"items": [{"id": 0, "action": "adopt"}]},
        {"items": [{"id": 2**70, "action": "adopt"}]},
        {"items": [{"id": 999_999, "action": "adopt"}]},
        {"items": [{"id": 1, "action": "explode"}]},
        {"items": [{"action": "adopt"}]},
        {"items": "all"},
        {"items": [7]},
        {"report": "nonsense"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_odd_input_is_invalid(staff: APIClient, body: Any) -> None:
    report = DriftReportFactory()
    answer = apply(staff, report.meeting, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_report_of_another_meeting_can_not_be_decided_on(staff: APIClient) -> None:
    report, other = DriftReportFactory(), DriftReportFactory()
    assert apply(staff, report.meeting, {"report": str(other.pk)}).status_code == 404
    item = DriftItemFactory(report=other)
    answer = apply(staff, report.meeting, {"items": [{"id": item.pk, "action": "adopt"}]})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("kind", "action", "right"),
    [
        (DriftKind.REMOTE_ONLY, "adopt", "add_participant"),
        (DriftKind.REMOTE_ONLY, "remove", "remove_participant"),
        (DriftKind.SHOULD_BE_REMOVED, "remove", "remove_participant"),
        (DriftKind.TITLE_DIFFERS, "ours", "change_meeting"),
    ],
)
def test_an_action_takes_the_right_of_whoever_does_it_by_hand(kind: DriftKind, action: str, right: str) -> None:
    item = DriftItemFactory(kind=kind)
    client = sign_in(StaffFactory(permissions=["change_participant"]))
    answer = apply(client, item.report.meeting, {"items": [{"id": item.pk, "action": action}]})
    assert answer.status_code == 403
    assert right in answer.json()["detail"]


def test_items_are_filtered_by_kind_and_paged(staff: APIClient) -> None:
    report = DriftReportFactory()
    DriftItemFactory.create_batch(3, report=report)
    DriftItemFactory(report=report, kind=DriftKind.LOCAL_ONLY)
    first = staff.get(address(report.meeting, "items/?kind=remote_only&page_size=2")).json()
    assert len(first["results"]) == 2
    assert len(staff.get(first["next"]).json()["results"]) == 1
    assert staff.get(address(report.meeting, "items/?kind=nonsense")).status_code == 400
