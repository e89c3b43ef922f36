"""Refreshing one participant's token, once for everybody who waits (design 4). Tokens are never logged."""

import uuid

from django.db import transaction
from django.utils import timezone

from participants.errors import Misconfigured
from participants.models import Actor, EventKind, Participant
from participants.models.event import record
from participants.realtimekit import Deadline, RealtimeKit, RealtimeKitError
from participants.realtimekit import Participant as RemoteParticipant
from participants.services import leases
from participants.services.listing import Listings, StillThere, may_mean_absent
from participants.services.rooms import VERIFY_AFTER
from participants.services.tokencache import NO_TOKEN, describe_token
from participants.services.trouble import explain
from participants.states import ParticipantState


def refresh(row: Participant, *, deadline: Deadline, by: Actor, client: RealtimeKit) -> bool:
    """Fetch a new token for an enrolled row. False when another process holds it or it moved on.

    When RealtimeKit no longer knows the participant (and its listing bears that out) the row goes back to
    pending, or adopts whoever carries its custom id. Raises Busy or Misconfigured; the cached token stays.
    """
    remote_id = str(row.realtimekit_id)
    enrolled = Participant.objects.filter(state=ParticipantState.ENROLLED, realtimekit_id=remote_id)
    # Guarded by the issue time too: a request that read the row before somebody's refresh repeats nothing.
    current = enrolled.filter(token_issued_at=row.token_issued_at)
    lease = leases.claim(current, row, deadline, refresh_tried_at=timezone.now())
    if lease is None:
        return False
    room = str(row.meeting.realtimekit_id)
    try:
        try:
            token = client.participants.refresh_token(room, remote_id, deadline=deadline)
        except RealtimeKitError as error:
            if not may_mean_absent(error):
                raise
            settle_absence(row, lease, error, deadline=deadline, by=by, listings=Listings(client))
            return True
    except (RealtimeKitError, Misconfigured) as error:
        leases.give_back(Participant.objects.all(), row, lease, error, next_attempt_at=None)
        raise (explain(error) if isinstance(error, RealtimeKitError) else error) from None
    now = timezone.now()
    with transaction.atomic():
        held = Participant.objects.held(row.pk, lease).filter(state=ParticipantState.ENROLLED)
        # A removal that took the lease over leaves no row to write: the token is thrown away.
        if held.update(**describe_token(token, now), updated_at=now, **leases.CLEARED):
            record(EventKind.REFRESHED, by, participant=row)
    return True


def settle_absence(
    row: Participant,
    lease: uuid.UUID,
    error: RealtimeKitError,
    *,
    deadline: Deadline,
    by: Actor,
    listings: Listings,
    since: float | None = None,
) -> None:
    """The leased row's participant is unknown, ``error`` says: put it back to pending, or adopt another one.

    A listing begun at or after ``since`` may be shared. Raises ``error`` when the participant is still listed; else
    as ``Listings.confirm_absent``.
    """
    remote_id = str(row.realtimekit_id)
    try:
        others = listings.confirm_absent(
            row.meeting, row.custom_participant_id, remote_id, deadline=deadline, since=since
        )
    except StillThere:
        raise error from None
    now = timezone.now()
    with transaction.atomic():
        held = Participant.objects.held(row.pk, lease).filter(state=ParticipantState.ENROLLED)
        if others:
            adopt_other(row, others[0], held_by=lease, by=by)
        elif held.update(
            state=ParticipantState.PENDING,
            realtimekit_id=None,
            # Asked anew before it is added: somebody just added may be missing from a list for a while.
            outcome_unknown=True,
            verify_after=None,
            updated_at=now,
            **NO_TOKEN,
            **leases.CLEARED,
        ):
            record(EventKind.LOST, by, participant=row, realtimekit_id=remote_id)


def describe_adopted(remote: RemoteParticipant) -> dict[str, str]:
    """The ``applied_*`` columns of a participant that was there already, cut to what they hold."""
    return {
        "applied_preset": (remote.preset_name or "")[:255],
        "applied_name": (remote.name or "")[:255],
        "applied_picture": (remote.picture or "")[:500],
    }


def adopt_other(row: Participant, other: RemoteParticipant, *, held_by: uuid.UUID, by: Actor) -> None:
    """Record another remote participant with our custom id in place of one that is gone; verified once more later."""
    now = timezone.now()
    adopted = Participant.objects.held(row.pk, held_by).filter(state=ParticipantState.ENROLLED)
    if adopted.update(
        realtimekit_id=other.id,
        **describe_adopted(other),
        gone_at=None,
        verify_after=now + VERIFY_AFTER,
        updated_at=now,
        **NO_TOKEN,
        **leases.CLEARED,
    ):
        record(EventKind.ADOPTED, by, participant=row, realtimekit_id=other.id)
