"""One session of a meeting as a report: who was there when, and what it comes to. Reads, never writes."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Avg, Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from participants.models import Attendance, Meeting, Participant, Presence, Session
from participants.services import intervals, presence

SHOWN = 200
"""People on the timeline, and in each list of those who did not come. All are in the list of attendance."""
SESSIONS_SHOWN = 100
POINTS = 60
_STEPS = (1 / 12, 1 / 6, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440)
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Line:
    """One person on the timeline. ``spans`` are the union of their connections."""

    presence: Presence
    spans: list[Span]

    @property
    def name(self) -> str:
        return self.presence.participant.effective_name


@dataclass(frozen=True)
class Point:
    """How many people were present at a moment."""

    at: datetime
    present: int


@dataclass(frozen=True)
class Tiles:
    """``average_seconds`` is of those who came; ``peak`` is the most people at once. ``unexpected`` ones came, though
    they were not enrolled when it began; ``never_came`` are of those expected."""

    expected: int
    came: int
    unexpected: int
    never_came: int
    average_seconds: float
    late: int
    rejoins: int
    peak: int
    average_share: float | None


@dataclass(frozen=True)
class Report:
    session: Session
    begins: datetime
    ends: datetime
    tiles: Tiles
    lines: list[Line]
    points: list[Point]
    absent: list[Presence]
    later: list[Participant]
    later_count: int
    recorders: int
    strangers: int

    @property
    def minute_by_minute(self) -> bool:
        """Whether no two points are of the same minute."""
        return len(self.points) < 2 or self.points[1].at - self.points[0].at >= timedelta(minutes=1)

    @property
    def hidden(self) -> int:
        """People who came but are not on the timeline."""
        return self.tiles.came - len(self.lines)

    @property
    def hidden_absent(self) -> int:
        return self.tiles.never_came - len(self.absent)

    @property
    def hidden_later(self) -> int:
        return self.later_count - len(self.later)


def list_sessions(meeting: Meeting) -> QuerySet[Session]:
    """The newest first."""
    return Session.objects.filter(meeting=meeting).order_by(F("started_at").desc(nulls_last=True), "-pk")


def build(session: Session, now: datetime) -> Report:
    rows = Presence.objects.filter(session=session)
    begins, ends = _find_frame(session, now)
    spans = _read_spans(session, ends)
    related = ("participant__person", "participant__meeting")
    came = rows.filter(first_joined_at__isnull=False).select_related(*related)
    absent = rows.filter(first_joined_at=None, was_enrolled=True).select_related(*related)
    by_name = ("participant__person__display_name", "pk")
    later = _find_later(session, rows, now)
    changes = _list_changes(spans.values())
    lines = [
        Line(row, [(max(begin, begins), min(end, ends)) for begin, end in spans.get(row.participant_id, [])])
        for row in came.order_by("first_joined_at", "pk")[:SHOWN]
    ]
    return Report(
        session=session,
        begins=begins,
        ends=ends,
        tiles=_count(rows, changes),
        lines=lines,
        points=_sample(changes, begins, ends),
        absent=list(absent.order_by(*by_name)[:SHOWN]),
        later=list(later.select_related("person").defer("token").order_by("person__display_name", "pk")[:SHOWN]),
        later_count=later.count(),
        recorders=Attendance.objects.filter(session=session, is_recorder=True).count(),
        strangers=Attendance.objects.filter(session=session, is_recorder=False, participant=None).count(),
    )


def _find_later(session: Session, rows: QuerySet[Presence], now: datetime) -> QuerySet[Participant]:
    """Who was enrolled while it ran, and did not come: no no-show, since nobody expected them when it began."""
    known = rows.filter(participant=OuterRef("pk"))
    return Participant.objects.filter(presence.enrolled_during(session, now)).exclude(Exists(known))


def _find_frame(session: Session, now: datetime) -> Span:
    """From the first thing known of the session to the last, at least a minute."""
    known = Attendance.objects.filter(session=session).aggregate(first=Min("joined_at"), last=Max("left_at"))
    begins = min(filter(None, (session.started_at, known["first"])), default=session.created_at)
    over = now if session.is_live else max(filter(None, (session.ended_at, known["last"])), default=begins)
    return begins, max(over, begins + timedelta(minutes=1))


def _read_spans(session: Session, ends: datetime) -> dict[uuid.UUID, list[Span]]:
    """Each participant's connections, united; one without an end lasts to the end of the session."""
    found: defaultdict[uuid.UUID, list[Span]] = defaultdict(list)
    rows = Attendance.objects.filter(session=session, participant__isnull=False, is_recorder=False)
    for key, joined, left in rows.order_by().values_list("participant", "joined_at", "left_at"):
        if joined is not None and key is not None:
            found[key].append((joined, max(joined, left or ends)))
    return {key: intervals.unite(spans) for key, spans in found.items()}


def _list_changes(people: Iterable[list[Span]]) -> list[tuple[datetime, int]]:
    """Moments at which somebody came (1) or went (-1), in order; who leaves goes before who comes."""
    return sorted((at, by) for spans in people for begin, end in spans for at, by in ((begin, 1), (end, -1)))


def _sample(changes: list[tuple[datetime, int]], begins: datetime, ends: datetime) -> list[Point]:
    """At most about ``POINTS`` points, a round number of minutes apart, or of seconds where it was short."""
    minutes = (ends - begins).total_seconds() / 60
    step = timedelta(minutes=next((size for size in _STEPS if minutes / size <= POINTS), _STEPS[-1]))
    points: list[Point] = []
    present, place, at = 0, 0, begins
    while at < ends + step:
        moment = min(at, ends)
        # Who leaves at that very moment still counts there: the last point is how it was, not that it is over.
        while place < len(changes) and (changes[place][0] < moment or changes[place] == (moment, 1)):
            present += changes[place][1]
            place += 1
        points.append(Point(moment, present))
        at += step
    return points


def _count(rows: QuerySet[Presence], changes: list[tuple[datetime, int]]) -> Tiles:
    came = Q(first_joined_at__isnull=False)
    found = rows.aggregate(
        expected=Count("pk", filter=Q(was_enrolled=True)),
        came=Count("pk", filter=came),
        unexpected=Count("pk", filter=came & Q(was_enrolled=False)),
        never_came=Count("pk", filter=~came & Q(was_enrolled=True)),
        average_seconds=Avg("seconds", filter=came),
        late=Count("pk", filter=Q(late_seconds__gt=0)),
        rejoins=Sum("rejoins"),
        average_share=Avg(Coalesce("share_of_window", "share_of_session"), filter=came),
    )
    present = peak = 0
    for _, by in changes:
        present += by
        peak = max(peak, present)
    return Tiles(
        **{
            **found,
            "average_seconds": found["average_seconds"] or 0.0,
            "rejoins": found["rejoins"] or 0,
            "peak": peak,
        }
    )
