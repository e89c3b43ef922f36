"""Questions that narrow a list of attendance, by the names they have in addresses, in admin and API alike.

``read`` turns what an address says into values, ``narrow`` applies them; each function also stands alone, queryset to
queryset. None joins a row to many others, so that nothing is listed or counted twice.
"""

import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from participants.models import Meeting, Person, Presence

Rows = QuerySet[Presence]
_YES, _NO = {"1", "true", "yes"}, {"0", "false", "no"}
MOST = 1_000_000


def of_meeting(rows: Rows, meeting: uuid.UUID) -> Rows:
    return rows.filter(session__meeting=meeting)


def of_session(rows: Rows, session: uuid.UUID) -> Rows:
    return rows.filter(session=session)


def with_preset(rows: Rows, name: str) -> Rows:
    return rows.filter(participant__preset__name=name)


def of_group(rows: Rows, group: str) -> Rows:
    """Whose user is in a Django group, by id or name."""
    named = Group.objects.filter(_by_id_or("name", group), user=OuterRef("participant__person__user"))
    return rows.filter(Exists(named))


def of_manager(rows: Rows, user: str) -> Rows:
    """Of meetings that a user manages, by id or username."""
    managing = User.objects.filter(_by_id_or("username", user))
    return rows.filter(session__meeting__in=Meeting.objects.filter(managers__in=managing).values("pk"))


def of_person(rows: Rows, person: uuid.UUID) -> Rows:
    """Also as the guest they were before staff merged the two."""
    theirs = Person.objects.filter(Q(pk=person) | Q(merged_into=person))
    return rows.filter(participant__person__in=theirs.values("pk"))


def enrolled_by(rows: Rows, user: str) -> Rows:
    users = User.objects.filter(_by_id_or("username", user))
    return rows.filter(participant__enrolled_by__in=users.values("pk"))


def of_batch(rows: Rows, batch: uuid.UUID) -> Rows:
    return rows.filter(participant__batch=batch)


def who_came(rows: Rows, came: bool) -> Rows:
    """Whether they were there at all; ``False`` finds who was expected and never joined."""
    return rows.exclude(first_joined_at=None) if came else rows.filter(first_joined_at=None)


def never_joined(rows: Rows, never: bool) -> Rows:
    return who_came(rows, not never)


def joined_after(rows: Rows, moment: datetime) -> Rows:
    return rows.filter(first_joined_at__gte=moment)


def joined_before(rows: Rows, moment: datetime) -> Rows:
    return rows.filter(first_joined_at__lt=moment)


def started_after(rows: Rows, moment: datetime) -> Rows:
    """Of sessions, and so of those too who never joined them."""
    return rows.filter(session__started_at__gte=moment)


def started_before(rows: Rows, moment: datetime) -> Rows:
    return rows.filter(session__started_at__lt=moment)


def present_less_than_percent(rows: Rows, percent: float) -> Rows:
    """Of the scheduled window, or of the session where there was none; who never came was there 0 %."""
    share = Coalesce("share_of_window", "share_of_session", 0.0)
    return rows.alias(_share=share).filter(_share__lt=percent / 100)


def present_less_than_minutes(rows: Rows, minutes: float) -> Rows:
    return rows.filter(seconds__lt=minutes * 60)


def late_more_than_minutes(rows: Rows, minutes: float) -> Rows:
    return rows.filter(late_seconds__gt=minutes * 60)


def left_early_more_than_minutes(rows: Rows, minutes: float) -> Rows:
    return rows.filter(left_early_seconds__gt=minutes * 60)


def live(rows: Rows, is_live: bool) -> Rows:
    """Of sessions in progress, or of those that are over."""
    return rows.filter(session__ended_at=None) if is_live else rows.exclude(session__ended_at=None)


def present(rows: Rows, is_present: bool) -> Rows:
    """Who is in a room right now."""
    return rows.filter(is_present=is_present)


def corrected(rows: Rows, is_corrected: bool) -> Rows:
    return rows.filter(corrected_seconds__isnull=not is_corrected)


