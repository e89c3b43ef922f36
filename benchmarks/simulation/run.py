"""Steps through weeks: who waits for a call, who gets one, and what those at the door find."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from django.conf import settings

from benchmarks.simulation.bucket import Bucket
from benchmarks.simulation.plan import (
    ARRIVAL,
    DAY,
    HOUR,
    TIMETABLE,
    WEEK,
    WITHDRAWAL_CALLS,
    Plan,
)
from benchmarks.simulation.regular import Chore, Missed, Sessions, Survey, Sync
from benchmarks.simulation.tokens import Tokens

LEAD_OF_LESSONS = 2 * DAY
"""How long before a lesson with a meeting of its own its people are enrolled."""
CALLS_OF_A_LESSON = 4
"""Create, open, close, put everybody out."""
WORKDAYS = 5
_PASSES = "passes"
THREADS: int = settings.WORKER_THREADS


@dataclass
class Opening:
    """Of the people who came to one hour's lessons, how many held a fresh token, a usable one, or none that is."""

    at: float
    came: int
    fresh: int
    cold: int = 0
    waited: float = 0.0
    """Seconds until the last of those had a token, counted from when all had come."""

    @property
    def share(self) -> float:
        """That was let in without a call."""
        return 1 - self.cold / self.came if self.came else 1.0


@dataclass
class Report:
    plan: Plan
    calls: dict[str, int] = field(default_factory=dict)
    openings: list[Opening] = field(default_factory=list)
    enrolled_at: float | None = None
    """When the last of those who were to be enrolled first was."""
    enrolled: int = 0
    remote: int = 0
    """Participants that RealtimeKit holds."""
    wanted: int = 0
    waiting: int = 0
    oldest_pending: float = 0.0
    oldest_due: float = 0.0
    """Seconds by which a renewal was late at the worst."""
    most_in_a_window: int = 0
    fullest_day: float = 0.0
    """Share of the budget's calls of a day that were made on the fullest day after the first enrolment."""
    sessions_late: float = 0.0
    """Seconds for which a session that was due was not asked about, at the worst."""
    lists_read: int = 0
    lists_given_up: int = 0
    failed: int = 0
    end: float = 0.0

    @property
    def used(self) -> float:
        return sum(self.calls.values()) / (self.plan.rate * self.end)

    @property
    def came(self) -> int:
        return sum(opening.came for opening in self.settled_openings)

    @property
    def settled_openings(self) -> list[Opening]:
        """Those after the first enrolment."""
        since = self.enrolled_at if self.enrolled_at is not None else self.end
        return [opening for opening in self.openings if opening.at >= since]

    @property
    def fresh(self) -> float:
        return sum(opening.fresh for opening in self.settled_openings) / self.came if self.came else 0.0

    @property
    def cold(self) -> int:
        return sum(opening.cold for opening in self.settled_openings)

    @property
    def worst(self) -> float:
        return min((opening.share for opening in self.settled_openings), default=0.0)

    @property
    def longest_wait(self) -> float:
        return max((opening.waited for opening in self.settled_openings), default=0.0)


