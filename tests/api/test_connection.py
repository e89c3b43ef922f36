"""What operators are told of the shared budget, and what a join answers when nobody may call."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from participants.models import Delivery, Meeting, Participant
from participants.models.budget import FAILURES_TO_OPEN, Ledger, Limits
from participants.sandbox import Sandbox
from participants.services import budget, webhookkeys
from tests.api.conftest import sign_in
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/manage/connection/"
LEDGER = Ledger(Limits(30_000, 300.0))


@pytest.fixture
def operator(transactional_db: None) -> APIClient:
    return sign_in(StaffFactory(permissions=["view_connection"]))


def test_before_the_first_call_nothing_is_used(operator: APIClient) -> None:
    body = operator.get(URL).json()
    assert body["budget"] == {
        "calls": 30_000,
        "seconds": 300.0,
        "used": 0,
        "available": 1200,
        "available_to_background": 600,
        "reserved": 600,
    }
    assert body["paused_until"] is None
    assert body["breaker"] == {"state": "closed", "failures": 0, "probe_at": None}
    assert body["server_time"].endswith("Z")


def test_looking_at_it_asks_nobody(operator: APIClient, sandbox: Sandbox) -> None:
    operator.get(URL)
    assert sandbox.requests.all() == []
    assert budget.read_state().used == 0


def test_a_pause_and_an_open_breaker_are_told_with_their_ends(operator: APIClient) -> None:
    LEDGER.take(background=False)
    LEDGER.pause(60)
    for _ in range(FAILURES_TO_OPEN):
        LEDGER.note_failure()
    body = operator.get(URL).json()
    assert body["budget"]["used"] == 1
    assert body["paused_until"] > body["server_time"]
    assert (body["breaker"]["state"], body["breaker"]["failures"]) == ("open", FAILURES_TO_OPEN)
    assert body["breaker"]["probe_at"] > body["server_time"]


def test_a_join_that_needs_a_call_during_a_pause_is_told_at_once_when_to_come_back(
    as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    LEDGER.pause(90)
    sandbox.requests.clear()
    answer = as_ada.post(f"/api/v1/meetings/{meeting.pk}/join/", {}, format="json")
    assert answer.status_code == 503
    assert answer.json()["code"] == "provider_unavailable"
    assert 80 <= int(answer["Retry-After"]) <= 90
    assert "reason" not in answer.json()
    assert sandbox.requests.all() == []


def test_a_join_with_a_cached_token_knows_nothing_of_a_pause(
    as_ada: APIClient, meeting: Meeting, ada: Participant
) -> None:
    LEDGER.pause(90)
    assert as_ada.post(f"/api/v1/meetings/{meeting.pk}/join/", {}, format="json").status_code == 200


def test_a_join_whose_token_is_usable_still_gets_it_while_the_breaker_is_open(
    as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    Participant.objects.update(token_expires_at=timezone.now() + timedelta(minutes=10))
    for _ in range(FAILURES_TO_OPEN):
        LEDGER.note_failure()
    sandbox.requests.clear()
    assert as_ada.post(f"/api/v1/meetings/{meeting.pk}/join/", {}, format="json").status_code == 200
    assert sandbox.requests.all() == []


def test_what_came_in_and_the_key_it_is_checked_with_are_told(operator: APIClient, sandbox: Sandbox) -> None:
    url = "http://testserver/webhooks/realtimekit/"
    assert operator.get(URL).json()["webhook"] == {
        "url": url,
        "last_delivery_at": None,
        "waiting": 0,
        "failed": 0,
        "key": None,
    }
    Delivery.objects.create(body_hash="1", received_at=timezone.now())
    kept = webhookkeys.fetch()
    assert kept is not None
    told = operator.get(URL).json()["webhook"]
    assert (told["waiting"], told["failed"]) == (1, 0)
    assert told["last_delivery_at"].endswith("Z")
    assert (told["key"]["fingerprint"], told["key"]["pinned"]) == (kept.fingerprint, False)
    assert told["key"]["fetched_at"].endswith("Z")
