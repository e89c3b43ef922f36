"""The shared budget over a stretch of time: what ``participants.models.budget`` admits call by call, in one sum.

The arithmetic is the product's (``Limits``); the guarded UPDATE is written out for many calls that are made as early
as they are admitted. ``tests/benchmarks`` holds the two against each other.
"""

import math
from dataclasses import dataclass, field

from participants.models.budget import FAILURES_TO_OPEN, LONGEST_PAUSE, PROBE_EVERY, Limits


@dataclass
class Bucket:
    """Moments are seconds since the simulation began."""

    limits: Limits
    full_at: float = 0.0
    paused_until: float = 0.0
    failures: int = 0
    _made: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cost = self.limits.cost
        self._room = {background: self.limits.find_room(background=background) for background in (False, True)}

    def take(self, wanted: float, begin: float, end: float, *, background: bool) -> int:
        """How many of so many calls are admitted between two moments."""
        start = max(begin, self.paused_until)
        if start > end or wanted < 1:
            return 0
        ahead = max(self.full_at, start)
        room = end + self._room[background] - ahead
        count = min(int(wanted), max(0, math.floor(room / self._cost)))
        if count:
            self.full_at = ahead + count * self._cost
            self._made.append((begin, count))
        return count

    def fail(self, wanted: float, begin: float, end: float) -> int:
        """Calls while RealtimeKit is down: until the breaker opens, then a probe every so often; how many."""
        until_open = max(0, FAILURES_TO_OPEN - self.failures)
        count = self.take(min(wanted, until_open + (end - begin) / PROBE_EVERY), begin, end, background=True)
        self.failures += count
        return count

    def succeed(self) -> None:
        self.failures = 0

    def pause(self, seconds: float, now: float) -> None:
        self.paused_until = max(self.paused_until, now + min(seconds, LONGEST_PAUSE))

    def find_fullest_window(self) -> int:
        """The most calls that were made in any window of the budget's length, by the beginnings of the steps."""
        most = made = first = 0
        for moment, count in self._made:
            made += count
            while self._made[first][0] <= moment - self.limits.seconds:
                made -= self._made[first][1]
                first += 1
            most = max(most, made)
        return most
