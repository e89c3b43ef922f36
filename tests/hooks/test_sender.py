"""The worker's loop that sends: one that hangs holds up one thread, and a stop ends it."""

import threading
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connections

from participants.models import Actor, EventKind, Hook, HookMessage
from participants.models.event import record
from participants.states import HookMessageState
from participants.workers.sender import Sender
from tests.factories import EnrolledFactory
from tests.hooks.conftest import add_hook
from tests.hooks.receiver import Manner, Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sender(transactional_db: None, receiver: Receiver, other: Receiver) -> Iterator[threading.Thread]:
    """At work until the test ends."""
    working = Sender(every=0.05)
    thread = threading.Thread(target=_run, args=(working,))
    thread.start()
    yield thread
    working.stop()
    receiver.closing.set()
    other.closing.set()
    thread.join(30)
    assert not thread.is_alive()


def _run(sender: Sender) -> None:
    try:
        sender.run()
    finally:
        connections.close_all()


def tell(by: Actor) -> None:
    record(EventKind.ENROLLED, by, participant=EnrolledFactory())


def test_it_finds_what_is_to_be_sent_by_itself(
    hook: Hook, receiver: Receiver, by: Actor, sender: threading.Thread
) -> None:
    tell(by)
    assert receiver.arrived.acquire(timeout=10)
    tell(by)
    assert receiver.arrived.acquire(timeout=10)
    assert receiver.list_kinds() == ["participant.enrolled"] * 2


def test_while_one_hangs_the_others_are_served(
    hook: Hook, receiver: Receiver, other: Receiver, by: Actor, sender: threading.Thread
) -> None:
    receiver.always = Manner(hangs=True)
    add_hook(other.url, by, name="Other")
    tell(by)
    assert receiver.arrived.acquire(timeout=10)
    for _ in range(3):
        assert other.arrived.acquire(timeout=10)
        tell(by)
    assert len(receiver.received) == 1


def test_a_tick_sends_too_where_no_worker_runs(hook: Hook, receiver: Receiver, by: Actor) -> None:
    tell(by)
    call_command("tick")
    assert receiver.list_kinds() == ["participant.enrolled"]
    assert HookMessage.objects.get().state == HookMessageState.DELIVERED
