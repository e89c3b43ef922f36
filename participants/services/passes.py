"""Converging passes and the tick: what is left half done is found in the rows and finished (design 2.1)."""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from participants.errors import Misconfigured, RollcallError
from participants.gateway import get_client
from participants.models import Actor, Meeting, Participant
from participants.realtimekit import Deadline, RealtimeKit
from participants.services import removal, rooms, settling
from participants.services.listing import Listings

PASS_SECONDS = 60.0
ROW_SECONDS = 20.0
BATCH = 200


@dataclass
class Outcome:
    """Counts of one pass: rows now as wanted, rows that wait (theirs says for what), rows removed as inactive."""

    settled: int = 0
    waiting: int = 0
    withdrawn: int = 0
    trouble: str = ""


def tick(*, by: Actor, deadline: Deadline | None = None) -> Outcome:
    """What a scheduler runs every few seconds: rows that are due, windows that opened or closed."""
    return converge(by=by, deadline=deadline, due_only=True)


def converge(*, by: Actor, deadline: Deadline | None = None, due_only: bool = False) -> Outcome:
    """Push every intent that does not hold remotely yet. Without ``due_only`` no back-off is waited for.

    Stops at the first misconfiguration: it would fail every row alike. Raises nothing remote.
    """
    deadline = deadline or Deadline.after(PASS_SECONDS)
    outcome = Outcome(withdrawn=_withdraw_inactive(by))
    try:
        client = get_client()
        _settle_meetings(client, outcome, by, deadline, due_only)
        _settle_participants(client, outcome, by, deadline, due_only)
    except Misconfigured as error:
        outcome.trouble = str(error.data.get("reason", error))
    return outcome


def _withdraw_inactive(by: Actor) -> int:
    """Bulk updates of users send no signal, so each pass looks for rows of people who may enter nothing."""
    count = 0
    for pk in list(Participant.objects.of_inactive().values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            count += removal.mark(pk, by=by) is not None
    return count


def _settle_meetings(client: RealtimeKit, outcome: Outcome, by: Actor, deadline: Deadline, due_only: bool) -> None:
    now = timezone.now()
    unsettled = Meeting.objects.unsettled(now)
    rows = unsettled.due(now) if due_only else unsettled.unleased()
    for pk in list(rows.order_by("opens_at", "pk").values_list("pk", flat=True)[:BATCH]):
        if deadline.expired:
            return
        step = Deadline.after(min(ROW_SECONDS, deadline.remaining()))
        try:
            outcome.settled += rooms.settle(pk, deadline=step, by=by, client=client)
        except Misconfigured:
            raise
        except RollcallError as error:
            _note(outcome, error)


def _settle_participants(
    client: RealtimeKit, outcome: Outcome, by: Actor, deadline: Deadline, due_only: bool
) -> None:
    listings, keys = Listings(client), _find_work(timezone.now(), due_only)
    for start in range(0, len(keys), BATCH):
        chunk, begun = keys[start : start + BATCH], time.monotonic()
        rows = Participant.objects.with_relations().in_bulk(chunk)
        for row in (rows[key] for key in chunk if key in rows):
            if deadline.expired:
                return
            step = Deadline.after(min(ROW_SECONDS, deadline.remaining()))
            try:
                done = settling.settle(row, deadline=step, by=by, client=client, listings=listings, as_of=begun)
                outcome.settled += done
                outcome.waiting += not done
            except Misconfigured:
                raise
            except RollcallError as error:
                _note(outcome, error)


def _find_work(now: datetime, due_only: bool) -> list[uuid.UUID]:
    unsettled = Participant.objects.unsettled(now)
    rows = unsettled.due(now) if due_only else unsettled.unleased()
    # Removals first: they keep somebody out. Then meeting by meeting, so that doubts share a listing.
    ordered = rows.order_by(F("removed_at").desc(nulls_last=True), "meeting", "pk")
    return list(ordered.values_list("pk", flat=True))


def _note(outcome: Outcome, error: RollcallError) -> None:
    outcome.waiting += 1
    outcome.trouble = outcome.trouble or str(error.data.get("reason", error))


def list_unsettled(now: datetime) -> tuple[int, int]:
    """How many meetings and participants are not yet as wanted."""
    return Meeting.objects.unsettled(now).count(), Participant.objects.unsettled(now).count()
