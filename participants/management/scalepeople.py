"""Made-up users, people, groups, presets and meetings, around which ``scaledata`` holds sessions."""

import hashlib
from bisect import bisect
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

from django.contrib.auth.models import Group, User
from django.db.models import Max

from participants.management.bulkload import Table
from participants.management.scalenames import FIRST, GROUPS, LAST, PRESETS, SUBJECTS
from participants.models import Batch, Meeting, Person, Preset
from participants.states import BatchKind, MeetingState, MeetingStatus

STAFF = 40
CLASS = 30
YEARS = timedelta(days=3 * 365)
TERM = timedelta(days=100)
CHUNK = 20_000
_SIZES = (0.5, 0.75, 1.0, 1.25, 1.5)
_BOUNDS = list(accumulate(share for _, share in PRESETS))


@dataclass(frozen=True)
class Plan:
    """How much there is to be; ``now`` is when the last sessions are live."""

    participants: int
    sessions: int
    attendance: int
    now: datetime
    seed: int = 1

    @property
    def meetings(self) -> int:
        return max(1, self.sessions // 20)

    @property
    def people(self) -> int:
        return max(self.participants // 4, 2 * self.participants // self.meetings, 10)

    @property
    def users(self) -> int:
        """The others are guests."""
        return self.people * 4 // 5

    def make_id(self, kind: str, number: int) -> str:
        return hashlib.blake2b(f"{self.seed} {kind} {number}".encode(), digest_size=16).hexdigest()

    def make_random(self, kind: str) -> Random:
        return Random(f"{self.seed} {kind}")  # noqa: S311 - made-up data, the same whenever it is made


@dataclass
class Cast:
    """Who and where: what participants and sessions refer to, by number."""

    plan: Plan
    first_user: int = 0
    presets: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    begins: list[datetime] = field(default_factory=list)

    def find_staff(self, number: int) -> int:
        return self.first_user + number % STAFF

    def has_batch(self, meeting: int) -> bool:
        return meeting % 3 == 0

    def pick_preset(self, random: Random) -> str:
        return self.presets[min(bisect(_BOUNDS, random.random()), len(PRESETS) - 1)]


def write(moment: datetime) -> str:
    """As both databases read it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def make(plan: Plan) -> Cast:
    cast = Cast(plan, first_user=(User.objects.aggregate(last=Max("pk"))["last"] or 0) + 1)
    cast.presets = [plan.make_id("preset", number) for number in range(len(PRESETS))]
    _load_accounts(cast)
    _load_people(cast)
    _load_meetings(cast)
    return cast


def _name(number: int) -> tuple[str, str]:
    return FIRST[number % len(FIRST)], LAST[number * 7919 // len(FIRST) % len(LAST)]


def _load_accounts(cast: Cast) -> None:
    plan, made = cast.plan, write(cast.plan.now - YEARS)
    table = Table(
        User,
        "id",
        "username",
        "first_name",
        "last_name",
        "email",
        "password",
        "is_staff",
        "is_superuser",
        "date_joined",
    )
    staff = [
        (f"staff{n}", "Staff", str(n), f"staff{n}@scale.example", "!", 1, int(n == 0), made) for n in range(STAFF)
    ]
    table.load((cast.first_user + n, *row) for n, row in enumerate(staff))
    first = cast.first_user + STAFF
    for start in range(0, plan.users, CHUNK):
        rows = []
        for n in range(start, min(start + CHUNK, plan.users)):
            given, family = _name(n)
            handle = f"{given}.{family}.{n}".lower()
            rows.append((first + n, handle, given, family, f"{handle}@scale.example", "!", 0, 0, made))
        table.load(rows)
    group = (Group.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
    classes = [(f"Class {n}", 0.0) for n in range(plan.users // CLASS)]
    Table(Group, "id", "name").load(
        (group + n, f"{name} ({plan.seed})") for n, (name, _) in enumerate([*GROUPS, *classes])
    )
    members = Table(User.groups.through, "user", "group")
    for n, (_, share) in enumerate(GROUPS):
        step = round(1 / share)
        members.load((first + user, group + n) for user in range(0, plan.users, step))
    whole = len(classes) * CLASS
    members.load((first + user, group + len(GROUPS) + user // CLASS) for user in range(whole))
    presets = Table(Preset, "id", "name", "realtimekit_id", "created_at", "updated_at")
    presets.load((cast.presets[n], name, f"scale-{n}", made, made) for n, (name, _) in enumerate(PRESETS))


def _load_people(cast: Cast) -> None:
    plan, made = cast.plan, write(cast.plan.now - YEARS)
    names = ("id", "user", "display_name", "email", "custom_participant_id", "created_at", "updated_at")
    table, first = Table(Person, *names), cast.first_user + STAFF
    for start in range(0, plan.people, CHUNK):
        rows = []
        for n in range(start, min(start + CHUNK, plan.people)):
            given, family = _name(n)
            user = first + n if n < plan.users else None
            mail = f"{given}.{family}.{n}@scale.example".lower()
            rows.append(
                (plan.make_id("person", n), user, f"{given} {family}", mail, plan.make_id("key", n), made, made)
            )
        table.load(rows)


def _load_meetings(cast: Cast) -> None:
    plan, random = cast.plan, cast.plan.make_random("meetings")
    names = ("id", "realtimekit_id", "state", "title", "applied_title", "status", "applied_status", "default_preset")
    table = Table(Meeting, *names, "opens_at", "closes_at", "created_at", "updated_at")
    managers = Table(Meeting.managers.through, "meeting", "user")
    kept: list[tuple[str, int]] = []
    rows, batches, left = [], [], plan.participants
    for n in range(plan.meetings):
        key, title = plan.make_id("meeting", n), f"{SUBJECTS[n % len(SUBJECTS)]}, group {n}"
        wanted = left / (plan.meetings - n) * (_SIZES[n % len(_SIZES)] if n < plan.meetings - 1 else 1.0)
        size = min(round(wanted), plan.people, left)
        left -= size
        begins = plan.now - TERM - random.random() * (YEARS - TERM)
        begins = begins.replace(minute=0, second=0, microsecond=0)
        cast.sizes.append(size)
        cast.begins.append(begins)
        made, opens = write(begins - timedelta(days=7)), begins + TERM
        state = (MeetingState.CREATED.value, title, title, MeetingStatus.ACTIVE.value, MeetingStatus.ACTIVE.value)
        hours = (write(opens), write(opens + timedelta(hours=1)))
        rows.append((key, plan.make_id("room", n), *state, cast.presets[n % 3], *hours, made, made))
        if cast.has_batch(n):
            batches.append(
                (plan.make_id("batch", n), BatchKind.ENROL.value, key, size, "admin", cast.find_staff(n), made, made)
            )
        # The first member of staff manages a tenth, each of the next thirty their part, the last three meetings.
        kept += [(key, cast.find_staff(1))] * (n % 10 == 0) + [(key, cast.find_staff(2 + n % 30))]
        kept += [(key, cast.find_staff(STAFF - 1))] * (n < 3)
    table.load(rows)
    managers.load(kept)
    more = ("kind", "meeting", "total", "via", "started_by", "created_at", "updated_at")
    Table(Batch, "id", *more).load(batches)
