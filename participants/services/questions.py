"""Questions that can be asked of a list: how each is read from an address, and how it narrows the rows.

Those about attendance are the API's, by the same names (``attendancefilters``). Over participants they all hold of
one and the same session: "late by 10 minutes" and "joined in May" means late in a session of May.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from participants.errors import UnreadableFilter
from participants.models import Participant, Presence, Preset
from participants.services import attendancefilters
from participants.services.attendancefilters import FILTERS
from participants.services.people import parse_id
from participants.services.tokensearch import TOKEN_STATES, find_by_token

Choices = tuple[tuple[str, str], ...]
Rows = QuerySet[Any]
Apply = Callable[[Rows, Any], Rows]
Read = Callable[[str, ZoneInfo], Any]
_FIRST_YEAR, _LAST_YEAR = 1970, 9000


class Kind(StrEnum):
    """What a form offers."""

    CHOICE = "choice"
    NUMBER = "number"
    DAY = "day"
    ROW = "row"
    PERIOD = "period"


@dataclass(frozen=True)
class Question:
    """``read`` raises ValueError with a sentence. ``unit`` stands behind a number; hidden ones have no form field.

    ``sample`` gives some of the rows where they are many and slow to count; None where they are not. ``walk`` gives
    the same rows in a form whose pages are met sooner; None where there is none.
    """

    name: str
    label: str
    kind: Kind
    read: Read
    apply: Apply
    choices: Choices = ()
    unit: str = ""
    group: str = ""
    hidden: bool = False
    aliases: tuple[str, ...] = ()
    sample: Callable[[Rows, Any], Rows | None] | None = None
    walk: Callable[[Rows, Any], Rows | None] | None = None

    def parse(self, text: str, zone: ZoneInfo) -> Any:
        """The value in ``text``. Raises UnreadableFilter."""
        try:
            return self.read(text.strip(), zone)
        except (ValueError, OverflowError) as error:
            raise UnreadableFilter(str(error), field=self.name, label=self.label) from None


def choice(name: str, label: str, choices: Choices, find: Callable[[str], Q], **more: Any) -> Question:
    def read(text: str, zone: ZoneInfo) -> str:
        if text not in dict(choices):
            raise ValueError("This is none of the choices.")
        return text

    return Question(name, label, Kind.CHOICE, read, lambda rows, value: rows.filter(find(value)), choices, **more)


def _filter(lookup: str) -> Apply:
    return lambda rows, value: rows.filter(**{lookup: value})


def row(name: str, label: str, path: str, **more: Any) -> Question:
    """A row by its UUID."""
    return Question(name, label, Kind.ROW, _read_id, _filter(path), **more)


def key(name: str, label: str, find: Callable[[int], Q], **more: Any) -> Question:
    """A user or group by number."""
    return Question(name, label, Kind.ROW, _read_key, lambda rows, value: rows.filter(find(value)), **more)


def preset(path: str, label: str = "Preset", **more: Any) -> Question:
    """By name, or by id as in older addresses."""

    def apply(rows: Rows, value: uuid.UUID | str) -> Rows:
        # The id looked up beforehand, since how to find rows of a preset depends on how common it is.
        named = Preset.objects.filter(name=value).values_list("pk", flat=True)
        return rows.filter(**{f"{path}__in": [value] if isinstance(value, uuid.UUID) else list(named)})

    return Question("preset", label, Kind.ROW, lambda text, zone: parse_id(text) or _read_text(text), apply, **more)


def since(name: str, label: str, path: str, **more: Any) -> Question:
    return Question(name, label, Kind.DAY, _read_day, _filter(f"{path}__gte"), **more)


def until(name: str, label: str, path: str, **more: Any) -> Question:
    return Question(name, label, Kind.DAY, _read_day, _filter(f"{path}__lt"), **more)


def period(label: str, path: str) -> Question:
    """A year, a month or a day: what the dates above a list lead to."""

    def read(text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
        first, after = read_period(text)
        return _start(first, zone), _start(after, zone)

    def apply(rows: Rows, value: tuple[datetime, datetime]) -> Rows:
        return rows.filter(**{f"{path}__gte": value[0], f"{path}__lt": value[1]})

    return Question("on", label, Kind.PERIOD, read, apply, hidden=True)


def read_period(text: str) -> tuple[date, date]:
    """First day of a year, month or day ("2027", "2027-01", "2027-01-11") and of the next. Raises ValueError."""
    parts = text.split("-")
    try:
        first = date.fromisoformat("-".join([*parts, "01", "01"][:3]))
    except ValueError:
        first = date.min
    if len(parts) > 3 or not _FIRST_YEAR <= first.year <= _LAST_YEAR:
        raise ValueError("Give a year, a month or a day, such as 2027-01.")
    if len(parts) == 1:
        return first, first.replace(year=first.year + 1)
    if len(parts) == 2:
        return first, (first + timedelta(days=32)).replace(day=1)
    return first, first + timedelta(days=1)


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)


def _read_id(text: str, zone: ZoneInfo) -> uuid.UUID:
    found = parse_id(text)
    if found is None:
        raise ValueError("This is none of the choices.")
    return found


def _read_key(text: str, zone: ZoneInfo) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) < 2**31):
        raise ValueError("This is none of the choices.")
    return int(text)


def _read_text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("It holds characters that can't be stored.")
    return text


def _read_day(text: str, zone: ZoneInfo) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError("Give a date, such as 2027-01-31.")
    return _start(day, zone)


def _shared(name: str, kind: Kind, label: str = "", **more: Any) -> Question:
    """One of the API's, asked in the reader's time zone."""
    known = FILTERS[name]

    def read(text: str, zone: ZoneInfo) -> Any:
        with timezone.override(zone):
            value = known.read(text)
        if isinstance(value, datetime) and not _FIRST_YEAR <= value.year <= _LAST_YEAR:
            raise ValueError("Give a date, such as 2027-01-31.")
        return value

    def walk(rows: Rows, value: Any) -> Rows | None:
        return attendancefilters.walk(rows, name, value)

    return Question(name, label or known.label, kind, read, known.apply, walk=walk, **more)


_LONG, _WHEN, _WHO, _WHERE = "How long", "When", "Who", "Where"
_TRUE = (("true", "Yes"),)


def _ask_attendance(heading: str = "") -> tuple[Question, ...]:
    """Asked of attendance itself, and of participants by their attendance in some session."""
    came = (("false", "Never came"), ("true", "Came"))
    present = (("true", "Present now"), ("false", "Not present now"))
    return (
        _shared("came", Kind.CHOICE, "Attendance", choices=came, group=heading or _WHO),
        _shared("present", Kind.CHOICE, "Present now", choices=present, group=heading or _WHO),
        _shared("joined_after", Kind.DAY, "Joined on or after", group=heading or _WHEN),
        _shared("joined_before", Kind.DAY, "Joined before", group=heading or _WHEN),
        _shared("present_less_than_percent", Kind.NUMBER, "Present less than", unit="%", group=heading or _LONG),
        _shared(
            "present_less_than_minutes", Kind.NUMBER, "Present less than", unit="minutes", group=heading or _LONG
        ),
        _shared("late_more_than_minutes", Kind.NUMBER, "Late by more than", unit="minutes", group=heading or _LONG),
        _shared(
            "left_early_more_than_minutes",
            Kind.NUMBER,
            "Left early by more than",
            unit="minutes",
            group=heading or _LONG,
        ),
        _shared("never_joined", Kind.CHOICE, choices=_TRUE, hidden=True),
        _shared("corrected", Kind.CHOICE, "Corrected by staff", choices=(*_TRUE, ("false", "No")), hidden=True),
    )


ATTENDANCE = (
    *_ask_attendance(),
    _shared("started_after", Kind.DAY, "Session on or after", group=_WHEN),
    _shared("started_before", Kind.DAY, "Session before", group=_WHEN),
    _shared("live", Kind.CHOICE, "Session", choices=(("true", "Live now"), ("false", "Over")), group=_WHEN),
    _shared("meeting", Kind.ROW, group=_WHERE),
    _shared("manager", Kind.ROW, "Meeting managed by", group=_WHERE),
    _shared("group", Kind.ROW, "Person in group", group=_WHO, sample=attendancefilters.sample_group),
    _shared("preset", Kind.ROW, "Preset", group=_WHO),
    _shared("enrolled_by", Kind.ROW, "Enrolled by", group=_WHO),
    _shared("batch", Kind.ROW, group=_WHO),
    choice(
        "token_state",
        "Token",
        tuple(TOKEN_STATES.items()),
        lambda value: Q(participant__in=find_by_token(Participant.objects.all(), value, timezone.now()).values("pk")),
        group=_WHO,
    ),
    _shared("session", Kind.ROW, hidden=True),
    _shared("person", Kind.ROW, hidden=True),
    row("participant", "Participant", "participant", hidden=True),
    period("Session in", "began_at"),
)

PARTICIPANT_ATTENDANCE = _ask_attendance("Attendance in a session")
"""Asked together, by ``find_attending``."""
_NEVER = ("came", "never_joined")


_FIRST: dict[str, Callable[[Any], Q]] = {
    "came": lambda came: Q(first_came_at__isnull=not came),
    "never_joined": lambda never: Q(first_came_at__isnull=never),
    "joined_before": lambda moment: Q(first_came_at__lt=moment),
}
"""What the first time says of all of them, where nothing else is asked of that session."""


def find_attending(rows: Rows, answers: Mapping[str, Any]) -> Rows:
    """Participants by the ``PARTICIPANT_ATTENDANCE`` that ``answers`` holds."""
    asked = {q.name: answers[q.name] for q in PARTICIPANT_ATTENDANCE if q.name in answers}
    if not asked:
        return rows
    if len(asked) == 1 and (short := _FIRST.get(next(iter(asked)))):
        return rows.filter(short(next(iter(asked.values()))))
    attended = _find_attended(asked).filter(participant=OuterRef("pk"))
    if _is_never(asked):
        # Nobody of whom a session is known that they came to, among those that the other answers speak of.
        return rows.exclude(Exists(attended.filter(first_joined_at__isnull=False)))
    return rows.filter(Exists(attended))


def count_attending(answers: Mapping[str, Any], most: int) -> int | None:
    """How many participants ``PARTICIPANT_ATTENDANCE`` alone means, exactly up to ``most``; None where it can't tell.

    Counted in the attendance, of which no more rows are looked at than are likely to be of more than ``most`` people.
    """
    is_short = len(answers) == 1 and answers.keys() <= _FIRST.keys()
    if (
        not answers
        or is_short
        or _is_never(answers)
        or not answers.keys() <= {q.name for q in PARTICIPANT_ATTENDANCE}
    ):
        return None
    rows = _find_attended(answers).order_by().values("participant")[: 2 * most]
    found = rows.aggregate(rows=Count("participant"), people=Count("participant", distinct=True))
    is_known = found["rows"] < 2 * most or found["people"] > most
    return found["people"] if is_known else None


def walk_attending(rows: Rows, answers: Mapping[str, Any]) -> Rows:
    """``find_attending`` of all ``rows``, looked up in a set of the few thousand that ``count_attending`` counted."""
    return attendancefilters.among(rows, "pk", _find_attended(answers).order_by(), key="participant")


def _is_never(asked: Mapping[str, Any]) -> bool:
    return asked.get("came") is False or asked.get("never_joined") is True


def _find_attended(asked: Mapping[str, Any]) -> QuerySet[Presence]:
    attended = Presence.objects.all()
    for name, value in asked.items():
        if not (_is_never(asked) and name in _NEVER):
            attended = FILTERS[name].apply(attended, value)
    return attended
