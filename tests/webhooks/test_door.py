"""Who is let in with what, and what is answered (contract 16.1, 16.2)."""

from base64 import b64encode
from io import BytesIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from participants.models import Chore, Delivery, WebhookKey
from participants.sandbox import Sandbox
from participants.sandbox.tokens import SigningKey
from tests.webhooks.conftest import STARTED, URL, Send, encode, sign

pytestmark = pytest.mark.django_db(transaction=True)
FORGER = SigningKey.generate()
LIMIT = 256 * 1024


def forge(body: object = STARTED) -> str:
    return b64encode(FORGER.sign(encode(body))).decode()


def test_a_signed_delivery_is_stored_and_answered_2xx(send: Send) -> None:
    assert send().status_code == 200
    assert Delivery.objects.get().body == STARTED


def test_a_forged_one_is_refused_and_leaves_nothing(send: Send) -> None:
    assert send(signature=forge()).status_code == 401
    assert not Delivery.objects.exists()


def test_a_body_changed_on_its_way_is_refused(send: Send, sandbox: Sandbox) -> None:
    signature = sign(sandbox, encode(STARTED))
    assert send(encode(STARTED) + b" ", signature=signature).status_code == 401


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64!", "a" * 4000, "=", "A===", "*" * 344])
def test_a_missing_or_unreadable_signature_is_refused(send: Send, signature: str) -> None:
    send()
    assert send(signature=signature).status_code == 401
    assert Delivery.objects.count() == 1


def test_base64_has_one_spelling(send: Send, sandbox: Sandbox) -> None:
    good = sign(sandbox, encode(STARTED))
    spellings = [good.rstrip("="), good[:76] + "\t" + good[76:], good.replace("+", "-").replace("/", "_") + "\x0b"]
    assert [send(signature=spelling).status_code for spelling in spellings] == [401, 401, 401]


def test_the_legacy_header_names_are_understood(sandbox: Sandbox) -> None:
    raw = encode(STARTED)
    headers = {"dyte-signature": sign(sandbox, raw), "dyte-uuid": "u-1", "dyte-webhook-id": "w-1"}
    assert Client().post(URL, raw, content_type="application/json", headers=headers).status_code == 200
    row = Delivery.objects.get()
    assert (row.rtk_uuid, row.webhook_id) == ("u-1", "w-1")


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_other_methods_are_not_allowed(method: str, sandbox: Sandbox) -> None:
    answer = getattr(Client(), method)(URL)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert sandbox.requests.all() == []


def test_the_address_without_its_last_slash_is_no_redirect(sandbox: Sandbox) -> None:
    raw = encode(STARTED)
    headers = {"rtk-signature": sign(sandbox, raw)}
    assert Client().post(URL.rstrip("/"), raw, content_type="application/json", headers=headers).status_code == 200


def test_neither_https_nor_the_host_name_turns_a_delivery_away(send: Send, settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["rollcall.example.org"]
    assert send(Host="10.1.2.3").status_code == 200


def test_the_largest_body_is_taken_and_a_larger_one_is_not(send: Send) -> None:
    fitting = b'{"x": "' + b"a" * (LIMIT - 9) + b'"}'
    assert len(fitting) == LIMIT
    assert send(fitting).status_code == 200
    assert send(fitting + b" ").status_code == 413
    assert Delivery.objects.count() == 1


def test_a_length_beyond_the_limit_is_refused_without_reading(sandbox: Sandbox) -> None:
    answer = Client().post(URL, b"{}", content_type="application/json", headers={"Content-Length": "999999999"})
    assert answer.status_code == 413


def test_a_body_that_broke_off_is_asked_for_again(sandbox: Sandbox) -> None:
    raw = encode(STARTED)
    headers = {"rtk-signature": sign(sandbox, raw)}
    cut_off: dict[str, Any] = {"wsgi.input": BytesIO(raw), "CONTENT_LENGTH": str(len(raw) + 10)}
    answer = Client().generic("POST", URL, raw, content_type="application/json", headers=headers, **cut_off)
    assert answer.status_code == 503
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_the_raw_bytes_count_whatever_they_are_called(sandbox: Sandbox, content_type: str) -> None:
    raw = b"event=1&payload=%7B%7D"
    headers = {"rtk-signature": sign(sandbox, raw)}
    assert Client().generic("POST", URL, raw, content_type=content_type, headers=headers).status_code == 200


def test_a_store_that_is_away_asks_for_another_delivery(send: Send) -> None:
    send()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE participants_delivery RENAME TO away")
    try:
        answer = send({"event": "meeting.ended"})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO participants_delivery")
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert send({"event": "meeting.ended"}).status_code == 200


def test_keys_that_cannot_be_read_are_no_reason_to_refuse(send: Send) -> None:
    send()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE participants_webhookkey RENAME TO away")
    try:
        assert [send().status_code, send(signature=forge()).status_code] == [503, 503]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO participants_webhookkey")


def test_an_answer_is_short_and_not_kept_anywhere(send: Send) -> None:
    answer = send()
    assert len(answer.content) < 40
    assert "no-store" in answer["Cache-Control"]


def test_a_flood_of_forged_bodies_writes_nothing_and_asks_once(send: Send, sandbox: Sandbox) -> None:
    send(signature=forge())
    with CaptureQueriesContext(
        connection,
    ) as seen:
        statuses = {send({"n": n}, signature=forge({"n": n})).status_code for n in range(50)}
    assert statuses == {401}
    assert len(seen) == 50
    assert all(query["sql"].startswith("SELECT") for query in seen)
    assert sandbox.requests.count("well_known") == 1
    assert (WebhookKey.objects.count(), Delivery.objects.count()) == (1, 0)


def test_a_flood_does_not_keep_a_genuine_delivery_out(send: Send) -> None:
    for n in range(20):
        send({"n": n}, signature=forge({"n": n}))
    assert send().status_code == 200


def test_an_accepted_delivery_costs_a_fixed_number_of_queries(send: Send) -> None:
    send({"n": 0}, **{"rtk-uuid": "u-0"})
    Delivery.objects.bulk_create(
        [Delivery(body_hash=str(n), received_at=Delivery.objects.get().received_at) for n in range(200)]
    )
    with CaptureQueriesContext(connection) as seen:
        assert send({"n": 1}, **{"rtk-uuid": "u-1"}).status_code == 200
    statements = [query["sql"].split()[0] for query in seen if "task" not in query["sql"]]
    assert [word for word in statements if word in {"SELECT", "UPDATE", "INSERT"}] == [
        "SELECT",
        "UPDATE",
        "SELECT",
        "INSERT",
        "SELECT",  # whether workers know already that something waits
    ]


def test_the_turn_to_fetch_is_kept_as_a_row_for_all_processes(send: Send) -> None:
    send()
    assert Chore.objects.filter(name="webhook_key").exists()


@pytest.mark.parametrize("length", [":", "-1", "1e3", "0x10", "²"])
def test_a_length_that_is_no_number_is_refused(length: str, transactional_db: None) -> None:
    extra: Any = {"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"{}")}
    assert Client().post(URL, b"{}", content_type="application/json", **extra).status_code == 400
