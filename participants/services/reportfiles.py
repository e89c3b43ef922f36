"""Lists as files: their columns, and cells written so that no spreadsheet takes one for a formula."""

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Case, CharField, F, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf

from participants.models import Actor, EventKind, Presence
from participants.models.event import record
from participants.services import reports
from participants.services.reports import Asked, Subject
from participants.states import ParticipantState, ReportSubject, Source

CHUNK = 2_000
_LINES = 200
"""Lines sent together: many small pieces would cost more than the query."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_RISKY = ("=", "+", "-", "@", "\t", "\r")
_LONGEST = 32_000
Cell = str | int | float | datetime | None
Write = Callable[[Any, ZoneInfo], Cell]


def defuse(text: str) -> str:
    """A spreadsheet takes a cell that begins so for a formula; the apostrophe makes it text."""
    clean = _CONTROL.sub("", text)[:_LONGEST]
    return f"'{clean}" if clean.startswith(_RISKY) or clean.lstrip().startswith(_RISKY) else clean


def _text(value: Any, zone: ZoneInfo) -> Cell:
    return "" if value is None else defuse(str(value))


def _moment(value: Any, zone: ZoneInfo) -> Cell:
    """Local, to the second: spreadsheets know no time zones, so the heading names it."""
    return None if value is None else value.astimezone(zone).replace(microsecond=0, tzinfo=None)


def _minutes(value: Any, zone: ZoneInfo) -> Cell:
    return None if value is None else round(value / 60, 1)


def _percent(value: Any, zone: ZoneInfo) -> Cell:
    return None if value is None else round(value * 100, 1)


def _number(value: Any, zone: ZoneInfo) -> Cell:
    return None if value is None else int(value)


def _yes_or_no(value: Any, zone: ZoneInfo) -> Cell:
    return "yes" if value else "no"


def _choose(labels: dict[str, str]) -> Write:
    return lambda value, zone: defuse(str(labels.get(value, value)))


@dataclass(frozen=True)
class Column:
    """``key`` is its heading for programs."""

    heading: str
    name: str
    write: Write = _text
    key: str = ""


_STATES = _choose({value: str(label) for value, label in ParticipantState.choices})
_SOURCES = _choose({value: str(label) for value, label in Source.choices})


def _name_of(path: str) -> Coalesce:
    return Coalesce(
        NullIf(f"{path}name", Value("")), F(f"{path}person__display_name"), output_field=CharField(max_length=255)
    )


_COLUMNS: dict[ReportSubject, tuple[Column, ...]] = {
    ReportSubject.ATTENDANCE: (
        Column("person", "shown_name", key="name"),
        Column("e-mail", "participant__person__email", key="email"),
        Column("username", "participant__person__user__username", key="username"),
        Column("meeting", "shown_title", key="meeting"),
        Column("session began", "session__started_at", _moment, "session_started"),
        Column("session ended", "session__ended_at", _moment, "session_ended"),
        Column("enrolled when it began", "was_enrolled", _yes_or_no, "expected"),
        Column("came", "first_joined_at", _yes_or_no, "came"),
        Column("attendance", "shown_state", key="state"),
        Column("joined", "first_joined_at", _moment, "first_joined"),
        Column("left", "last_left_at", _moment, "last_left"),
        Column("minutes present", "seconds", _minutes, "minutes"),
        Column("minutes measured", "measured_seconds", _minutes, "minutes_measured"),
        Column("% of the window", "share_of_window", _percent, "percent_of_window"),
        Column("% of the session", "share_of_session", _percent, "percent_of_session"),
        Column("minutes late", "late_seconds", _minutes, "late_minutes"),
        Column("minutes left early", "left_early_seconds", _minutes, "left_early_minutes"),
        Column("connections", "connections", _number, "connections"),
        Column("rejoins", "rejoins", _number, "rejoins"),
        Column("correction", "correction_reason", key="correction_reason"),
        Column("preset", "participant__preset__name", key="preset"),
        Column("enrolled by", "participant__enrolled_by__username", key="enrolled_by"),
        Column("custom participant id", "participant__custom_participant_id", key="custom_participant_id"),
    ),
    ReportSubject.SESSIONS: (
        Column("meeting", "shown_title"),
        Column("began", "started_at", _moment),
        Column("ended", "ended_at", _moment),
        Column("window opened", "opens_at", _moment),
        Column("window closed", "closes_at", _moment),
        Column("expected", "expected_count", _number),
        Column("came", "came_count", _number),
        Column("session id", "realtimekit_id"),
    ),
    ReportSubject.PARTICIPANTS: (
        Column("person", "shown_name"),
        Column("e-mail", "person__email"),
        Column("username", "person__user__username"),
        Column("meeting", "meeting__title"),
        Column("state", "state", _STATES),
        Column("preset", "preset__name"),
        Column("source", "source", _SOURCES),
        Column("enrolled by", "enrolled_by__username"),
        Column("enrolled on", "created_at", _moment),
        Column("removed on", "removed_at", _moment),
        Column("token expires", "token_expires_at", _moment),
        Column("last error", "last_error_detail"),
        Column("custom participant id", "custom_participant_id"),
        Column("RealtimeKit id", "realtimekit_id"),
    ),
}
_ANNOTATIONS: dict[ReportSubject, dict[str, Any]] = {
    ReportSubject.ATTENDANCE: {
        "shown_name": _name_of("participant__"),
        "shown_title": Coalesce("session__meeting__title", "session__title", output_field=CharField(max_length=255)),
        "shown_state": Case(
            When(is_present=True, then=Value("present")),
            When(first_joined_at__isnull=False, then=Value("left")),
            default=Value("never came"),
        ),
    },
    ReportSubject.SESSIONS: {
        "shown_title": Coalesce("meeting__title", "title", output_field=CharField(max_length=255)),
    },
    ReportSubject.PARTICIPANTS: {"shown_name": _name_of("")},
}


def list_headings(subject: Subject, zone: ZoneInfo) -> list[str]:
    """Times carry the name of the time zone they are written in."""
    return [
        f"{column.heading} ({zone.key})" if column.write is _moment else column.heading
        for column in _COLUMNS[subject.key]
    ]


def read_rows(subject: Subject, rows: QuerySet[Any], zone: ZoneInfo) -> Iterator[list[Cell]]:
    """Cells row by row. Of whatever number of rows there are, only ``CHUNK`` are in memory."""
    columns = _COLUMNS[subject.key]
    # Names twice in a list would be one column: the same field may be written in two ways.
    names = list(dict.fromkeys(column.name for column in columns))
    places = [(names.index(column.name), column.write) for column in columns]
    found = rows.annotate(**_ANNOTATIONS[subject.key]).values_list(*names)
    for row in found.iterator(chunk_size=CHUNK):
        yield [write(row[place], zone) for place, write in places]


class _Line:
    """What a csv writer writes to; gives each line back."""

    def write(self, text: str) -> str:
        return text


def stream_csv(subject: Subject, user: User, asked: Asked, *, by: Actor) -> Iterator[str]:
    """The list as CSV, in pieces."""
    rows = reports.find(subject, user, asked)
    return stream(subject, rows, asked.zone, list_headings(subject, asked.zone), query=asked.query, by=by)


def stream_for_programs(rows: QuerySet[Presence], zone: ZoneInfo, *, query: str, by: Actor) -> Iterator[str]:
    """Attendance as ``stream_csv`` has it, its columns named so that a program finds them."""
    subject = reports.SUBJECTS[ReportSubject.ATTENDANCE]
    keys = [column.key for column in _COLUMNS[subject.key]]
    return stream(subject, rows.order_by(*subject.order), zone, keys, query=query, by=by)


@contextmanager
def _one_moment() -> Iterator[None]:
    """Rows as they were when the reading began, read as they are sent.

    Outside a transaction PostgreSQL would keep a copy of all of them before it gives the first, and with its usual
    guess that a tenth will be read it would sort them all as well.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('cursor_tuple_fraction', '0.00001', true), set_config('jit', 'off', true)"
            )
        yield


def stream(
    subject: Subject, rows: QuerySet[Any], zone: ZoneInfo, headings: list[str], *, query: str, by: Actor
) -> Iterator[str]:
    """What was sent is audited when the last piece is, or when the reader goes away."""
    writer = csv.writer(_Line())
    sent, finished = 0, False
    try:
        # The mark tells Excel that this is UTF-8.
        yield "\ufeff" + writer.writerow(headings)
        lines: list[str] = []
        with _one_moment():
            for cells in read_rows(subject, rows, zone):
                lines.append(writer.writerow(cells))
                if len(lines) == _LINES:
                    yield "".join(lines)
                    sent, lines = sent + len(lines), []
        yield "".join(lines)
        sent, finished = sent + len(lines), True
    finally:
        audit(subject, query, zone, by=by, rows=sent, file="csv", finished=finished)


def audit(
    subject: Subject, query: str, zone: ZoneInfo, *, by: Actor, rows: int, file: str, finished: bool = True
) -> None:
    """Who took which rows of the list with them."""
    told: dict[str, Any] = {"list": subject.key.value, "filter": query, "rows": rows, "file": file}
    if not finished:
        told["broken_off"] = True
    record(EventKind.EXPORT_DOWNLOADED, by, **told, time_zone=zone.key)
