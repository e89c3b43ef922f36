"""Making a pending participant exist remotely exactly once (design 2.2, 2.3).

The claim writes ``outcome_unknown`` before the call, so a kill leaves the doubt on record. In doubt we ask
first: list, match our custom id, adopt. Only a refusal that a complete listing bears out ends in ``failed``; while
in doubt one is believed no sooner than ``verify_after``, when lists have caught up.
"""

import time
import uuid
from dataclasses import dataclass
from typing import Any, NoReturn

from django.db import transaction
from django.utils import timezone

from participants.errors import Misconfigured
from participants.models import Actor, EventKind, Participant
from participants.models.event import record
from participants.realtimekit import (
    Deadline,
    IssuedParticipant,
    OutcomeUnknown,
    RealtimeKit,
    RealtimeKitError,
    Refused,
)
from participants.realtimekit import Participant as RemoteParticipant
from participants.services import leases
from participants.services.listing import Listings, may_mean_absent
from participants.services.rooms import VERIFY_AFTER
from participants.services.tokencache import describe_token
from participants.services.tokens import describe_adopted
from participants.services.trouble import explain
from participants.states import ParticipantState

ADD = "participants.add"


@dataclass(frozen=True)
class Found:
    """A remote participant that was there already."""

    remote: RemoteParticipant


def add(
    row: Participant,
    *,
    as_of: float,
    deadline: Deadline,
    by: Actor,
    client: RealtimeKit,
    listings: Listings,
    ask_at_once: bool = True,
) -> bool:
    """Add or adopt a pending row, whose meeting exists remotely. False when another process holds it.

    ``as_of`` is the ``time.monotonic`` before the row was read: a listing begun since then answers its doubt.
    Without ``ask_at_once`` an answer that was lost leaves the row in doubt for another attempt, so that many lost
    at once share a listing.
    Raises Busy or Misconfigured; the row then says when it is tried again.
    """
    doubt, old_id = row.outcome_unknown, row.realtimekit_id
    # Nobody has tried since the row was read, or its doubt would be newer than the listing we may share.
    free = Participant.objects.filter(
        state=ParticipantState.PENDING, outcome_unknown=doubt, realtimekit_id=old_id, attempts=row.attempts
    )
    lease = leases.claim(free, row, deadline, outcome_unknown=True, verify_after=None)
    if lease is None:
        return False
    work = _Work(row, lease, deadline, by, client, listings, doubt, as_of, ask_at_once)
    try:
        if old_id and not work.delete_old(old_id):
            return False
        work.finish(work.ask_or_add())
    except (RealtimeKitError, Misconfigured) as error:
        # A list or a deletion that is refused says nothing about the enrolment.
        if isinstance(error, Refused) and error.operation == ADD:
            work.fail(error)
            return True
        work.give_back(error)
        raise (explain(error) if isinstance(error, RealtimeKitError) else error) from None
    return True


