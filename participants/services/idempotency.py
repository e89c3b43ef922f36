"""Creating calls that may be sent again: the first answer is kept for a day under a key of the caller's choice."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from participants.errors import CallInProgress, IdempotencyMismatch
from participants.models import IdempotentCall

KEPT = timedelta(hours=24)
LEASE = 120.0
"""Seconds after which a call that gave no answer counts as cut short; longer than any of them may take."""
_WAIT = 2
_CHUNK = 1000


@dataclass(frozen=True)
class Turn:
    """A call that is ours to make, to be ended by ``finish`` or ``give_up``."""

    pk: uuid.UUID
    lease: uuid.UUID


@dataclass(frozen=True)
class Kept:
    """What the first call was answered; ``body`` is JSON."""

    status: int
    body: str


def begin(*, caller: str, key: str, fingerprint: str) -> Turn | Kept:
    """Raises IdempotencyMismatch for another call under this key, CallInProgress while the first is not answered."""
    oldest = timezone.now() - KEPT
    IdempotentCall.objects.filter(caller=caller, key=key, created_at__lt=oldest).unleased().delete()
    lease = uuid.uuid4()
    try:
        with transaction.atomic():
            row = IdempotentCall.objects.create(caller=caller, key=key, fingerprint=fingerprint, lease_id=lease)
            # The database's clock decides on leases.
            IdempotentCall.objects.filter(pk=row.pk).update(lease_until=Now() + timedelta(seconds=LEASE))
        return Turn(row.pk, lease)
    except IntegrityError:
        found = IdempotentCall.objects.filter(caller=caller, key=key).first()
    if found is None:
        raise CallInProgress(retry_after=_WAIT)  # given up between our insert and our look
    if found.fingerprint != fingerprint:
        raise IdempotencyMismatch
    if found.status is not None:
        return Kept(found.status, found.body)
    taken = IdempotentCall.objects.unanswered().claim(found.pk, seconds=LEASE)
    if taken is None:
        raise CallInProgress(retry_after=_WAIT)
    return Turn(found.pk, taken)


def finish(turn: Turn, *, status: int, body: str) -> bool:
    """Keep the answer. False when the lease was lost, and another call answers."""
    told = {"status": status, "body": body, "lease_id": None, "lease_until": None}
    return bool(IdempotentCall.objects.held(turn.pk, turn.lease).update(**told))


def give_up(turn: Turn) -> None:
    """Nothing is kept: the same call may be made again at once."""
    IdempotentCall.objects.unanswered().held(turn.pk, turn.lease).delete()


def prune() -> int:
    """Forget calls older than a day; how many."""
    count, old = 0, IdempotentCall.objects.filter(created_at__lt=timezone.now() - KEPT).unleased()
    while keys := list(old.values_list("pk", flat=True)[:_CHUNK]):
        count += IdempotentCall.objects.filter(pk__in=keys).delete()[0]
    return count
