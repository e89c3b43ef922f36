"""What is kept of a delivery, and what counts as the same one."""

import json
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from time_machine import TimeMachineFixture

from participants.models import Attendance, Delivery, Session
from participants.sandbox import Sandbox
from participants.services import inbox
from participants.states import DeliveryState
from tests.webhooks.conftest import STARTED, Send, sign

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_a_delivery_is_about_is_noted_and_nothing_done_yet(send: Send) -> None:
    send(STARTED, **{"rtk-uuid": "u-1", "rtk-webhook-id": "w-1", "User-Agent": "RealtimeKit", "Cookie": "secret=1"})
    row = Delivery.objects.get()
    assert (row.event, row.session_id_text) == ("meeting.started", "cccc3333-0000-4000-8000-000000000004")
    assert row.remote_meeting_id == "aaaa1111-0000-4000-8000-000000000001"
    assert (row.rtk_uuid, row.webhook_id, row.repeats, row.state) == ("u-1", "w-1", 0, DeliveryState.NEW)
    assert row.headers == {
        "content-type": "application/json",
        "rtk-uuid": "u-1",
        "rtk-webhook-id": "w-1",
        "user-agent": "RealtimeKit",
    }
    assert not Session.objects.exists()


def test_the_same_delivery_again_is_counted_and_not_stored(send: Send) -> None:
    assert [send(**{"rtk-uuid": "u-1"}).status_code for _ in range(3)] == [200] * 3
    assert Delivery.objects.get().repeats == 2


def test_the_same_body_under_other_headers_is_the_same_delivery(send: Send) -> None:
    send(**{"rtk-uuid": "u-1", "rtk-webhook-id": "w-1"})
    assert send(**{"rtk-uuid": "u-2", "rtk-webhook-id": "w-2"}).status_code == 200
    row = Delivery.objects.get()
    assert (row.rtk_uuid, row.repeats) == ("u-1", 1)


def test_an_id_seen_with_another_body_is_another_delivery_without_it(send: Send) -> None:
    for n in range(3):
        assert send({"n": n}, **{"rtk-uuid": "u-1"}).status_code == 200
    assert sorted(row.rtk_uuid or "" for row in Delivery.objects.all()) == ["", "", "u-1"]


def test_a_repeat_does_not_have_it_worked_on_again(send: Send) -> None:
    send()
    inbox.work()
    send()
    row = Delivery.objects.get()
    assert (row.state, row.repeats) == (DeliveryState.DONE, 1)


@pytest.mark.parametrize("same_body", [True, False])
def test_deliveries_that_come_at_once_are_all_stored_and_none_doubled(send: Send, same_body: bool) -> None:
    send({"n": "first, so that the key is there"})

    def post(number: int) -> int:
        try:
            return send({"n": 0 if same_body else number}, **{"rtk-uuid": "u-1"}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(post, range(12)))
    assert statuses == [200] * 12
    assert Delivery.objects.count() == 1 + (1 if same_body else 12)
    assert Delivery.objects.filter(rtk_uuid="u-1").count() == 1
    if same_body:
        assert Delivery.objects.get(rtk_uuid="u-1").repeats == 11


SECRETS: dict[str, Any] = {
    "event": "livestreaming.statusUpdate",
    "streamKey": "never-to-be-seen",
    "recording": {"downloadUrl": "https://f.example/never-to-be-seen", "audioDownloadUrl": "x-never-to-be-seen"},
    "chatDownloadUrl": "https://f.example/never-to-be-seen",
    "nested": [{"auth_token": "never-to-be-seen", "said": "eyJhbGciOiJSUzI1NiJ9.never-to-be-seen.c2ln"}],
}


