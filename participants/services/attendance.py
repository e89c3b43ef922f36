"""Who came to a meeting, a line a person: their connections in all its sessions, put together.

A room is used again and again, and its hours may differ from run to run. Late and early are counted once for each
window that somebody came to, and added up; a share is of all windows in which they were expected or came.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils import timezone

from participants.models import Attendance, Meeting, Participant, Presence, Session
from participants.services import attendancefilters, intervals
from participants.services.intervals import Interval
from participants.services.presence import Bounds
from participants.states import KnownBy

_LEAST_SURE = (KnownBy.ESTIMATED, KnownBy.PULLED, KnownBy.WEBHOOK)


@dataclass(frozen=True)
class Stay:
    """One connection; ``left_at`` is None while it lasts. ``known_by`` is of its less certain end."""

    session_id: uuid.UUID
    peer_id: str
    joined_at: datetime | None
    left_at: datetime | None
    known_by: str


@dataclass(frozen=True)
class Record:
    """One person in one meeting. ``seconds_present`` is measured, ``seconds`` is what counts after corrections.

    ``participant`` is None for somebody we don't know; late, early and share are None where there were no hours.
    """

    participant: Participant | None
    custom_participant_id: str
    name: str
    stays: Sequence[Stay]
    first_joined_at: datetime | None
    last_left_at: datetime | None
    is_present: bool
    seconds_present: int
    seconds: int
    is_corrected: bool
    late_seconds: int | None = None
    left_early_seconds: int | None = None
    share_of_window: float | None = None


def list_people(meeting: Meeting, asked: Mapping[str, Any]) -> QuerySet[Participant]:
    """Participants who were expected in a session of the meeting or came, as far as a row of theirs answers."""
    rows = attendancefilters.narrow(Presence.objects.filter(participant=OuterRef("pk")), asked)
    return Participant.objects.with_relations().filter(Exists(rows), meeting=meeting)


def list_strangers(meeting: Meeting, session: uuid.UUID | None = None) -> QuerySet[Attendance, Any]:
    """``key`` of everybody who was there and is nobody of ours: their custom id, else the connection's.

    Recorders are left out.
    """
    rows = Attendance.objects.filter(session__meeting=meeting, participant=None, is_recorder=False)
    if session is not None:
        rows = rows.filter(session=session)
    return rows.annotate(key=_STRANGER).order_by("key").values("key").distinct()


_STRANGER = Coalesce(NullIf(F("custom_participant_id"), Value("")), F("peer_id"))


def describe(
    meeting: Meeting, people: Sequence[Participant], *, session: uuid.UUID | None = None, now: datetime | None = None
) -> list[Record]:
    """A line for each of these participants, in the order given."""
    keys = [person.pk for person in people]
    presences = Presence.objects.filter(participant__in=keys, session__meeting=meeting)
    rows = Attendance.objects.filter(participant__in=keys, session__meeting=meeting, is_recorder=False)
    if session is not None:
        presences, rows = presences.filter(session=session), rows.filter(session=session)
    expected: dict[uuid.UUID, list[Presence]] = defaultdict(list)
    for presence in presences.select_related("session").defer("session__raw"):
        expected[presence.participant_id].append(presence)
    connections: dict[uuid.UUID | None, list[Attendance]] = defaultdict(list)
    for row in rows.select_related("session").defer("session__raw").order_by("joined_at", "pk"):
        connections[row.participant_id].append(row)
    moment = now or timezone.now()
    return [_describe(person, connections[person.pk], expected[person.pk], moment) for person in people]


def describe_strangers(meeting: Meeting, keys: Sequence[str], *, session: uuid.UUID | None = None) -> list[Record]:
    """A line for each ``key`` of ``list_strangers``."""
    named = Q(custom_participant_id__in=keys) | Q(custom_participant_id="", peer_id__in=keys)
    rows = Attendance.objects.filter(named, session__meeting=meeting, participant=None, is_recorder=False)
    if session is not None:
        rows = rows.filter(session=session)
    found: dict[str, list[Attendance]] = defaultdict(list)
    for row in rows.select_related("session").defer("session__raw").order_by("joined_at", "pk"):
        found[row.custom_participant_id or row.peer_id].append(row)
    now = timezone.now()
    return [_describe(None, found[key], (), now) for key in keys]


def _describe(
    person: Participant | None, rows: Sequence[Attendance], expected: Iterable[Presence], now: datetime
) -> Record:
    expected = list(expected)
    times = intervals.unite(_read_times(rows, now))
    is_present = any(row.left_at is None for row in rows)
    seconds = round(intervals.measure(times))
    corrections = [(row.seconds - row.measured_seconds) for row in expected if row.corrected_seconds is not None]
    late, early, share = _compare(rows, [row.session for row in expected], now)
    return Record(
        participant=person,
        custom_participant_id=person.custom_participant_id if person else _first(rows, "custom_participant_id"),
        name=person.effective_name if person else _first(rows, "name"),
        stays=[_tell(row) for row in rows],
        first_joined_at=times[0][0] if times else None,
        last_left_at=times[-1][1] if times and not is_present else None,
        is_present=is_present,
        seconds_present=seconds,
        seconds=max(0, seconds + sum(corrections)),
        is_corrected=bool(corrections),
        late_seconds=late,
        left_early_seconds=early,
        share_of_window=share,
    )


def _first(rows: Sequence[Attendance], column: str) -> str:
    return next((getattr(row, column) for row in rows if getattr(row, column)), "")


def _tell(row: Attendance) -> Stay:
    ways = {row.joined_known_by} | ({row.left_known_by} if row.left_at else set())
    known_by = next((way.value for way in _LEAST_SURE if way in ways), KnownBy.ESTIMATED.value)
    return Stay(row.session_id, row.peer_id, row.joined_at, row.left_at, known_by)


def _read_times(rows: Iterable[Attendance], now: datetime) -> list[Interval]:
    return [
        (begin, row.left_at or row.session.ended_at or now) for row in rows if (begin := row.joined_at or row.left_at)
    ]


def _compare(
    rows: Sequence[Attendance], sessions: Sequence[Session], now: datetime
) -> tuple[int | None, int | None, float | None]:
    """Late, left early, and the share of the windows; of sessions in which the person was expected or came."""
    windows: dict[tuple[datetime | None, datetime | None], list[Session]] = defaultdict(list)
    for session in {session.pk: session for session in sessions}.values():
        if (session.opens_at or session.closes_at) and Bounds.of(session, now).meets_window:
            windows[session.opens_at, session.closes_at].append(session)
    late: list[float] = []
    early: list[float] = []
    inside = whole = 0.0
    for (opens_at, closes_at), group in windows.items():
        keys = {session.pk for session in group}
        mine = [row for row in rows if row.session_id in keys]
        times = intervals.unite(_read_times(mine, now))
        if opens_at and closes_at:
            inside += intervals.measure(intervals.clip(times, opens_at, closes_at))
            whole += (closes_at - opens_at).total_seconds()
        if times and opens_at:
            late.append(_count(times[0][0] - opens_at))
        if times and closes_at and all(session.ended_at for session in group):
            early.append(_count(closes_at - times[-1][1]))
    share = min(1.0, inside / whole) if whole else None
    return _total(late), _total(early), share


def _count(length: timedelta) -> float:
    return max(0.0, length.total_seconds())


def _total(lengths: list[float]) -> int | None:
    return round(sum(lengths)) if lengths else None
