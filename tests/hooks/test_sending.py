"""Messages reach their receiver signed, again and again until it takes them, whatever its manners."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connections
from django.utils import timezone
from standardwebhooks.webhooks import WebhookVerificationError

from participants.models import Actor, Event, EventKind, Hook, HookMessage
from participants.models.event import record
from participants.realtimekit import Deadline
from participants.services import hooks, hooksending
from participants.states import HookMessageState, HookOff
from tests.factories import EnrolledFactory
from tests.hooks.conftest import add_hook
from tests.hooks.receiver import Manner, Receiver

pytestmark = pytest.mark.django_db(transaction=True)

WAITING, DELIVERED, FAILED = HookMessageState.WAITING, HookMessageState.DELIVERED, HookMessageState.FAILED


def tell(by: Actor, count: int = 1) -> None:
    for _ in range(count):
        record(EventKind.ENROLLED, by, participant=EnrolledFactory())


def send() -> int:
    return hooksending.work(deadline=Deadline.after(20))


def read_one() -> HookMessage:
    return HookMessage.objects.get()


def test_a_message_arrives_as_the_librarys_own_verifier_wants_it(hook: Hook, receiver: Receiver, by: Actor) -> None:
    tell(by)
    assert send() == 1
    (got,) = receiver.received
    told = got.verify(str(hook.secret))
    assert told["type"] == "participant.enrolled"
    assert told["timestamp"].endswith("Z")
    message = read_one()
    assert (message.state, message.attempts, message.status) == (DELIVERED, 1, 204)
    assert got.webhook_id == message.webhook_id
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("Rollcall")
    assert message.delivered_at is not None
    hook.refresh_from_db()
    assert hook.succeeded_at is not None


def test_a_changed_body_and_another_secret_do_not_verify(hook: Hook, receiver: Receiver, by: Actor) -> None:
    tell(by)
    send()
    (got,) = receiver.received
    with pytest.raises(WebhookVerificationError):
        got.verify("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_after_a_rotation_both_secrets_verify_until_the_overlap_ends(
    hook: Hook, receiver: Receiver, by: Actor, settings: LazySettings
) -> None:
    old = str(hook.secret)
    new = hooks.rotate(hook, by=by).secret
    assert new != old
    tell(by)
    send()
    (got,) = receiver.received
    assert len(got.headers["webhook-signature"].split()) == 2
    got.verify(old)
    got.verify(new)
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.HOOKS_SECRET_OVERLAP + 60)):
        tell(by)
        send()
        late = receiver.received[-1]
        late.verify(new)
        with pytest.raises(WebhookVerificationError):
            late.verify(old)


def test_a_failure_is_repeated_under_the_same_id_by_the_schedule(hook: Hook, receiver: Receiver, by: Actor) -> None:
    receiver.next.extend([Manner(500, body=b"<h1>oh\0 dear</h1>"), Manner(503)])
    tell(by)
    begun = timezone.now()
    with time_machine.travel(begun, tick=False) as clock:
        send()
        message = read_one()
        assert (message.state, message.attempts, message.status) == (WAITING, 1, 500)
        assert message.last_error_code == "status_500"
        assert message.excerpt == "<h1>oh dear</h1>"
        assert _wait(message, begun) == pytest.approx(5, rel=0.11)
        clock.shift(1)
        assert send() == 0
        clock.shift(10)
        send()
        message = read_one()
        assert (message.attempts, message.status) == (2, 503)
        assert _wait(message, begun + timedelta(seconds=11)) == pytest.approx(300, rel=0.11)
        clock.shift(400)
        assert send() == 1
    assert {got.webhook_id for got in receiver.received} == {message.webhook_id}
    assert len(receiver.received) == 3
    hook.refresh_from_db()
    assert (hook.failures, hook.failing_since, hook.paused_until) == (0, None, None)


def _wait(message: HookMessage, since: datetime) -> float:
    assert message.next_attempt_at is not None
    return (message.next_attempt_at - since).total_seconds()


def test_a_message_is_given_up_after_about_three_days(hook: Hook, receiver: Receiver, by: Actor) -> None:
    receiver.always = Manner(500)
    tell(by)
    begun = timezone.now()
    with time_machine.travel(begun, tick=False) as clock:
        while (message := read_one()).state == WAITING:
            send()
            Hook.objects.update(failing_since=None, paused_until=None)
            if (due := read_one().next_attempt_at) is not None:
                clock.move_to(due)
        days = (timezone.now() - begun) / timedelta(days=1)
    assert (message.state, message.attempts) == (FAILED, len(hooksending.SCHEDULE) + 1)
    assert 2.8 < days < 3.5


def test_a_receiver_may_ask_for_a_longer_wait(hook: Hook, receiver: Receiver, by: Actor) -> None:
    receiver.next.append(Manner(429, {"Retry-After": "120"}))
    tell(by)
    with time_machine.travel(timezone.now(), tick=False):
        send()
        assert _wait(read_one(), timezone.now()) == 120


@pytest.mark.parametrize("asked", ["99999999999", "soon", "-5", "٣"])
def test_an_absurd_wait_is_not_obeyed(asked: str) -> None:
    assert hooksending.find_wait(1, asked) <= timedelta(hours=1)


def test_a_redirect_is_a_failure_and_not_followed(hook: Hook, receiver: Receiver, other: Receiver, by: Actor) -> None:
    receiver.next.append(Manner(302, {"Location": other.url}, body=b"x" * 100))
    tell(by)
    send()
    message = read_one()
    assert (message.state, message.status, message.last_error_code) == (WAITING, 302, "redirected")
    assert other.received == []


def test_of_a_huge_answer_little_is_read(hook: Hook, receiver: Receiver, by: Actor) -> None:
    receiver.next.append(Manner(200, endless=True))
    tell(by)
    assert send() == 1
    assert read_one().excerpt == "x" * 500


def test_nobody_listening_is_a_failure_in_plain_words(by: Actor) -> None:
    with Receiver() as gone:
        url = gone.url
    add_hook(url, by)
    tell(by)
    send()
    message = read_one()
    assert (message.status, message.last_error_code) == (None, "connection_failed")
    assert "127.0.0.1" not in message.last_error_detail


def test_gone_switches_the_hook_off_at_once_and_is_on_record(hook: Hook, receiver: Receiver, by: Actor) -> None:
    receiver.next.append(Manner(410))
    tell(by)
    send()
    hook.refresh_from_db()
    assert (hook.is_active, hook.off_reason) == (False, HookOff.GONE)
    assert read_one().state == FAILED
    assert Event.objects.get(kind=EventKind.HOOK_SWITCHED_OFF).data["name"] == "Timetable"
    tell(by)
    assert HookMessage.objects.count() == 1  # who is off is told of nothing new


def test_a_hook_that_failed_for_days_is_switched_off_and_what_waits_stays(
    hook: Hook, receiver: Receiver, by: Actor, settings: LazySettings
) -> None:
    receiver.always = Manner(500)
    tell(by, 2)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        send()
        clock.shift(settings.HOOKS_OFF_AFTER + 1)
        send()
        hook.refresh_from_db()
        assert hook.off_reason == HookOff.FAILING
        before = len(receiver.received)
        clock.shift(timedelta(days=1))
        assert send() == 0
        assert len(receiver.received) == before
        receiver.always = Manner()
        hooks.switch(hook, on=True, by=by)
        clock.shift(timedelta(hours=6))
        assert send() == 2


def test_a_failing_hook_is_left_alone_for_a_while_not_asked_by_every_message(
    hook: Hook, receiver: Receiver, by: Actor
) -> None:
    receiver.always = Manner(500)
    tell(by, 30)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        send()
        first = len(receiver.received)
        assert first <= hooksending.THREADS
        clock.shift(4)
        send()
        assert len(receiver.received) == first
        clock.shift(120)
        send()
        assert len(receiver.received) == first + 1


def test_a_hanging_receiver_holds_up_no_other(hook: Hook, receiver: Receiver, other: Receiver, by: Actor) -> None:
    receiver.always = Manner(hangs=True)
    add_hook(other.url, by, name="Other")
    tell(by, 3)
    hanging = threading.Thread(target=_serve_apart, args=(hook,))
    hanging.start()
    assert receiver.arrived.acquire(timeout=10)
    assert send() == 3
    assert len(other.received) == 3
    assert hooksending.serve(hook.pk) is None  # one at a time
    receiver.closing.set()
    hanging.join(20)
    hook.refresh_from_db()
    assert (hook.failures, hook.lease_id) == (1, None)


def _serve_apart(hook: Hook) -> None:
    try:
        hooksending.serve(hook.pk)
    finally:
        connections.close_all()


def test_many_are_sent_and_each_once(hook: Hook, receiver: Receiver, by: Actor) -> None:
    tell(by, 60)
    assert send() == 60
    assert len({got.webhook_id for got in receiver.received}) == len(receiver.received) == 60


def test_what_a_killed_worker_had_in_hand_is_sent_once_its_lease_ended(
    hook: Hook, receiver: Receiver, by: Actor
) -> None:
    tell(by)
    message = read_one()
    assert Hook.objects.claim(hook.pk, seconds=60)
    assert HookMessage.objects.claim(message.pk, seconds=60)
    assert send() == 0
    past = timezone.now() - timedelta(minutes=5)
    Hook.objects.update(lease_until=past)
    HookMessage.objects.update(lease_until=past)
    assert send() == 1


def test_a_secret_that_no_key_decrypts_is_said_and_nothing_is_sent(
    hook: Hook, receiver: Receiver, by: Actor, settings: LazySettings
) -> None:
    tell(by)
    settings.TOKEN_ENCRYPTION_KEYS = ["b25lIG90aGVyIGtleSwgdGhpcnR5LXR3byBieXRlcyE="]
    send()
    assert read_one().last_error_code == "secret_unreadable"
    assert receiver.received == []


def refuse(settings: Any, *, http: bool, private: bool) -> None:
    settings.HOOKS_ALLOW_HTTP, settings.HOOKS_ALLOW_PRIVATE = http, private


def test_an_address_of_this_network_is_not_called(
    hook: Hook, receiver: Receiver, by: Actor, settings: LazySettings
) -> None:
    refuse(settings, http=True, private=False)
    tell(by)
    send()
    assert read_one().last_error_code == "private_address"
    assert receiver.received == []


def test_a_name_that_leads_into_this_network_is_not_called(
    receiver: Receiver, by: Actor, settings: LazySettings
) -> None:
    add_hook(f"http://localhost:{receiver.port}/", by)
    refuse(settings, http=True, private=False)
    tell(by)
    send()
    assert read_one().last_error_code == "private_address"
    assert receiver.received == []


def test_plain_http_is_not_used_unless_a_setting_permits_it(
    hook: Hook, receiver: Receiver, by: Actor, settings: LazySettings
) -> None:
    refuse(settings, http=False, private=True)
    tell(by)
    send()
    assert read_one().last_error_code == "plain_http"
    assert receiver.received == []


def test_a_proxy_of_the_environment_is_not_asked(
    hook: Hook, receiver: Receiver, other: Receiver, by: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{other.port}")
    tell(by)
    assert send() == 1
    assert other.received == []


def test_a_test_is_sent_at_once_even_to_a_hook_that_is_off(hook: Hook, receiver: Receiver, by: Actor) -> None:
    hooks.switch(hook, on=False, by=by)
    message = hooks.test(hook)
    assert (message.state, message.status) == (DELIVERED, 204)
    (got,) = receiver.received
    assert got.verify(str(hook.secret))["type"] == "test.ping"
    assert read_one().pk == message.pk


def test_a_test_that_fails_is_not_repeated(hook: Hook, receiver: Receiver, by: Actor) -> None:
    receiver.next.append(Manner(500, body=b"no"))
    message = hooks.test(hook)
    assert (message.state, message.status, message.excerpt) == (FAILED, 500, "no")
    assert send() == 0
    assert hooks.replay([message.pk], by=by) == 0


def test_a_replay_sends_again_under_the_same_id(hook: Hook, receiver: Receiver, by: Actor) -> None:
    tell(by, 2)
    send()
    keys = list(HookMessage.objects.values_list("pk", flat=True))
    assert hooks.replay(keys, by=by) == 2
    assert send() == 2
    assert len({got.webhook_id for got in receiver.received}) == 2
    assert len(receiver.received) == 4
    assert Event.objects.get(kind=EventKind.HOOK_REPLAYED).data == {"messages": 2}


def test_old_messages_are_forgotten(hook: Hook, receiver: Receiver, by: Actor, settings: LazySettings) -> None:
    tell(by, 3)
    HookMessage.objects.filter(pk=HookMessage.objects.values("pk")[:1]).update(
        created_at=timezone.now() - timedelta(days=settings.HOOKS_RETENTION + 1)
    )
    assert hooks.forget(deadline=Deadline.after(5)) == 1
    assert HookMessage.objects.count() == 2
