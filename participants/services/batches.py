"""Batches: a list is looked at first, then stored, worked on, followed, stopped, retried, undone.

Storing and undoing are worked on for a moment in the request that asks, and else in passes (``bulkwork``). A batch's
participants are pending or removing rows like any other; the batch only remembers which they are.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from participants.errors import WrongState
from participants.models import Actor, Batch, BatchRow, EventKind, Meeting, Participant, Preset
from participants.models.batch import BatchRowQuerySet
from participants.models.budget import State
from participants.models.event import record
from participants.realtimekit import Deadline
from participants.services import budget, bulksteps, bulkwork, enlisting, forecasts, invitations, waking
from participants.services.forecasts import Forecast
from participants.services.rosters import Entry
from participants.states import REMOVABLE, BatchKind, BatchState, BatchTask, Hold, ParticipantState, RowOutcome

RATE_SECONDS = 60.0
PACING = 5.0
"""Seconds of waiting for the budget that are just its pace, and not worth telling."""
_CALLS = {BatchKind.ENROL: 1, BatchKind.REMOVE: 3, BatchKind.PRESET: 1}
"""Remote calls of one row when all goes well: a removal kicks, deletes and kicks again."""
_SLICE = 2000


@dataclass
class Preview:
    """What a bulk enrolment would do. ``forecasts`` are in the order of the list."""

    forecasts: list[Forecast] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Progress:
    """How far a batch is. ``waiting_until`` is set while nothing of it can be told to RealtimeKit, for ``hold``.

    ``working`` is whether the rows themselves are still being worked on, an undo or a retry of them included.
    """

    state: BatchState
    counts: dict[str, int]
    total: int
    waiting_until: datetime | None
    rate_per_minute: int
    expected_end: datetime | None
    hold: Hold | None = None
    working: bool = False

    @property
    def settled(self) -> int:
        return self.total - self.counts[RowOutcome.PENDING]

    @property
    def is_moving(self) -> bool:
        return self.working or self.counts[RowOutcome.PENDING] > 0


def preview(meeting: Meeting, entries: list[Entry], *, preset: Preset | None, pre_enrol: bool) -> Preview:
    """The dry run: writes nothing. Raises as ``forecasts.choose_presets``."""
    forecasts.choose_presets(meeting, entries, preset)
    result = Preview()
    for chunk in forecasts.forecast(meeting, entries, pre_enrol=pre_enrol):
        result.forecasts += chunk
        result.counts.update(item.prospect.value for item in chunk)
    return result


def start(
    *,
    meeting: Meeting,
    entries: list[Entry],
    preset: Preset | None,
    pre_enrol: bool,
    by: Actor,
    invites: bool = False,
    deadline: Deadline | None = None,
) -> Batch:
    """Store a batch and its rows, and enrol as many as a moment allows. Raises as ``preview``.

    With ``invites`` each is mailed a personal link; raises MailUnready where no mail can be sent.
    """
    if invites:
        invitations.check_mail()
    choice = forecasts.choose_presets(meeting, entries, preset)

    def read(batch: Batch) -> Iterator[BatchRow]:
        for place, entry in enumerate(entries):
            yield BatchRow(
                batch=batch,
                position=place,
                line=entry.line,
                input=entry.text,
                detail=entry.problem[:200],
                code=BatchRow.UNWORKED,
                entry=enlisting.pack(entry, choice),
            )

    batch = Batch(kind=BatchKind.ENROL, meeting=meeting, preset=choice.default, pre_enrol=pre_enrol, invites=invites)
    return begin(batch, read, by=by, deadline=deadline)


def begin(
    batch: Batch, read: Callable[[Batch], Iterator[BatchRow]], *, by: Actor, deadline: Deadline | None = None
) -> Batch:
    """Store a batch of any kind with its unworked rows, all or nothing, and work on it for a moment."""
    lease = uuid.uuid4()
    with transaction.atomic():
        batch.started_by = batch.task_by = by.user
        batch.started_key = batch.task_key = by.key
        batch.via, batch.task, batch.lease_id = by.via, BatchTask.WORK, lease
        batch.save(force_insert=True)
        batch.total = _store_rows(read(batch))
        held = timedelta(seconds=bulkwork.REQUEST_SECONDS + bulkwork.MARGIN)
        Batch.objects.filter(pk=batch.pk).update(total=batch.total, lease_until=Now() + held)
        # "of", since "kind" is the event's own
        record(
            EventKind.BATCH_STARTED, by, meeting=batch.meeting, batch=str(batch.pk), rows=batch.total, of=batch.kind
        )
        waking.wake()  # what the first chunks store is sent while the others are stored
    bulkwork.work_on(batch.pk, by=by, deadline=deadline or Deadline.after(bulkwork.REQUEST_SECONDS), lease=lease)
    batch.refresh_from_db()
    waking.wake()
    return batch


def _store_rows(rows: Iterator[BatchRow]) -> int:
    total, some = 0, list(islice(rows, _SLICE))
    while some:
        BatchRow.objects.bulk_create(some)
        total += len(some)
        some = list(islice(rows, _SLICE))
    return total


def stop(batch: Batch, *, by: Actor, deadline: Deadline | None = None) -> int:
    """Leave the rows as they are that nothing has been done to; how many. Safe to repeat.

    An enrolment also withdraws those RealtimeKit has not been told of; rows in doubt, or just being sent, are
    finished instead. Raises WrongState for a batch that was undone.
    """
    dropped = 0
    with transaction.atomic():
        row = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        if row.undone_at:
            raise WrongState("This was undone; there is nothing to stop.")
        if not row.stopped_at:
            record(EventKind.BATCH_STOPPED, by, meeting=batch.meeting, batch=str(batch.pk))
        dropped = _drop_unworked(batch, BatchRow.STOPPED)
        _ask(batch, BatchTask.STOP, by, stopped_at=row.stopped_at or timezone.now())
    worked = _go_on(batch, BatchTask.STOP, by, deadline)
    if batch.kind != BatchKind.ENROL:
        return dropped
    return dropped + worked + Participant.objects.filter(batch=batch).never_sent().count()


def undo(batch: Batch, *, by: Actor, deadline: Deadline | None = None) -> int:
    """Take back exactly what this batch did; of how many people. Safe to repeat.

    An enrolment is undone by removing those it enrolled, who are refused from that moment on; a removal by
    restoring those it removed, as far as they may be enrolled and there are places; a preset change by putting each
    former preset back. Whoever was enrolled, removed or changed before or since is left alone.
    """
    with transaction.atomic():
        row = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        if not row.undone_at:
            record(EventKind.BATCH_UNDONE, by, meeting=batch.meeting, batch=str(batch.pk))
        _drop_unworked(batch, BatchRow.UNDONE)
        count = count_undoable(batch)
        _ask(batch, BatchTask.UNDO, by, undone_at=row.undone_at or timezone.now())
    _go_on(batch, BatchTask.UNDO, by, deadline)
    return count


def retry(batch: Batch, *, by: Actor, deadline: Deadline | None = None) -> int:
    """Try again what failed, as far as there are places; how many. Waiting rows wait no longer.

    People who were blocked or deactivated since, and rows whose preset is gone, stay failed. A stopped batch goes on.
    Raises WrongState for a batch that was undone.
    """
    with transaction.atomic():
        row = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        if row.undone_at:
            raise WrongState("This was undone. Start anew with the same list instead.")
        own = Participant.objects.filter(_own(batch)).exclude(next_attempt_at=None)
        own.filter(state__in=_RETRIED[BatchKind(batch.kind)]).update(next_attempt_at=None)
        _ask(batch, BatchTask.RETRY, by, stopped_at=None)
        record(EventKind.BATCH_RETRIED, by, meeting=batch.meeting, batch=str(batch.pk))
    worked = _go_on(batch, BatchTask.RETRY, by, deadline)
    return worked + (bulksteps.count_retryable(batch) if batch.task == BatchTask.RETRY else 0)


_RETRIED = {
    BatchKind.ENROL: (ParticipantState.PENDING,),
    BatchKind.REMOVE: (ParticipantState.REMOVING,),
    BatchKind.PRESET: (ParticipantState.PENDING, ParticipantState.ENROLLED),
}


def _own(batch: Batch) -> Q:
    """The participants this batch has acted on."""
    if batch.kind == BatchKind.ENROL:
        return Q(batch=batch)
    return Q(pk__in=BatchRow.objects.filter(batch=batch, code="").values("participant"))


def _drop_unworked(batch: Batch, code: str) -> int:
    return BatchRow.objects.filter(batch=batch).unworked().update(code=code, entry=None)


def _ask(batch: Batch, task: BatchTask, by: Actor, **changes: datetime | None) -> None:
    """The batch's row is locked: whoever works on it finds the new task before the next chunk."""
    told: dict[str, object] = {
        "task": task,
        "task_at": timezone.now(),
        "task_by": by.user,
        "task_key": by.key,
        **changes,
    }
    Batch.objects.filter(pk=batch.pk).update(**told)


