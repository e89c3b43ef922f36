"""Abstract bases: rows with a UUID, rows that mirror something remote, rows that are worked on under a lease.

A lease is taken and checked on the database's clock, because the processes that compete for it run on
machines whose clocks differ. Losing a claim or a guarded write is a normal answer, never an exception.
"""

import uuid
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from participants.states import list_sources

M = TypeVar("M", bound="Claimed")

CHANGE_REFUSED = "change_refused"
"""``last_error_code`` of a row whose edit RealtimeKit refused: it is not repeated until somebody edits it again."""


class Identified(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class Mirrored(models.Model):
    """What RealtimeKit last said of this object; ``raw`` never holds a secret."""

    realtimekit_id = models.CharField("RealtimeKit id", max_length=255, null=True, blank=True, editable=False)
    raw = models.JSONField(default=dict, blank=True, editable=False)
    seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    gone_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True


class LeasedQuerySet(models.QuerySet[M]):
    moves: ClassVar[frozenset[tuple[str, str]]] = frozenset()

    def moving_to(self, state: str) -> "LeasedQuerySet[M]":
        """Rows that ``moves`` lets into that state: the guard of the UPDATE that moves them."""
        return self.filter(state__in=list_sources(self.moves, state))

    def unleased(self) -> "LeasedQuerySet[M]":
        return self.filter(Q(lease_until=None) | Q(lease_until__lt=Now()))

    def claim(self, pk: uuid.UUID, *, seconds: float, **changes: Any) -> uuid.UUID | None:
        """Take the row's lease if it is free and the row still matches this queryset; the lease id, or None.

        ``changes`` are written by the same UPDATE.
        """
        lease = uuid.uuid4()
        until = Now() + timedelta(seconds=seconds)
        taken = self.filter(pk=pk).unleased().update(lease_id=lease, lease_until=until, **changes)
        return lease if taken else None

    def held(self, pk: uuid.UUID, lease: uuid.UUID) -> "LeasedQuerySet[M]":
        """The row, as long as this lease is still the one on it."""
        return self.filter(pk=pk, lease_id=lease)

    def due(self, now: Any) -> "LeasedQuerySet[M]":
        return self.unleased().filter(Q(next_attempt_at=None) | Q(next_attempt_at__lte=now))


class Claimed(models.Model):
    """Whose work a row is just now, and until when."""

    lease_id = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True


class Queued(Claimed):
    """Columns of work in progress. The row itself is the queue."""

    attempts = models.PositiveIntegerField(default=0, editable=False)
    next_attempt_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error_code = models.CharField(max_length=64, blank=True, default="", editable=False)
    last_error_detail = models.CharField(max_length=400, blank=True, default="", editable=False)

    class Meta:
        abstract = True


class Leased(Queued):
    """Work that is done at RealtimeKit, where an answer may be lost."""

    outcome_unknown = models.BooleanField(
        default=False, editable=False, help_text="A call may have made it remotely; ask before repeating it."
    )
    verify_after = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="List once more from then on, and delete extras."
    )

    class Meta:
        abstract = True
