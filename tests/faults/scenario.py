"""One run: a bulk enrolment over HTTP while processes are killed and RealtimeKit misbehaves, by a seed.

The seed decides which trouble befalls which call, who is killed and after how many calls; kills come at a number
of calls that the sandbox has seen, not at a time. What the machine does with it differs from run to run.
"""

import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests
from django.db.models import Q
from django.utils import timezone

from participants.models import Batch, Meeting, Participant
from participants.sandbox import Sandbox
from participants.sandbox.faults import Fault
from participants.states import ParticipantState
from tests.faults.attendees import Attendees, Guest
from tests.faults.stack import Process, Stack
from tests.processes.conftest import sign_in

Budget = tuple[int, float]
SLOWEST_CALL = 1.0
"""Seconds within which the sandbox is done with any call, scripted latency included."""

TOLD_EVERY = 10.0


@dataclass(frozen=True)
class Size:
    """``patience`` in seconds: a run that takes longer has failed. ``hidden``: how long lists lag, in seconds.

    ``hurried`` runs end with a power cut: everything is killed at once, so that every lease is a dead one's and need
    not be waited for; nor is the minute after which extras are looked for.
    """

    rows: int
    kills: int
    budget: Budget
    patience: float
    hidden: float = 0.0
    hurried: bool = False


@dataclass
class Trouble:
    """What befalls RealtimeKit's calls: a share of them, drawn from the seed."""

    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def script(cls, sandbox: Sandbox, dice: random.Random, *, hidden: float) -> "Trouble":
        """20 % of Adds and deletions lose their answer, 10 % of all calls fail, half of these after their work."""

        def add(kind: str, operation: str | None, share: float, **options: Any) -> Fault:
            seed = dice.randrange(2**32)
            return sandbox.faults.add(kind, operation, times=None, probability=share, seed=seed, **options)

        faults = [
            add("lose_answer", "participants.add", 0.20),
            add("lose_answer", "participants.delete", 0.20),
            add("lose_answer", "participants.refresh", 0.10),
            add("server_error", None, 0.05, status=dice.choice((500, 502, 503, 504))),
            add("server_error", None, 0.05, status=500, performed=True),
            add("drop", None, 0.02),
            add("malformed", "participants.add", 0.02, body=dice.choice(("truncated", "cut_off", "empty", "html"))),
            add("rate_limited", None, 0.003, retry_after=1),
            add("latency", None, 0.10, seconds=dice.uniform(0.05, 0.2)),
            add("latency", None, 0.05, seconds=dice.uniform(0.05, 0.5), performed=True),
        ]
        if hidden:
            faults.append(add("hide_new", "participants.add", 0.05, seconds=hidden))
        return cls(faults)

    def count(self, kind: str) -> int:
        return sum(fault.fired for fault in self.faults if fault.kind == kind)


