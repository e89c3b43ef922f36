"""People who were known twice until staff merged them: what either attended counts as one person's.

Where both had a row in a meeting, the user's was kept and the guest's removed (``linking``). Both keep the custom id
they were added under, and a connection the one it came with; whose it is, and who was expected, is the kept row's.
"""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from participants.models import Actor, Attendance, EventKind, Participant, Presence, Session
from participants.models.event import record
from participants.services import presence

LIMIT = 200
"""Sessions of one pass; the next pass finds the others."""


def find_kept(guests: Iterable[Participant]) -> dict[uuid.UUID, Participant]:
    """By the ids of those of these rows whose person was merged: the row that counts for them. Needs ``person``."""
    merged = [row for row in guests if row.person.merged_into_id]
    if not merged:
        return {}
    wanted = {row.person.merged_into_id for row in merged}
    rows = Participant.objects.filter(meeting__in={row.meeting_id for row in merged}, person__in=wanted)
    kept = {(row.meeting_id, row.person_id): row for row in rows.defer("token")}
    found = {row.pk: kept.get((row.meeting_id, row.person.merged_into_id)) for row in merged}  # type: ignore[arg-type]
    return {key: row for key, row in found.items() if row is not None}


def unite_all(*, by: Actor, guests: Iterable[Participant] | None = None) -> int:
    """Have one line in each session for who still has two, of these guests' rows or of all; how many sessions.

    Found in the rows: a delivery may have been worked on at the very moment of a merger.
    """
    kept = Participant.objects.filter(
        meeting=OuterRef("participant__meeting"), person=OuterRef("participant__person__merged_into")
    )
    theirs = Q(Exists(kept), participant__person__merged_into__isnull=False)
    if guests is not None:
        theirs &= Q(participant__in=[row.pk for row in guests])
    keys: set[uuid.UUID] = set()
    for model in (Attendance, Presence):
        keys.update(model.objects.filter(theirs).order_by().values_list("session", flat=True).distinct()[:LIMIT])
    for key in sorted(keys)[:LIMIT]:
        with transaction.atomic():
            unite(Session.objects.select_for_update(no_key=True).get(pk=key), by=by)
    return len(keys)


def unite(session: Session, *, by: Actor) -> None:
    """Hand connections, expectation and correction over to the kept rows; call with the session locked."""
    connected = Attendance.objects.filter(session=session, participant=OuterRef("pk"))
    counted = Presence.objects.filter(session=session, participant=OuterRef("pk"))
    merged = Participant.objects.filter(meeting=session.meeting_id, person__merged_into__isnull=False)
    guests = merged.filter(Exists(connected) | Exists(counted)).select_related("person")
    for guest, kept in find_kept(guests.defer("token")).items():
        theirs = Presence.objects.filter(session=session, participant=guest).first()
        Attendance.objects.filter(session=session, participant=guest).update(
            participant=kept, updated_at=timezone.now()
        )
        if theirs is not None:
            _hand_over(session, theirs, kept, by)
        presence.recompute(session, [kept.pk])


def _hand_over(session: Session, theirs: Presence, kept: Participant, by: Actor) -> None:
    mine, _ = Presence.objects.get_or_create(session=session, participant=kept)
    corrections = [row for row in (mine, theirs) if row.corrected_seconds is not None]
    shift = sum(row.seconds - row.measured_seconds for row in corrections)
    theirs.delete()
    changes: dict[str, Any] = {"was_enrolled": mine.was_enrolled or theirs.was_enrolled}
    if corrections:
        # What staff added to one, or took from it, is added to both together.
        presence.recompute(session, [kept.pk])
        measured = Presence.objects.get(pk=mine.pk).measured_seconds
        last = max(corrections, key=lambda row: row.corrected_at or row.updated_at)
        reasons = dict.fromkeys(row.correction_reason for row in corrections)
        changes |= {
            "corrected_seconds": min(max(0, measured + shift), presence.MOST_SECONDS),
            "correction_reason": "; ".join(reasons)[: presence.REASON_LIMIT],
            "corrected_by": last.corrected_by,
            "corrected_at": last.corrected_at,
        }
        told = {"measured": measured, "before": mine.corrected_seconds, "now": changes["corrected_seconds"]}
        reason = changes["correction_reason"]
        record(EventKind.CORRECTED, by, participant=kept, session=str(session.pk), seconds=told, reason=reason)
    Presence.objects.filter(pk=mine.pk).update(**changes, updated_at=timezone.now())
