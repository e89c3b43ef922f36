"""Deliveries that wait are worked on: the oldest first, each under its lease, by any number of workers at once.

One that fails is tried again with growing waits; after ``ATTEMPTS`` it is left to staff, who can have it worked on
again once the cause is gone. Nothing here asks RealtimeKit.
"""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from participants import conf
from participants.models import Actor, Delivery, EventKind
from participants.models.event import CHUNK as MOST_IDS
from participants.models.event import record
from participants.realtimekit import Deadline
from participants.services import news
from participants.services.crews import spread
from participants.services.leases import CLEARED
from participants.services.trouble import next_try
from participants.services.waking import wake
from participants.states import DeliveryState
from participants.watch.metrics import note_delivery

logger = logging.getLogger(__name__)

SECONDS = 5.0
"""How long one pass works on deliveries: other rows wait meanwhile."""
LEASE_SECONDS = 60.0
ATTEMPTS = 8
CHUNK = 100
FORGOTTEN = 1_000
"""Rows deleted by one statement."""


@dataclass
class Counts:
    """``left`` when time ran out before the deliveries did."""

    worked: int = 0
    failed: int = 0
    left: bool = False


def work(*, deadline: Deadline | None = None, is_stopping: Callable[[], bool] = lambda: False) -> Counts:
    """Work on what waits and is due. Raises DatabaseError only where not even the failure could be noted."""
    until = deadline if deadline and deadline.remaining() < SECONDS else Deadline.after(SECONDS)
    counts = Counts()
    while keys := _find_due():
        before = counts.worked + counts.failed
        # In tens at random: several workers at it seldom want the same row.
        for key in chain.from_iterable(spread(keys, size=10)):
            if until.expired or is_stopping():
                counts.left = True
                return counts
            done = _work_on(key)
            counts.worked += done is True
            counts.failed += done is False
        if counts.worked + counts.failed == before:
            break  # others have them all
    return counts


def replay(deliveries: Sequence[uuid.UUID], *, by: Actor) -> int:
    """Have these worked on again, whatever became of them; how many will be. One in hand is left as it is."""
    count = 0
    with transaction.atomic():
        for keys in spread(deliveries, size=MOST_IDS):
            rows = Delivery.objects.filter(pk__in=list(keys)).unleased()
            fresh: dict[str, Any] = {**CLEARED, "state": DeliveryState.NEW, "outcome": "", "worked_at": None}
            count += rows.update(**fresh, updated_at=timezone.now())
        if count:
            record(EventKind.REPLAYED, by, deliveries=count)
            wake()
    return count


def forget(*, deadline: Deadline) -> int:
    """Delete what was received longer ago than is kept; what still waits stays."""
    before = timezone.now() - conf.read_delivery_retention()
    old = Delivery.objects.filter(received_at__lt=before).exclude(state=DeliveryState.NEW)
    count = 0
    while not deadline.expired and (keys := list(old.values_list("pk", flat=True)[:FORGOTTEN])):
        count += Delivery.objects.filter(pk__in=keys).delete()[0]
    return count


def _find_due() -> list[uuid.UUID]:
    rows = Delivery.objects.waiting().due(timezone.now()).order_by("received_at", "pk")
    return list(rows.values_list("pk", flat=True)[:CHUNK])


def _work_on(key: uuid.UUID) -> bool | None:
    """Whether it could be applied; None when somebody else has it."""
    lease = Delivery.objects.waiting().claim(key, seconds=LEASE_SECONDS, attempts=F("attempts") + 1)
    if lease is None:
        return None
    delivery = Delivery.objects.get(pk=key)
    try:
        outcome = news.apply(delivery)
    except Exception as error:
        # Whatever one delivery trips over must not hold up the others.
        logger.exception("Delivery %s could not be worked on (attempt %s).", key, delivery.attempts)
        _give_back(delivery, lease, error)
        note_delivery("failed")
        return False
    note_delivery(outcome)
    _write(key, lease, CLEARED | {"attempts": delivery.attempts, "outcome": outcome, "state": DeliveryState.DONE})
    return True


def _give_back(delivery: Delivery, lease: uuid.UUID, error: Exception) -> None:
    is_last = delivery.attempts >= ATTEMPTS
    told = {
        "lease_id": None,
        "lease_until": None,
        "next_attempt_at": None if is_last else next_try(delivery.attempts),
        "last_error_code": type(error).__name__[:64],
        "last_error_detail": " ".join(str(error).replace("\x00", "").split())[:400],
    }
    _write(delivery.pk, lease, told | ({"state": DeliveryState.FAILED} if is_last else {}))


def _write(key: uuid.UUID, lease: uuid.UUID, told: dict[str, Any]) -> None:
    now = timezone.now()
    at = {"worked_at": now} if told.get("state") else {}
    # No row: the lease ran out and somebody else has it. What was merged does no harm twice.
    Delivery.objects.held(key, lease).update(**told, **at, updated_at=now)