@dataclass
class Scenario:
    """``dice`` is the run's own; ``staff`` a signed-in browser that may enrol."""

    size: Size
    dice: random.Random
    sandbox: Sandbox
    stack: Stack
    meeting: Meeting
    staff: requests.Session
    attendees: Attendees
    killed: int = 0
    _next_kill: int = 0
    _limit: float = 0.0
    _told: float = 0.0

    def begin(self) -> None:
        self._limit = time.monotonic() + self.size.patience
        self.stack.start()
        self.attendees.start()

    def enrol(self, people: list[str]) -> list[Batch]:
        """Start a bulk enrolment and have a server killed while it stores the list; the batches it took.

        As a careful client does: an answer that was lost is looked for before the list is sent again.
        """
        before = set(Batch.objects.values_list("pk", flat=True))
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self._post, self.stack.addresses[0], people)
            self._watch(asked, lambda: Batch.objects.exclude(pk__in=before).exists())
        while not self._is_stored(people, before):
            self.stack.wait_until_ready()
            with ThreadPoolExecutor(1) as pool:
                self._watch(pool.submit(self._post, self.stack.addresses[0], people), None)
        return list(Batch.objects.exclude(pk__in=before).order_by("created_at"))

    def invite(self, count: int) -> None:
        """Some of those just enrolled begin to join."""
        rows = list(
            Participant.objects.select_related("person__user").exclude(batch=None).order_by("custom_participant_id")
        )
        for row in self.dice.sample(rows, count):
            user = row.person.user
            self.attendees.invite(Guest(str(user), sign_in(user), warm=False))

    def kill_until_done(self) -> None:
        """Kill workers, now and then a server, as the calls go on; return when no kill is left."""
        self._plan_kill()
        while self.killed < self.size.kills:
            self._step()
            enough = self.sandbox.requests.count() >= self._next_kill
            if enough and (victims := [process for process in self.stack.workers if process.ready]):
                self._kill(self.dice.choice(victims))
                if self.dice.random() < 0.1 and self.stack.servers[-1].ready:
                    self._kill(self.stack.servers[-1], counted=False)
                self._plan_kill()

    def cut_power(self) -> None:
        """Kill everything, wait until RealtimeKit is done with what it was asked, and end the leases of the dead."""
        for process in self.stack.processes:
            self._kill(process, counted=False)
        seen = -1
        while seen != (seen := self.sandbox.requests.count()):
            time.sleep(SLOWEST_CALL)
        for model in (Batch, Meeting, Participant):
            model._default_manager.exclude(lease_until=None).update(lease_until=timezone.now())

    def rest(self) -> None:
        """Wait until nothing is left to do, and end the workers politely."""
        if self.size.hurried:
            self.cut_power()
        self.wait_for(lambda: not _is_restless(self.meeting))
        if self.size.hurried:
            time.sleep(self.size.hidden)  # lists have caught up; the rest of the minute is not waited out
            Participant.objects.exclude(verify_after=None).update(verify_after=timezone.now())
        self.wait_for(lambda: not Participant.objects.exclude(verify_after=None).exists())
        self.wait_for(lambda: not _is_restless(self.meeting))
        self.attendees.stop()
        self.stack.stop_workers()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._step()
            time.sleep(0.1)

    def describe(self) -> str:
        states = {
            state.value: Participant.objects.filter(state=state).count()
            for state in ParticipantState
            if Participant.objects.filter(state=state).exists()
        }
        doubts = Participant.objects.filter(outcome_unknown=True).count()
        leases = Participant.objects.exclude(lease_id=None).count()
        return (
            f"{self.killed} of {self.size.kills} kills, rows {states}, "
            f"{doubts} in doubt, {leases} under a lease, joins {self.attendees.codes}"
        )

    def tell(self) -> None:
        """How it stands, for whoever watches a long run."""
        self._told = time.monotonic()
        calls = Counter(entry.operation for entry in self.sandbox.requests.all())
        sys.stderr.write(f"  {self.describe()}, calls {dict(calls)}\n")

    def _step(self) -> None:
        self.stack.supervise()
        now = time.monotonic()
        assert now < self._limit, f"not at rest after {self.size.patience:.0f} s: {self.describe()}"
        if now - self._told > TOLD_EVERY:
            self.tell()
        time.sleep(0.01)

    def _plan_kill(self) -> None:
        # A row takes a third more than one call; the last kill comes while there still is something to do.
        gap = max(2, self.size.rows // max(1, self.size.kills))
        self._next_kill = self.sandbox.requests.count() + self.dice.randint(gap // 2, gap)

    def _kill(self, victim: Process, *, counted: bool = True) -> None:
        victim.kill()
        self.killed += counted

    def _watch(self, asked: "Future[int]", moment: Callable[[], bool] | None) -> None:
        """Wait for a request to end; kill its server when the moment has come."""
        while not asked.done():
            if moment is not None and moment():
                self._kill(self.stack.servers[0], counted=False)
                moment = None
            self._step()
        assert asked.result() in (0, 202, 503), asked.result()

    def _post(self, address: str, people: list[str]) -> int:
        """The status of the answer, 0 for none."""
        where = f"{address}/api/v1/manage/meetings/{self.meeting.pk}/enrolments/"
        try:
            return self.staff.post(where, json={"people": people}, timeout=60).status_code
        except requests.RequestException:
            return 0

    def _is_stored(self, people: list[str], before: set[uuid.UUID]) -> bool:
        """Whether everybody has a row; while more come, that is waited for."""
        wanted = Participant.objects.filter(meeting=self.meeting, person__user__username__in=people)
        count, since = -1, time.monotonic()
        while (found := wanted.count()) < len(people):
            if found != count:
                count, since = found, time.monotonic()
            started = Batch.objects.exclude(pk__in=before).exists()
            if not started or time.monotonic() - since > 5:
                return False
            self._step()
        return True


def _is_restless(meeting: Meeting) -> bool:
    """Whether rows are not yet as wanted, or a batch, whose lease a killed server may hold, has work left."""
    waiting = (ParticipantState.PENDING, ParticipantState.REMOVING)
    rows = Participant.objects.filter(meeting=meeting)
    unsettled = rows.filter(Q(state__in=waiting) | Q(outcome_unknown=True))
    return unsettled.exists() or Batch.objects.unfinished().exists()
