"""Questions that narrow a list of attendance, by the names they have in addresses, in admin and API alike.

``read`` turns what an address says into values, ``narrow`` applies them; each function also stands alone, queryset to
queryset. None joins a row to many others, so that nothing is listed or counted twice.
"""

import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from participants.models import Participant, Person, Presence, Preset, Session
from participants.services import paging, rights

Rows = QuerySet[Presence]
_YES, _NO = {"1", "true", "yes"}, {"0", "false", "no"}
MOST = 1_000_000
_AHEAD = timedelta(days=1)
FEW, SOME = 2_500, 20_000
"""So many participants are few: what they came to is sorted in an instant. Of some, no row is far in any order."""


def of_meeting(rows: Rows, meeting: uuid.UUID) -> Rows:
    return rows.filter(meeting=meeting)


def of_session(rows: Rows, session: uuid.UUID) -> Rows:
    return rows.filter(session=session)


def with_preset(rows: Rows, name: str) -> Rows:
    return _of(rows, _find_with_preset(name))


def of_group(rows: Rows, group: str) -> Rows:
    """Whose user is in a Django group, by id or name."""
    return _of(rows, _find_members(group))


def sample_group(rows: Rows, group: str) -> Rows | None:
    """Some rows of a large group."""
    members = _find_members(group)
    if paging.estimate(members) <= FEW:
        return None
    return rows.filter(participant__in=members.values("pk")[: FEW + 1])


def _find_with_preset(name: str) -> QuerySet[Participant]:
    return _find(preset__in=list(Preset.objects.filter(name=name).values_list("pk", flat=True)))


def _find_members(group: str) -> QuerySet[Participant]:
    return _find(person__user__in=in_groups(*_find_keys(Group, "name", group)))


def of_manager(rows: Rows, user: str) -> Rows:
    """Of meetings that a user manages, by id or username."""
    return rows.filter(meeting__in=rights.managed_by(*_find_keys(User, "username", user)))


def of_person(rows: Rows, person: uuid.UUID) -> Rows:
    """Also as the guest they were before staff merged the two, and of that guest what counts as the user's now."""
    into = Person.objects.filter(pk=person, merged_into__isnull=False).order_by().values_list("merged_into")
    guests = Person.objects.filter(merged_into=person).order_by().values_list("pk")
    # Of the whole, too: from Django 6.1 on it would take the model's own order.
    theirs = guests.union(into, all=True).order_by()
    return _of(rows, _find(person__in=[person, *(key for (key,) in theirs)]))


def enrolled_by(rows: Rows, user: str) -> Rows:
    return _of(rows, _find_enrolled_by(user))


def _find_enrolled_by(user: str) -> QuerySet[Participant]:
    return _find(enrolled_by__in=_find_keys(User, "username", user))


def of_batch(rows: Rows, batch: uuid.UUID) -> Rows:
    return _of(rows, _find(batch=batch))


def in_groups(*groups: int) -> QuerySet[Any, Any]:
    """Keys of the users in these groups."""
    return User.groups.through.objects.filter(group__in=groups).values("user")


def _find(**wanted: Any) -> QuerySet[Participant]:
    return Participant.objects.filter(**wanted).order_by()


def _of(rows: Rows, members: QuerySet[Participant]) -> Rows:
    return rows.filter(participant__in=members.values("pk"))


_MEMBERS: dict[str, Callable[[str], QuerySet[Participant]]] = {
    "preset": _find_with_preset,
    "group": _find_members,
    "enrolled_by": _find_enrolled_by,
}


def walk(rows: Rows, name: str, value: Any) -> Rows | None:
    """The same rows as one filter of ``rows``, as a page of them is soonest met; None where that is no other."""
    return _walk(rows, *_look_up(name, value))


def _look_up(name: str, value: Any) -> tuple[QuerySet[Participant] | None, int]:
    """The participants that a filter asks for, and about how many; 0 where that is not known."""
    members = _MEMBERS[name](value) if name in _MEMBERS else None
    return members, 0 if members is None else paging.estimate(members)


def _walk(rows: Rows, members: QuerySet[Participant] | None, number: int) -> Rows | None:
    """Of some participants PostgreSQL would look up each, row by row, or sort all that they came to."""
    if members is None or number <= FEW:
        return None
    return among(rows, "participant", members) if number <= SOME else _of(rows, members)


def among(rows: Rows, column: str, wanted: QuerySet[Any], *, key: str = "pk") -> Rows:
    """``rows`` whose ``column``, which is never empty, is one of these: looked up in a set of them.

    Beside an "or" PostgreSQL makes no join of it.
    """
    return rows.filter(Q(**{f"{column}__in": wanted.values(key)}) | Q(**{f"{column}__isnull": True}))


def _find_keys(model: type[User] | type[Group], field: str, value: str) -> list[int]:
    """Looked up beforehand: how to find rows of one value depends on how common that value is."""
    if value.isascii() and value.isdigit() and len(value) < 10:
        return [int(value)]
    return list(model.objects.filter(**{field: value}).values_list("pk", flat=True))


def who_came(rows: Rows, came: bool) -> Rows:
    """Whether they were there at all; ``False`` finds who was expected and never joined."""
    return rows.exclude(first_joined_at=None) if came else rows.filter(first_joined_at=None)


def never_joined(rows: Rows, never: bool) -> Rows:
    return who_came(rows, not never)


def joined_after(rows: Rows, moment: datetime) -> Rows:
    return rows.filter(first_joined_at__gte=moment)


def joined_before(rows: Rows, moment: datetime) -> Rows:
    # Nobody is in a room a day before it opens; saying so skips all the newer rows, which are listed first.
    return rows.filter(first_joined_at__lt=moment, began_at__lt=moment + _AHEAD)


def started_after(rows: Rows, moment: datetime) -> Rows:
    """Of sessions, and so of those too who never joined them."""
    return rows.filter(began_at__gte=moment)


def started_before(rows: Rows, moment: datetime) -> Rows:
    return rows.filter(began_at__lt=moment)


def present_less_than_percent(rows: Rows, percent: float) -> Rows:
    """Of the scheduled window, or of the session where there was none; who never came was there 0 %."""
    return rows.filter(share__lt=percent / 100)


def present_less_than_minutes(rows: Rows, minutes: float) -> Rows:
    return rows.filter(seconds__lt=minutes * 60)


def late_more_than_minutes(rows: Rows, minutes: float) -> Rows:
    return rows.filter(late_seconds__gt=minutes * 60)


def left_early_more_than_minutes(rows: Rows, minutes: float) -> Rows:
    return rows.filter(left_early_seconds__gt=minutes * 60)


def live(rows: Rows, is_live: bool) -> Rows:
    """Of sessions in progress, or of those that are over."""
    running = Session.objects.live().values("pk")
    return rows.filter(session__in=running) if is_live else rows.exclude(session__in=running)


def present(rows: Rows, is_present: bool) -> Rows:
    """Who is in a room right now."""
    return rows.filter(is_present=is_present)


def corrected(rows: Rows, is_corrected: bool) -> Rows:
    return rows.filter(corrected_seconds__isnull=not is_corrected)


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


def find(rows: Rows, values: Mapping[str, Any]) -> tuple[Rows, bool]:
    """``narrow``, in the form in which a page is met soonest, and whether these are few, to be sorted all at once."""
    found, only = narrow(rows, values), next(iter(values.items())) if len(values) == 1 else ("", None)
    members, number = _look_up(*only)
    if found.order_by().values("pk")[: FEW + 1].count() <= FEW or 0 < number <= FEW:
        return found, True
    walked = _walk(rows, members, number)
    return found if walked is None else walked, False