@dataclass
class _Work:
    """One attempt on one row under one lease.

    ``doubt`` is whether somebody of ours may exist remotely, ``lost`` whether an Add of this attempt is why.
    """

    row: Participant
    lease: uuid.UUID
    deadline: Deadline
    by: Actor
    client: RealtimeKit
    listings: Listings
    doubt: bool
    doubt_since: float
    ask_at_once: bool
    readded: bool = False
    lost: bool = False

    @property
    def room(self) -> str:
        return str(self.row.meeting.realtimekit_id)

    def delete_old(self, old_id: str) -> bool:
        """A restored row's earlier participant goes first: only deletion revokes its tokens (contract 4).

        False when a removal took the row over meanwhile.
        """
        custom_id = self.row.custom_participant_id
        self.listings.delete(self.row.meeting, custom_id, old_id, deadline=self.deadline)
        return bool(Participant.objects.held(self.row.pk, self.lease).update(realtimekit_id=None))

    def ask_or_add(self) -> IssuedParticipant | Found:
        if self.doubt and (found := self.look()):
            return found
        for last in (False, True):
            before = self.doubt, self.lost
            try:
                issued = self.call_add()
            except OutcomeUnknown as error:
                self.doubt, self.lost, self.doubt_since = True, True, time.monotonic()
                if not self.ask_at_once and not before[0]:
                    raise
                if found := self.look():
                    return found
                self.check_preset(error, before)
                if last or self.deadline.remaining() < 1:
                    raise
            except RealtimeKitError as error:
                if not may_mean_absent(error):
                    raise
                return self.weigh(error)
            else:
                self.readded = self.doubt
                return issued
        raise AssertionError("unreachable")

    def call_add(self) -> IssuedParticipant:
        return self.client.participants.add(
            self.room,
            custom_participant_id=self.row.custom_participant_id,
            preset_name=self.row.preset.name,
            name=self.row.effective_name or None,
            picture=self.row.person.picture_url or None,
            deadline=self.deadline,
        )

    def look(self) -> Found | None:
        matches = self.listings.find(
            self.row.meeting,
            self.row.custom_participant_id,
            since=self.doubt_since,
            deadline=self.deadline,
        )
        return Found(matches[0]) if matches else None

    def check_preset(self, error: OutcomeUnknown, before: tuple[bool, bool]) -> None:
        """An unknown preset may be answered with 500 (contract 18, row 4). Raises the refusal that it is then."""
        name = self.row.preset.name
        if error.status and error.status >= 500 and self.listings.lacks_preset(name, deadline=self.deadline):
            text = "RealtimeKit has no preset of that name"
            self.doubt, self.lost = before  # this Add made nothing
            self.refuse(Refused(operation=ADD, code="preset_not_found", message=text, status=error.status))

    def weigh(self, error: RealtimeKitError) -> Found:
        """A refusal may mean "already there" (contract 18, row 1): the listing decides. Raises what is true."""
        if not isinstance(error, Refused):
            self.listings.confirm_meeting(self.row.meeting, deadline=self.deadline)
            error = Refused(operation=ADD, code=error.code, message=error.message, status=error.status)
        self.doubt_since = time.monotonic()
        if found := self.look():
            return found
        return self.refuse(error)

    def refuse(self, error: Refused) -> NoReturn:
        """Raises the refusal, or OutcomeUnknown while an earlier Add may hide behind a list that lags."""
        settled = self.row.verify_after is not None and self.row.verify_after <= timezone.now()
        if self.doubt and (self.lost or not settled):
            raise OutcomeUnknown(operation=ADD, code=error.code, message=error.message, status=error.status)
        raise error

    def finish(self, result: IssuedParticipant | Found) -> None:
        now = timezone.now()
        written: dict[str, Any] = {
            "state": ParticipantState.ENROLLED,
            "outcome_unknown": False,
            "gone_at": None,
            "updated_at": now,
        }
        if isinstance(result, Found):
            remote = result.remote
            written |= {
                **describe_adopted(remote),
                "verify_after": now + VERIFY_AFTER,
            }
        else:
            remote = result.participant
            written |= {
                "applied_preset": self.row.preset.name,
                "applied_name": self.row.effective_name,
                "applied_picture": self.row.person.picture_url,
                "verify_after": now + VERIFY_AFTER if self.readded else None,
                **describe_token(result.token, now),
            }
        with transaction.atomic():
            # No row is matched when a removal took the lease over: the removal lists and deletes what we made.
            held = Participant.objects.held(self.row.pk, self.lease).moving_to(ParticipantState.ENROLLED)
            if held.update(realtimekit_id=remote.id, **written, **leases.CLEARED):
                kind = EventKind.ADOPTED if isinstance(result, Found) else EventKind.ADDED
                record(kind, self.by, participant=self.row, realtimekit_id=remote.id)

    def fail(self, error: Refused) -> None:
        with transaction.atomic():
            held = Participant.objects.moving_to(ParticipantState.FAILED)
            written = leases.give_back(
                held,
                self.row,
                self.lease,
                error,
                state=ParticipantState.FAILED,
                outcome_unknown=False,
                next_attempt_at=None,
                updated_at=timezone.now(),
            )
            if written:
                record(EventKind.FAILED, self.by, participant=self.row, code=error.code, detail=error.message)

    def give_back(self, error: RealtimeKitError | Misconfigured) -> None:
        doubt = self.doubt or isinstance(error, OutcomeUnknown)
        since = None if self.lost else self.row.verify_after
        until = (since or timezone.now() + VERIFY_AFTER) if doubt else None
        leases.give_back(
            Participant.objects.all(), self.row, self.lease, error, outcome_unknown=doubt, verify_after=until
        )
