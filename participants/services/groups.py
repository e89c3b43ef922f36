"""Meetings that follow Django groups: members are enrolled, and removed again when they leave.

What there is to do is read from the rows: bulk changes of memberships and users send no signal, and a lost signal
changes nothing. Whoever was enrolled otherwise, or removed by hand, is none of the groups' business.
"""

import logging
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import DataError, IntegrityError, transaction
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from participants.errors import UnknownGroup
from participants.models import Actor, EventKind, Meeting, Participant, Person
from participants.models.event import record_many
from participants.models.participant import ParticipantQuerySet
from participants.realtimekit import Deadline
from participants.services import enlisting, people, removal, waking
from participants.services.admission import count_occupied
from participants.states import REMOVABLE, RESTORABLE, ParticipantState, RemovalCause, Source

logger = logging.getLogger(__name__)

CHUNK = 500
"""People who are enrolled or removed in one transaction."""
SECONDS = 5.0
"""How long whoever changed a group waits for us; the rest is left to the workers."""

BARRED = Q(blocked_at__isnull=False) | Q(erased_at__isnull=False) | Q(merged_into__isnull=False)
LEFT = Q(state__in=RESTORABLE, removal_cause=RemovalCause.LEFT_GROUP)
"""Rows of people who were removed because they had left the group: restored when they come back."""


@dataclass
class Counts:
    """People newly enrolled, restored, and removed."""

    enrolled: int = 0
    restored: int = 0
    removed: int = 0

    def add(self, other: "Counts") -> None:
        self.enrolled += other.enrolled
        self.restored += other.restored
        self.removed += other.removed

    def __bool__(self) -> bool:
        return bool(self.enrolled or self.restored or self.removed)


@dataclass(frozen=True)
class Preview:
    """What tying a meeting to other groups would do. ``left_out`` find no place; ``leaving`` is who is removed."""

    enrol: int
    left_out: int
    leaving: list[Participant]

    def __bool__(self) -> bool:
        return bool(self.enrol or self.leaving)


@dataclass(frozen=True)
class LeftOut:
    """A member who is not enrolled, and why: ``full, blocked, removed, no_preset, waiting``."""

    user: User
    reason: str


def follow(
    meeting: Meeting | None = None,
    *,
    by: Actor,
    deadline: Deadline | None = None,
    users: Collection[int] | None = None,
) -> Counts:
    """Enrol members and remove those who left, in this meeting or in all. Converging tells RealtimeKit.

    ``users`` narrows the search. Costs two queries when there is nothing to do. What the time does not suffice for is
    found again by the next pass.
    """
    deadline = deadline or Deadline.after(SECONDS)
    if users is not None and len(users) > CHUNK:
        users = None
    # Leavers first: their places may be wanted.
    counts = Counts(removed=_remove_leavers(meeting, users, by, deadline))
    for pk in _list_meetings_with_work(meeting, users):
        try:
            while not deadline.expired:
                taken = _take_in(pk, users, by)
                counts.add(taken)
                if not taken:
                    break
        except (IntegrityError, DataError):
            # A row that can't be stored concerns its own meeting; the next pass tries again.
            logger.exception("The groups of meeting %s could not be followed.", pk)
    if counts:
        waking.wake()
    return counts


def follow_soon(meeting: Meeting | None = None, *, by: Actor, users: Collection[int] | None = None) -> Counts:
    """``follow`` once what is being written now is committed; the counts are filled in then.

    Not in the caller's transaction: it may hold rows of participants already, and a meeting is locked before those.
    """
    counts = Counts()
    transaction.on_commit(lambda: counts.add(follow(meeting, by=by, users=users)), robust=True)
    return counts


def find_groups(names: Iterable[str]) -> list[Group]:
    """Groups by their names. Raises UnknownGroup."""
    wanted = dict.fromkeys(names)
    found = {group.name: group for group in Group.objects.filter(name__in=wanted)}
    if missing := [name for name in wanted if name not in found]:
        raise UnknownGroup(f"There is no group named {missing[0][:100]!r}. Names are case-sensitive.")
    return [found[name] for name in wanted]


