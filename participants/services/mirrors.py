"""Reading who is in a meeting at RealtimeKit, page by page, onto our rows: ``raw``, ``seen_at``, ``gone_at``.

Only what RealtimeKit says is written, never what staff wish; who is missing is marked and no more (design 2.3).
Memory holds a page at a time and, for a comparison, the few fields of everybody that it compares.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from participants.errors import Misconfigured
from participants.gateway import waiting_slot
from participants.models import Actor, EventKind, Meeting, Participant
from participants.models.event import record_many
from participants.models.participant import ParticipantQuerySet
from participants.realtimekit import Absent, Deadline, RealtimeKit
from participants.realtimekit import Meeting as RemoteMeeting
from participants.realtimekit import Participant as RemoteParticipant
from participants.services.trouble import translated
from participants.states import ParticipantState

R = TypeVar("R")
LAG = timedelta(minutes=2)
"""How long a row that was just worked on may be missing from a list (contract 18, row 32)."""
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """A remote participant as far as it is compared. ``name`` and ``picture`` are None where the list has no such
    field, which says nothing of what they are."""

    id: str
    custom_id: str
    preset: str
    name: str | None
    picture: str | None
    made_at: float


@dataclass
class Mirror:
    """What one complete reading found. ``people`` is empty unless it was to be kept."""

    remote: RemoteMeeting
    begun: datetime
    seen: int = 0
    gone: int = 0
    people: list[Seen] = field(default_factory=list)


def mirror(meeting: Meeting, *, by: Actor, deadline: Deadline, client: RealtimeKit, keep: bool = False) -> Mirror:
    """Read a meeting and everybody in it. Raises Busy, or Misconfigured when RealtimeKit does not know the meeting.

    A list that can't be read to its end marks nobody gone.
    """
    room, begun = str(meeting.realtimekit_id), timezone.now()
    with waiting_slot(), translated():
        try:
            found = Mirror(client.meetings.get(room, deadline=deadline), begun)
        except Absent:
            reason = f"RealtimeKit does not know the meeting {meeting.title!r}."
            raise Misconfigured(meeting_id=str(meeting.pk), reason=reason) from None
        writer = _Writer(meeting)
        if keep:
            found.people = client.participants.walk(room, writer.taking(read), deadline=deadline)
            found.seen = len(found.people)
        else:
            found.seen = len(client.participants.walk(room, writer.taking(lambda one: one.id), deadline=deadline))
    writer.flush()
    found.gone = _mark_gone(meeting, begun, by)
    return found


def find_doubtless(meeting: Meeting, begun: datetime) -> ParticipantQuerySet:
    """Enrolled rows that a complete list begun at that moment has to show, were they still there."""
    settled = Participant.objects.filter(meeting=meeting, created_at__lt=begun - LAG, updated_at__lt=begun - LAG)
    return settled.unleased().filter(  # type: ignore[return-value]  # its subclass
        state=ParticipantState.ENROLLED, outcome_unknown=False, verify_after=None
    )


def read(one: RemoteParticipant) -> Seen:
    return Seen(
        id=one.id,
        custom_id=one.custom_participant_id or "",
        preset=one.preset_name or "",
        name=one.name or ("" if "name" in one.raw else None),
        picture=one.picture or ("" if "picture" in one.raw else None),
        made_at=one.created_at.timestamp() if one.created_at else 0.0,
    )


def _mark_gone(meeting: Meeting, begun: datetime, by: Actor) -> int:
    missing = find_doubtless(meeting, begun).filter(Q(seen_at=None) | Q(seen_at__lt=begun), gone_at=None)
    count = 0
    while True:
        with transaction.atomic():
            rows = list(missing.order_by("pk").select_for_update(of=("self",), no_key=True)[:CHUNK])
            Participant.objects.filter(pk__in=[row.pk for row in rows]).update(gone_at=timezone.now())
            record_many(EventKind.GONE, by, rows)
        count += len(rows)
        if len(rows) < CHUNK:
            return count


class _Writer:
    """Writes what was read, a chunk at a time and between calls, so that no lock is held during one."""

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting
        self._waiting: dict[str, dict[str, object]] = {}

    def taking(self, then: Callable[[RemoteParticipant], R]) -> Callable[[RemoteParticipant], R]:
        def take(one: RemoteParticipant) -> R:
            if len(self._waiting) >= CHUNK:
                self.flush()
            self._waiting[one.id] = one.raw
            return then(one)

        return take

    def flush(self) -> None:
        told, self._waiting = self._waiting, {}
        if not told:
            return
        now = timezone.now()
        with transaction.atomic():
            rows = Participant.objects.filter(meeting=self.meeting, realtimekit_id__in=told).order_by("pk")
            known = list(
                rows.select_for_update(of=("self",), no_key=True).only("pk", "realtimekit_id", "raw", "gone_at")
            )
            changed = [row for row in known if row.raw != told[str(row.realtimekit_id)]]
            for row in changed:
                row.raw = dict(told[str(row.realtimekit_id)])
            Participant.objects.bulk_update(changed, ["raw"], batch_size=100)
            Participant.objects.filter(pk__in=[row.pk for row in known]).update(seen_at=now, gone_at=None)
