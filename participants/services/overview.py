"""The overview: what runs, what opens soon, what failed, how many came of late. All within the viewer's rights."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AnonymousUser, User
from django.core.cache import cache
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncWeek

from participants.models import Meeting, Participant, Session
from participants.services import rights
from participants.states import OCCUPYING, MeetingStatus, ParticipantState

SHOWN = 5
WEEKS = 8
SOON = timedelta(hours=24)
_CACHED = 300
Viewer = User | AnonymousUser


@dataclass(frozen=True)
class Week:
    """``came`` are those who were expected and did; ``share`` is theirs, 0 to 1, None where nobody was expected."""

    begins: date
    sessions: int
    expected: int
    came: int
    minutes: int

    @property
    def ends(self) -> date:
        return self.begins + timedelta(weeks=1)

    @property
    def percent(self) -> int | None:
        return None if self.share is None else round(self.share * 100)

    @property
    def share(self) -> float | None:
        return self.came / self.expected if self.expected else None


def list_live(user: Viewer) -> Sequence[Session]:
    """With ``present`` people each; the longest running first."""
    rows = rights.list_sessions(user).live().filter(meeting__isnull=False)  # type: ignore[attr-defined]
    counted = rows.annotate(present=Count("presences", filter=Q(presences__is_present=True)))
    return list(counted.select_related("meeting").order_by("started_at", "pk")[:SHOWN])


def list_opening(user: Viewer, now: datetime) -> Sequence[Meeting]:
    """Meetings that open within a day, with ``expected`` people each."""
    rows = rights.list_meetings(user).filter(opens_at__gt=now, opens_at__lte=now + SOON, status=MeetingStatus.ACTIVE)
    occupying = Count("participants", filter=Q(participants__state__in=OCCUPYING))
    return list(rows.annotate(expected=occupying).order_by("opens_at", "pk")[:SHOWN])


def list_failed(user: Viewer) -> Sequence[Participant]:
    """The newest refusals."""
    rows = rights.list_participants(user).filter(state=ParticipantState.FAILED)
    return list(rows.select_related("person", "meeting").order_by("-updated_at")[:SHOWN])


def list_weeks(user: Viewer, now: datetime, zone: ZoneInfo) -> list[Week]:
    """The last weeks, oldest first, as they begin in the reader's zone; up to five minutes old, since they look at
    all sessions of eight weeks."""
    scope = "all" if rights.holds(user, "view_presence") else str(user.pk)
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    key = f"overview:weeks:{scope}:{zone.key}:{monday}"
    found: list[Week] | None = cache.get(key)
    if found is None:
        found = _count_weeks(user, monday, zone)
        cache.set(key, found, _CACHED)
    return found


def _count_weeks(user: Viewer, monday: date, zone: ZoneInfo) -> list[Week]:
    first = monday - timedelta(weeks=WEEKS - 1)
    since = datetime.combine(first, time.min, tzinfo=zone)
    rows = rights.list_sessions(user, "view_presence").filter(started_at__gte=since).order_by()
    counted = (
        rows.exclude(came_count=0, absent_count=0)
        .annotate(week=TruncWeek("started_at", tzinfo=zone))
        .values("week")
        .annotate(
            sessions=Count("pk"),
            expected=Sum("expected_count"),
            arrived=Sum(F("expected_count") - F("absent_count")),  # only who was expected is ever absent
            total=Sum("present_seconds"),
        )
    )
    by_week: dict[date, Any] = {row["week"].date(): row for row in counted}
    weeks = []
    for place in range(WEEKS):
        begins = first + timedelta(weeks=place)
        row = by_week.get(begins, {})
        minutes = round(row.get("total", 0) / 60)
        weeks.append(Week(begins, row.get("sessions", 0), row.get("expected", 0), row.get("arrived", 0), minutes))
    return weeks
