"""Removing and restoring participants.

The local refusal is the truth and does not wait: the row is marked, its token dropped and a running lease taken
over in one transaction. Then RealtimeKit is told: kick, delete, kick again. Only deletion revokes a token, which
otherwise lives for 100 days (contract 4). A report says what held where.
"""

import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.utils import timezone

from participants.errors import (
    InactiveUser,
    MeetingFull,
    Misconfigured,
    PersonBlocked,
    PersonMerged,
    PresetGone,
    RollcallError,
    WrongState,
)
from participants.gateway import get_client, waiting_slot
from participants.models import Actor, EventKind, Meeting, Participant, Person
from participants.models.event import record, record_many
from participants.models.participant import ParticipantQuerySet
from participants.realtimekit import Deadline, OutcomeUnknown, RealtimeKit, RealtimeKitError
from participants.services import leases, livesessions
from participants.services.admission import has_room
from participants.services.listing import Listings
from participants.services.rooms import VERIFY_AFTER
from participants.services.tokencache import NO_TOKEN
from participants.services.trouble import explain
from participants.states import REMOVABLE, RESTORABLE, ParticipantState, Source

SECONDS = 10.0
KICKS = 5
"""How often a kick that fails keeps a removal from being recorded, once the participant is deleted."""


@dataclass
class Report:
    """What became of removals: ``done`` hold at RealtimeKit too, ``waiting`` only here so far."""

    done: list[Participant] = field(default_factory=list)
    waiting: list[Participant] = field(default_factory=list)
    trouble: RollcallError | None = None


def remove(participant: Participant, *, by: Actor, deadline: Deadline | None = None) -> Report:
    """Remove one participant. Safe to repeat; a removed one stays removed."""
    with transaction.atomic():
        row = mark(participant.pk, by=by)
    return finish([row or participant], by=by, deadline=deadline)


def mark_all_of(person: Person, *, by: Actor) -> list[Participant]:
    """The local half of removing a person everywhere; call ``finish`` after the transaction."""
    lock_person(person.pk)
    keys = Participant.objects.filter(person=person, state__in=REMOVABLE).order_by("pk").values_list("pk", flat=True)
    return [row for key in keys if (row := mark(key, by=by)) is not None]


def lock_person(pk: uuid.UUID) -> Person:
    """The person as they are now, locked: nobody is enrolled while they are being removed everywhere.

    Where a meeting is locked too, it comes first.
    """
    Person.objects.select_for_update(no_key=True).get(pk=pk)
    # Read once more: what the lock waited for may have changed the user, who is not locked.
    return Person.objects.select_related("user").get(pk=pk)


def mark(pk: uuid.UUID, *, by: Actor) -> Participant | None:
    """The local half: refuse from now on, drop the token, take a running lease over. None if removed already.

    Call inside a transaction, for several rows in the order of their keys, and ``finish`` after it.
    """
    # Locked without its key: an event written of the row or its meeting elsewhere need not wait, nor deadlock.
    row = Participant.objects.select_for_update(no_key=True).filter(pk=pk, state__in=REMOVABLE).first()
    if row is None:
        return None
    now = timezone.now()
    # An Add in flight may still make a participant: until its lease ends no listing settles the matter.
    # Where extras were yet to be looked for, deleting the one we recorded is not enough either.
    doubt = row.outcome_unknown or row.verify_after is not None
    until = max(row.lease_until or now, now) if doubt else None
    Participant.objects.filter(pk=pk).update(
        state=ParticipantState.REMOVING,
        removed_at=now,
        removed_by=by.user,
        removal_cause="",
        outcome_unknown=doubt,
        verify_after=until,
        updated_at=now,
        **NO_TOKEN,
        **leases.CLEARED,
    )
    record(EventKind.REMOVING, by, participant=row)
    return Participant.objects.with_relations().get(pk=pk)


def mark_many(rows: ParticipantQuerySet, *, by: Actor, limit: int, cause: str = "") -> list[uuid.UUID]:
    """``mark`` for up to ``limit`` of these rows, in few statements; the ids of those it marked.

    ``cause`` is a RemovalCause, or blank.

    Call inside a transaction. Converging does the remote half.
    """
    # In one order, or two of these could wait for each other's rows.
    locked = rows.filter(state__in=REMOVABLE).order_by("pk").select_for_update(of=("self",), no_key=True)[:limit]
    marked = list(locked.only("pk", "meeting_id", "person_id"))
    keys, now = [row.pk for row in marked], timezone.now()
    doubt = Q(outcome_unknown=True) | Q(verify_after__isnull=False)
    # SET reads the columns as they were, so the order of these does not matter.
    Participant.objects.filter(pk__in=keys).update(
        state=ParticipantState.REMOVING,
        removed_at=now,
        removed_by=by.user,
        removal_cause=cause,
        outcome_unknown=Case(When(doubt, then=Value(True)), default=Value(False)),
        verify_after=Case(
            When(doubt & Q(lease_until__gt=now), then=F("lease_until")),
            When(doubt, then=Value(now)),
            default=None,
            output_field=DateTimeField(),
        ),
        updated_at=now,
        **NO_TOKEN,
        **leases.CLEARED,
    )
    record_many(EventKind.REMOVING, by, marked, **({"cause": cause} if cause else {}))
    return keys


