"""Working through batches: chunk by chunk, in the request that asks and then in passes, by whoever holds the lease.

What is left is in the rows: ``Batch.task`` says what is to be done and the rows to which of them. One chunk is one
transaction that begins with the batch's row lock, so a stop or an undo waits for it, and it ends at once when the
lease or the task is no longer its own. A kill between or within chunks loses nothing and doubles nothing.

Lock order here: batch, meetings, people, participants. Nothing locks a batch after any of these.
"""

import logging
import uuid
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from participants.models import Actor, Batch, BatchRow, Participant
from participants.realtimekit import Deadline
from participants.services import bulksteps, enlisting
from participants.services.enlisting import Enlisting
from participants.states import BatchKind, BatchTask

REQUEST_SECONDS = 1.5
"""How long a request that starts something works on it itself."""
PASS_SECONDS = 10.0
MARGIN = 20.0
"""Seconds by which a lease outlasts its holder's deadline: a chunk that has begun is finished."""
AFTER_FAILURE = timedelta(seconds=30)
"""How long a batch that failed is left alone: a pass that finds work is followed by another at once."""

Step = Callable[[], int]
"""Works on one chunk in the transaction it is called in; how many rows it was, 0 when there is no more to do."""

logger = logging.getLogger(__name__)


def advance(*, by: Actor, deadline: Deadline | None = None) -> int:
    """Work on every batch that has work left and that nobody else holds, oldest first; how many rows.

    Makes no remote call. A batch that fails is logged, left alone for a while, and stops no other.
    """
    deadline, worked = deadline or Deadline.after(PASS_SECONDS), 0
    for pk in list(Batch.objects.unfinished().unleased().order_by("created_at").values_list("pk", flat=True)):
        if deadline.expired:
            break
        worked += work_on(pk, by=by, deadline=deadline)
    return worked


def has_work() -> bool:
    """Whether some batch has work left that nobody is doing."""
    return Batch.objects.unfinished().unleased().exists()


def work_on(pk: uuid.UUID, *, by: Actor, deadline: Deadline, lease: uuid.UUID | None = None, task: str = "") -> int:
    """Work on one batch until the deadline; how many rows. 0 when somebody else does.

    ``lease`` is the caller's, if it has taken one already. It is given back in any case. With ``task`` nothing else
    is done.
    """
    lease = lease or Batch.objects.unfinished().claim(pk, seconds=deadline.remaining() + MARGIN)
    if lease is None:
        return 0
    worked, until = 0, None
    try:
        while not deadline.expired and (batch := _read_task(pk, lease, task)) is not None:
            worked += _Run(batch, lease, by).go_on(deadline)
    except Exception:
        # Whatever it trips over, a defect or the database, is its own affair; nothing of the chunk was written.
        logger.exception("Batch %s could not be worked on; it is tried again.", pk)
        until = Now() + AFTER_FAILURE
    finally:
        Batch.objects.held(pk, lease).update(lease_id=None, lease_until=until)
    return worked


def _read_task(pk: uuid.UUID, lease: uuid.UUID, task: str) -> Batch | None:
    """The batch with what is to be done now, as long as the lease is ours."""
    rows = Batch.objects.unfinished().held(pk, lease)
    rows = rows.filter(task=task) if task else rows
    return rows.select_related("meeting", "preset", "task_by", "task_key").first()


class _Run:
    """One task of one batch under one lease."""

    def __init__(self, batch: Batch, lease: uuid.UUID, by: Actor) -> None:
        self._mine = Batch.objects.held(batch.pk, lease).filter(task=batch.task)
        self._batch = batch
        asked_by = Actor(via=batch.via, user=batch.task_by, key=batch.task_key, request_id=by.request_id)
        self._step = _make_step(batch, asked_by)

    def go_on(self, deadline: Deadline) -> int:
        """Until the deadline, the end, or until somebody else has taken over or asked for something else."""
        worked = 0
        while not deadline.expired:
            with transaction.atomic():
                if self._mine.select_for_update(no_key=True).first() is None:
                    return worked
                count = self._step()
                if not count:
                    left = BatchRow.objects.filter(batch=self._batch).unworked().exists()
                    self._mine.update(task=BatchTask.WORK if left else "")
                    return worked
            worked += count
        return worked


def _make_step(batch: Batch, by: Actor) -> Step:
    kind, task = batch.kind, batch.task
    own = Participant.objects.filter(batch=batch)
    if kind == BatchKind.ENROL:
        steps: dict[str, Step] = {
            BatchTask.STOP: lambda: enlisting.withdraw(batch, own.never_sent(), BatchRow.STOPPED, by),
            BatchTask.UNDO: lambda: enlisting.withdraw(batch, own, BatchRow.UNDONE, by),
            BatchTask.RETRY: lambda: enlisting.retry(batch, by),
        }
        return Enlisting(batch, by) if task == BatchTask.WORK else steps[task]
    if kind == BatchKind.REMOVE:
        undone = bulksteps.restore
        worked: Step = bulksteps.Removing(batch, by)
    else:
        undone = bulksteps.put_back
        worked = bulksteps.Changing(batch, by)
    steps = {
        BatchTask.WORK: worked,
        BatchTask.UNDO: lambda: undone(batch, by),
        BatchTask.RETRY: lambda: bulksteps.retry(batch, by),
        BatchTask.STOP: lambda: 0,
    }
    return steps[task]
