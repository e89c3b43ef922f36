"""The one place where settings meet the RealtimeKit client.

It builds one client a process, refuses remote calls inside a database transaction, takes each call from the budget
that all processes share, and lets at most half the server's threads wait on RealtimeKit, so that cached joins are
never stopped by slow ones (design 2.2, 2.8, 2.9).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import connections

from participants import conf
from participants.errors import Busy, Misconfigured
from participants.models.budget import Ledger, Limits
from participants.posting import Poster
from participants.realtimekit import (
    Attempt,
    Credentials,
    Deadline,
    KeySource,
    NotDelivered,
    Pacer,
    PublicKey,
    RealtimeKit,
    Urgency,
)
from participants.watch import metrics, spans

KEY_SECONDS = 4.0


class RemoteCallInTransaction(RuntimeError):
    """A programming error: locks would be held while Cloudflare thinks."""


@dataclass
class _Built:
    conf: conf.RealtimeKitConf
    client: RealtimeKit
    pacer: Pacer


_lock = threading.Lock()
_built: list[_Built] = []
_depth = threading.local()
_urgency: ContextVar[Urgency] = ContextVar("urgency", default=Urgency.INTERACTIVE)
_slots = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


def get_client() -> RealtimeKit:
    """This process's client for the settings in force. Raises Misconfigured when a setting is missing."""
    if missing := conf.list_missing():
        raise Misconfigured(reason=f"{' and '.join(missing)} not set.")
    wanted = conf.read_realtimekit()
    with _lock:
        if not _built or _built[0].conf != wanted:
            _close()
            _built.append(_build(wanted))
        return _built[0].client


@contextmanager
def trying(api_token: str) -> Iterator[RealtimeKit]:
    """A client with another API token than the one in force, from the same budget. Raises Misconfigured when another
    setting is missing."""
    if missing := [name for name in conf.list_missing() if name != "REALTIMEKIT_API_TOKEN"]:
        raise Misconfigured(reason=f"{' and '.join(missing)} not set.")
    built = _build(replace(conf.read_realtimekit(), api_token=api_token))
    try:
        yield built.client
    finally:
        built.client.close()


def close_client() -> None:
    with _lock:
        _close()


def fetch_webhook_key() -> PublicKey:
    """The key that RealtimeKit publishes now. Takes 8 s at most. Raises RealtimeKitError.

    Not counted in the budget: the address is another one than the API's, and needs no credentials.
    """
    refuse_in_transaction("webhook_key.get")
    wanted = conf.read_realtimekit()
    source = KeySource(
        conf.read_webhooks().key_url,
        connect_timeout=min(wanted.connect_timeout, KEY_SECONDS),
        read_timeout=min(wanted.read_timeout, KEY_SECONDS),
    )
    return source.fetch()


def open_poster() -> Poster:
    """For outgoing webhooks, one for each thread; close it. Not counted in the budget: it asks others."""
    refuse_in_transaction("hooks.post")
    return Poster(allow_private=conf.read_hooks().allow_private)


def stop_waiting() -> None:
    """This process is to end: background calls give up instead of waiting for their turn."""
    with _lock:
        for built in _built:
            built.pacer.stop_waiting()


def refuse_in_transaction(operation: str) -> None:
    """Raises RemoteCallInTransaction inside ``atomic``; a test case's own transaction does not count."""
    for connection in connections.all(initialized_only=True):
        blocks = getattr(connection, "atomic_blocks", [])
        if any(not getattr(block, "_from_testcase", False) for block in blocks):
            raise RemoteCallInTransaction(f"{operation} was called inside a database transaction.")


@contextmanager
def background() -> Iterator[None]:
    """Calls made inside leave the reserve of the budget alone and wait for their turn. Not passed on to threads."""
    with _asking(Urgency.BACKGROUND):
        yield


@contextmanager
def probing() -> Iterator[None]:
    """Calls made inside are made though the circuit breaker is open: somebody wants to know what is wrong."""
    with _asking(Urgency.PROBE):
        yield


@contextmanager
def _asking(urgency: Urgency) -> Iterator[None]:
    before = _urgency.set(urgency)
    try:
        yield
    finally:
        _urgency.reset(before)


@contextmanager
def waiting_slot() -> Iterator[None]:
    """Hold one of the places for threads that wait on RealtimeKit or a lease; Busy at once when all are taken.

    A thread that already holds one enters freely.
    """
    depth = getattr(_depth, "value", 0)
    if not depth and not _slots.acquire(blocking=False):
        raise Busy("Too many requests are waiting for RealtimeKit. Try again in a second.", retry_after=1)
    _depth.value = depth + 1
    try:
        yield
    finally:
        _depth.value = depth
        if not depth:
            _slots.release()


def _build(wanted: conf.RealtimeKitConf) -> _Built:
    credentials = Credentials(
        base_url=wanted.base_url,
        account_id=wanted.account_id,
        app_id=wanted.app_id,
        api_token=wanted.api_token,
    )
    pacer = Pacer(Ledger(Limits(*wanted.budget)), _urgency.get)

    def admit(operation: str, deadline: Deadline) -> None:
        refuse_in_transaction(operation)
        began = time.monotonic()
        try:
            pacer.admit(operation, deadline)
        except NotDelivered as error:
            metrics.note_hold(error.code)
            raise
        metrics.note_wait(_urgency.get().value, time.monotonic() - began)

    client = RealtimeKit(
        credentials,
        connect_timeout=wanted.connect_timeout,
        read_timeout=wanted.read_timeout,
        before_call=admit,
        after_call=pacer.learn,
        on_attempt=_note_attempt,
        pool_size=settings.WEB_THREADS,
    )
    return _Built(wanted, client, pacer)


def _note_attempt(attempt: Attempt) -> None:
    metrics.note_attempt(attempt.operation, attempt.outcome, attempt.seconds)
    told: dict[str, str | int | None] = {
        "rollcall.outcome": attempt.code,
        "rollcall.attempt": attempt.number,
        "http.response.status_code": attempt.status,
        "cf_ray": attempt.cf_ray,
    }
    failed = attempt.outcome not in ("ok", "absent")
    spans.record(f"realtimekit {attempt.operation}", attempt.seconds, failed=failed, **told)


def _close() -> None:
    while _built:
        _built.pop().client.close()