class Simulation:
    """One run. ``report`` grows as it goes."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.bucket = Bucket(plan.limits)
        self.tokens = Tokens(plan.fresh_for, plan.usable_for)
        self.report = Report(plan)
        self.sessions = Sessions(plan)
        self.sync = Sync(plan)
        chores: dict[str, Chore] = {
            "sessions": self.sessions,
            "missed sessions": Missed(plan, self.sessions),
            "sync": self.sync,
            "survey": Survey(plan),
        }
        self.regular = chores if plan.regular else {}
        self._random = Random(plan.seed)
        self._pending: deque[tuple[float, int]] = deque()
        self._backlog = 0
        self._removing = 0
        self._doubts = 0
        self._door: deque[tuple[Opening, int, int]] = deque()
        self._other = 0.0
        self._day: dict[int, int] = {}
        self._lost_calls = 0.0
        if not plan.anew:
            self._want(plan.people, 0.0)

    def run(self) -> Report:
        end = self.plan.weeks * WEEK
        now = 0.0
        while now < end:
            self._step(now, min(now + self.plan.step, end))
            now += self.plan.step
        report = self.report
        report.end, report.waiting = end, self._backlog
        report.most_in_a_window = self.bucket.find_fullest_window()
        settled = (report.enrolled_at or 0.0) // DAY + 1
        report.fullest_day = max((n for day, n in self._day.items() if day >= settled), default=0) / (
            self.plan.rate * DAY
        )
        report.lists_read, report.lists_given_up = self.sync.completed, self.sync.given_up
        return report

    def _step(self, now: float, end: float) -> None:
        for trouble in self.plan.troubles:
            if trouble.kind == "429" and now <= trouble.begin < end:
                self.bucket.pause(trouble.seconds, now)
        self._come_and_go(now, end)
        self._open_doors(now, end)
        self.tokens.age(now)
        if any(t.kind == "outage" and t.begin <= now < t.begin + t.seconds for t in self.plan.troubles):
            self._fail(now, end)
        else:
            self.bucket.succeed()
            self._serve_door(now, end)
            self._work(now, end)
        self._look(now)

    # Who wants something.

    def _want(self, count: int, now: float) -> None:
        if count:
            self._pending.append((now, count))
            self._backlog += count
            self.report.wanted += count

    def _come_and_go(self, now: float, end: float) -> None:
        """Whoever leaves is removed, and somebody else enrolled in their place; both evenly over the week."""
        if self.report.enrolled_at is None or self.plan.anew:
            return
        leaving = spread(self.plan.people * self.plan.leaving, now, end)
        left = min(leaving, self.tokens.count)
        self.tokens.take_oldest(left)
        self.report.enrolled -= left
        self.report.wanted -= left
        self._removing += left
        self._want(left, now)

    def _open_doors(self, now: float, end: float) -> None:
        for at, share in self._list_slots(now, end):
            people = round(self.plan.people * self.plan.lessons * share)
            count = round(people / self.plan.size)
            self.sessions.begin(at, count)
            if self.plan.anew:
                self._end_lessons(people)
            came = round(people * self.plan.attendance)
            self._arrive(Opening(at, came, came))
        if self.plan.anew:
            for at, share in self._list_slots(now + LEAD_OF_LESSONS, end + LEAD_OF_LESSONS):
                people = round(self.plan.people * self.plan.lessons * share)
                self._want(people, now)
                self._other += CALLS_OF_A_LESSON * people / self.plan.size
                if self.report.enrolled_at is None:
                    self.report.enrolled_at = at + WEEK

    def _end_lessons(self, people: int) -> None:
        """Tokens of the lessons before these are of no use any more; what is kept stands for those to come."""
        beyond = self.tokens.count - round(self.plan.people * self.plan.lessons)
        if beyond > 0:
            self.tokens.take_oldest(beyond)

    def _arrive(self, opening: Opening) -> None:
        """Of those who come, as many hold no fresh token as of all people: a call for each."""
        everybody = self.tokens.count + self._doubts + self._backlog
        self.report.openings.append(opening)
        stale = 0
        if self.plan.anew:
            cold = min(opening.came, round(self._find_late(opening.at) * self.plan.attendance))
        else:
            with_token = self.tokens.count_fresh + self.tokens.count_stale
            cold = round(opening.came * (1 - self._share(with_token, everybody)))
            stale = round(opening.came * self._share(self.tokens.count_stale, everybody))
        opening.cold, opening.fresh = cold, max(0, opening.came - cold - stale)
        if cold or stale:
            self._door.append((opening, cold, stale))

    def _find_late(self, at: float) -> int:
        """People of lessons that begin now and are not enrolled yet."""
        return sum(count for wished, count in self._pending if wished + LEAD_OF_LESSONS <= at)

    @staticmethod
    def _share(part: int, whole: int) -> float:
        return part / whole if whole else 0.0

    def _list_slots(self, begin: float, end: float) -> Iterator[tuple[float, float]]:
        """Hours of the timetable in the step, each with its share of the week's lessons."""
        day = int(begin // DAY)
        if day % 7 >= WORKDAYS:
            return
        for hour, share in TIMETABLE.items():
            at = day * DAY + hour * HOUR
            if begin <= at < end:
                yield at, share / WORKDAYS

    # Who gets a call.

    def _call(self, kind: str, wanted: float, now: float, end: float, *, background: bool = True) -> int:
        count = self.bucket.take(wanted, now, end, background=background)
        if count:
            self.report.calls[kind] = self.report.calls.get(kind, 0) + count
            day = int(now // DAY)
            self._day[day] = self._day.get(day, 0) + count
        return count

    def _serve_door(self, now: float, end: float) -> None:
        """People at the door come first. A usable token lets them in at once, whatever its refresh does."""
        while self._door:
            opening, cold, stale = self._door.popleft()
            come = min(1.0, (end - opening.at) / ARRIVAL)
            asking = opening.came - opening.fresh
            gone_in = round(asking * come) - (asking - cold - stale)
            wanted = max(0, min(cold + stale, gone_in))
            count = self._call("at the door", wanted, now, end, background=False)
            done_cold = min(count, cold)
            done_stale = min(count - done_cold, stale)
            self._let_in(done_cold, done_stale, now)
            if done_cold:
                opening.waited = max(opening.waited, end - opening.at - ARRIVAL)
            cold, stale = cold - done_cold, stale - done_stale
            if end >= opening.at + ARRIVAL:
                stale = 0  # they were let in with what they had
            if end >= opening.at + self.plan.lesson_minutes * 60:
                opening.waited = self.plan.lesson_minutes * 60 if cold else opening.waited
                continue
            if cold or stale:
                self._door.appendleft((opening, cold, stale))
                return

    def _let_in(self, cold: int, stale: int, now: float) -> None:
        renewed = self.tokens.take_expired(cold)
        self._enrol(cold - renewed, now)
        renewed += self.tokens.take_stale(stale)
        self.tokens.issue(renewed, now)

    def _work(self, now: float, end: float) -> None:
        """In the order of a pass: removals, rows to add, then tokens; beside it what comes by the clock.

        Where more wait to be added than there are calls, tokens come first: a pass keeps time for its share of them.
        """
        seconds, backlog = end - now, self._backlog
        crowded = backlog >= self.plan.one_pass * self.plan.workers
        most = int((self.plan.renewing_beside if crowded else self.plan.renewing) * seconds)
        due = 0 if self.plan.anew else self.tokens.count_due(now, self.plan.renewed_after, most)
        wishes = {kind: work.find_wish(now, seconds) for kind, work in self.regular.items()}
        passes = self._removing * WITHDRAWAL_CALLS + self._other + self._doubts + backlog + due
        for kind, share in self._share_out(wishes, passes, seconds).items():
            self.regular[kind].done(self._call(kind, share, now, end), now)
        if self._removing:
            calls = self._call("removals", self._removing * WITHDRAWAL_CALLS, now, end)
            self._remove(-(-calls // WITHDRAWAL_CALLS))
        if self._other >= 1:
            self._other -= self._call("meetings", self._other, now, end)
        if self._doubts:
            self._settle_doubts(self._call("doubts", self._doubts * self.plan.pages, now, end))
        if crowded:
            self._renew(due, now, end)
        if backlog:
            calls = self._call("enrolment", min(backlog, self.plan.enrolling * seconds), now, end)
            self._enrol(calls, now, lossy=True)
        if not crowded:
            self._renew(due, now, end)

    def _renew(self, due: int, now: float, end: float) -> None:
        if due:
            renewed = self.tokens.take_oldest(self._call("renewal", due, now, end))
            self.tokens.issue(renewed, now)

    def _settle_doubts(self, calls: int) -> None:
        """Rows in doubt are found in the list of their meeting and adopted; those have no token yet."""
        settled = min(self._doubts, calls // self.plan.pages)
        self._doubts -= settled
        self.report.enrolled += settled
        self.tokens.expired += settled

    def _share_out(self, wishes: dict[str, float], passes: float, seconds: float) -> dict[str, float]:
        """Threads that wait for the budget get a call in turn: each chore is one thread, a worker's pass is many."""
        left, given = self.plan.rate * seconds, dict[str, float]()
        asking = {kind: wish for kind, wish in (*wishes.items(), (_PASSES, passes)) if wish >= 1}
        weights = {kind: self.plan.workers * THREADS if kind == _PASSES else 1 for kind in asking}
        while asking:
            share = left / sum(weights[kind] for kind in asking)
            modest = {kind: wish for kind, wish in asking.items() if wish <= share * weights[kind]}
            if not modest:
                given |= {kind: share * weights[kind] for kind in asking}
                break
            given |= modest
            left -= sum(modest.values())
            asking = {kind: wish for kind, wish in asking.items() if kind not in modest}
        given.pop(_PASSES, None)
        return given

    def _enrol(self, count: int, now: float, *, lossy: bool = False) -> int:
        """So many Adds; those whose answers are lost are performed all the same, and asked about later."""
        enrolled = 0
        while count > 0 and self._pending:
            wished, waiting = self._pending.popleft()
            part = min(count, waiting)
            enrolled += part
            count -= part
            self._backlog -= part
            if waiting > part:
                self._pending.appendleft((wished, waiting - part))
        self.report.remote += enrolled
        lost = self._lose(enrolled) if lossy else 0
        self._doubts += lost
        self.report.enrolled += enrolled - lost
        self.tokens.issue(enrolled - lost, now)
        if not self._pending and self.report.enrolled_at is None:
            self.report.enrolled_at = now
        return enrolled

    def _lose(self, count: int) -> int:
        self._lost_calls += count * self.plan.lost / 1e6 * 2 * self._random.random()
        lost = min(count, int(self._lost_calls))
        self._lost_calls -= lost
        return lost

    def _remove(self, count: int) -> None:
        gone = min(count, self._removing)
        self._removing -= gone
        self.report.remote -= gone

    def _fail(self, now: float, end: float) -> None:
        """RealtimeKit is down: calls fail till the breaker opens, then probes. Cached tokens are served as ever."""
        count = self.bucket.fail(self.plan.enrolling * (end - now), now, end)
        self.report.failed += count
        self.report.calls["failed"] = self.report.calls.get("failed", 0) + count

    def _look(self, now: float) -> None:
        report = self.report
        if self._pending:
            report.oldest_pending = max(report.oldest_pending, now - self._pending[0][0])
        report.sessions_late = max(report.sessions_late, self.sessions.find_lateness(now))
        oldest = self.tokens.find_oldest()
        if oldest is not None:
            report.oldest_due = max(report.oldest_due, now - oldest - self.plan.renewed_after)


def spread(a_week: float, begin: float, end: float) -> int:
    """What falls into the step of something that comes evenly."""
    return int(a_week * end / WEEK) - int(a_week * begin / WEEK)


def simulate(plan: Plan) -> Report:
    return Simulation(plan).run()
