"""Lists of people from what is known here: a Django group, another meeting, users that match a filter.

Their entries name people by id, so that nobody is mistaken for another. Who may use which is decided here too.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet

from participants.errors import NobodyFound, RosterTooLong, SourceForbidden, UnknownGroup, UnknownMeeting
from participants.models import Meeting, Participant
from participants.services import rights
from participants.services.rights import Caller
from participants.services.rosters import ROWS, SHOWN, Entry

_WORDS = 10
"""Words of a search that are looked at."""
_SEARCHED = ("username", "first_name", "last_name", "email")
_UNTYPABLE = frozenset(',;<>"\t')


@dataclass(frozen=True)
class UserFilter:
    """Users to whom all of it applies; what is blank or None applies to everybody.

    Each word of ``search`` is a part of the username, the names or the e-mail address, in any case.
    """

    search: str = ""
    is_active: bool | None = None
    group: Group | None = None
    joined_since: date | None = None


def may_use_groups(caller: Caller) -> bool:
    return may_use_users(caller) and rights.sees_groups(caller)


def may_use_users(caller: Caller) -> bool:
    return rights.sees_users(caller)


def list_groups(caller: Caller) -> QuerySet[Group]:
    """The groups whose members the user may enrol."""
    groups = Group.objects.order_by("name")
    return groups if may_use_groups(caller) else groups.none()


def list_meetings(caller: Caller) -> QuerySet[Meeting]:
    """The meetings whose participants the user may enrol in another."""
    return rights.list_meetings(caller, "view_participant")


def find_group(caller: Caller, value: int | str) -> Group:
    """A group by id (a number) or name (a string). Raises SourceForbidden or UnknownGroup."""
    if not may_use_groups(caller):
        raise SourceForbidden("You need the rights 'view_group' and 'view_user' to enrol the members of a group.")
    known = 0 < value < 2**31 if isinstance(value, int) else value.isprintable()
    wanted = Q(pk=value) if isinstance(value, int) else Q(name=value)
    group = Group.objects.filter(wanted).first() if known else None
    if group is None:
        raise UnknownGroup
    return group


def find_meeting(caller: Caller, key: UUID) -> Meeting:
    """Another meeting to take the people from. Raises SourceForbidden or UnknownMeeting."""
    meeting = Meeting.objects.filter(pk=key).first()
    if meeting is not None and rights.may(caller, "view_participant", meeting):
        return meeting
    if meeting is not None and rights.may(caller, "view_meeting", meeting):
        raise SourceForbidden("You don't have the right 'view_participant' for the meeting to take people from.")
    raise UnknownMeeting


def from_group(group: Group) -> list[Entry]:
    """All members, the deactivated ones too. Raises NobodyFound or RosterTooLong."""
    return _list_users(User.objects.filter(groups=group), "The group has no members.")


def from_users(caller: Caller, wanted: UserFilter) -> list[Entry]:
    """Raises SourceForbidden, NobodyFound or RosterTooLong."""
    if not may_use_users(caller):
        raise SourceForbidden("You need the right 'view_user' to enrol users by a filter.")
    if wanted.group is not None and not may_use_groups(caller):
        raise SourceForbidden("You need the right 'view_group' to filter users by group.")
    return _list_users(find_users(wanted), "No user matches the filter.")


def find_users(wanted: UserFilter) -> QuerySet[User]:
    rows = User.objects.all()
    for word in wanted.search.split()[:_WORDS]:
        if not word.isprintable():
            return rows.none()  # no column holds NUL or half a surrogate pair
        clause = Q()
        for column in _SEARCHED:
            clause |= Q((f"{column}__icontains", word))
        rows = rows.filter(clause)
    if wanted.is_active is not None:
        rows = rows.filter(is_active=wanted.is_active)
    if wanted.group is not None:
        rows = rows.filter(groups=wanted.group)
    if wanted.joined_since is not None:
        rows = rows.filter(date_joined__gte=datetime.combine(wanted.joined_since, time(), UTC))
    return rows


def from_meeting(meeting: Meeting, *, with_presets: bool) -> list[Entry]:
    """Everybody pending or enrolled, guests too, in the order of enrolment; if wanted with the preset they have.

    Raises NobodyFound or RosterTooLong.
    """
    rows = Participant.objects.filter(meeting=meeting).occupying().order_by("created_at", "pk")
    told = rows.values_list(
        "person", "person__user__username", "person__display_name", "person__email", "preset__name"
    )
    entries = []
    for line, (person, username, name, email, preset) in enumerate(told[: ROWS + 1], start=1):
        text = username or _write_guest(name, email)
        given = preset if with_presets else ""
        entries.append(Entry(line, text[:SHOWN], person_id=person, preset=given))
    return _check(entries, "Nobody is enrolled in that meeting.")


def _list_users(users: QuerySet[User], nobody: str) -> list[Entry]:
    told = users.order_by("username").values_list("pk", "username")[: ROWS + 1]
    entries = [Entry(line, name[:SHOWN], user_id=key) for line, (key, name) in enumerate(told, start=1)]
    return _check(entries, nobody)


def _check(entries: list[Entry], nobody: str) -> list[Entry]:
    if not entries:
        raise NobodyFound(nobody)
    if len(entries) > ROWS:
        raise RosterTooLong(limit=ROWS)
    return entries


def _write_guest(name: str, email: str) -> str:
    """So that it can be pasted again."""
    if not email:
        return name
    if _UNTYPABLE & set(name):
        name = '"{}"'.format(name.replace('"', ""))
    return f"{name} <{email}>" if name else email