def _by_id_or(field: str, value: str) -> Q:
    return Q(pk=int(value)) if value.isascii() and value.isdigit() and len(value) < 10 else Q(**{field: value})


def _read_text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("It holds characters that can't be stored.")
    return text


def _read_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise ValueError("Give an id.") from None


def _read_flag(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError("Give true or false.")
    return text.lower() in _YES


def _read_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= MOST:
        raise ValueError("Give a number that is not negative.")
    return number


def _read_time(text: str) -> datetime:
    """A time, or a day, which is its first moment; without an offset it is of the time zone in force."""
    try:
        moment = parse_datetime(text.replace(" ", "+")) or parse_datetime(text)
        day: date | None = None if moment else parse_date(text)
        if day is not None:
            moment = datetime.combine(day, time())
        if moment is not None:
            aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
            return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("Give a date or a time, such as 2027-01-11 or 2027-01-11T08:00:00Z.")


@dataclass(frozen=True)
class AttendanceFilter:
    """``read`` raises ValueError with a sentence; ``kind`` says what an address may hold, for forms and documents."""

    label: str
    kind: str
    read: Callable[[str], Any]
    apply: Callable[[Rows, Any], Rows]


def _flag(label: str, apply: Callable[[Rows, Any], Rows]) -> AttendanceFilter:
    return AttendanceFilter(label, "flag", _read_flag, apply)


def _id(label: str, apply: Callable[[Rows, Any], Rows]) -> AttendanceFilter:
    return AttendanceFilter(label, "id", _read_id, apply)


def _number(label: str, apply: Callable[[Rows, Any], Rows]) -> AttendanceFilter:
    return AttendanceFilter(label, "number", _read_number, apply)


def _text(label: str, apply: Callable[[Rows, Any], Rows]) -> AttendanceFilter:
    return AttendanceFilter(label, "text", _read_text, apply)


def _time(label: str, apply: Callable[[Rows, Any], Rows]) -> AttendanceFilter:
    return AttendanceFilter(label, "time", _read_time, apply)


FILTERS: dict[str, AttendanceFilter] = {
    "meeting": _id("Meeting", of_meeting),
    "session": _id("Session", of_session),
    "preset": _text("Preset, by name", with_preset),
    "group": _text("Group of the person, by id or name", of_group),
    "manager": _text("Manager of the meeting, by id or username", of_manager),
    "person": _id("Person", of_person),
    "enrolled_by": _text("Enrolled by, by id or username", enrolled_by),
    "batch": _id("Bulk enrolment", of_batch),
    "came": _flag("Were they there?", who_came),
    "never_joined": _flag("Never joined", never_joined),
    "joined_after": _time("Joined at or after", joined_after),
    "joined_before": _time("Joined before", joined_before),
    "started_after": _time("Session began at or after", started_after),
    "started_before": _time("Session began before", started_before),
    "present_less_than_percent": _number("Present less than this percentage", present_less_than_percent),
    "present_less_than_minutes": _number("Present less than this many minutes", present_less_than_minutes),
    "late_more_than_minutes": _number("Late by more than this many minutes", late_more_than_minutes),
    "left_early_more_than_minutes": _number(
        "Left early by more than this many minutes", left_early_more_than_minutes
    ),
    "live": _flag("Session in progress", live),
    "present": _flag("In the room now", present),
    "corrected": _flag("Corrected by staff", corrected),
}


def read(asked: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Values of the filters that are asked for, and what is wrong with the others: a sentence each, by name.

    Other names and blank values are passed over.
    """
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, known in FILTERS.items():
        if text := asked.get(name, "").strip():
            try:
                values[name] = known.read(text)
            except ValueError as error:
                problems[name] = str(error)
    return values, problems


def narrow(rows: Rows, values: Mapping[str, Any]) -> Rows:
    for name, value in values.items():
        rows = FILTERS[name].apply(rows, value)
    return rows
