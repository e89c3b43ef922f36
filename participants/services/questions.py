"""Questions about who came, by the names that the admin's lists, the exports and the API share.

A question reads one parameter and answers with a condition. Over participants, all conditions on attendance hold
of one and the same session: "late by 10 minutes" and "joined in May" means late in a session of May.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q

from participants.errors import UnreadableFilter
from participants.models import Participant, Presence
from participants.services.people import parse_id
from participants.services.tokensearch import TOKEN_STATES, find_by_token

Choices = tuple[tuple[str, str], ...]
_LONGEST = 100_000.0
_FIRST_YEAR, _LAST_YEAR = 1970, 9000


class Kind(StrEnum):
    """How an answer is written: in the URL, and in a form."""

    CHOICE = "choice"
    NUMBER = "number"
    DAY_FROM = "day_from"
    DAY_UNTIL = "day_until"
    PERIOD = "period"
    ROW = "row"
    KEY = "key"


@dataclass(frozen=True)
class Question:
    """``find`` gets the value read and now. ``unit`` stands behind a number; ``hidden`` ones have no form field."""

    name: str
    label: str
    kind: Kind
    find: Callable[[Any, datetime], Q]
    choices: Choices = ()
    unit: str = ""
    group: str = ""
    hidden: bool = False
    aliases: tuple[str, ...] = field(default=())

    def read(self, text: str, zone: ZoneInfo) -> Any:
        """The value in ``text``. Raises UnreadableFilter."""
        try:
            return _READERS[self.kind](self, text.strip(), zone)
        except (ValueError, OverflowError):
            raise UnreadableFilter(_SAY[self.kind], field=self.name, label=self.label) from None


def _read_choice(question: Question, text: str, zone: ZoneInfo) -> str:
    if text not in dict(question.choices):
        raise ValueError(text)
    return text


def _read_number(question: Question, text: str, zone: ZoneInfo) -> float:
    number = float(text.replace(",", "."))
    if not 0 <= number <= _LONGEST:  # not a number compares as False, too
        raise ValueError(text)
    return number


def _read_day(text: str) -> date:
    day = date.fromisoformat(text)
    if len(text) != len("2027-01-11") or not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError(text)
    return day


def start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)


def _read_from(question: Question, text: str, zone: ZoneInfo) -> datetime:
    return start_of(_read_day(text), zone)


def _read_until(question: Question, text: str, zone: ZoneInfo) -> datetime:
    """The end of that day."""
    return start_of(_read_day(text) + timedelta(days=1), zone)


def read_period(text: str) -> tuple[date, date]:
    """First day of a year, month or day ("2027", "2027-01", "2027-01-11") and of the next. Raises ValueError."""
    parts = text.split("-")
    first = _read_day("-".join([*parts, "01", "01"][:3]))
    if len(parts) == 1:
        return first, first.replace(year=first.year + 1)
    if len(parts) == 2:
        return first, (first + timedelta(days=32)).replace(day=1)
    return first, first + timedelta(days=1)


def _read_period(question: Question, text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    first, after = read_period(text)
    return start_of(first, zone), start_of(after, zone)


def _read_row(question: Question, text: str, zone: ZoneInfo) -> uuid.UUID:
    key = parse_id(text)
    if key is None:
        raise ValueError(text)
    return key


def _read_key(question: Question, text: str, zone: ZoneInfo) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) < 2**31):
        raise ValueError(text)
    return int(text)


_READERS: dict[Kind, Callable[[Question, str, ZoneInfo], Any]] = {
    Kind.CHOICE: _read_choice,
    Kind.NUMBER: _read_number,
    Kind.DAY_FROM: _read_from,
    Kind.DAY_UNTIL: _read_until,
    Kind.PERIOD: _read_period,
    Kind.ROW: _read_row,
    Kind.KEY: _read_key,
}
_SAY = {
    Kind.CHOICE: "This is none of the choices.",
    Kind.NUMBER: "Enter a number from 0 to 100,000.",
    Kind.DAY_FROM: "Enter a date, such as 2027-01-31.",
    Kind.DAY_UNTIL: "Enter a date, such as 2027-01-31.",
    Kind.PERIOD: "Enter a year, a month or a day, such as 2027-01.",
    Kind.ROW: "This is none of the choices.",
    Kind.KEY: "This is none of the choices.",
}

_CAME = Q(first_joined_at__isnull=False)
_PRESENCE: dict[str, Q] = {
    "never": Q(first_joined_at=None),
    "came": _CAME,
    "now": Q(is_present=True),
    "left": _CAME & Q(is_present=False),
}
PRESENCE_CHOICES: Choices = (
    ("never", "Never came"),
    ("came", "Came"),
    ("now", "Present now"),
    ("left", "Came and left"),
)


def compare(name: str, lookup: str, factor: float = 1.0) -> Callable[[Any, datetime], Q]:
    return lambda value, now: Q(**{f"{name}__{lookup}": value * factor})


def equal(name: str) -> Callable[[Any, datetime], Q]:
    return lambda value, now: Q(**{name: value})


def at_or_after(name: str) -> Callable[[Any, datetime], Q]:
    return lambda value, now: Q(**{f"{name}__gte": value})


def before(name: str) -> Callable[[Any, datetime], Q]:
    return lambda value, now: Q(**{f"{name}__lt": value})


def within(name: str) -> Callable[[Any, datetime], Q]:
    return lambda value, now: Q(**{f"{name}__gte": value[0], f"{name}__lt": value[1]})


def _find_by_token(value: str, now: datetime) -> Q:
    return Q(participant__in=find_by_token(Participant.objects.all(), value, now).values("pk"))


def _share_below(value: float, now: datetime) -> Q:
    # Of the window where there is one, else of the session. Who never came was there for none of it.
    share = value / 100
    window = Q(share_of_window__lt=share)
    session = Q(share_of_window=None) & (Q(share_of_session__lt=share) | Q(share_of_session=None))
    return window | session


def _share_from(value: float, now: datetime) -> Q:
    share = value / 100
    return Q(share_of_window__gte=share) | (Q(share_of_window=None) & Q(share_of_session__gte=share))


_PRESENCE_QUESTIONS = (
    Question("joined_from", "Joined from", Kind.DAY_FROM, at_or_after("first_joined_at"), group="When"),
    Question("joined_until", "Joined until", Kind.DAY_UNTIL, before("first_joined_at"), group="When"),
    Question(
        "minutes_below",
        "Present less than",
        Kind.NUMBER,
        compare("seconds", "lt", 60),
        unit="minutes",
        group="How long",
    ),
    Question(
        "minutes_from",
        "Present at least",
        Kind.NUMBER,
        compare("seconds", "gte", 60),
        unit="minutes",
        group="How long",
    ),
    Question("share_below", "Present less than", Kind.NUMBER, _share_below, unit="%", group="How long"),
    Question("share_from", "Present at least", Kind.NUMBER, _share_from, unit="%", group="How long"),
    Question(
        "late_over",
        "Late by more than",
        Kind.NUMBER,
        compare("late_seconds", "gt", 60),
        unit="minutes",
        group="How long",
    ),
)
"""Asked of attendance itself, and of participants by their attendance in some session."""

ATTENDANCE = (
    Question(
        "presence",
        "Attendance",
        Kind.CHOICE,
        lambda value, now: _PRESENCE[value],
        choices=PRESENCE_CHOICES,
        group="Who",
    ),
    Question("session_from", "Session from", Kind.DAY_FROM, at_or_after("session__started_at"), group="When"),
    Question("session_until", "Session until", Kind.DAY_UNTIL, before("session__started_at"), group="When"),
    *_PRESENCE_QUESTIONS,
    Question("meeting", "Meeting", Kind.ROW, equal("session__meeting"), group="Where"),
    Question("manager", "Managed by", Kind.KEY, equal("session__meeting__managers"), group="Where"),
    Question("group", "Person in group", Kind.KEY, equal("participant__person__user__groups"), group="Who"),
    Question("preset", "Preset", Kind.ROW, equal("participant__preset"), group="Who"),
    Question("enrolled_by", "Enrolled by", Kind.KEY, equal("participant__enrolled_by"), group="Who"),
    Question("batch", "Bulk enrolment", Kind.ROW, equal("participant__batch"), group="Who"),
    Question(
        "token_state",
        "Token",
        Kind.CHOICE,
        _find_by_token,
        choices=tuple(TOKEN_STATES.items()),
        group="Who",
    ),
    Question("on", "Session on", Kind.PERIOD, within("session__started_at"), hidden=True),
    Question("session", "Session", Kind.ROW, equal("session"), hidden=True),
    Question("participant", "Participant", Kind.ROW, equal("participant"), hidden=True),
    Question("person", "Person", Kind.ROW, equal("participant__person"), hidden=True),
)


def find_participants(answers: Mapping[str, Any], now: datetime) -> Q:
    """A condition over participants of the ``PARTICIPANT_ATTENDANCE`` questions that ``answers`` holds."""
    asked = Q()
    for question in _PRESENCE_QUESTIONS:
        if question.name in answers:
            asked &= question.find(answers[question.name], now)
    presence = answers.get("presence")
    if presence is None:
        return _exists(asked) if asked else Q()
    if presence == "never":
        # Nobody of whom a session is known that they came to, among those that the other answers speak of.
        return ~_exists(asked & _CAME)
    return _exists(asked & _PRESENCE[presence])


PARTICIPANT_ATTENDANCE = (
    Question(
        "presence",
        "Attendance",
        Kind.CHOICE,
        lambda value, now: Q(),
        choices=(("never", "Never joined"), ("came", "Joined"), ("now", "In a meeting now")),
        group="Attendance",
    ),
    *_PRESENCE_QUESTIONS,
)
"""Asked together, by ``find_participants``."""


def _exists(condition: Q) -> Q:
    return Q(Exists(Presence.objects.filter(condition, participant=OuterRef("pk"))))
