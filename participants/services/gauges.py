"""How things stand, read from the rows for those who watch: queues, tokens, the budget, when workers last looked.

A few queries by indexes, each of so many rows at most, whatever there is. The answer is kept for some seconds, so
that several who ask cost no more than one.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from participants.models import Batch, Chore, Delivery, Export, HookMessage, Meeting, Message, Participant
from participants.models.base import Queued
from participants.models.budget import State
from participants.services import budget, chores
from participants.services.tokensearch import TOKEN_STATES, find_by_token
from participants.states import MeetingState, ParticipantState

MOST = 100_000
"""Rows that are counted one by one; where there are more, the count stays at this."""
KEPT_SECONDS = 5.0
TOKENS_KEPT_SECONDS = 60.0
CONVERGING = frozenset({"meetings", "enrolments", "removals", "verifications"})
"""Queues of what RealtimeKit is to be told: how late the latest is, is the convergence lag."""


@dataclass(frozen=True)
class Queue:
    """Rows that wait; seconds that the oldest has waited, and for which one that is due has been left lying."""

    name: str
    rows: int
    oldest: float
    overdue: float


@dataclass(frozen=True)
class Standing:
    queues: list[Queue]
    tokens: dict[str, int]
    budget: State
    looked_at: datetime | None
    chores: dict[str, datetime | None]

    @property
    def lag(self) -> float:
        return max(queue.overdue for queue in self.queues if queue.name in CONVERGING)


_QUEUES: dict[str, tuple[Callable[[datetime], QuerySet[Any]], str]] = {
    "meetings": (lambda now: Meeting.objects.filter(state=MeetingState.PENDING), "created_at"),
    "enrolments": (lambda now: Participant.objects.filter(state=ParticipantState.PENDING), "updated_at"),
    "removals": (lambda now: Participant.objects.filter(state=ParticipantState.REMOVING), "updated_at"),
    "verifications": (lambda now: Participant.objects.filter(verify_after__lte=now), "verify_after"),
    "batches": (lambda now: Batch.objects.unfinished(), "created_at"),
    "deliveries": (lambda now: Delivery.objects.waiting(), "received_at"),
    "mails": (lambda now: Message.objects.waiting(), "created_at"),
    "hook_messages": (lambda now: HookMessage.objects.waiting().filter(hook__off_at=None), "created_at"),
    "files": (lambda now: Export.objects.waiting(), "created_at"),
}
QUEUES = frozenset(_QUEUES)


@dataclass
class _Memory:
    standing: Standing | None = None
    read_at: float = float("-inf")
    tokens: dict[str, int] = field(default_factory=dict)
    counted_at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


_memory = _Memory()


def read() -> Standing:
    """Some seconds old at most, tokens a minute. Raises DatabaseError."""
    with _memory.lock:
        if _memory.standing is None or time.monotonic() - _memory.read_at > KEPT_SECONDS:
            _memory.standing = _read(timezone.now())
            _memory.read_at = time.monotonic()
        return _memory.standing


def forget() -> None:
    """Read anew at the next question."""
    with _memory.lock:
        _memory.standing = None
        _memory.counted_at = float("-inf")


def _read(now: datetime) -> Standing:
    done = dict(Chore.objects.values_list("name", "done_at"))
    return Standing(
        queues=[_measure(name, now) for name in _QUEUES],
        tokens=_count_tokens(now),
        budget=budget.read_state(),
        looked_at=chores.read_background().looked_at,
        chores={name: done.get(name) for name in chores.NAMES},
    )


def _measure(name: str, now: datetime) -> Queue:
    find, since = _QUEUES[name]
    rows = find(now).order_by()
    wanted: dict[str, Any] = {"rows": Count("pk"), "oldest": Min(since)}
    if issubclass(rows.model, Queued):
        due = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
        wanted["overdue"] = Min(Coalesce("next_attempt_at", since), filter=due)
    found = rows[:MOST].aggregate(**wanted)
    return Queue(name, found["rows"], _age(found["oldest"], now), _age(found.get("overdue"), now))


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


def _count_tokens(now: datetime) -> dict[str, int]:
    if time.monotonic() - _memory.counted_at > TOKENS_KEPT_SECONDS:
        enrolled = Participant.objects.filter(state=ParticipantState.ENROLLED).order_by()
        _memory.tokens = {state: find_by_token(enrolled, state, now)[:MOST].count() for state in TOKEN_STATES}
        _memory.counted_at = time.monotonic()
    return _memory.tokens
