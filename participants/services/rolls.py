"""Who was expected: everybody enrolled when a session began has a row, so that those who never came are known."""

import uuid

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from participants.models import Participant, Presence, Session
from participants.services import presence, tallies

CHUNK = 500


def roll(session: Session) -> None:
    """Give everybody who was expected a row. Safe to repeat, to interrupt, and to be done by several at once.

    Chunk by chunk, each its own transaction: nobody at the door waits for twenty thousand rows.
    """
    if session.rolled_at is not None or session.meeting_id is None:
        return
    nothing = presence.measure([], presence.Bounds.of(session, timezone.now())) | presence.copy(session)
    while keys := _find_missing(session):
        rows = [Presence(session=session, participant_id=key, was_enrolled=True, **nothing) for key in keys]
        with transaction.atomic():
            Presence.objects.bulk_create(rows, ignore_conflicts=True)
    with transaction.atomic():
        tallies.tally(Session.objects.select_for_update(no_key=True).get(pk=session.pk))
    session.rolled_at = timezone.now()
    Session.objects.filter(pk=session.pk, rolled_at=None).update(rolled_at=session.rolled_at)


def _find_missing(session: Session) -> list[uuid.UUID]:
    rolled = Presence.objects.filter(session=session, participant=OuterRef("pk"))
    missing = Participant.objects.filter(presence.expected_in(session)).exclude(Exists(rolled))
    return list(missing.order_by("pk").values_list("pk", flat=True)[:CHUNK])
