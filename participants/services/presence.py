"""What became of each person in each session: the union of their connections, computed anew at every news.

Two tabs count once. Whoever is still there is counted up to now, or up to the end. A correction by staff says how
long, not when: minutes and shares follow it, late and early are always as measured.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from participants.errors import CorrectionRefused
from participants.models import Actor, Attendance, EventKind, Participant, Presence, Session
from participants.models.event import record
from participants.services import intervals, tallies
from participants.states import ParticipantState

CHUNK = 500
GAP = timedelta(seconds=5)
"""Away for longer than this, and coming back counts as a rejoin."""
SKEW = timedelta(minutes=1)
"""RealtimeKit's clock says when a session began, ours when somebody was enrolled (contract 18, row 30)."""
LIVE_LIMIT = 1000
REASON_LIMIT = 300
MOST_SECONDS = 7 * 24 * 3600
_MEASURED = (
    *("first_joined_at", "last_left_at", "is_present", "connections", "rejoins", "measured_seconds"),
    *("late_seconds", "left_early_seconds", "share_of_window", "share_of_session"),
)


APPOINTMENT = timedelta(days=1)
"""The longest hours of a meeting for which somebody can be late."""


@dataclass(frozen=True)
class Bounds:
    """Of one session; ``now`` is when those who are still there are counted to."""

    started_at: datetime | None
    ended_at: datetime | None
    opens_at: datetime | None
    closes_at: datetime | None
    now: datetime

    @classmethod
    def of(cls, session: Session, now: datetime) -> "Bounds":
        return cls(session.started_at, session.ended_at, session.opens_at, session.closes_at, now)

    @property
    def end(self) -> datetime:
        return self.ended_at or self.now

    @property
    def meets_window(self) -> bool:
        """Whether the meeting's hours were an appointment that this run was of.

        A run wholly before or after them says nothing about late and early. Nor do hours of more than a day: nobody
        is late for a room that is open all term.
        """
        started = self.started_at or self.end
        overlaps = (self.opens_at is None or self.end > self.opens_at) and (
            self.closes_at is None or started < self.closes_at
        )
        # Where one end is open, how far off this run lies.
        length = (self.closes_at or started) - (self.opens_at or self.end)
        return overlaps and length <= APPOINTMENT


@dataclass(frozen=True)
class Connection:
    """``left_at`` is None while it lasts."""

    joined_at: datetime
    left_at: datetime | None


def measure(connections: list[Connection], bounds: Bounds, *, corrected: int | None = None) -> dict[str, Any]:
    """The measured columns of a Presence. Pure.

    Late and early are None where there is no such bound, for who never came, and early as long as they may return.
    """
    times = intervals.unite((each.joined_at, each.left_at or bounds.end) for each in connections)
    is_present = any(each.left_at is None for each in connections)
    first = times[0][0] if times else None
    last = times[-1][1] if times and not is_present else None
    seconds = intervals.measure(times)
    told = {
        "first_joined_at": first,
        "last_left_at": last,
        "is_present": is_present,
        "connections": len(connections),
        "rejoins": intervals.count_gaps(times, longer_than=GAP),
        "measured_seconds": round(seconds),
        "late_seconds": None,
        "left_early_seconds": None,
        "share_of_window": None,
        "share_of_session": _share(corrected, seconds, bounds.started_at, bounds.end),
    }
    if bounds.meets_window:
        if first and bounds.opens_at:
            told["late_seconds"] = _count(first - bounds.opens_at)
        if last and bounds.closes_at and bounds.ended_at:
            told["left_early_seconds"] = _count(bounds.closes_at - last)
        if bounds.opens_at and bounds.closes_at:
            inside = intervals.measure(intervals.clip(times, bounds.opens_at, bounds.closes_at))
            told["share_of_window"] = _share(corrected, inside, bounds.opens_at, bounds.closes_at)
    return told


def _count(length: timedelta) -> int:
    return max(0, round(length.total_seconds()))


