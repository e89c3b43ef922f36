"""Remote failures, told in the words of this application."""

import logging
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.core.cache import cache
from django.utils import timezone

from participants.errors import Busy, HeldBack, Misconfigured
from participants.realtimekit import HELD_BACK, FailureKind, RealtimeKitError

RETRY_AFTER = 5
BACKOFF_CAP = 60.0
COLLECTIONS = frozenset({"apps.list", "presets.list", "meetings.list", "meetings.create", "sessions.list"})
logger = logging.getLogger(__name__)
_jitter = random.SystemRandom()


def explain(error: RealtimeKitError) -> Busy | Misconfigured:
    """What a caller of ours is told. ``reason`` is for staff only."""
    reason = f"{error.message} ({error.code})"
    # What has no id in its address can't be absent: the account or the app is unknown.
    is_lost = error.kind is FailureKind.ABSENT and error.operation in COLLECTIONS
    if error.kind is FailureKind.MISCONFIGURED or is_lost:
        raise_alarm(reason)
        return Misconfigured(reason=reason)
    wait = error.retry_after if error.retry_after is not None else RETRY_AFTER
    kind = HeldBack if error.code in HELD_BACK else Busy
    return kind(retry_after=max(1, math.ceil(wait)), reason=reason)


def raise_alarm(reason: str) -> None:
    """One loud line a minute (per cache), however many rows wait for the same mistake."""
    if cache.add("alarm:misconfigured", reason, timeout=60):
        logger.error("RealtimeKit refuses us; nothing works until an administrator acts: %s", reason)


@contextmanager
def translated() -> Iterator[None]:
    """Turns every remote failure into Busy or Misconfigured."""
    try:
        yield
    except RealtimeKitError as error:
        raise explain(error) from None


def next_try(attempts: int, *, retry_after: float | None = None) -> datetime:
    """When to try again after this many attempts: doubling from 1 s, capped at 60 s, jittered down by half.

    A longer ``Retry-After`` wins.
    """
    wait = min(BACKOFF_CAP, 2.0 ** min(attempts, 10)) * _jitter.uniform(0.5, 1.0)
    return timezone.now() + timedelta(seconds=max(wait, retry_after or 0.0))
