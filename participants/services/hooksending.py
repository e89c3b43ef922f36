"""Messages of outgoing webhooks on their way: found in the rows, each hook under its lease, repeated until they hold.

Who serves a hook holds its lease for one bounded turn, so that a receiver that hangs costs one thread a few seconds
and nobody else anything. A failure leaves the hook alone for a while, doubling; each message has its own times of
trying again besides, by the schedule of Standard Webhooks. Sent at least once; the order is not kept.
"""

import json
import logging
import random
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from participants import conf
from participants.gateway import open_poster, waiting_slot
from participants.models import Actor, EventKind, Hook, HookMessage
from participants.models.event import record
from participants.models.hook import EXCERPT_LIMIT
from participants.posting import Outcome, Poster, sign
from participants.realtimekit import Deadline
from participants.services import crews
from participants.services.crews import Supply
from participants.services.leases import CLEARED
from participants.states import HookMessageState, HookOff
from participants.watch.metrics import note_hook_message

logger = logging.getLogger(__name__)

SCHEDULE = tuple(timedelta(seconds=wait) for wait in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400))
"""Waits between the tries of one message, about three days in all; after the last it is given up."""
TURN_SECONDS = 5.0
LEASE_SECONDS = 60.0
"""A turn, and the longest request that may begin at its end."""
CHUNK = 100
MANY, THREADS = 20, 4
"""With so many due, a hook in good health is served by so many threads at once."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
LONGEST_WAIT = 3600.0
"""Of what a receiver may ask by ``Retry-After``."""
_BY = Actor(via="worker")
_jitter = random.SystemRandom()


def find_due(limit: int = 100) -> list[uuid.UUID]:
    """Hooks that have something to be sent now and that nobody is serving; who has waited longest comes first."""
    now = timezone.now()
    due = HookMessage.objects.waiting().due(now).filter(hook=OuterRef("pk"))
    hooks = Hook.objects.active().unleased().filter(Q(paused_until=None) | Q(paused_until__lte=now), Exists(due))
    return list(hooks.order_by(F("served_at").asc(nulls_first=True), "pk").values_list("pk", flat=True)[:limit])


def work(*, deadline: Deadline, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Serve all hooks in turn until nothing is due; how many messages were delivered."""
    count = 0
    while keys := find_due():
        idle = True
        for key in keys:
            if deadline.expired or is_stopping():
                return count
            turn = serve(key, is_stopping=is_stopping)
            idle = idle and turn is None
            count += turn or 0
        if idle:
            break  # others have them all
    return count


def serve(key: uuid.UUID, *, is_stopping: Callable[[], bool] = lambda: False) -> int | None:
    """One turn of one hook; how many of its messages were delivered, None when somebody else serves it."""
    lease = Hook.objects.active().claim(key, seconds=LEASE_SECONDS)
    if lease is None:
        return None
    hook = Hook.objects.get(pk=key)
    try:
        return _Turn(hook, lease, Deadline.after(TURN_SECONDS).unless(is_stopping)).take()
    finally:
        Hook.objects.held(key, lease).update(lease_id=None, lease_until=None, served_at=timezone.now())


def send_at_once(message: HookMessage) -> HookMessage:
    """Send one that is not stored yet, once, and store what came of it."""
    with waiting_slot():
        poster = open_poster()
        try:
            outcome = _post(poster, message)
        finally:
            poster.close()
    message.attempts = 1
    told = _describe(outcome, timezone.now())
    told["state"] = HookMessageState.DELIVERED if outcome.is_delivered else HookMessageState.FAILED
    for name, value in told.items():
        setattr(message, name, value)
    message.save(force_insert=True)
    if outcome.is_delivered:
        _note_success(message.hook_id)
    return message


class _Turn:
    """The messages of one hook that are due, as far as the time goes and until one fails."""

    def __init__(self, hook: Hook, lease: uuid.UUID, deadline: Deadline) -> None:
        self._hook = hook
        self._lease = lease
        self._deadline = deadline
        self._lock = threading.Lock()
        self._failed = threading.Event()
        self._delivered = 0

    def take(self) -> int:
        while not self._is_over() and (keys := self._find_due()):
            supply = Supply(keys)
            many = len(keys) >= MANY and not self._hook.failures
            crews.run(lambda supply=supply: self._send_some(supply), threads=THREADS if many else 1)  # type: ignore[misc]
            if self._delivered:
                _note_success(self._hook.pk)
        return self._delivered

    def _find_due(self) -> list[uuid.UUID]:
        rows = HookMessage.objects.waiting().due(timezone.now()).filter(hook=self._hook)
        return list(rows.order_by("created_at", "pk").values_list("pk", flat=True)[:CHUNK])

    def _is_over(self) -> bool:
        return self._deadline.expired or self._failed.is_set()

    def _send_some(self, supply: Supply[uuid.UUID]) -> None:
        poster = open_poster()
        try:
            for key in supply:
                if self._is_over():
                    return
                self._send(key, poster)
        finally:
            poster.close()

    def _send(self, key: uuid.UUID, poster: Poster) -> None:
        lease = HookMessage.objects.waiting().claim(key, seconds=LEASE_SECONDS, attempts=F("attempts") + 1)
        if lease is None:
            return
        message = HookMessage.objects.get(pk=key)
        message.hook = self._hook
        outcome = _post(poster, message)
        with self._lock:
            if outcome.is_delivered:
                self._delivered += 1
            else:
                self._failed.set()
        _write(message, lease, outcome)
        if not outcome.is_delivered:
            _note_failure(self._hook, outcome)