def test_secrets_are_not_stored(send: Send) -> None:
    send(SECRETS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM participants_delivery")
        assert "never-to-be-seen" not in str(cursor.fetchall())
    assert Delivery.objects.get().body["event"] == "livestreaming.statusUpdate"


DEEP = b'{"event": "meeting.started", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
ODD: list[bytes] = [
    b"",
    b"null",
    b"[]",
    b'[{"event": "meeting.started"}]',
    b'"text"',
    b"12",
    b"1" * 5000,
    b"{",
    b"\x00\xff\xfe not json",
    b"\xef\xbb\xbf{}",
    b'{"event": NaN, "meeting": Infinity}',
    b'{"event": "meeting.started", "event": ["twice"]}',
    b'{"a\\u0000b": "c\\u0000d", "event": "meeting.\\u0000started"}',
    b'{"event": "meeting.participantJoined", "participant": {"peerId": "\\ud800", "joinedAt": "\\udfff"}}',
    b'{"event": {"deep": 1}, "meeting": "text", "participant": 5, "recording": []}',
    b'{"event": "meeting.started", "meeting": {"id": 7, "sessionId": 1e999, "startedAt": 5}}',
    b'{"event": "meeting.started", "meeting": {"id": ["x"], "sessionId": true}}',
    b'{"n": ' + b"9" * 4000 + b"}",
    DEEP,
    b"[" * 900 + b"]" * 900,
    json.dumps({"event": "e" * 5000, "meeting": {"id": "m" * 5000, "sessionId": "s" * 5000}}).encode(),
]


@pytest.mark.usefixtures("without_collecting")
@pytest.mark.parametrize("raw", ODD, ids=range(len(ODD)))
def test_whatever_was_signed_is_kept_and_worked_on(send: Send, raw: bytes) -> None:
    assert send(raw).status_code == 200
    assert inbox.work().failed == 0
    row = Delivery.objects.get()
    assert (row.state, row.last_error_code) == (DeliveryState.DONE, "")
    assert send(raw).status_code == 200
    assert Delivery.objects.get().repeats == 1


ids = st.one_of(st.text(max_size=300), st.integers(), st.none(), st.booleans(), st.floats(), st.lists(st.text()))
times = st.one_of(
    ids, st.datetimes().map(str), st.sampled_from(["9999-12-31T23:59:59-23:59", "0001-01-01T00:00+14:00"])
)
people = st.fixed_dictionaries(
    {},
    optional={"peerId": ids, "customParticipantId": ids, "userDisplayName": ids, "joinedAt": times, "leftAt": times},
)
meetings = st.fixed_dictionaries(
    {}, optional={"id": ids, "sessionId": ids, "title": ids, "startedAt": times, "createdAt": times, "endedAt": times}
)
events = st.sampled_from(
    [
        "meeting.started",
        "meeting.ended",
        "meeting.participantJoined",
        "meeting.participantLeft",
        "recording.statusUpdate",
    ]
)
payloads = st.fixed_dictionaries(
    {}, optional={"event": events | ids, "meeting": meetings | ids, "participant": people | ids, "sessionId": ids}
)
anything = st.recursive(
    ids, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@pytest.fixture
def take(sandbox: Sandbox, send: Send) -> Callable[[bytes], int]:
    def post(raw: bytes) -> int:
        return send(raw, signature=b64encode(sandbox.world.webhook_key.sign(raw)).decode()).status_code

    return post


@settings(
    derandomize=True, max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=payloads | anything)
def test_any_signed_json_is_stored_and_worked_on(take: Callable[[bytes], int], body: object) -> None:
    assert take(json.dumps(body).encode()) == 200
    assert inbox.work().failed == 0
    assert not Delivery.objects.exclude(state=DeliveryState.DONE).exists()


@settings(
    derandomize=True, max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(raw=st.binary(max_size=400))
def test_any_signed_bytes_are_stored_and_worked_on(take: Callable[[bytes], int], raw: bytes) -> None:
    assert take(raw) == 200
    assert inbox.work().failed == 0


@settings(
    derandomize=True, max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(signature=st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "S", "Zs"]), max_size=400))
def test_no_signature_that_was_made_up_lets_anything_in(send: Send, signature: str) -> None:
    assert send(STARTED, signature=signature).status_code == 401
    assert not Delivery.objects.exists()


def test_nobody_is_made_up_from_odd_deliveries(send: Send, sandbox: Sandbox) -> None:
    for raw in ODD:
        send(raw, signature=sign(sandbox, raw))
    inbox.work()
    assert not Attendance.objects.exists()


def test_workers_are_told_once_of_deliveries_that_wait_together(send: Send) -> None:
    for n in range(20):
        assert send({"n": n}).status_code == 200
    assert DBTaskResult.objects.count() == 1
    inbox.work()
    send({"n": 20})
    assert DBTaskResult.objects.count() == 2


def test_workers_are_told_again_when_a_message_was_lost(send: Send, time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(timezone.now())
    send({"n": 0})
    time_machine.shift(timedelta(seconds=6))
    send({"n": 1})
    assert DBTaskResult.objects.count() == 2
