"""``POST manage/participants/{id}/token/``: a token for a trusted back end."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from participants.models import Actor, Event, EventKind, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import people, removal
from tests.api.conftest import sign_in
from tests.factories import EnrolledFactory, StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)
EVERYTHING_BUT_ISSUING = [
    "view_meeting",
    "add_meeting",
    "change_meeting",
    "delete_meeting",
    "view_participant",
    "add_participant",
    "change_participant",
    "delete_participant",
    "remove_participant",
    "restore_participant",
    "block_person",
    "view_connection",
]


@pytest.fixture
def back_end(transactional_db: None) -> APIClient:
    return sign_in(StaffFactory(username="portal", permissions=["issue_token"]))


def issue(client: APIClient, row: Participant, **body: Any) -> Any:
    return client.post(f"/api/v1/manage/participants/{row.pk}/token/", body, format="json")


def test_the_answer_is_that_of_a_join_and_must_not_be_stored(
    back_end: APIClient, as_ada: APIClient, meeting: Meeting, ada: Participant
) -> None:
    issued = issue(back_end, ada)
    joined = as_ada.post(f"/api/v1/meetings/{meeting.pk}/join/", {}, format="json").json()
    assert issued.status_code == 200
    assert issued["Cache-Control"] == "no-store"
    assert {**issued.json(), "server_time": ""} == {**joined, "server_time": ""}
    assert issued.json()["token"] == ada.token


def test_every_issue_is_on_record_without_the_token(back_end: APIClient, ada: Participant) -> None:
    answer = issue(back_end, ada)
    event = Event.objects.get(kind=EventKind.ISSUED)
    assert (event.participant_id, event.actor_name, event.via) == (ada.pk, "portal", "api")
    assert event.request_id == answer["X-Request-ID"]
    assert "eyJ" not in str(event.data)


def test_neither_managing_nor_every_other_right_implies_issuing(ada: Participant, meeting: Meeting) -> None:
    user = StaffFactory(permissions=EVERYTHING_BUT_ISSUING)
    meeting.managers.add(user)
    answer = issue(sign_in(user), ada)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert not Event.objects.filter(kind=EventKind.ISSUED).exists()


def test_the_right_without_being_staff_is_not_enough(ada: Participant) -> None:
    user = StaffFactory(permissions=["issue_token"], is_staff=False)
    assert issue(sign_in(user), ada).status_code == 403


def test_issuing_is_judged_as_a_join_is(
    back_end: APIClient, meeting: Meeting, ada: Participant, by: Actor, sandbox: Sandbox
) -> None:
    Meeting.objects.update(opens_at="2999-01-01T00:00:00Z")
    early = issue(back_end, ada)
    assert (early.status_code, early.json()["code"]) == (403, "too_early")
    assert early["Retry-After"]
    Meeting.objects.update(opens_at=None)
    removal.remove(ada, by=by)
    assert (issue(back_end, ada).status_code, issue(back_end, ada).json()["code"]) == (403, "removed")
    people.block(ada.person, reason="rude", by=by)
    assert issue(back_end, ada).json()["code"] == "blocked"
    assert not Event.objects.filter(kind=EventKind.ISSUED).exists()


def test_an_expired_token_is_refreshed_before_it_is_issued(
    back_end: APIClient, ada: Participant, sandbox: Sandbox
) -> None:
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    token = issue(back_end, ada).json()["token"]
    assert sandbox.world.participant_of(token) == ada.realtimekit_id
    assert sandbox.requests.count("participants.refresh") == 1


def test_a_new_token_is_asked_for_at_most_once_a_minute(
    back_end: APIClient, ada: Participant, sandbox: Sandbox
) -> None:
    first = issue(back_end, ada, refresh=True)
    assert first.json()["token"] != ada.token
    again = issue(back_end, ada, refresh=True)
    assert (again.status_code, again.json()["code"]) == (429, "rate_limited")
    assert 0 < int(again["Retry-After"]) <= 60
    assert sandbox.requests.count("participants.refresh") == 1
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert issue(back_end, ada, refresh=True).status_code == 200


def test_while_realtimekit_is_down_a_caller_without_a_token_is_told_when_to_return(
    back_end: APIClient, ada: Participant, sandbox: Sandbox
) -> None:
    Participant.objects.update(token=None, token_expires_at=None)
    sandbox.faults.down()
    answer = issue(back_end, ada)
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert int(answer["Retry-After"]) >= 1
    assert not Event.objects.filter(kind=EventKind.ISSUED).exists()


def test_a_token_of_a_meeting_elsewhere_is_issued_too_since_the_right_is_for_all(back_end: APIClient) -> None:
    now = timezone.now()
    row = EnrolledFactory(token="another", token_issued_at=now, token_expires_at=now + timedelta(days=1))
    assert issue(back_end, row).json()["token"] == "another"


def test_an_unknown_field_is_refused(back_end: APIClient, ada: Participant) -> None:
    assert issue(back_end, ada, renew=True).json()["errors"][0]["field"] == "renew"