def finish(rows: Iterable[Participant], *, by: Actor, deadline: Deadline | None = None) -> Report:
    """The remote half for rows that were marked, as far as the time goes; converging does the rest."""
    report, rows = Report(), list(rows)
    deadline = deadline or Deadline.after(SECONDS)
    for row in rows:
        if report.trouble is None and not deadline.expired:
            try:
                with waiting_slot():
                    client = get_client() if _needs_client(row) else None
                    withdraw(row, deadline=deadline, by=by, client=client)
            except RollcallError as error:
                report.trouble = error
        row.refresh_from_db()
        held = row.state == ParticipantState.REMOVED
        (report.done if held else report.waiting).append(row)
    return report


def withdraw(
    row: Participant,
    *,
    deadline: Deadline,
    by: Actor,
    client: RealtimeKit | None,
    listings: Listings | None = None,
) -> bool:
    """Delete a removing row remotely, under its lease. False when another process holds it.

    ``client`` may be None for a row that was never sent anywhere. Raises Busy or Misconfigured.
    """
    lease = leases.claim(Participant.objects.filter(state=ParticipantState.REMOVING), row, deadline)
    if lease is None:
        return False
    row.refresh_from_db()
    try:
        if client and _needs_client(row):
            _delete(row, deadline, client, listings or Listings(client))
    except (RealtimeKitError, Misconfigured) as error:
        leases.give_back(Participant.objects.all(), row, lease, error)
        raise (explain(error) if isinstance(error, RealtimeKitError) else error) from None
    _mark_removed(row, lease, by)
    return True


def _needs_client(row: Participant) -> bool:
    return bool(row.meeting.realtimekit_id and (row.realtimekit_id or row.outcome_unknown))


def _delete(row: Participant, deadline: Deadline, client: RealtimeKit, listings: Listings) -> None:
    custom_id = row.custom_participant_id
    doomed = {row.realtimekit_id} if row.realtimekit_id else set()
    if row.outcome_unknown:
        doomed |= {
            found.id for found in listings.find(row.meeting, custom_id, since=time.monotonic(), deadline=deadline)
        }
    is_out = True
    for remote_id in sorted(doomed):
        # Deletion alone revokes the token: a kick that fails or hangs does not hold it up.
        with suppress(RealtimeKitError):
            soon = Deadline.after(deadline.remaining() / 3)
            livesessions.put_out(row.meeting, remote_id, deadline=soon, client=client)
        listings.delete(row.meeting, custom_id, remote_id, deadline=deadline)
        # A peer that connected during the delete is not documented to be dropped (contract 18, row 25).
        is_out &= livesessions.put_out(row.meeting, remote_id, deadline=deadline, client=client)
    if not is_out and row.attempts < KICKS:
        raise OutcomeUnknown("active_session.kick", "kick_unconfirmed", "Deleted, but may still be in the room.")


def _mark_removed(row: Participant, lease: uuid.UUID, by: Actor) -> None:
    now = timezone.now()
    settled = not row.outcome_unknown or row.verify_after is None or row.verify_after <= now
    with transaction.atomic():
        held = Participant.objects.held(row.pk, lease)
        # The deletion is a fact whatever the row has become meanwhile, so it is written in any state.
        if not held.update(realtimekit_id=None):
            return
        if not settled:
            leases.give_back(held, row, lease, None, next_attempt_at=row.verify_after)
            return
        verify = now + VERIFY_AFTER if row.outcome_unknown else None
        moved = held.moving_to(ParticipantState.REMOVED).update(
            state=ParticipantState.REMOVED,
            outcome_unknown=False,
            verify_after=verify,
            updated_at=now,
            **leases.CLEARED,
        )
        if moved:
            record(EventKind.REMOVED, by, participant=row, realtimekit_id=row.realtimekit_id)
        else:
            held.update(**leases.CLEARED)


def mark_restored(participant: Participant, *, by: Actor) -> Participant:
    """Put a removed participant back to pending, after the checks an enrolment makes. Call ``settle`` next.

    Raises WrongState, PersonBlocked, PersonMerged, InactiveUser, PresetGone or MeetingFull.
    """
    with transaction.atomic():
        meeting = Meeting.objects.select_for_update(no_key=True).get(pk=participant.meeting_id)
        lock_person(participant.person_id)
        row = Participant.objects.with_relations().get(pk=participant.pk)
        _check_restorable(row, meeting)
        doubt = row.outcome_unknown or row.verify_after is not None
        changes: dict[str, Any] = {**leases.CLEARED}
        if row.source == Source.GROUP:
            # Enrolled by whoever restores them: else the group that they left would remove them again.
            changes["source"] = Source.API if by.via == "api" else Source.ADMIN
        # A remover may be at work: its lease stays, and ours waits for it.
        del changes["lease_id"], changes["lease_until"]
        moved = Participant.objects.filter(pk=row.pk, state=row.state).update(
            state=ParticipantState.PENDING,
            outcome_unknown=doubt,
            verify_after=None,
            away_from=F("removed_at"),
            away_until=timezone.now(),
            removed_at=None,
            removed_by=None,
            batch=None,  # enrolled by whoever restores them: undoing their bulk enrolment is no reason to remove them
            updated_at=timezone.now(),
            **changes,
        )
        if not moved:
            raise WrongState
        record(EventKind.RESTORED, by, participant=row)
    return Participant.objects.with_relations().get(pk=row.pk)


def _check_restorable(row: Participant, meeting: Meeting) -> None:
    if row.state not in RESTORABLE:
        raise WrongState("Only a removed participant can be restored.")
    if row.person.blocked_at or row.person.erased_at:
        raise PersonBlocked
    if row.person.merged_into_id:
        raise PersonMerged
    if not row.person.is_active:
        raise InactiveUser
    if row.preset.gone_at:
        raise PresetGone("The preset of this participant no longer exists. Change the preset first.")
    if not has_room(meeting):
        raise MeetingFull(capacity=meeting.capacity)
