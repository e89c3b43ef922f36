"""What is simulated: how many people, how they meet, and what goes wrong. The product's own numbers are imported."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from django.conf import settings

from participants.models import Participant
from participants.models.budget import Limits
from participants.realtimekit.paging import PER_PAGE
from participants.services import chores, passes, renewal, repair
from participants.services.tokencache import USABLE_MARGIN, inspect
from participants.workers.ticker import PASS_SECONDS

MINUTE, HOUR, DAY, WEEK = 60.0, 3600.0, 86_400.0, 604_800.0
TIMETABLE = {8: 0.22, 9: 0.14, 10: 0.14, 11: 0.12, 13: 0.10, 14: 0.10, 15: 0.08, 17: 0.05, 19: 0.05}
"""Of the lessons of one of five days, by the hour (UTC) at which they begin: more than a fifth at eight."""
ARRIVAL = 10 * MINUTE
"""Over which those who come to a lesson press Join, the most of them at once when it begins."""
LOOK_EVERY = 5.0
"""Seconds between two looks of a worker: the default of ``manage.py worker --every``."""
LIVE_PULLS = 15 * MINUTE
"""A live session is asked about so often: ``services.repair``."""
WITHDRAWAL_CALLS = 3
"""Kick, delete, kick again (design 2.5)."""


@dataclass(frozen=True)
class Trouble:
    """From ``begin`` on for ``seconds``: an outage, or a 429 with that ``Retry-After``."""

    kind: str
    begin: float
    seconds: float


@dataclass(frozen=True)
class Plan:
    """``lessons`` a week of each meeting. With ``anew`` each lesson is a meeting of its own, enrolled two days ahead.

    ``leaving`` is the share of people who leave in a week; as many come in their place. ``lost`` is how many of a
    million Adds are performed and not answered.
    """

    people: int = 10_000_000
    size: int = 30
    lessons: float = 1.0
    lesson_minutes: float = 45.0
    anew: bool = False
    weeks: float = 20
    attendance: float = 0.9
    leaving: float = 0.002
    lost: float = 20.0
    lifetime: timedelta = timedelta(seconds=0)
    regular: bool = True
    """Whether sessions, meetings and who is in them are pulled by the clock."""
    workers: int = 2
    call_seconds: float = 0.2
    budget: tuple[int, float] = (3000, 300.0)
    troubles: tuple[Trouble, ...] = ()
    step: float = MINUTE
    seed: int = 1
    limits: Limits = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", Limits(*self.budget))
        if not self.lifetime:
            object.__setattr__(self, "lifetime", timedelta(seconds=settings.REALTIMEKIT_TOKEN_LIFETIME))

    @cached_property
    def meetings(self) -> int:
        return math.ceil(self.people / self.size)

    @cached_property
    def pages(self) -> int:
        """Of the list of one meeting's participants."""
        return math.ceil(self.size / PER_PAGE)

    @cached_property
    def rate(self) -> float:
        """Calls a second that background work can make in the long run."""
        return 1 / self.limits.cost

    @cached_property
    def enrolling(self) -> float:
        """Calls a second that the workers' threads could make, were there no budget."""
        return self.workers * settings.WORKER_THREADS / self.call_seconds

    @cached_property
    def renewing(self) -> float:
        """Tokens a second: so many at each look of each worker."""
        work = min(passes.RENEWAL_SECONDS, passes.RENEWALS * self.call_seconds / settings.WORKER_THREADS)
        return self.workers * passes.RENEWALS / (LOOK_EVERY + work)

    @cached_property
    def one_pass(self) -> float:
        """Enrolments that fill a worker's pass, so that its renewals get no more than the time kept for them."""
        return self.rate * PASS_SECONDS

    @cached_property
    def renewing_beside(self) -> float:
        """Tokens a second while more than that wait to be added."""
        return self.workers * passes.RENEWALS / PASS_SECONDS

    @cached_property
    def fresh_for(self) -> float:
        """Seconds after its issue at which a token stops being fresh, as the token cache says."""
        issued = datetime(2027, 1, 4, tzinfo=UTC)
        row = Participant(token="x", token_issued_at=issued, token_expires_at=issued + self.lifetime)
        refresh_after = inspect(row, issued).refresh_after
        assert refresh_after is not None
        return (refresh_after - issued).total_seconds()

    @cached_property
    def usable_for(self) -> float:
        return (self.lifetime - USABLE_MARGIN).total_seconds()

    @cached_property
    def renewed_after(self) -> float:
        """Of a room that is open all the time: a lead before it stops being fresh, and not before half its life."""
        return max(self.fresh_for - renewal.LEAD.total_seconds(), self.lifetime.total_seconds() / 2)


SYNC_EVERY, SYNC_LISTING, SYNC_SECONDS = float(settings.SYNC_INTERVAL), 60.0, chores.SECONDS
SYNC_AGAIN = 300.0
"""Seconds until a pull that could not read the list of meetings is tried again."""
REPAIR_SECONDS, REPAIR_EVERY = repair.SECONDS, MINUTE
MISSED_EVERY, MISSED_BACK = 10 * MINUTE, repair.OVERLAP.total_seconds()
