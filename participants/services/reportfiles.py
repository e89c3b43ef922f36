"""Lists as files: their columns, and what stands in their cells."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Case, CharField, F, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf

from participants.models import Actor, EventKind, Presence
from participants.models.event import record
from participants.services import consents, csvfiles, reports, zones
from participants.services.csvfiles import defuse
from participants.services.reports import Asked, Subject
from participants.states import ConsentState, ParticipantState, ReportSubject, Source

CHUNK = 2_000
_LINES = 200
"""Lines sent together: many small pieces would cost more than the query."""
Cell = str | int | float | datetime | None
Write = Callable[[Any, ZoneInfo], Cell]


def _text(value: Any, zone: ZoneInfo) -> Cell:
    return "" if value is None else defuse(str(value))


def _moment(value: Any, zone: ZoneInfo) -> Cell:
    """Local, to the second: spreadsheets know no time zones, so the heading names it."""
    return None if value is None else value.astimezone(zone).replace(microsecond=0, tzinfo=None)


def _offset(value: Any, zone: ZoneInfo) -> Cell:
    """What tells the two hours apart that a local clock shows twice: "UTC+02:00". With a plus sign in front a
    spreadsheet would take it for a number."""
    if value is None:
        return None
    minutes = (value.astimezone(zone).utcoffset() or timedelta()) // timedelta(minutes=1)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _minutes(value: Any, zone: ZoneInfo) -> Cell:
    return None if value is None else round(value / 60, 1)


def _percent(value: Any, zone: ZoneInfo) -> Cell:
    return None if value is None else round(value * 100, 1)


def _number(value: Any, zone: ZoneInfo) -> Cell:
    return None if value is None else int(value)


def _yes_or_no(value: Any, zone: ZoneInfo) -> Cell:
    return "yes" if value else "no"


def _json(value: Any, zone: ZoneInfo) -> Cell:
    return defuse(json.dumps(value, ensure_ascii=False)) if value else ""


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
_KINDS = _choose({value: str(label) for value, label in EventKind.choices})
_CONSENTS = _choose({value: str(label) for value, label in ConsentState.choices})
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
        Column("consent", "consent_state", _CONSENTS),
        Column("agreed to version", "consented_to__number", _number),
        Column("agreed on", "consented_at", _moment),
        Column("last error", "last_error_detail"),
        Column("custom participant id", "custom_participant_id"),
        Column("RealtimeKit id", "realtimekit_id"),
    ),
    ReportSubject.EVENTS: (
        Column("when", "created_at", _moment),
        Column("event", "kind", _KINDS),
        Column("kind", "kind"),
        Column("by", "actor_name"),
        Column("kind of actor", "actor_kind"),
        Column("through", "via"),
        Column("network", "address"),
        Column("person", "person__display_name"),
        Column("person id", "person_id"),
        Column("meeting", "meeting__title"),
        Column("meeting id", "meeting_id"),
        Column("custom participant id", "participant__custom_participant_id"),
        Column("request id", "request_id"),
        Column("details", "data", _json),
        Column("event id", "pk"),
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
    ReportSubject.PARTICIPANTS: {
        "shown_name": _name_of(""),
        "consent_state": Case(
            *(When(consents.find_by_state(state), then=Value(state.value)) for state in ConsentState),
            default=Value(""),
        ),
    },
    ReportSubject.EVENTS: {},
}


def list_columns(subject: Subject, zone: ZoneInfo, *, always: bool = False) -> tuple[Column, ...]:
    """Those of the list, and behind them the offset of each time; in UTC, which has none, only if ``always``."""
    columns = _COLUMNS[subject.key]
    if zone == zones.UTC and not always:
        return columns
    moments = [column for column in columns if column.write is _moment]
    offsets = [Column(f"{one.heading}, offset", one.name, _offset, f"{one.key}_offset") for one in moments]
    return (*columns, *offsets)


def list_headings(columns: Iterable[Column], zone: ZoneInfo) -> list[str]:
    """Times carry the name of the time zone they are written in."""
    return [f"{column.heading} ({zone.key})" if column.write is _moment else column.heading for column in columns]


def read_rows(
    subject: Subject, rows: QuerySet[Any], zone: ZoneInfo, columns: Sequence[Column]
) -> Iterator[list[Cell]]:
    """Cells row by row. Of whatever number of rows there are, only ``CHUNK`` are in memory."""
    # Names twice in a list would be one column: the same field may be written in several ways.
    names = list(dict.fromkeys(column.name for column in columns))
    places = [(names.index(column.name), column.write) for column in columns]
    found = rows.annotate(**_ANNOTATIONS[subject.key]).values_list(*names)
    for row in found.iterator(chunk_size=CHUNK):
        yield [write(row[place], zone) for place, write in places]


def stream_csv(subject: Subject, user: User, asked: Asked, *, by: Actor) -> Iterator[str]:
    """The list as CSV, in pieces."""
    columns = list_columns(subject, asked.zone)
    cells = read_rows(subject, reports.find(subject, user, asked), asked.zone, columns)
    note = _Note(subject, asked.zone, asked.query, by)
    return _stream(list_headings(columns, asked.zone), cells, note)


def stream_for_programs(rows: QuerySet[Presence], zone: ZoneInfo, *, query: str, by: Actor) -> Iterator[str]:
    """Attendance as ``stream_csv`` has it, its columns always the same and named so that a program finds them."""
    subject = reports.SUBJECTS[ReportSubject.ATTENDANCE]
    columns = list_columns(subject, zone, always=True)
    cells = read_rows(subject, rows.order_by(*subject.order), zone, columns)
    return _stream([column.key for column in columns], cells, _Note(subject, zone, query, by))


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


@dataclass(frozen=True)
class _Note:
    """What is audited of a file beside its rows."""

    subject: Subject
    zone: ZoneInfo
    query: str
    by: Actor


def _stream(headings: list[str], rows: Iterator[list[Cell]], note: _Note) -> Iterator[str]:
    """What was sent is audited when the last piece is, or when the reader goes away."""
    sent, finished = 0, False
    try:
        # The mark tells Excel that this is UTF-8.
        yield "\ufeff" + "".join(csvfiles.write_lines([headings]))
        lines = csvfiles.write_lines(rows)
        with _one_moment():
            while piece := list(islice(lines, _LINES)):
                yield "".join(piece)
                sent += len(piece)
        finished = True
    finally:
        audit(note.subject, note.query, note.zone, by=note.by, rows=sent, file="csv", finished=finished)


def audit(
    subject: Subject, query: str, zone: ZoneInfo, *, by: Actor, rows: int, file: str, finished: bool = True
) -> None:
    """Who took which rows of the list with them."""
    told: dict[str, Any] = {"list": subject.key.value, "filter": query, "rows": rows, "file": file}
    if not finished:
        told["broken_off"] = True
    record(EventKind.EXPORT_DOWNLOADED, by, **told, time_zone=zone.key)
