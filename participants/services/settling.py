"""Bringing one participant's remote side to what our row wants, each step under the row's lease.

Join, staff actions and converging passes all come through here; which step is due is read from the row.
"""

import time
import uuid

from django.db import transaction
from django.utils import timezone

from participants.errors import Busy, Misconfigured, RollcallError
from participants.gateway import get_client, waiting_slot
from participants.models import Actor, EventKind, Participant
from participants.models.base import CHANGE_REFUSED
from participants.models.event import record
from participants.realtimekit import Absent, Deadline, RealtimeKit, RealtimeKitError, Refused
from participants.services import leases, rooms
from participants.services.addition import add
from participants.services.listing import Listings, may_mean_absent
from participants.services.removal import withdraw
from participants.services.tokencache import describe_token
from participants.services.tokens import adopt_other, settle_absence
from participants.services.trouble import explain
from participants.states import MeetingState, ParticipantState

STAFF_SECONDS = 18.0
"""A staff action on one row answers within 20 s (design 2.9)."""


def try_now(row: Participant, *, by: Actor, deadline: Deadline | None = None) -> RollcallError | None:
    """Settle a row as far as the time goes and say what stood in the way; the intent is stored already."""
    deadline = deadline or Deadline.after(STAFF_SECONDS)
    try:
        with waiting_slot():
            if not settle(row, deadline=deadline, by=by, client=get_client()):
                return Busy("Somebody else is working on this participant. It will be finished shortly.")
    except RollcallError as error:
        return error
    finally:
        row.refresh_from_db()
    return None


def settle(
    row: Participant,
    *,
    deadline: Deadline,
    by: Actor,
    client: RealtimeKit,
    listings: Listings | None = None,
    as_of: float | None = None,
    ask_at_once: bool = True,
) -> bool:
    """Do what the row needs. False when another process holds it. Raises Busy, Misconfigured, MeetingUnusable.

    ``as_of`` is the ``time.monotonic`` before the row was read, when it was not read just now; ``ask_at_once`` is
    that of ``addition.add``.
    """
    listings = listings or Listings(client)
    if row.state == ParticipantState.PENDING:
        if not row.meeting.realtimekit_id or row.meeting.state != MeetingState.CREATED:
            row.meeting = rooms.ensure_created(row.meeting, deadline=deadline, by=by, client=client)
        if as_of is None:
            as_of = time.monotonic()
            row.refresh_from_db()
        return add(
            row,
            as_of=as_of,
            deadline=deadline,
            by=by,
            client=client,
            listings=listings,
            ask_at_once=ask_at_once,
        )
    if row.state == ParticipantState.REMOVING:
        return withdraw(row, deadline=deadline, by=by, client=client, listings=listings)
    if row.verify_after and row.verify_after <= timezone.now():
        return _verify(row, deadline, by, client, listings, time.monotonic() if as_of is None else as_of)
    if row.state == ParticipantState.ENROLLED and row.find_drift():
        if not _apply_changes(row, deadline, by, client, listings):
            return False
        row.refresh_from_db()
        # Gone remotely, as the change found out: added anew with it.
        return row.state != ParticipantState.PENDING or settle(row, deadline=deadline, by=by, client=client)
    return True


def _apply_changes(row: Participant, deadline: Deadline, by: Actor, client: RealtimeKit, listings: Listings) -> bool:
    enrolled = Participant.objects.filter(state=ParticipantState.ENROLLED, realtimekit_id=row.realtimekit_id)
    lease = leases.claim(enrolled, row, deadline)
    if lease is None:
        return False
    row.refresh_from_db()
    changes = row.find_drift()
    room, remote_id = str(row.meeting.realtimekit_id), str(row.realtimekit_id)
    try:
        issued = client.participants.patch(room, remote_id, **changes, deadline=deadline)
    except RealtimeKitError as error:
        _weigh_change(row, lease, error, changes.get("preset_name"), deadline, by, listings)
        return True
    now = timezone.now()
    applied = {
        column: changes[name]
        for name, column in (
            ("preset_name", "applied_preset"),
            ("name", "applied_name"),
            ("picture", "applied_picture"),
        )
        if name in changes
    }
    with transaction.atomic():
        held = Participant.objects.held(row.pk, lease).filter(state=ParticipantState.ENROLLED)
        if held.update(**applied, **describe_token(issued.token, now), updated_at=now, **leases.CLEARED):
            record(EventKind.APPLIED, by, participant=row, **changes)
    return True