def preview(meeting: Meeting, groups: Iterable[Group], *, capacity: int | None) -> Preview:
    """What following exactly these groups, with that capacity, would do to a meeting, which may be unsaved."""
    chosen = list(groups)
    leaving = _leavers(User.objects.filter(groups__in=chosen, pk=OuterRef("person__user"))).filter(meeting=meeting.pk)
    leaving = leaving.select_related("person").order_by("person__display_name", "pk")
    rows = list(leaving.only("name", "person__display_name", "meeting_id", "state"))
    wanted = _newcomers(User.objects.filter(groups__in=chosen), meeting.pk).distinct().count()
    places = wanted
    if capacity is not None:
        freed = sum(row.state != ParticipantState.FAILED for row in rows)
        places = max(0, capacity - count_occupied(meeting) + freed)
    return Preview(min(wanted, places), max(0, wanted - places), rows)


def list_left_out(meeting: Meeting, *, limit: int) -> tuple[list[LeftOut], int]:
    """Active members of the meeting's groups who are not enrolled, by name, and how many there are."""
    held = Participant.objects.filter(meeting=meeting, person__user=OuterRef("pk")).exclude(state__in=RESTORABLE)
    missing = _members(meeting.pk).filter(~Exists(held)).distinct()
    users = list(missing.order_by("first_name", "last_name", "username")[:limit])
    if not users:
        return [], 0
    barred = set(Person.objects.filter(BARRED, user__in=users).values_list("user", flat=True))
    rows = Participant.objects.filter(meeting=meeting, person__user__in=users).exclude(LEFT)
    removed = set(rows.values_list("person__user", flat=True))
    default = _explain_waiting(meeting)
    found = [
        LeftOut(user, "blocked" if user.pk in barred else "removed" if user.pk in removed else default)
        for user in users
    ]
    return found, len(users) if len(users) < limit else missing.count()


def _explain_waiting(meeting: Meeting) -> str:
    if meeting.default_preset is None or meeting.default_preset.gone_at:
        return "no_preset"
    is_full = meeting.capacity is not None and count_occupied(meeting) >= meeting.capacity
    return "full" if is_full else "waiting"


def _members(meeting: Any) -> QuerySet[User]:
    return User.objects.filter(is_active=True, groups__meetings=meeting)


def _newcomers(members: QuerySet[User], meeting: Any) -> QuerySet[User]:
    """Members with no row in the meeting but one that the group itself ended. ``meeting`` is a key or an OuterRef."""
    barred = Person.objects.filter(BARRED, user=OuterRef("pk"))
    held = Participant.objects.filter(meeting=meeting, person__user=OuterRef("pk")).exclude(LEFT)
    return members.filter(~Exists(barred), ~Exists(held), is_active=True)


def _leavers(members: QuerySet[User]) -> ParticipantQuerySet:
    """Rows that a group made, of people who are among ``members`` of it no more.

    A deactivated user's are left to their own removal, which no group undoes.
    """
    rows = Participant.objects.filter(~Exists(members), source=Source.GROUP, state__in=REMOVABLE)
    return rows.exclude(person__user__is_active=False)


def _remove_leavers(meeting: Meeting | None, users: Collection[int] | None, by: Actor, deadline: Deadline) -> int:
    members = User.objects.filter(groups__meetings=OuterRef("meeting"), pk=OuterRef("person__user"))
    rows, count = _leavers(members), 0
    if meeting is not None:
        rows = rows.filter(meeting=meeting)
    if users is not None:
        rows = rows.filter(person__user__in=users)
    while not deadline.expired and rows.exists():
        # Chunk by chunk, so that no join waits long for a row that is being removed.
        with transaction.atomic():
            keys = removal.mark_many(rows, by=by, limit=CHUNK, cause=RemovalCause.LEFT_GROUP)
        count += len(keys)
        if len(keys) < CHUNK:
            break
    return count


