"""Keeping nothing longer than was decided: per kind of data, on schedule, in bounded steps.

Counts stay: sessions keep how many came, batches and mails their rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone

from participants import conf
from participants.models import (
    Actor,
    Attendance,
    Batch,
    BatchRow,
    DriftItem,
    DriftReport,
    Event,
    EventKind,
    Message,
    Presence,
)
from participants.models.appendonly import forgetting
from participants.models.event import record
from participants.realtimekit import Deadline
from participants.states import DriftOutcome, MessageState

CHUNK = 1_000


@dataclass(frozen=True)
class Kind:
    """``step`` deletes or blanks some rows from before then; how many, 0 when none is left."""

    name: str
    step: Callable[[datetime], int]


def forget(*, by: Actor, deadline: Deadline) -> dict[str, int]:
    """How many rows of each kind. What time does not suffice for is left to the next run."""
    now, kept, counts = timezone.now(), conf.read_retention(), dict[str, int]()
    for kind in KINDS:
        if (days := kept[kind.name]) is None:
            continue
        while not deadline.expired and (count := kind.step(now - days)):
            counts[kind.name] = counts.get(kind.name, 0) + count
    if counts:
        told: dict[str, Any] = dict(counts)
        record(EventKind.FORGOTTEN, by, **told)
    return counts


def _take(rows: "models.QuerySet[Any]") -> list[Any]:
    return list(rows.order_by().values_list("pk", flat=True)[:CHUNK])


def _forget_events(before: datetime) -> int:
    old = Event.objects.filter(created_at__lt=before).order_by("created_at", "pk")
    with forgetting():
        return Event.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:CHUNK])).delete()[0]


def _forget_attendance(before: datetime) -> int:
    """Of sessions long ago: who came is gone, how many came stays on the session."""
    rows = Presence.objects.filter(began_at__lt=before)
    if count := Presence.objects.filter(pk__in=_take(rows)).delete()[0]:
        return count
    connections = Attendance.objects.filter(session__started_at__lt=before, session__ended_at__isnull=False)
    return Attendance.objects.filter(pk__in=_take(connections)).delete()[0]


def _forget_mails(before: datetime) -> int:
    """Blanked and not deleted: calendars count on from the entry that went with the last one."""
    blank = {"address": "", "subject": "", "data": {}, "last_error_detail": ""}
    rows = Message.objects.filter(created_at__lt=before).exclude(state=MessageState.WAITING).exclude(**blank)
    return Message.objects.filter(pk__in=_take(rows)).update(**blank)


def _forget_lists(before: datetime) -> int:
    """What was pasted or uploaded; what became of each row stays."""
    blank: dict[str, Any] = {"input": "", "detail": ""}
    done = Batch.objects.filter(pk=OuterRef("batch"), created_at__lt=before, task="")
    rows = BatchRow.objects.filter(Exists(done)).exclude(**blank, entry__isnull=True).exclude(code=BatchRow.UNWORKED)
    return BatchRow.objects.filter(pk__in=_take(rows)).update(**blank, entry=None)


def _forget_comparisons(before: datetime) -> int:
    """All but the newest of each meeting, and what was decided on and not done yet."""
    waiting = DriftItem.objects.filter(report=OuterRef("pk"), outcome=DriftOutcome.WAITING)
    newest = DriftReport.objects.latest_of_each().values("pk")
    old = DriftReport.objects.filter(created_at__lt=before).exclude(Exists(waiting)).exclude(pk__in=newest)
    items = DriftItem.objects.filter(report__in=old.order_by().values("pk"))
    if count := DriftItem.objects.filter(pk__in=_take(items)).delete()[0]:
        return count
    return DriftReport.objects.filter(pk__in=_take(old)).delete()[0]


def _forget_attempts(before: datetime) -> int:
    """Of signing in, with the addresses they came from."""
    count = 0
    for model in (AccessAttempt, AccessFailureLog, AccessLog):
        count += model.objects.filter(pk__in=_take(model.objects.filter(attempt_time__lt=before))).delete()[0]
    return count


KINDS = (
    Kind("attendance", _forget_attendance),
    Kind("messages", _forget_mails),
    Kind("batches", _forget_lists),
    Kind("comparisons", _forget_comparisons),
    Kind("sign_ins", _forget_attempts),
    Kind("events", _forget_events),
)
