"""Everybody's tokens as runs of equal age, the oldest first: ten million people are some thousand runs."""

from collections import deque
from dataclasses import dataclass, field

GRAIN = 600.0
"""Tokens issued within so many seconds are one run."""


@dataclass
class Run:
    issued: float
    count: int


@dataclass
class Tokens:
    """``fresh_for`` and ``usable_for`` are seconds after the issue."""

    fresh_for: float
    usable_for: float
    fresh: deque[Run] = field(default_factory=deque)
    stale: deque[Run] = field(default_factory=deque)
    count_fresh: int = 0
    count_stale: int = 0
    expired: int = 0

    @property
    def count(self) -> int:
        return self.count_fresh + self.count_stale + self.expired

    def issue(self, count: int, now: float) -> None:
        if count <= 0:
            return
        if not self.fresh or self.fresh[-1].issued < now - GRAIN:
            self.fresh.append(Run(now, 0))
        self.fresh[-1].count += count
        self.count_fresh += count

    def age(self, now: float) -> None:
        while self.fresh and now - self.fresh[0].issued >= self.fresh_for:
            run = self.fresh.popleft()
            self.stale.append(run)
            self.count_fresh -= run.count
            self.count_stale += run.count
        while self.stale and now - self.stale[0].issued >= self.usable_for:
            run = self.stale.popleft()
            self.count_stale -= run.count
            self.expired += run.count

    def count_due(self, now: float, renewed_after: float, most: int) -> int:
        """Those to be renewed, as far as ``most``."""
        due = self.expired + self.count_stale
        for run in self.fresh:
            if due >= most or now - run.issued < renewed_after:
                break
            due += run.count
        return min(due, most)

    def find_oldest(self) -> float | None:
        """When the oldest token that is not expired was issued."""
        return self.stale[0].issued if self.stale else self.fresh[0].issued if self.fresh else None

    def take_oldest(self, count: int) -> int:
        """Out of the books, the most pressing first; how many there were."""
        taken = min(count, self.expired)
        self.expired -= taken
        gone = self._take(self.stale, count - taken)
        self.count_stale -= gone
        taken += gone
        gone = self._take(self.fresh, count - taken)
        self.count_fresh -= gone
        return taken + gone

    def take_stale(self, count: int) -> int:
        """Tokens that are usable and not fresh."""
        gone = self._take(self.stale, count)
        self.count_stale -= gone
        return gone

    def take_expired(self, count: int) -> int:
        gone = min(count, self.expired)
        self.expired -= gone
        return gone

    @staticmethod
    def _take(runs: deque[Run], count: int) -> int:
        left = count
        while left > 0 and runs:
            part = min(left, runs[0].count)
            runs[0].count -= part
            left -= part
            if not runs[0].count:
                runs.popleft()
        return count - max(0, left)
