"""Taking and giving back a row's lease around remote calls (design 2.2)."""

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from participants.errors import Misconfigured
from participants.models.base import Leased, LeasedQuerySet
from participants.realtimekit import HELD_BACK, Deadline, RealtimeKitError
from participants.services.trouble import next_try

MARGIN = 5.0
"""Seconds by which a lease outlasts the time budget of the call it covers."""

CLEARED: dict[str, Any] = {
    "lease_id": None,
    "lease_until": None,
    "attempts": 0,
    "next_attempt_at": None,
    "last_error_code": "",
    "last_error_detail": "",
}
"""What a success writes."""


def claim(rows: LeasedQuerySet[Any], row: Leased, deadline: Deadline, **changes: Any) -> uuid.UUID | None:
    """Take the lease for as long as ``deadline`` lasts and count the attempt; None when the row moved on."""
    seconds = deadline.remaining() + MARGIN
    return rows.claim(row.pk, seconds=seconds, attempts=F("attempts") + 1, **changes)


def give_back(
    rows: LeasedQuerySet[Any],
    row: Leased,
    lease: uuid.UUID,
    error: RealtimeKitError | Misconfigured | None,
    **changes: Any,
) -> bool:
    """End the lease, leaving the error and the time of the next try on the row. False when it was taken over."""
    retry_after = error.retry_after if isinstance(error, RealtimeKitError) else None
    told: dict[str, Any] = {**describe(error), "next_attempt_at": next_try(row.attempts + 1, retry_after=retry_after)}
    if isinstance(error, RealtimeKitError) and error.code in HELD_BACK:
        # Nobody was called, so nothing failed: the attempt does not count, and only the wait itself is waited.
        wait = timedelta(seconds=retry_after or 0.0)
        told |= {"attempts": Greatest(F("attempts") - 1, 0), "next_attempt_at": timezone.now() + wait}
    told = {**told, "lease_id": None, "lease_until": None, **changes}
    return bool(rows.held(row.pk, lease).update(**told))


def describe(error: RealtimeKitError | Misconfigured | None) -> dict[str, str]:
    if error is None:
        return {"last_error_code": "", "last_error_detail": ""}
    detail = error.message if isinstance(error, RealtimeKitError) else str(error.data.get("reason", error))
    return {"last_error_code": error.code[:64], "last_error_detail": detail[:400]}