def _post(poster: Poster, message: HookMessage) -> Outcome:
    hook, now = message.hook, timezone.now()
    secrets = hook.list_secrets(now)
    if not secrets:
        detail = (
            "The secret can't be decrypted with TOKEN_ENCRYPTION_KEYS. Add the key it was encrypted with, or rotate."
        )
        return Outcome(None, "secret_unreadable", detail, "", 0.0)
    if not hook.url.startswith("https://") and not conf.read_hooks().allow_http:
        return Outcome(None, "plain_http", "The address is plain HTTP, which HOOKS_ALLOW_HTTP forbids.", "", 0.0)
    body = json.dumps(message.payload, separators=(",", ":"))
    headers = sign(secrets, webhook_id=message.webhook_id, at=now, body=body)
    return poster.post(hook.url, body.encode(), headers)


def _describe(outcome: Outcome, now: datetime) -> dict[str, Any]:
    return {
        "attempted_at": now,
        "delivered_at": now if outcome.is_delivered else None,
        "milliseconds": round(outcome.seconds * 1000),
        "status": outcome.status,
        "excerpt": _make_storable(outcome.excerpt)[:EXCERPT_LIMIT],
        "last_error_code": outcome.code[:64],
        "last_error_detail": _make_storable(outcome.detail)[:400],
    }


def _make_storable(text: str) -> str:
    """PostgreSQL stores no NUL; and control characters have nothing to tell a reader."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _write(message: HookMessage, lease: uuid.UUID, outcome: Outcome) -> None:
    now = timezone.now()
    told = CLEARED | {"attempts": message.attempts} | _describe(outcome, now)
    if outcome.is_delivered:
        told["state"] = HookMessageState.DELIVERED
    elif message.attempts > len(SCHEDULE) or outcome.status == 410:
        told["state"] = HookMessageState.FAILED
    else:
        told["next_attempt_at"] = now + find_wait(message.attempts, outcome.retry_after)
    became = {HookMessageState.DELIVERED: "delivered", HookMessageState.FAILED: "failed"}
    note_hook_message(became.get(told.get("state", message.state), "delayed"))
    # No row: the lease ran out, or the hook was deleted. Then it may be sent twice, under one id.
    HookMessage.objects.held(message.pk, lease).update(**told, updated_at=now)


def find_wait(attempts: int, retry_after: str = "") -> timedelta:
    """How long until the next try after so many, a tenth more or less; longer if the receiver asks for it."""
    wait = SCHEDULE[attempts - 1] * _jitter.uniform(0.9, 1.1)
    asked = timedelta(seconds=min(float(retry_after), LONGEST_WAIT)) if retry_after.isdecimal() else timedelta()
    return max(wait, asked)


def _note_success(key: uuid.UUID) -> None:
    calm = {"failures": 0, "failing_since": None, "paused_until": None}
    Hook.objects.filter(pk=key).update(succeeded_at=timezone.now(), **calm)


def _note_failure(hook: Hook, outcome: Outcome) -> None:
    """Leave the hook alone for a while; switch it off when it is gone, or has failed for days."""
    now = timezone.now()
    with transaction.atomic():
        row = Hook.objects.select_for_update(no_key=True).filter(pk=hook.pk).first()
        if row is None:
            return
        row.failures += 1
        row.failing_since = row.failing_since or now
        pause = min(FIRST_PAUSE * 2.0 ** min(row.failures - 1, 10), LONGEST_PAUSE) * _jitter.uniform(0.9, 1.1)
        row.paused_until = now + timedelta(seconds=pause)
        reason = _find_reason_to_stop(row, outcome, now)
        if reason and row.is_active:
            row.off_at, row.off_reason = now, reason
            record(EventKind.HOOK_SWITCHED_OFF, _BY, name=row.name, reason=str(reason.label), failures=row.failures)
            logger.error("The outgoing webhook %r was switched off: %s.", row.name, reason.label)
        row.save(update_fields=["failures", "failing_since", "paused_until", "off_at", "off_reason", "updated_at"])


def _find_reason_to_stop(hook: Hook, outcome: Outcome, now: datetime) -> HookOff | None:
    if outcome.status == 410:
        return HookOff.GONE
    if hook.failing_since is not None and now - hook.failing_since >= conf.read_hooks().off_after:
        return HookOff.FAILING
    return None
