"""Which key a delivery is checked with, when it is fetched anew, and what is answered when that fails."""

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from itertools import islice

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connections
from django.utils import timezone

from participants.models import Delivery, Event, EventKind, WebhookKey
from participants.sandbox import Sandbox
from participants.sandbox.tokens import SigningKey
from participants.services.webhookkeys import KEPT
from tests.factories import NOW
from tests.webhooks.conftest import Send, encode

pytestmark = pytest.mark.django_db(transaction=True)
FORGER = SigningKey.generate()


def forge(body: object) -> str:
    return b64encode(FORGER.sign(encode(body))).decode()


def count_fetches(sandbox: Sandbox) -> int:
    return sandbox.requests.count("well_known")


def test_the_key_is_fetched_once_and_kept(send: Send, sandbox: Sandbox) -> None:
    assert [send({"n": n}).status_code for n in range(3)] == [200] * 3
    assert count_fetches(sandbox) == 1
    assert WebhookKey.objects.count() == 1


def test_the_key_is_asked_for_without_our_credentials(send: Send, sandbox: Sandbox, settings: LazySettings) -> None:
    settings.REALTIMEKIT_API_TOKEN = ""
    assert send().status_code == 200


def test_right_after_a_change_of_key_a_delivery_is_accepted(send: Send, sandbox: Sandbox) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        send({"n": 1})
        clock.shift(timedelta(minutes=1))
        sandbox.world.rotate_webhook_key()
        assert send({"n": 2}).status_code == 200
    assert count_fetches(sandbox) == 2
    assert Event.objects.filter(kind=EventKind.WEBHOOK_KEY).count() == 2


def test_what_was_signed_before_the_change_is_accepted_after_it(send: Send, sandbox: Sandbox) -> None:
    late = b64encode(sandbox.world.webhook_key.sign(encode({"n": 1}))).decode()
    with time_machine.travel(NOW, tick=False) as clock:
        send({"n": 0})
        clock.shift(timedelta(minutes=5))
        sandbox.world.rotate_webhook_key()
        assert send({"n": 2}).status_code == 200
        assert send({"n": 1}, signature=late).status_code == 200


def test_within_a_minute_of_a_fetch_a_bad_signature_is_refused_without_another(send: Send, sandbox: Sandbox) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        send({"n": 1})
        clock.shift(timedelta(seconds=59))
        assert send({"n": 2}, signature=forge({"n": 2})).status_code == 401
        assert count_fetches(sandbox) == 1
        clock.shift(timedelta(seconds=1))
        assert send({"n": 2}, signature=forge({"n": 2})).status_code == 401
        assert count_fetches(sandbox) == 2


def test_without_a_key_everything_is_asked_for_again(send: Send, sandbox: Sandbox) -> None:
    sandbox.faults.add("server_error", "well_known", times=None)
    answers = [send(), send({"n": 2}, signature=forge({"n": 2}))]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert answers[0]["Retry-After"] == "30"
    assert not Delivery.objects.exists()
    assert count_fetches(sandbox) == 1


def test_while_the_key_cannot_be_fetched_the_kept_one_is_believed_and_nothing_called_forged(
    send: Send, sandbox: Sandbox
) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        send({"n": 1})
        sandbox.faults.add("drop", "well_known", times=None)
        clock.shift(timedelta(hours=1))
        assert send({"n": 2}).status_code == 200
        assert send({"n": 3}, signature=forge({"n": 3})).status_code == 503
        assert send({"n": 3}, signature=forge({"n": 3})).status_code == 503
        assert count_fetches(sandbox) == 2


def test_a_change_of_key_while_its_address_is_away_loses_nothing(send: Send, sandbox: Sandbox) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        send({"n": 1})
        clock.shift(timedelta(hours=1))
        sandbox.world.rotate_webhook_key()
        sandbox.faults.add("drop", "well_known")
        assert send({"n": 2}).status_code == 503
        assert send({"n": 2}).status_code == 503
        clock.shift(timedelta(minutes=1))
        assert send({"n": 2}).status_code == 200


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "malformed", "body": "html"},
        {"kind": "malformed", "body": "empty"},
        {"kind": "malformed", "body": "truncated"},
        {"kind": "malformed", "body": "wrong_types"},
        {"kind": "refuse", "status": 404},
        {"kind": "rate_limited"},
        {"kind": "lose_answer"},
    ],
)
def test_no_answer_of_the_keys_address_turns_a_delivery_into_a_refused_one(
    send: Send, sandbox: Sandbox, trouble: dict[str, object]
) -> None:
    kind = str(trouble.pop("kind"))
    sandbox.faults.add(kind, "well_known", **trouble)  # type: ignore[arg-type]  # options of its kind
    assert send().status_code == 503


def test_a_published_document_of_any_length_is_given_up_soon(
    send: Send, sandbox: Sandbox, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_READ_TIMEOUT = 0.3
    sandbox.faults.add("drip", "well_known", interval=0.05)
    assert send().status_code == 503


def test_a_pinned_key_is_the_only_one_and_none_is_fetched(
    send: Send, sandbox: Sandbox, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_WEBHOOK_PUBLIC_KEY = sandbox.world.webhook_key.public_pem.replace("\n", "\\n")
    assert send({"n": 1}).status_code == 200
    assert send({"n": 2}, signature=forge({"n": 2})).status_code == 401
    sandbox.world.rotate_webhook_key()
    assert send({"n": 3}).status_code == 401
    assert count_fetches(sandbox) == 0


def test_another_key_than_the_pinned_one_does_not_count_though_it_was_kept(
    send: Send, sandbox: Sandbox, settings: LazySettings
) -> None:
    send({"n": 1})
    settings.REALTIMEKIT_WEBHOOK_PUBLIC_KEY = FORGER.public_pem
    assert send({"n": 2}).status_code == 401
    assert send({"n": 2}, signature=forge({"n": 2})).status_code == 200


def test_a_few_old_keys_are_kept_and_no_more(send: Send, sandbox: Sandbox) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        for n in range(KEPT + 2):
            send({"n": n})
            clock.shift(timedelta(minutes=2))
            newest = sandbox.world.rotate_webhook_key()
        assert WebhookKey.objects.count() == KEPT
        send({"n": "last"})
        assert WebhookKey.objects.get(fetched_at=timezone.now()).pem == newest.public_pem


def test_of_many_requests_that_meet_a_new_key_one_fetches_it(send: Send, sandbox: Sandbox) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        send({"n": 0})
        clock.shift(timedelta(minutes=2))
        sandbox.world.rotate_webhook_key()
        with sandbox.faults.hold("well_known") as gate, ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(post_in_thread, send, n) for n in range(1, 9)]
            others = [future.result(timeout=20) for future in islice(as_completed(waiting), 7)]
            assert gate.wait_for(1)
            gate.release()
            statuses = [future.result(timeout=20) for future in waiting]
    assert others == [503] * 7
    assert sorted(statuses) == [200] + [503] * 7
    assert count_fetches(sandbox) == 2


def post_in_thread(send: Send, number: int) -> int:
    try:
        return send({"n": number}).status_code
    finally:
        connections.close_all()
