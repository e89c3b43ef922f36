"""Attendance as comma-separated values, written while it is read: a file of any length takes the memory of one page.

Times are in the reader's time zone, and no cell can be taken for a formula by the spreadsheet that opens it.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.db.models import Q, QuerySet
from django.utils import timezone

from participants.errors import UnknownTimeZone
from participants.models import Presence

PAGE = 2000
COLUMNS = (
    *("meeting", "session_started", "session_ended", "name", "username", "email", "custom_participant_id", "preset"),
    *("expected", "state", "first_joined", "last_left", "connections", "rejoins", "minutes", "minutes_measured"),
    *("corrected", "correction_reason", "late_minutes", "left_early_minutes", "percent_of_window"),
    *("percent_of_session", "enrolled_by"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_STATES = {"present": "present", "left": "left", "never_came": "never came"}


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def find_zone(name: str) -> ZoneInfo:
    """Raises UnknownTimeZone."""
    if name not in available_timezones():
        raise UnknownTimeZone
    return ZoneInfo(name)


def write(rows: QuerySet[Presence], zone: ZoneInfo, *, page_size: int = PAGE) -> Iterator[bytes]:
    """The file in pieces, the newest first; the heading before anything is read."""
    writer = csv.writer(_Echo())
    yield "\ufeff".encode()  # without it a spreadsheet reads UTF-8 as something else
    yield writer.writerow(COLUMNS).encode()
    for page in _turn_pages(rows, page_size):
        yield "".join(writer.writerow([_disarm(cell) for cell in _read(row, zone)]) for row in page).encode()


def _turn_pages(rows: QuerySet[Presence], size: int) -> Iterator[Sequence[Presence]]:
    """Page by page from where the last one ended: a cursor held open would first have all of it collected."""
    ordered = rows.order_by("-created_at", "-pk").select_related(
        "session__meeting", "participant__person__user", "participant__preset", "participant__enrolled_by"
    )
    ordered = ordered.defer("session__raw", "session__meeting__raw", "participant__preset__raw", "participant__token")
    page = list(ordered[:size])
    while page:
        yield page
        last = page[-1]
        after = Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk)
        # The first condition is implied by the second, and is what the index is searched by.
        page = list(ordered.filter(created_at__lte=last.created_at).filter(after)[:size]) if len(page) == size else []


def _read(row: Presence, zone: ZoneInfo) -> list[Any]:
    session, participant = row.session, row.participant
    user = participant.person.user
    return [
        session.meeting.title if session.meeting else session.title,
        _show_time(session.started_at, zone),
        _show_time(session.ended_at, zone),
        participant.effective_name,
        user.get_username() if user else "",
        participant.person.email or (user.email if user else ""),
        participant.custom_participant_id,
        participant.preset.name,
        "yes" if row.was_enrolled else "no",
        _STATES[row.describe_state()],
        _show_time(row.first_joined_at, zone),
        _show_time(row.last_left_at, zone),
        row.connections,
        row.rejoins,
        _show_minutes(row.seconds),
        _show_minutes(row.measured_seconds),
        "" if row.corrected_seconds is None else "yes",
        row.correction_reason,
        _show_minutes(row.late_seconds),
        _show_minutes(row.left_early_seconds),
        _show_percent(row.share_of_window),
        _show_percent(row.share_of_session),
        participant.enrolled_by.get_username() if participant.enrolled_by else "",
    ]


def _show_time(moment: datetime | None, zone: ZoneInfo) -> str:
    return timezone.localtime(moment, zone).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _show_minutes(seconds: int | None) -> str:
    return "" if seconds is None else f"{seconds / 60:.1f}"


def _show_percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.1f}"


def _disarm(cell: Any) -> str:
    text = str(cell).replace("\x00", "")
    return f"'{text}" if text.startswith(_FORMULA) else text
