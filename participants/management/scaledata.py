"""Made-up sessions of years, and who came to them: what reports are measured on.

Rows are as the services would have written them, with the counts and copies that they keep. The same plan makes the
same rows, on PostgreSQL and on SQLite.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from django.contrib.auth.models import Group, User
from django.db import transaction

from participants.management import bulkload, scalepeople
from participants.management.bulkload import Row, Table
from participants.management.scalepeople import Cast, Plan, write
from participants.models import Attendance, Batch, Meeting, Participant, Person, Presence, Session
from participants.states import KnownBy, ParticipantState, Source

_MEETINGS = 50
"""Written together."""
_GAP = timedelta(days=5)
_WINDOW = timedelta(hours=1)
_TOLD = KnownBy.WEBHOOK.value
_STATES = (
    (0.885, ParticipantState.ENROLLED),
    (0.985, ParticipantState.REMOVED),
    (0.992, ParticipantState.FAILED),
    (0.998, ParticipantState.PENDING),
    (1.0, ParticipantState.REMOVING),
)
_SPREAD = (0.4, 0.8, 1.0, 1.2, 1.6)
_INDEXED = (Meeting, Person, Participant, Session, Presence, Attendance, Batch)
Tell = Callable[[int, int], None]


@dataclass
class _Rows:
    participants: list[Row] = field(default_factory=list)
    sessions: list[Row] = field(default_factory=list)
    presences: list[Row] = field(default_factory=list)
    connections: list[Row] = field(default_factory=list)


@dataclass
class _Counts:
    """Of one session."""

    came: int = 0
    absent: int = 0
    seconds: int = 0


@dataclass(frozen=True)
class _Meeting:
    number: int
    key: str
    first: int
    size: int


def make(plan: Plan, tell: Tell = lambda done, of: None) -> int:
    """Fill an empty database; how many rows of attendance there are. ``tell`` hears of meetings done."""
    with bulkload.without_indexes(*_INDEXED):
        with transaction.atomic():
            cast = scalepeople.make(plan)
        writer = _Writer(cast)
        for start in range(0, plan.meetings, _MEETINGS):
            writer.write(range(start, min(start + _MEETINGS, plan.meetings)))
            tell(min(start + _MEETINGS, plan.meetings), plan.meetings)
    bulkload.settle(User, Group)
    return writer.done


class _Writer:
    def __init__(self, cast: Cast) -> None:
        self.cast, self.plan = cast, cast.plan
        self.random = self.plan.make_random("sessions")
        self.done = self.held = self.enrolled = 0
        self.live = min(40, 3 + self.plan.sessions // 5000, self.plan.meetings)
        self.token = str(Participant._meta.get_field("token").get_prep_value("x" * 600))
        common = ("created_at", "updated_at")
        self.participants = Table(
            Participant,
            *(
                "id",
                "meeting",
                "person",
                "custom_participant_id",
                "preset",
                "realtimekit_id",
                "applied_name",
                "state",
            ),
            *("source", "enrolled_by", "batch", "token", "token_issued_at", "token_expires_at", "first_came_at"),
            *common,
        )
        self.sessions = Table(
            Session,
            *("id", "realtimekit_id", "meeting", "remote_meeting_id", "title", "started_at", "started_known_by"),
            *("ended_at", "ended_known_by", "opens_at", "closes_at", "rolled_at", "pulled_at"),
            *("expected_count", "came_count", "absent_count", "present_seconds", *common),
        )
        self.presences = Table(
            Presence,
            *(
                "id",
                "session",
                "participant",
                "meeting",
                "began_at",
                "was_enrolled",
                "first_joined_at",
                "last_left_at",
            ),
            *("is_present", "connections", "rejoins", "measured_seconds", "corrected_seconds", "correction_reason"),
            *("late_seconds", "left_early_seconds", "share_of_window", "share_of_session", *common),
        )
        self.connections = Table(
            Attendance,
            *(
                "id",
                "session",
                "peer_id",
                "participant",
                "custom_participant_id",
                "name",
                "joined_at",
                "joined_known_by",
            ),
            *("left_at", "left_known_by", "is_recorder", *common),
        )

    def write(self, meetings: range) -> None:
        rows = _Rows()
        for number in meetings:
            meeting = _Meeting(number, self.plan.make_id("meeting", number), self.enrolled, self.cast.sizes[number])
            firsts: dict[int, datetime] = {}
            for place in range(self._count_sessions(number)):
                self._hold(rows, meeting, place, firsts)
            self._enrol(rows, meeting, firsts)
            self.enrolled += meeting.size
        with transaction.atomic():
            self.participants.load(rows.participants)
            self.sessions.load(rows.sessions)
            self.presences.load(rows.presences)
            self.connections.load(rows.connections)

    def _count_sessions(self, number: int) -> int:
        whole, rest = divmod(self.plan.sessions, self.plan.meetings)
        return whole + (number < rest)

    def _enrol(self, rows: _Rows, meeting: _Meeting, firsts: dict[int, datetime]) -> None:
        cast, plan, random = self.cast, self.plan, self.random
        begins = cast.begins[meeting.number]
        batch = plan.make_id("batch", meeting.number) if cast.has_batch(meeting.number) else None
        source = Source.BULK if batch else (Source.ADMIN, Source.GROUP, Source.API)[meeting.number % 3]
        for place in range(meeting.size):
            number = meeting.first + place
            person = (meeting.number * 37 + place) % plan.people
            state = next(state for bound, state in _STATES if random.random() < bound or bound == 1.0)
            made = begins - timedelta(days=7) + random.random() * timedelta(days=20)
            changed = min(made + random.random() ** 3 * timedelta(days=120), plan.now)
            token: Row = (None, None, None)
            if state == ParticipantState.ENROLLED and random.random() < 0.8:
                issued = min(made + random.random() * timedelta(days=400), plan.now)
                token = (self.token, write(issued), write(issued + timedelta(days=100)))
            key, first = plan.make_id("key", person), firsts.get(place)
            rows.participants.append(
                (
                    *(plan.make_id("participant", number), meeting.key, plan.make_id("person", person), key),
                    *(cast.pick_preset(random), plan.make_id("remote", number), "", state.value, source.value),
                    *(cast.find_staff(int(STAFF_SHARE * random.random() ** 2)), batch, *token),
                    *(write(first) if first else None, write(made), write(changed)),
                )
            )

    def _hold(self, rows: _Rows, meeting: _Meeting, place: int, firsts: dict[int, datetime]) -> None:
        plan, random = self.plan, self.random
        key = plan.make_id("session", self.held)
        is_live = meeting.number < self.live and place == self._count_sessions(meeting.number) - 1
        opens = self.cast.begins[meeting.number] + _GAP * place + timedelta(hours=random.randrange(8))
        if is_live:
            opens = plan.now - timedelta(minutes=random.randrange(10, 40))
        began = opens + timedelta(seconds=random.randrange(-120, 300))
        ended = None if is_live else opens + _WINDOW + timedelta(seconds=random.randrange(-300, 900))
        wanted = (plan.attendance - self.done) / max(1, plan.sessions - self.held) * _SPREAD[self.held % len(_SPREAD)]
        size = min(round(wanted), meeting.size, plan.attendance - self.done)
        start = random.randrange(meeting.size) if meeting.size else 0
        counts = _Counts()
        for step in range(size):
            self._attend(
                rows, _Visit(key, meeting, (start + step) % meeting.size, opens, began, ended), counts, firsts
            )
        if random.random() < 0.05:
            self._record(rows, key, began, ended)
        room, title = plan.make_id("room", meeting.number), f"Run {self.held} of {meeting.number}"
        end = (write(ended), _TOLD) if ended else (None, "")
        moments = (write(opens), write(opens + _WINDOW), write(began), None if is_live else write(began))
        rows.sessions.append(
            (
                *(key, plan.make_id("run", self.held), meeting.key, room, title, write(began), _TOLD, *end, *moments),
                *(size, counts.came, counts.absent, counts.seconds, write(began), write(ended or began)),
            )
        )
        self.held += 1

    def _attend(self, rows: _Rows, visit: "_Visit", counts: _Counts, firsts: dict[int, datetime]) -> None:
        plan, random = self.plan, self.random
        number = visit.meeting.first + visit.place
        participant, key = plan.make_id("participant", number), plan.make_id("presence", self.done)
        self.done += 1
        fixed = (key, visit.session, participant, visit.meeting.key, write(visit.began), 1)
        stamps = (write(visit.began), write(visit.ended or visit.began))
        # Every fifteenth never comes to anything.
        if number % 15 == 0 or random.random() < 0.12:
            share = None if visit.ended is None else 0.0
            rows.presences.append((*fixed, None, None, 0, 0, 0, 0, None, "", None, None, share, share, *stamps))
            counts.absent += 1
            return
        stay = _Stay.draw(visit, plan.now, random)
        firsts[visit.place] = min(firsts.get(visit.place, stay.joined), stay.joined)
        told = random.random() < 0.005
        corrected: Row = (3600, "Their line was down.") if told else (None, "")
        seconds = 3600 if told else stay.seconds
        counts.came, counts.seconds = counts.came + 1, counts.seconds + seconds
        left = write(stay.left) if stay.left else None
        comes = 1 + (random.random() < 0.08)
        rows.presences.append(
            (
                *(*fixed, write(stay.joined), left, int(left is None), comes, comes - 1, stay.seconds, *corrected),
                *(stay.late, stay.early, stay.share_of(3600.0), stay.share_of(visit.lasted(plan.now)), *stamps),
            )
        )
        person = plan.make_id("key", (visit.meeting.number * 37 + visit.place) % plan.people)
        half = stay.joined + timedelta(seconds=stay.seconds // 2)
        spans = (
            [(stay.joined, left)] if comes == 1 else [(stay.joined, write(half)), (half + timedelta(seconds=9), left)]
        )
        for turn, (joined, gone) in enumerate(spans):
            peer = f"{key}-{turn}"
            rows.connections.append(
                (
                    *(plan.make_id("connection", 2 * self.done + turn), visit.session, peer, participant, person, ""),
                    *(write(joined), _TOLD, gone, _TOLD if gone else "", 0, *stamps),
                )
            )

    def _record(self, rows: _Rows, session: str, began: datetime, ended: datetime | None) -> None:
        stamps, end = (write(began), write(began)), (write(ended), _TOLD) if ended else (None, "")
        key = self.plan.make_id("recorder", self.held)
        told = (write(began), _TOLD, *end, 1, *stamps)
        rows.connections.append((key, session, key, None, "", "Recorder", *told))


STAFF_SHARE = 30
"""Of the staff, so many enrol people; the first far more than the last."""


@dataclass(frozen=True)
class _Visit:
    session: str
    meeting: _Meeting
    place: int
    opens: datetime
    began: datetime
    ended: datetime | None

    def lasted(self, now: datetime) -> float:
        return max(1.0, ((self.ended or now) - self.began).total_seconds())


@dataclass(frozen=True)
class _Stay:
    """``left`` is None of who is still there."""

    joined: datetime
    left: datetime | None
    seconds: int
    late: int
    early: int | None

    @classmethod
    def draw(cls, visit: _Visit, now: datetime, random: Random) -> "_Stay":
        end = visit.ended or now
        late = random.expovariate(1 / 500) if random.random() < 0.3 else random.random() * 60
        joined = min(visit.opens + timedelta(seconds=int(late)), end - timedelta(seconds=60))
        joined = max(joined, visit.began)
        left: datetime | None = end - timedelta(seconds=int(random.expovariate(1 / 600)) * (random.random() < 0.25))
        left = max(left or end, joined + timedelta(seconds=20))
        seconds = int((left - joined).total_seconds())
        if visit.ended is None and random.random() < 0.85:
            left = None
        closes = visit.opens + _WINDOW
        early = None if visit.ended is None else max(0, int((closes - (left or end)).total_seconds()))
        return cls(joined, left, seconds, max(0, int((joined - visit.opens).total_seconds())), early)

    def share_of(self, whole: float) -> float:
        return round(min(1.0, self.seconds / whole), 4)
