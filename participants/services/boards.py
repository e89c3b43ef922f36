"""A meeting in progress: who is present, who has left, who is not here yet."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet

from participants.models import Meeting, Participant, Presence, Session
from participants.states import OCCUPYING

SHOWN = 300
"""People of each kind whose names are shown; the counts are of all."""


@dataclass(frozen=True)
class Member:
    participant_id: UUID
    name: str
    since: datetime | None


@dataclass(frozen=True)
class Board:
    """``session`` is the newest that runs; without one everybody enrolled is still to come."""

    session: Session | None
    present: list[Member]
    left: list[Member]
    missing: list[Member]
    present_count: int
    left_count: int
    missing_count: int


def read(meeting: Meeting) -> Board:
    session = Session.objects.live().filter(meeting=meeting).order_by(F("started_at").desc(nulls_last=True)).first()
    came = (
        Presence.objects.filter(session=session, first_joined_at__isnull=False)
        if session
        else Presence.objects.none()
    )
    present, left = came.filter(is_present=True), came.filter(is_present=False)
    # Also who was enrolled after the session had begun, of whom no presence is known yet.
    here = Exists(came.filter(participant=OuterRef("pk")))
    missing = Participant.objects.filter(meeting=meeting, state__in=OCCUPYING)
    missing = missing.exclude(here) if session else missing
    return Board(
        session,
        _list_presences(present, "first_joined_at"),
        _list_presences(left, "last_left_at"),
        [
            Member(row.pk, row.effective_name, None)
            for row in missing.select_related("person").order_by("person__display_name", "pk")[:SHOWN]
        ],
        present.count(),
        left.count(),
        missing.count(),
    )


def _list_presences(rows: QuerySet[Presence], since: str) -> list[Member]:
    found = rows.select_related("participant__person").order_by("participant__person__display_name", "pk")[:SHOWN]
    return [Member(row.participant_id, row.participant.effective_name, getattr(row, since)) for row in found]