def _go_on(batch: Batch, task: BatchTask, by: Actor, deadline: Deadline | None) -> int:
    deadline = deadline or Deadline.after(bulkwork.REQUEST_SECONDS)
    worked = bulkwork.work_on(batch.pk, by=by, deadline=deadline, task=task)
    batch.refresh_from_db()
    waking.wake()
    return worked


def count_undoable(batch: Batch) -> int:
    """To how many people ``undo`` would do something now."""
    if batch.kind == BatchKind.REMOVE:
        return bulksteps.list_restorable(batch).count()
    if batch.kind == BatchKind.PRESET:
        return bulksteps.list_changed(batch).count()
    return Participant.objects.filter(batch=batch, state__in=REMOVABLE).count()


def measure(batch: Batch) -> Progress:
    """Counts are exact at one moment; the rate is that of the last minute."""
    now = timezone.now()
    since = max(batch.created_at, now - timedelta(seconds=RATE_SECONDS))
    found = BatchRow.objects.filter(batch=batch).tally(batch.kind, since=since, now=now)
    counts = {outcome.value: found.get(outcome, {"n": 0})["n"] for outcome in RowOutcome}
    counts[RowOutcome.SKIPPED] += max(0, batch.total - sum(counts.values()))
    pending, hold, until, rate, end = counts[RowOutcome.PENDING], None, None, 0, None
    if pending:
        state = budget.read_state()
        hold, until = _find_hold(state, found[RowOutcome.PENDING]["due"], now)
        done = sum(found[name]["recent"] for name in (RowOutcome.ENROLLED, RowOutcome.FAILED) if name in found)
        rate = round(done * 60 / max(1.0, (now - since).total_seconds()))
        paced = pending * _CALLS[BatchKind(batch.kind)] * state.limits.cost
        end = _expect_end(pending, rate, paced, until or now, is_new=since == batch.created_at)
    return Progress(
        state=batch.decide_state(pending, until),
        counts=counts,
        total=sum(counts.values()),
        waiting_until=until,
        rate_per_minute=rate,
        expected_end=end,
        hold=hold,
        working=bool(batch.task),
    )


def _find_hold(state: State, due: datetime, now: datetime) -> tuple[Hold | None, datetime | None]:
    """Why nothing can be told to RealtimeKit just now, and until when. A short wait is just the budget's pace."""
    if state.paused_until is not None:
        return Hold.PAUSED, state.paused_until
    if state.breaker == "open":
        return Hold.BREAKER, state.probe_at
    if state.wait_for_background > PACING:
        return Hold.BUDGET, state.read_at + timedelta(seconds=state.wait_for_background)
    return (Hold.RETRY, due) if due > now else (None, None)


def _expect_end(pending: int, rate: int, paced: float, begins: datetime, *, is_new: bool) -> datetime | None:
    """At the rate of the last minute, but no faster than the budget allows, which takes ``paced`` seconds.

    A batch that is new has no rate yet; an older one that does not move has no end in sight.
    """
    if not rate and not is_new:
        return None
    return begins + timedelta(seconds=max(paced, pending * 60 / rate if rate else 0.0))


def list_rows(batch: Batch) -> BatchRowQuerySet:
    """With outcome and participant."""
    rows = BatchRow.objects.filter(batch=batch).with_outcome(batch.kind)
    return rows.select_related("participant", "participant__person")
