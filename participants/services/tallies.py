"""What is counted once, when it is written, and not in every list: how many came to a session, and who ever came.

Called with the session locked, so that what is counted holds still.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, Min, OuterRef, Q, Subquery, Sum

from participants.models import Participant, Presence, Session

CHUNK = 2_000
_CAME = Q(first_joined_at__isnull=False)
_COLUMNS = ("expected_count", "came_count", "absent_count", "present_seconds")


@dataclass(frozen=True)
class Share:
    """What one person adds to the counts of a session."""

    first_joined_at: datetime | None
    was_enrolled: bool
    seconds: int

    @classmethod
    def of(cls, row: Presence) -> "Share":
        seconds = row.measured_seconds if row.corrected_seconds is None else row.corrected_seconds
        return cls(row.first_joined_at, row.was_enrolled, seconds)

    def came_like(self, other: "Share | None") -> bool:
        return self.first_joined_at == (other.first_joined_at if other else None)


def find_beginning(session: Session) -> datetime:
    """Its place among all sessions; of one of which nobody told when it began, when we heard of it."""
    return session.started_at or session.created_at


def tally(session: Session) -> None:
    """Count who was expected, came and did not. Written only where it changed."""
    counted = Presence.objects.filter(session=session).aggregate(
        expected_count=Count("pk", filter=Q(was_enrolled=True)),
        came_count=Count("pk", filter=_CAME),
        absent_count=Count("pk", filter=~_CAME),
        present_seconds=Sum("seconds", default=0),
    )
    before = Session.objects.filter(pk=session.pk).values(*_COLUMNS).first()
    if before is not None and before != counted:
        Session.objects.filter(pk=session.pk).update(**counted)


def adjust(session: Session, before: Iterable[Share | None], after: Iterable[Share]) -> None:
    """``tally`` by what changed: thousands who join one after another don't count each other."""
    old, new = _sum(share for share in before if share), _sum(after)
    changes = {name: new[name] - old[name] for name in _COLUMNS if new[name] != old[name]}
    if changes:
        Session.objects.filter(pk=session.pk).update(**{name: F(name) + by for name, by in changes.items()})


def _sum(shares: Iterable[Share]) -> dict[str, int]:
    found = list(shares)
    came = sum(share.first_joined_at is not None for share in found)
    counts = (sum(share.was_enrolled for share in found), came, len(found) - came, sum(s.seconds for s in found))
    return dict(zip(_COLUMNS, counts, strict=True))


def note_first(keys: Sequence[uuid.UUID]) -> None:
    """Say when these participants first came to any session; most have long been known to."""
    for start in range(0, len(keys), CHUNK):
        _note_first(keys[start : start + CHUNK])


def _note_first(keys: Sequence[uuid.UUID]) -> None:
    came = Presence.objects.filter(_CAME, participant=OuterRef("pk")).order_by().values("participant")
    first = Subquery(came.annotate(at=Min("first_joined_at")).values("at")[:1])
    rows = Participant.objects.filter(pk__in=keys).annotate(first=first)
    differs = ~Q(first_came_at=F("first")) | Q(first_came_at__isnull=True, first__isnull=False)
    differs |= Q(first_came_at__isnull=False, first__isnull=True)
    # In the order in which everybody else takes them, or two could wait for each other's rows.
    changed = rows.filter(differs).order_by("pk").select_for_update(of=("self",), no_key=True)
    with transaction.atomic(savepoint=False):
        if found := list(changed.values_list("pk", flat=True)):
            Participant.objects.filter(pk__in=found).update(first_came_at=first)