def _share(corrected: int | None, seconds: float, begin: datetime | None, end: datetime) -> float | None:
    whole = (end - begin).total_seconds() if begin else 0.0
    if whole <= 0:
        return None
    return min(1.0, (seconds if corrected is None else corrected) / whole)


def recompute(
    session: Session, participants: Iterable[uuid.UUID] | None = None, *, now: datetime | None = None
) -> int:
    """Bring the rows of these participants (ids; all, if None) up to date; how many rows changed.

    The session is locked meanwhile, or two tabs opened at once could each be counted without the other.
    """
    with transaction.atomic():
        locked = Session.objects.select_for_update(no_key=True).get(pk=session.pk)
        bounds = Bounds.of(locked, now or timezone.now())
        keys = None if participants is None else set(participants)
        connections = _read_connections(locked, keys)
        rows = {row.participant_id: row for row in _narrow(Presence.objects.filter(session=locked), keys)}
        before = {key: tallies.Share.of(row) for key, row in rows.items()}
        copied = copy(locked)
        stale = []
        # In the order in which a roll inserts, or two of them could wait for each other's rows.
        for key in sorted(rows.keys() | connections.keys()):
            row = rows.get(key) or Presence(session=locked, participant_id=key)
            told = measure(connections.get(key, []), bounds, corrected=row.corrected_seconds) | copied
            if key not in rows or any(getattr(row, name) != value for name, value in told.items()):
                for name, value in told.items():
                    setattr(row, name, value)
                stale.append(row)
        _note_expected(locked, [row for row in stale if row.participant_id not in rows])
        Presence.objects.bulk_create(
            stale,
            batch_size=CHUNK,
            update_conflicts=True,
            unique_fields=["session", "participant"],
            update_fields=[*_MEASURED, "meeting", "began_at", "updated_at"],
        )
        # A recorder that was taken for a person leaves no trace, unless they were expected.
        gone = [row.pk for row in stale if not row.connections and not row.was_enrolled]
        lost = bool(gone) and Presence.objects.filter(pk__in=gone, corrected_seconds=None).delete()[0]
        after = {row.participant_id: tallies.Share.of(row) for row in stale}
        if keys is None or lost:
            tallies.tally(locked)
        else:
            tallies.adjust(locked, [before.get(key) for key in after], after.values())
        tallies.note_first([key for key, share in after.items() if not share.came_like(before.get(key))])
    return len(stale)


def copy(session: Session) -> dict[str, Any]:
    """What a row repeats of its session."""
    return {"meeting_id": session.meeting_id, "began_at": tallies.find_beginning(session)}


def correct(row: Presence, *, seconds: int, reason: str, by: Actor) -> Presence:
    """Say how long somebody was there, against what was measured, which stays. Raises CorrectionRefused."""
    reason = " ".join(reason.split())
    if not reason or len(reason) > REASON_LIMIT:
        raise CorrectionRefused(f"Say why, in at most {REASON_LIMIT} characters.")
    if not 0 <= seconds <= MOST_SECONDS:
        raise CorrectionRefused("Give the seconds somebody was there: not negative, and of a week at most.")
    told = {"corrected_seconds": seconds, "correction_reason": reason}
    who = {"corrected_by": by.user, "corrected_key": by.key, "corrected_at": timezone.now()}
    return _rule(row, {**told, **who}, EventKind.CORRECTED, by)


def withdraw_correction(row: Presence, *, by: Actor) -> Presence:
    """What was measured counts again. Safe to repeat."""
    told = {"corrected_seconds": None, "correction_reason": ""}
    who = {"corrected_by": None, "corrected_key": None, "corrected_at": None}
    return _rule(row, {**told, **who}, EventKind.CORRECTION_WITHDRAWN, by)


