"""Converging passes and the tick: what is left half done is found in the rows and finished (design 2.1).

Any number of passes may run at once, in threads, processes and machines: each row is taken under its lease.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone

from participants.errors import HeldBack, Misconfigured, RollcallError
from participants.gateway import background, get_client
from participants.models import Actor, Meeting, Participant
from participants.realtimekit import Deadline, RealtimeKit, RealtimeKitError
from participants.services import (
    bulkwork,
    crews,
    drift,
    exporting,
    groups,
    inbox,
    outbox,
    people,
    removal,
    renewal,
    rooms,
    settling,
)
from participants.services.crews import Supply
from participants.services.listing import Listings
from participants.states import ParticipantState
from participants.watch.context import about
from participants.watch.metrics import note_pass

T = TypeVar("T")

logger = logging.getLogger(__name__)

PASS_SECONDS = 60.0
ROW_SECONDS = 20.0
PART_SECONDS = 8.0
LAST_SECONDS = 5.0
WITHDRAWALS = 200
CHUNK = 50
"""Rows read together. Read shortly before they are worked on: other processes are at work on the same rows."""
DOUBTS = 1_000
"""Rows in doubt that are read together, and so share one listing of their meeting."""
LISTING_SECONDS = 30.0
"""For the listing of a meeting that rows in doubt share: at the default budget enough for 28,000 participants."""
AFTER_LISTING_SECONDS = 15.0
"""What is left of a pass at least, once it has listed: or the next pass would list the same meeting again."""
RENEWALS, RENEWALS_BY_HAND = 25, 200
"""Tokens renewed in one tick: five a second where it ticks every five, half the default budget."""
RENEWAL_SECONDS = 5.0
"""How long a tick goes on renewing: rooms are to open and close on time."""
RENEWALS_FAILED = 3
"""In a row: then RealtimeKit is down or out of budget, and the rest waits for another pass."""


@dataclass
class Outcome:
    """Counts of one pass: rows now as wanted, rows that wait (theirs says for what), rows removed as inactive, and
    tokens fetched ahead of need. ``unfinished`` when time ran out before the rows did."""

    settled: int = 0
    waiting: int = 0
    withdrawn: int = 0
    renewed: int = 0
    trouble: str = ""
    unfinished: bool = False


def never() -> bool:
    return False


def tick(
    *,
    by: Actor,
    deadline: Deadline | None = None,
    threads: int = 1,
    is_stopping: Callable[[], bool] = never,
    with_sidelines: bool = True,
) -> Outcome:
    """What workers do every few seconds: deliveries, rows that are due, windows that opened or closed.

    Without ``with_sidelines`` somebody else makes the spreadsheets and sends the mails: a long file takes half a
    minute, a mail server may hang, and doors are to open on time.
    """
    began = time.monotonic()
    has_deliveries = inbox.work(deadline=deadline, is_stopping=is_stopping).left
    outcome = converge(by=by, deadline=deadline, due_only=True, threads=threads, is_stopping=is_stopping)
    outcome.unfinished |= has_deliveries
    if with_sidelines:
        with _on_its_own("Sending mail"):
            outcome.unfinished |= outbox.work(by=by, is_stopping=is_stopping)
        exporting.work(by=by, is_stopping=is_stopping)
    note_pass(time.monotonic() - began, outcome.settled, outcome.waiting, outcome.withdrawn, outcome.renewed)
    return outcome


@background()
def converge(
    *,
    by: Actor,
    deadline: Deadline | None = None,
    due_only: bool = False,
    threads: int = 1,
    is_stopping: Callable[[], bool] = never,
) -> Outcome:
    """Push every intent that does not hold remotely yet. Without ``due_only`` no back-off is waited for.

    Ends at the first misconfiguration, and when no call may be made: either would fail every row alike. Ends
    between two rows when ``is_stopping``. Raises nothing remote.
    """
    deadline = deadline or Deadline.after(PASS_SECONDS)
    outcome = Outcome(withdrawn=_withdraw_inactive(by))
    outcome.unfinished = _work_here(by, deadline, is_stopping)
    try:
        client = get_client()
    except Misconfigured as error:
        outcome.trouble = str(error.data.get("reason", error))
        return outcome
    work = _Work(client, outcome, by, deadline, due_only, threads, is_stopping)
    try:
        # Removals first: they keep somebody out, and slow meetings must not use their time up.
        work.settle_participants(removals=True)
        work.settle_meetings()
        work.add_participants()
        with _on_its_own("Carrying out what was decided on"):
            drift.finish_decided(drift.Survey(), by=by, deadline=_share(deadline, is_stopping))
        work.renew_tokens()
    except HeldBack as error:
        outcome.trouble = str(error.data.get("reason", error))
        # Near its end a pass has no time left to wait for the budget; the next one, which is to follow at once, has.
        outcome.unfinished |= work.deadline.remaining() < LAST_SECONDS
    except Misconfigured as error:
        outcome.trouble = str(error.data.get("reason", error))
    return outcome


def _work_here(by: Actor, deadline: Deadline, is_stopping: Callable[[], bool]) -> bool:
    """What needs no remote call; whether some of it is left."""
    with _on_its_own("Following users"):
        people.follow_users(by=by)
    with _on_its_own("Following groups"):
        groups.follow(by=by, deadline=_share(deadline, is_stopping))
    bulkwork.advance(by=by, deadline=_share(deadline, is_stopping))
    return bulkwork.has_work()


@contextmanager
def _on_its_own(part: str) -> Iterator[None]:
    """A part of a pass that trips over a defect holds up no other; a database that is away concerns them all."""
    try:
        yield
    except (OperationalError, InterfaceError, RollcallError):
        raise
    except Exception:
        logger.exception("%s failed; it is tried again.", part)


def _share(deadline: Deadline, is_stopping: Callable[[], bool]) -> Deadline:
    """Time for one part of a pass, so that no other goes without."""
    return Deadline.after(min(PART_SECONDS, deadline.remaining() / 3)).unless(is_stopping)


def _withdraw_inactive(by: Actor) -> int:
    """Bulk updates of users send no signal, so each pass looks for rows of people who may enter nothing."""
    count = 0
    for pk in list(Participant.objects.of_inactive().values_list("pk", flat=True)[:WITHDRAWALS]):
        with transaction.atomic():
            count += removal.mark(pk, by=by) is not None
    return count


@dataclass
class _Work:
    """One pass at work. Raises Misconfigured and HeldBack from any row: they would fail every row alike."""

    client: RealtimeKit
    outcome: Outcome
    by: Actor
    deadline: Deadline
    due_only: bool
    threads: int
    is_stopping: Callable[[], bool]
    ended: bool = False
    unlisted: set[uuid.UUID] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def settle_meetings(self) -> None:
        now = timezone.now()
        unsettled = Meeting.objects.unsettled(now)
        rows = unsettled.due(now) if self.due_only else unsettled.unleased()
        supply = Supply(list(rows.order_by("opens_at", "pk").values_list("pk", flat=True)))

        def settle_some() -> None:
            for pk, step in self.take_steps(supply):
                with about(meeting=pk), self.noting_trouble():
                    self.count(rooms.settle(pk, deadline=step, by=self.by, client=self.client))

        self.run(settle_some)

    def add_participants(self) -> None:
        """However many wait to be added, tokens that are due get their turn in the same tick."""
        if not self.due_only or not renewal.find_due(timezone.now(), limit=1, due_only=True):
            self.settle_participants(removals=False)
            return
        kept = min(RENEWAL_SECONDS, self.deadline.remaining() / 2)
        self.deadline = self.deadline.moved(-kept)
        try:
            self.settle_participants(removals=False)
        except HeldBack:
            if self.deadline.remaining() >= LAST_SECONDS:
                raise
            self.outcome.unfinished, self.ended = True, False  # it is the time that was short, not the budget
        finally:
            self.deadline = self.deadline.moved(kept)

    def settle_participants(self, *, removals: bool) -> None:
        listings = Listings(self.client)
        supply = Supply(self.read_rows(removals))

        def settle_some() -> None:
            for (row, begun), step in self.take_steps(supply):
                with about(meeting=row.meeting_id, participant=row.pk), self.noting_trouble():
                    listed = self.list_ahead(row, begun, listings)
                    self.count(
                        settling.settle(
                            row,
                            deadline=self.make_step() if listed else step,
                            by=self.by,
                            client=self.client,
                            listings=listings,
                            as_of=begun,
                            ask_at_once=False,
                        )
                    )

        self.run(settle_some)

    def list_ahead(self, row: Participant, begun: float, listings: Listings) -> bool:
        """List the meeting of a row in doubt before the row is claimed; whether it was tried.

        A list of hundreds of pages takes longer under a small budget than a row's lease lasts, and needs none.
        """
        pending = row.state == ParticipantState.PENDING and row.outcome_unknown
        if not pending or not row.meeting.realtimekit_id or row.meeting_id in self.unlisted:
            return False
        until, begun_at = Deadline.after(max(LISTING_SECONDS, self.deadline.remaining())), time.monotonic()
        try:
            listings.find(row.meeting, row.custom_participant_id, since=begun, deadline=until)
        except RealtimeKitError:
            self.unlisted.add(row.meeting_id)  # the row finds out for itself what is wrong, and says so
        waited = time.monotonic() - begun_at > 1  # and not only looked at what an earlier row has had listed
        if waited and self.deadline.remaining() < AFTER_LISTING_SECONDS:
            self.deadline = Deadline.after(AFTER_LISTING_SECONDS)
        return True

    def read_rows(self, removals: bool) -> Iterator[tuple[Participant, float]]:
        """Rows with the ``time.monotonic`` since which a listing answers what is asked about each."""
        in_doubt = Q(outcome_unknown=True)
        rounds = [(in_doubt, DOUBTS), (~in_doubt, CHUNK)]
        if not self.due_only:
            rounds.append((in_doubt, DOUBTS))  # whose answers were lost in this very pass
        for doubtful, size in rounds:
            for chunk in crews.spread(self.find_participants(doubtful, removals), size=size):
                begun = time.monotonic()
                rows = Participant.objects.with_relations().unleased().in_bulk(list(chunk))
                yield from ((rows[key], _find_answerable(rows[key], begun)) for key in chunk if key in rows)

    def find_participants(self, condition: Q, removals: bool) -> list[uuid.UUID]:
        now = timezone.now()
        unsettled = Participant.objects.unsettled(now)
        rows = unsettled.due(now) if self.due_only else unsettled.unleased()
        removing = Q(state=ParticipantState.REMOVING)
        # Whose door opens first comes first; meeting by meeting, so that doubts share a listing.
        opening = F("meeting__opens_at").asc(nulls_first=True)
        ordered = rows.filter(condition, removing if removals else ~removing).order_by(opening, "meeting", "pk")
        return list(ordered.values_list("pk", flat=True))

    def renew_tokens(self) -> None:
        """Last in a pass: few wait for it. A tick takes some, so that many due at once are spread over time."""
        limit = RENEWALS if self.due_only else RENEWALS_BY_HAND
        keys = renewal.find_due(timezone.now(), limit=limit, due_only=self.due_only)
        rows = Participant.objects.with_relations().in_bulk(keys)
        until = Deadline.after(RENEWAL_SECONDS) if self.due_only else self.deadline
        supply = Supply([rows[key] for key in keys if key in rows])

        def renew_some() -> None:
            failed = 0
            for row, step in self.take_steps(supply):
                if until.expired or failed == RENEWALS_FAILED:
                    return
                failed += 1
                with about(meeting=row.meeting_id, participant=row.pk), self.noting_trouble():
                    renewed = renewal.renew(row, deadline=step, by=self.by, client=self.client)
                    failed = 0
                    with self.lock:
                        self.outcome.renewed += renewed

        self.run(renew_some)

    def run(self, work: Callable[[], None]) -> None:
        crews.run(work, threads=self.threads)

    def take_steps(self, supply: Supply[T]) -> Iterator[tuple[T, Deadline]]:
        """Items, each with the time there is for it, until the pass has none left."""
        for item in supply:
            if self.deadline.expired or self.is_stopping():
                self.outcome.unfinished = True
                return
            if self.ended:
                return
            yield item, self.make_step()

    def make_step(self) -> Deadline:
        return Deadline.after(min(ROW_SECONDS, self.deadline.remaining()))

    def count(self, done: bool) -> None:
        with self.lock:
            self.outcome.settled += done
            self.outcome.waiting += not done

    @contextmanager
    def noting_trouble(self) -> Iterator[None]:
        try:
            yield
        except RollcallError as error:
            # A meeting that RealtimeKit does not know concerns its own rows alone.
            if isinstance(error, Misconfigured) and "meeting_id" not in error.data:
                self.ended = True
                raise
            self.count(False)
            if isinstance(error, HeldBack):
                self.ended = True
                raise
            self.outcome.trouble = self.outcome.trouble or str(error.data.get("reason", error))
        except (DatabaseError, InterfaceError):
            self.ended = True
            raise
        except Exception:
            # A row that trips over a defect must not hold up all others; its lease ends by itself.
            logger.exception("A row could not be worked on.")
            self.count(False)


def _find_answerable(row: Participant, begun: float) -> float:
    """``begun``, before the row was read; for a row to be verified, since when it is due.

    What it was made by lies a minute before that, so that one listing serves all that are due in a pass.
    """
    if row.state == ParticipantState.PENDING or row.outcome_unknown or row.verify_after is None:
        return begun
    return begun - max(0.0, (timezone.now() - row.verify_after).total_seconds())


def list_unsettled(now: datetime) -> tuple[int, int]:
    """How many meetings and participants are not yet as wanted."""
    return Meeting.objects.unsettled(now).count(), Participant.objects.unsettled(now).count()
