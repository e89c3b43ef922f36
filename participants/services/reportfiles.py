"""Lists as files: their columns, and cells written so that no spreadsheet takes one for a formula."""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db.models import CharField, Count, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf

from participants.models import Actor, EventKind
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


def _choose(labels: dict[str, str]) -> Write:
    return lambda value, zone: defuse(str(labels.get(value, value)))


@dataclass(frozen=True)
class Column:
    heading: str
    name: str
    write: Write = _text


_STATES = _choose({value: str(label) for value, label in ParticipantState.choices})
_SOURCES = _choose({value: str(label) for value, label in Source.choices})


def _name_of(path: str) -> Coalesce:
    return Coalesce(
        NullIf(f"{path}name", Value("")), F(f"{path}person__display_name"), output_field=CharField(max_length=255)
    )


_CAME = Q(presences__first_joined_at__isnull=False)
_COLUMNS: dict[ReportSubject, tuple[Column, ...]] = {
    ReportSubject.ATTENDANCE: (
        Column("person", "shown_name"),
        Column("e-mail", "participant__person__email"),
        Column("username", "participant__person__user__username"),
        Column("meeting", "session__meeting__title"),
        Column("session began", "session__started_at", _moment),
        Column("session ended", "session__ended_at", _moment),
        Column("enrolled when it began", "was_enrolled", lambda value, zone: "yes" if value else "no"),
        Column("came", "first_joined_at", lambda value, zone: "yes" if value else "no"),
        Column("joined", "first_joined_at", _moment),
        Column("left", "last_left_at", _moment),
        Column("minutes present", "seconds", _minutes),
        Column("minutes measured", "measured_seconds", _minutes),
        Column("% of the window", "share_of_window", _percent),
        Column("% of the session", "share_of_session", _percent),
        Column("minutes late", "late_seconds", _minutes),
        Column("minutes left early", "left_early_seconds", _minutes),
        Column("rejoins", "rejoins", _number),
        Column("correction", "correction_reason"),
        Column("preset", "participant__preset__name"),
        Column("enrolled by", "participant__enrolled_by__username"),
        Column("custom participant id", "participant__custom_participant_id"),
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
    ReportSubject.ATTENDANCE: {"shown_name": _name_of("participant__")},
    ReportSubject.SESSIONS: {
        "shown_title": Coalesce("meeting__title", "title", output_field=CharField(max_length=255)),
        "expected_count": Count("presences", filter=Q(presences__was_enrolled=True)),
        "came_count": Count("presences", filter=_CAME),
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
    """The list as CSV, in pieces; what was sent is audited when the last one is, or when the reader goes away."""
    writer = csv.writer(_Line())
    sent, finished = 0, False
    try:
        # The mark tells Excel that this is UTF-8.
        yield "\ufeff" + writer.writerow(list_headings(subject, asked.zone))
        lines: list[str] = []
        for cells in read_rows(subject, reports.find(subject, user, asked), asked.zone):
            lines.append(writer.writerow(cells))
            if len(lines) == _LINES:
                yield "".join(lines)
                sent, lines = sent + len(lines), []
        yield "".join(lines)
        sent, finished = sent + len(lines), True
    finally:
        audit(subject, asked, by=by, rows=sent, file="csv", finished=finished)


def audit(subject: Subject, asked: Asked, *, by: Actor, rows: int, file: str, finished: bool = True) -> None:
    """Who took which rows of the list with them."""
    told: dict[str, Any] = {"list": subject.key.value, "filter": asked.query, "rows": rows, "file": file}
    if not finished:
        told["broken_off"] = True
    record(EventKind.EXPORT_DOWNLOADED, by, **told)