def _weigh_change(
    row: Participant,
    lease: uuid.UUID,
    error: RealtimeKitError,
    preset_name: str | None,
    deadline: Deadline,
    by: Actor,
    listings: Listings,
) -> None:
    """A failed PATCH: the participant is gone, the change was refused, or it is to be repeated (raised)."""
    failure: RealtimeKitError | Misconfigured = error
    if may_mean_absent(error):
        try:
            return settle_absence(row, lease, error, deadline=deadline, by=by, listings=listings)
        except (RealtimeKitError, Misconfigured) as found:
            failure = found
    refused = isinstance(failure, Refused) and failure is error
    if failure is error and not refused and may_mean_absent(error) and preset_name is not None:
        # The participant is there: an unknown preset is answered with 404 or 500 too (contract 18, row 4).
        refused = listings.lacks_preset(preset_name, deadline=deadline)
    if refused:
        waits = {"last_error_code": CHANGE_REFUSED, "next_attempt_at": None}
        # What staff have chosen meanwhile was not refused, and must not wait for them.
        same = Participant.objects.filter(preset=row.preset_id, name=row.name)
        if not leases.give_back(same, row, lease, failure, **waits):
            leases.give_back(Participant.objects.all(), row, lease, None, next_attempt_at=None)
    else:
        leases.give_back(Participant.objects.all(), row, lease, failure)
        raise (explain(failure) if isinstance(failure, RealtimeKitError) else failure) from None
    return None


def _verify(
    row: Participant, deadline: Deadline, by: Actor, client: RealtimeKit, listings: Listings, as_of: float
) -> bool:
    """List once more and delete extras: exactly one remote participant in the end (design 2.3)."""
    lease = leases.claim(Participant.objects.filter(state=row.state, verify_after=row.verify_after), row, deadline)
    if lease is None:
        return False
    room = str(row.meeting.realtimekit_id)
    try:
        matches = listings.find(row.meeting, row.custom_participant_id, since=as_of, deadline=deadline)
        if _recorded_is_gone(row, room, [match.id for match in matches], deadline, client):
            adopt_other(row, matches[0], held_by=lease, by=by)
            return True
        extras = [match.id for match in matches if match.id != _keep(row)]
        for extra in extras:
            _delete_extra(room, extra, deadline, client)
    except RealtimeKitError as error:
        leases.give_back(Participant.objects.all(), row, lease, error)
        raise explain(error) from None
    with transaction.atomic():
        held = Participant.objects.held(row.pk, lease)
        if held.update(verify_after=None, updated_at=timezone.now(), **leases.CLEARED) and extras:
            record(EventKind.EXTRAS_DELETED, by, participant=row, realtimekit_ids=extras)
    return True


def _keep(row: Participant) -> str | None:
    return row.realtimekit_id if row.state == ParticipantState.ENROLLED else None


def _recorded_is_gone(
    row: Participant, room: str, listed: list[str], deadline: Deadline, client: RealtimeKit
) -> bool:
    """Whether others carry our custom id while the one we recorded is nowhere: then the newest is ours."""
    keep = _keep(row)
    if keep is None or keep in listed or not listed:
        return False
    try:
        client.participants.get(room, keep, deadline=deadline)
    except RealtimeKitError as error:
        if not may_mean_absent(error):
            raise
        return True
    return False


def _delete_extra(room: str, extra: str, deadline: Deadline, client: RealtimeKit) -> None:
    try:
        client.participants.delete(room, extra, deadline=deadline)
    except Absent:
        return  # somebody else deleted it since the listing
