"""Bulk enrolment: looked at first, then stored, worked on by converging passes, stopped, retried, undone.

A batch's participants are pending rows like any other; the batch only remembers which they are.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Min, Q, Value, When
from django.utils import timezone

from participants.errors import WrongState
from participants.models import Actor, Batch, BatchRow, EventKind, Meeting, Participant, Preset
from participants.models.batch import BatchRowQuerySet
from participants.models.event import record, record_many
from participants.models.participant import ParticipantQuerySet
from participants.services import enlisting, forecasts, removal
from participants.services.admission import count_occupied
from participants.services.forecasts import CHUNK, Forecast, Judge
from participants.services.rosters import Entry
from participants.states import BatchState, ParticipantState, RowOutcome

RATE_SECONDS = 60.0


@dataclass
class Preview:
    """What a bulk enrolment would do. ``forecasts`` are in the order of the list."""

    forecasts: list[Forecast] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Progress:
    """How far a batch is. ``waiting_until`` is set while every pending row waits for a later try."""

    state: BatchState
    counts: dict[str, int]
    total: int
    waiting_until: datetime | None
    rate_per_minute: int
    expected_end: datetime | None

    @property
    def settled(self) -> int:
        return self.total - self.counts[RowOutcome.PENDING]

    @property
    def is_moving(self) -> bool:
        return self.counts[RowOutcome.PENDING] > 0


def preview(meeting: Meeting, entries: list[Entry], *, preset: Preset | None, pre_enrol: bool) -> Preview:
    """The dry run: writes nothing. Raises as ``forecasts.choose_presets``."""
    forecasts.choose_presets(meeting, entries, preset)
    result = Preview()
    for chunk in forecasts.forecast(meeting, entries, pre_enrol=pre_enrol):
        result.forecasts += chunk
        result.counts.update(item.prospect.value for item in chunk)
    return result


def start(*, meeting: Meeting, entries: list[Entry], preset: Preset | None, pre_enrol: bool, by: Actor) -> Batch:
    """Store a batch, its rows and its pending participants. Raises as ``preview``.

    Chunk by chunk, so that nobody at the door waits for the meeting's lock, which on SQLite is everybody's. A kill
    leaves the rows stored so far; the others count as skipped, and the same list can be enrolled again.
    """
    choice = forecasts.choose_presets(meeting, entries, preset)
    with transaction.atomic():
        batch = Batch.objects.create(
            meeting=meeting,
            preset=choice.default,
            pre_enrol=pre_enrol,
            total=len(entries),
            started_by=by.user,
            via=by.via,
        )
        record(EventKind.BATCH_STARTED, by, meeting=meeting, batch=str(batch.pk), rows=len(entries))
    judge = Judge(meeting, pre_enrol=pre_enrol)
    for start in range(0, len(entries), CHUNK):
        with transaction.atomic():
            # As in ``enrolment.store``: capacity and "once per meeting" hold against concurrent enrolments.
            judge.count_places(Meeting.objects.select_for_update(no_key=True).get(pk=meeting.pk))
            # The batch's row lock makes a stop or an undo wait for this chunk, and this loop end after it.
            going = Batch.objects.select_for_update(no_key=True).filter(pk=batch.pk, stopped_at=None, undone_at=None)
            if going.first() is None:
                break
            enlisting.store(batch, judge.judge(entries[start : start + CHUNK]), choice, start, by=by)
    return batch


def stop(batch: Batch, *, by: Actor) -> int:
    """Withdraw the rows that RealtimeKit has not been told of; how many. Safe to repeat.

    Rows in doubt, or just being sent, are finished instead. Raises WrongState for a batch that was undone.
    """
    with transaction.atomic():
        if Batch.objects.filter(pk=batch.pk, stopped_at=None, undone_at=None).update(stopped_at=timezone.now()):
            record(EventKind.BATCH_STOPPED, by, meeting=batch.meeting, batch=str(batch.pk))
    batch.refresh_from_db()
    if batch.undone_at:
        raise WrongState("This bulk enrolment was undone; there is nothing to stop.")
    return _withdraw(batch, Participant.objects.filter(batch=batch).never_sent(), BatchRow.STOPPED, by)


def undo(batch: Batch, *, by: Actor) -> int:
    """Remove exactly those whom this batch enrolled; how many. Safe to repeat.

    They are refused from this moment on; converging deletes them at RealtimeKit. Whoever was enrolled before is left
    alone, and so is whoever was removed and restored since.
    """
    with transaction.atomic():
        if Batch.objects.filter(pk=batch.pk, undone_at=None).update(undone_at=timezone.now()):
            record(EventKind.BATCH_UNDONE, by, meeting=batch.meeting, batch=str(batch.pk))
    batch.refresh_from_db()
    return _withdraw(batch, Participant.objects.filter(batch=batch), BatchRow.UNDONE, by)


def count_undoable(batch: Batch) -> int:
    """How many people ``undo`` would remove now."""
    return Participant.objects.filter(
        batch=batch, state__in=[ParticipantState.PENDING, ParticipantState.ENROLLED, ParticipantState.FAILED]
    ).count()


def _withdraw(batch: Batch, rows: ParticipantQuerySet, code: str, by: Actor) -> int:
    count = 0
    while True:
        # Chunk by chunk, so that no join waits long for a row that is being removed.
        with transaction.atomic():
            keys = removal.mark_many(rows, by=by, limit=CHUNK)
            BatchRow.objects.filter(batch=batch, participant__in=keys, code="").update(code=code)
        count += len(keys)
        if len(keys) < CHUNK:
            return count


def retry(batch: Batch, *, by: Actor) -> int:
    """Put failed rows back to pending, as far as there are places; how many. Waiting ones wait no longer.

    People who were blocked or deactivated since, and rows whose preset is gone, stay failed. A stopped batch goes on.
    Raises WrongState for a batch that was undone.
    """
    with transaction.atomic():
        meeting = Meeting.objects.select_for_update(no_key=True).get(pk=batch.meeting_id)
        batch = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        if batch.undone_at:
            raise WrongState("This bulk enrolment was undone. Enrol the list anew instead.")
        own = Participant.objects.filter(batch=batch)
        failed = _list_retryable(own, meeting)
        for start in range(0, len(failed), CHUNK):
            chunk = failed[start : start + CHUNK]
            enlisting.reopen(Participant.objects.filter(pk__in=[row.pk for row in chunk]))
            record_many(EventKind.RETRIED, by, chunk)
        own.filter(state=ParticipantState.PENDING).exclude(next_attempt_at=None).update(next_attempt_at=None)
        Batch.objects.filter(pk=batch.pk).update(stopped_at=None)
        record(EventKind.BATCH_RETRIED, by, meeting=meeting, batch=str(batch.pk), rows=len(failed))
    return len(failed)


def _list_retryable(own: ParticipantQuerySet, meeting: Meeting) -> list[Participant]:
    rows = own.filter(state=ParticipantState.FAILED, preset__gone_at=None, person__blocked_at=None)
    rows = rows.filter(person__erased_at=None).exclude(person__user__is_active=False).order_by("created_at", "pk")
    if meeting.capacity is not None:
        rows = rows[: max(0, meeting.capacity - count_occupied(meeting))]
    return list(rows.only("pk", "meeting_id", "person_id"))


def measure(batch: Batch) -> Progress:
    """Counts are exact at one moment; the rate is that of the last minute."""
    now = timezone.now()
    found = BatchRow.objects.filter(batch=batch).count_outcomes()
    counts = {outcome.value: found.get(outcome.value, 0) for outcome in RowOutcome}
    counts[RowOutcome.SKIPPED] += max(0, batch.total - sum(counts.values()))
    pending, waiting_until, rate, end = counts[RowOutcome.PENDING], None, 0, None
    if pending:
        waiting_until = _find_next_try(batch, now)
        rate = _measure_rate(batch, now)
        end = now + timedelta(minutes=pending / rate) if rate else None
    state = batch.decide_state(pending, waiting_until)
    return Progress(state, counts, sum(counts.values()), waiting_until, rate, end)


def _find_next_try(batch: Batch, now: datetime) -> datetime | None:
    """When the first pending row is due, if none is now."""
    pending = Participant.objects.filter(batch=batch, state=ParticipantState.PENDING)
    due = Case(When(Q(next_attempt_at=None), then=Value(now)), default=F("next_attempt_at"))
    first: datetime | None = pending.aggregate(first=Min(due))["first"]
    return first if first is not None and first > now else None


def _measure_rate(batch: Batch, now: datetime) -> int:
    since = max(batch.created_at, now - timedelta(seconds=RATE_SECONDS))
    done = Participant.objects.filter(batch=batch, updated_at__gt=since).filter(
        state__in=[ParticipantState.ENROLLED, ParticipantState.FAILED]
    )
    return round(done.count() * 60 / max(1.0, (now - since).total_seconds()))


def list_rows(batch: Batch) -> BatchRowQuerySet:
    """With outcome and participant."""
    rows = BatchRow.objects.filter(batch=batch).with_outcome()
    return rows.select_related("participant", "participant__person")