def _list_meetings_with_work(meeting: Meeting | None, users: Collection[int] | None) -> list[uuid.UUID]:
    """Meetings with newcomers and places for them, soonest opening first."""
    members = User.objects.filter(groups__meetings=OuterRef("pk"))
    if users is not None:
        members = members.filter(pk__in=users)
    taken = Participant.objects.occupying().filter(meeting=OuterRef("pk")).order_by().values("meeting")
    occupied = Subquery(taken.annotate(n=Count("pk")).values("n"), output_field=IntegerField())
    rows = Meeting.objects.filter(default_preset__gone_at=None, default_preset__isnull=False)
    rows = rows.filter(Exists(_newcomers(members, OuterRef(OuterRef("pk")))))
    rows = rows.filter(Q(capacity=None) | Q(capacity__gt=Coalesce(occupied, 0)))
    if meeting is not None:
        rows = rows.filter(pk=meeting.pk)
    return list(rows.order_by(F("opens_at").asc(nulls_first=True), "pk").values_list("pk", flat=True))


def _take_in(pk: uuid.UUID, users: Collection[int] | None, by: Actor) -> Counts:
    """Enrol one chunk of newcomers, as far as there are places."""
    newcomers = _newcomers(_members(pk), pk).distinct().order_by("pk")
    if users is not None:
        newcomers = newcomers.filter(pk__in=users)
    chosen = list(newcomers[:CHUNK])
    # Before the lock on the meeting, which joins wait for; whoever finds no place then has at least a person.
    people.make_many(chosen, by=by)
    with transaction.atomic():
        # As in ``enrolment.store``: capacity and "once per meeting" hold against concurrent enrolments.
        meeting = (
            Meeting.objects.select_for_update(of=("self",), no_key=True).select_related("default_preset").get(pk=pk)
        )
        preset = meeting.default_preset
        if preset is None or preset.gone_at:
            return Counts()
        places = CHUNK if meeting.capacity is None else max(0, meeting.capacity - count_occupied(meeting))
        known = Person.objects.filter(user__in=chosen).order_by("pk").select_for_update(no_key=True)
        persons = {person.user_id: person for person in known}
        # Looked at again under the locks: somebody may have been blocked, enrolled or removed by hand meanwhile.
        keys = list(newcomers.filter(pk__in=list(persons)).values_list("pk", flat=True)[:places])
        return _store(meeting, [persons[key] for key in keys], by)


def _store(meeting: Meeting, persons: list[Person], by: Actor) -> Counts:
    preset = meeting.default_preset
    assert preset is not None  # _take_in has seen to it
    rows = list(Participant.objects.filter(LEFT, meeting=meeting, person__in=persons).select_related("preset"))
    back = {row.person_id for row in rows}
    fresh = [
        Participant(
            meeting=meeting,
            person=person,
            custom_participant_id=person.custom_participant_id,
            preset=preset,
            source=Source.GROUP,
            enrolled_by=by.user,
        )
        for person in persons
        if person.pk not in back
    ]
    Participant.objects.bulk_create(fresh)
    record_many(EventKind.ENROLLED, by, fresh, preset=preset.name, source=Source.GROUP.value)
    # Each keeps the preset it had, unless that is gone.
    lost = [row.pk for row in rows if row.preset.gone_at]
    Participant.objects.filter(pk__in=lost).update(preset=preset)
    left = Participant.objects.filter(LEFT, pk__in=[row.pk for row in rows])
    enlisting.reopen(left, removal_cause="", source=Source.GROUP, batch=None, enrolled_by=by.user)
    record_many(EventKind.RESTORED, by, rows, source=Source.GROUP.value)
    return Counts(enrolled=len(fresh), restored=len(rows))
