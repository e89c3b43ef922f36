"""Converging passes and the tick: what is left half done is found in the rows and finished (design 2.1)."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from participants.errors import HeldBack, Misconfigured, RollcallError
from participants.gateway import background, get_client
from participants.models import Actor, Meeting, Participant
from participants.realtimekit import Deadline, RealtimeKit
from participants.services import bulkwork, removal, renewal, rooms, settling
from participants.services.listing import Listings
from participants.states import ParticipantState

PASS_SECONDS = 60.0
ROW_SECONDS = 20.0
BATCH = 200
RENEWALS = 25
"""Tokens renewed in one tick: five a second where it ticks every five, half the default budget."""
RENEWAL_SECONDS = 5.0
"""How long a tick goes on renewing: rooms are to open and close on time."""
RENEWALS_FAILED = 3
"""In a row: then RealtimeKit is down or out of budget, and the rest waits for another pass."""


@dataclass
class Outcome:
    """Counts of one pass: rows now as wanted, rows that wait (theirs says for what), rows removed as inactive, and
    tokens fetched ahead of need."""

    settled: int = 0
    waiting: int = 0
    withdrawn: int = 0
    renewed: int = 0
    trouble: str = ""


def tick(*, by: Actor, deadline: Deadline | None = None) -> Outcome:
    """What a scheduler runs every few seconds: rows that are due, windows that opened or closed."""
    return converge(by=by, deadline=deadline, due_only=True)


@background()
def converge(*, by: Actor, deadline: Deadline | None = None, due_only: bool = False) -> Outcome:
    """Push every intent that does not hold remotely yet. Without ``due_only`` no back-off is waited for.

    Stops at the first misconfiguration, and when no call may be made: either would fail every row alike. Raises
    nothing remote.
    """
    deadline = deadline or Deadline.after(PASS_SECONDS)
    outcome = Outcome(withdrawn=_withdraw_inactive(by))
    bulkwork.advance(by=by, deadline=Deadline.after(min(bulkwork.PASS_SECONDS, deadline.remaining())))
    try:
        client = get_client()
        work = _Work(client, outcome, by, deadline, due_only)
        # Removals first: they keep somebody out, and slow meetings must not use their time up.
        work.settle_participants(removals=True)
        work.settle_meetings()
        work.settle_participants(removals=False)
        work.renew_tokens()
    except (Misconfigured, HeldBack) as error:
        outcome.trouble = str(error.data.get("reason", error))
    return outcome


def _withdraw_inactive(by: Actor) -> int:
    """Bulk updates of users send no signal, so each pass looks for rows of people who may enter nothing."""
    count = 0
    for pk in list(Participant.objects.of_inactive().values_list("pk", flat=True)[:BATCH]):
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

    def settle_meetings(self) -> None:
        now = timezone.now()
        unsettled = Meeting.objects.unsettled(now)
        rows = unsettled.due(now) if self.due_only else unsettled.unleased()
        for pk in list(rows.order_by("opens_at", "pk").values_list("pk", flat=True)):
            step = self.take_step()
            if step is None:
                return
            with self.noting_trouble():
                self.count(rooms.settle(pk, deadline=step, by=self.by, client=self.client))

    def settle_participants(self, *, removals: bool) -> None:
        listings, keys = Listings(self.client), self.find_participants(removals)
        for start in range(0, len(keys), BATCH):
            chunk, begun = keys[start : start + BATCH], time.monotonic()
            rows = Participant.objects.with_relations().in_bulk(chunk)
            for row in (rows[key] for key in chunk if key in rows):
                step = self.take_step()
                if step is None:
                    return
                with self.noting_trouble():
                    self.count(
                        settling.settle(
                            row, deadline=step, by=self.by, client=self.client, listings=listings, as_of=begun
                        )
                    )

    def renew_tokens(self) -> None:
        """Last in a pass: nobody waits for it. A tick takes a few, so that many due at once are spread over time."""
        keys = renewal.find_due(timezone.now(), limit=RENEWALS if self.due_only else BATCH, due_only=self.due_only)
        rows = Participant.objects.with_relations().in_bulk(keys)
        until = Deadline.after(RENEWAL_SECONDS) if self.due_only else self.deadline
        failed = 0
        for row in (rows[key] for key in keys if key in rows):
            step = self.take_step()
            if step is None or until.expired or failed == RENEWALS_FAILED:
                return
            failed += 1
            with self.noting_trouble():
                self.outcome.renewed += renewal.renew(row, deadline=step, by=self.by, client=self.client)
                failed = 0

    def find_participants(self, removals: bool) -> list[uuid.UUID]:
        now = timezone.now()
        unsettled = Participant.objects.unsettled(now)
        rows = unsettled.due(now) if self.due_only else unsettled.unleased()
        removing = Q(state=ParticipantState.REMOVING)
        # Meeting by meeting, so that doubts share a listing.
        ordered = rows.filter(removing if removals else ~removing).order_by("meeting", "pk")
        return list(ordered.values_list("pk", flat=True))

    def take_step(self) -> Deadline | None:
        """Time for one row, or None when the pass has none left."""
        if self.deadline.expired:
            return None
        return Deadline.after(min(ROW_SECONDS, self.deadline.remaining()))

    def count(self, done: bool) -> None:
        self.outcome.settled += done
        self.outcome.waiting += not done

    @contextmanager
    def noting_trouble(self) -> Iterator[None]:
        try:
            yield
        except RollcallError as error:
            # A meeting that RealtimeKit does not know concerns its own rows alone.
            if isinstance(error, Misconfigured) and "meeting_id" not in error.data:
                raise
            if isinstance(error, HeldBack):
                self.outcome.waiting += 1
                raise
            self.outcome.waiting += 1
            self.outcome.trouble = self.outcome.trouble or str(error.data.get("reason", error))


def list_unsettled(now: datetime) -> tuple[int, int]:
    """How many meetings and participants are not yet as wanted."""
    return Meeting.objects.unsettled(now).count(), Participant.objects.unsettled(now).count()