def _rule(row: Presence, told: dict[str, Any], kind: EventKind, by: Actor) -> Presence:
    with transaction.atomic():
        session = Session.objects.select_for_update(no_key=True).get(pk=row.session_id)
        now = Presence.objects.select_related("participant").get(pk=row.pk)
        seconds, reason = told["corrected_seconds"], told["correction_reason"]
        if (now.corrected_seconds, now.correction_reason) != (seconds, reason):
            Presence.objects.filter(pk=row.pk).update(**told, updated_at=timezone.now())
            told_of = {"measured": now.measured_seconds, "before": now.corrected_seconds, "now": seconds}
            record(kind, by, participant=now.participant, session=str(session.pk), seconds=told_of, reason=reason)
            recompute(session, [row.participant_id])
            tallies.tally(session)  # what was corrected is in no difference that was counted
    return Presence.objects.get(pk=row.pk)


def recompute_live() -> int:
    """Count on for whoever is in a room: minutes and shares of sessions in progress; how many sessions."""
    inside = Attendance.objects.filter(session=OuterRef("pk"), left_at=None)
    sessions = list(Session.objects.live().filter(Exists(inside))[:LIVE_LIMIT])
    for session in sessions:
        recompute(session)
    return len(sessions)


def _narrow(rows: QuerySet[Presence], keys: set[uuid.UUID] | None) -> QuerySet[Presence]:
    return rows if keys is None else rows.filter(participant__in=keys)


def _read_connections(session: Session, keys: set[uuid.UUID] | None) -> dict[uuid.UUID, list[Connection]]:
    rows = Attendance.objects.filter(session=session, is_recorder=False).exclude(participant=None)
    if keys is not None:
        rows = rows.filter(participant__in=keys)
    found: dict[uuid.UUID, list[Connection]] = defaultdict(list)
    for key, joined_at, left_at in rows.values_list("participant_id", "joined_at", "left_at"):
        begin = joined_at or left_at or session.started_at
        if begin is not None:
            found[key].append(Connection(begin, left_at))
    return found


def expected_in(session: Session) -> Q:
    """Participants of the session's meeting who were enrolled when it began, as far as their rows tell.

    Somebody merged was, where either row was; the kept one stands for both.
    """
    began = (session.started_at or session.created_at) + SKEW
    # Whom RealtimeKit refused could not come.
    states = Q(state__in=(ParticipantState.PENDING, ParticipantState.ENROLLED))
    removed_later = Q(state__in=(ParticipantState.REMOVING, ParticipantState.REMOVED), removed_at__gt=began)
    away = Q(away_from__lte=began, away_until__gt=began)
    enrolled = Q(created_at__lte=began) & (states | removed_later) & ~away
    guests = Participant.objects.filter(enrolled, meeting=session.meeting_id, person__merged_into__isnull=False)
    known_as_guests = list(guests.values_list("person__merged_into", flat=True))
    kept = enrolled | Q(person__in=known_as_guests) if known_as_guests else enrolled
    return Q(meeting=session.meeting_id, person__merged_into=None) & kept


def enrolled_during(session: Session, now: datetime) -> Q:
    """Participants of the session's meeting who were enrolled, or restored, while it ran: too late to be expected."""
    began, ended = (session.started_at or session.created_at) + SKEW, session.ended_at or now
    states = Q(state__in=(ParticipantState.PENDING, ParticipantState.ENROLLED))
    new = Q(created_at__gt=began, created_at__lt=ended)
    restored = Q(away_from__lte=began, away_until__gt=began, away_until__lt=ended)
    return Q(meeting=session.meeting_id, person__merged_into=None) & states & (new | restored)


def _note_expected(session: Session, rows: list[Presence]) -> None:
    """News of somebody may come before the roll that would have said that they were expected."""
    if rows and session.meeting_id:
        keys = [row.participant_id for row in rows]
        expected = Participant.objects.filter(expected_in(session), pk__in=keys)
        were = set(expected.values_list("pk", flat=True))
        for row in rows:
            row.was_enrolled = row.participant_id in were
