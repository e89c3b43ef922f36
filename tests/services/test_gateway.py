"""The door to RealtimeKit: one client, never inside a transaction, never more waiting threads than half."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.test import TestCase

from participants import gateway
from participants.errors import Busy, Misconfigured
from participants.gateway import RemoteCallInTransaction
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox

LIMIT = django_settings.WEB_THREADS // 2


@pytest.mark.django_db(transaction=True)
def test_a_remote_call_inside_a_transaction_is_refused_before_it_leaves(sandbox: Sandbox) -> None:
    client = gateway.get_client()
    with transaction.atomic(), pytest.raises(RemoteCallInTransaction) as caught:
        client.presets.list(deadline=Deadline.after(5))
    assert "presets.list" in str(caught.value)
    assert sandbox.requests.all() == []
    assert client.presets.list(deadline=Deadline.after(5))


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_without_durable_counts_as_a_transaction_too(sandbox: Sandbox) -> None:
    with transaction.atomic(), transaction.atomic(savepoint=False), pytest.raises(RemoteCallInTransaction):
        gateway.get_client().presets.list(deadline=Deadline.after(5))


@pytest.mark.django_db
def test_the_transaction_of_a_test_case_does_not_count_and_one_inside_it_does(sandbox: Sandbox) -> None:
    assert connection.in_atomic_block
    client = gateway.get_client()
    assert client.presets.list(deadline=Deadline.after(5))
    with transaction.atomic(), pytest.raises(RemoteCallInTransaction):
        client.presets.list(deadline=Deadline.after(5))


class TheGuardInDjangosOwnTestCase(TestCase):
    def test_a_call_passes(self) -> None:
        gateway.refuse_in_transaction("presets.list")


@pytest.mark.parametrize("name", ["REALTIMEKIT_ACCOUNT_ID", "REALTIMEKIT_APP_ID", "REALTIMEKIT_API_TOKEN"])
def test_a_missing_setting_is_a_misconfiguration_that_names_it(settings: LazySettings, name: str) -> None:
    setattr(settings, name, "")
    with pytest.raises(Misconfigured) as caught:
        gateway.get_client()
    assert caught.value.data["reason"] == f"{name} not set."


def test_there_is_one_client_until_a_setting_changes(settings: LazySettings) -> None:
    first = gateway.get_client()
    assert gateway.get_client() is first
    settings.REALTIMEKIT_APP_ID = "22222222-2222-4333-8444-555555555555"
    second = gateway.get_client()
    assert second is not first
    assert gateway.get_client() is second


def test_threads_share_the_client() -> None:
    with ThreadPoolExecutor(4) as pool:
        clients = {id(client) for client in pool.map(lambda _: gateway.get_client(), range(8))}
    assert len(clients) == 1


def test_a_thread_that_waits_already_waits_freely_again() -> None:
    with ExitStack() as stack:
        for _ in range(LIMIT + 1):
            stack.enter_context(gateway.waiting_slot())


def test_half_the_servers_threads_may_wait_and_the_next_is_told_to_come_back_at_once() -> None:
    seated, leave = threading.Barrier(LIMIT + 1), threading.Event()

    def wait() -> None:
        with gateway.waiting_slot():
            seated.wait(10)
            leave.wait(10)

    with ThreadPoolExecutor(LIMIT) as pool:
        waiting = [pool.submit(wait) for _ in range(LIMIT)]
        try:
            seated.wait(10)
            with pytest.raises(Busy) as caught, gateway.waiting_slot():
                pass
        finally:
            leave.set()
        for one in waiting:
            one.result(10)
    assert caught.value.data["retry_after"] == 1
    with gateway.waiting_slot():
        pass


def test_a_slot_is_given_back_after_an_error() -> None:
    for _ in range(LIMIT + 1):
        with pytest.raises(ZeroDivisionError), gateway.waiting_slot():
            raise ZeroDivisionError
    with gateway.waiting_slot():
        pass
