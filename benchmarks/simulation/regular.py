"""Background calls that come by the clock: pulling sessions, meetings and who is in them. One after the other."""

import heapq
import math
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.simulation.plan import (
    HOUR,
    LIVE_PULLS,
    MINUTE,
    MISSED_BACK,
    MISSED_EVERY,
    REPAIR_EVERY,
    REPAIR_SECONDS,
    SYNC_AGAIN,
    SYNC_EVERY,
    SYNC_LISTING,
    SYNC_SECONDS,
    Plan,
)
from participants.realtimekit.paging import PER_PAGE

AFTER_END = 2 * MINUTE


class Chore(Protocol):
    """Work that is asked how many calls it would make in the next so many seconds, and told how many it got."""

    def find_wish(self, now: float, seconds: float) -> float: ...

    def done(self, calls: int, now: float) -> None: ...


@dataclass
class Sessions:
    """Sessions to be asked about: every quarter of an hour while live, and when they ended, with who was there.

    A chore does so for a minute, rests for one, and makes one call after the other, the longest waiting first. A
    session that was not come to while it was live is asked about once, when it is over.
    """

    plan: Plan
    begun: list[tuple[float, int]] = field(default_factory=list)
    _due: list[tuple[float, float, int]] = field(default_factory=list)
    """A heap of when, when they began, and how many."""
    _given: float = 0.0

    @property
    def length(self) -> float:
        return self.plan.lesson_minutes * MINUTE

    def begin(self, now: float, count: int) -> None:
        heapq.heappush(self._due, (now + LIVE_PULLS, now, count))
        self.begun.append((now, count))

    def find_wish(self, now: float, seconds: float) -> float:
        if not self._due or self._due[0][0] > now:
            return 0.0
        duty = REPAIR_SECONDS / (REPAIR_SECONDS + REPAIR_EVERY)
        return duty * seconds / self.plan.call_seconds

    def find_lateness(self, now: float) -> float:
        """Seconds for which the longest waiting has been due."""
        return max(0.0, now - self._due[0][0]) if self._due else 0.0

    def done(self, calls: int, now: float) -> None:
        """Calls that are not enough for one more session are kept for the next step."""
        self._given += calls
        while self._due and self._due[0][0] <= now and self._given >= 1:
            at, began, count = self._due[0]
            is_over = now >= began + self.length
            cost = 1 + self.plan.pages if is_over else 1
            served = min(count, int(self._given // cost))
            if not served:
                return
            self._given -= served * cost
            heapq.heappop(self._due)
            if served < count:
                heapq.heappush(self._due, (at, began, count - served))
            if not is_over:
                again = min(now + LIVE_PULLS, max(began + self.length + AFTER_END, now + MINUTE))
                heapq.heappush(self._due, (again, began, served))
        self._given = min(self._given, float(self.plan.pages))


@dataclass
class Missed:
    """Every ten minutes the list of sessions of the last day is read, for such as no delivery told of."""

    plan: Plan
    sessions: Sessions
    left: float = 0.0
    next_at: float = 0.0
    until: float = 0.0

    def find_wish(self, now: float, seconds: float) -> float:
        if not self.left and now >= self.next_at:
            self.sessions.begun = [item for item in self.sessions.begun if item[0] > now - MISSED_BACK]
            listed = sum(count for _, count in self.sessions.begun)
            self.left = max(1.0, math.ceil(listed / PER_PAGE))
            self.until, self.next_at = now + SYNC_SECONDS, now + MISSED_EVERY
        if self.left and now >= self.until:
            self.left = 0.0
        return min(self.left, seconds / self.plan.call_seconds)

    def done(self, calls: int, now: float) -> None:
        self.left = max(0.0, self.left - calls)


@dataclass
class Sync:
    """Presets, the list of all meetings within a minute, then who is in each, as many as two minutes allow.

    A list that can't be read in its minute is given up and begun anew five minutes later.
    """

    plan: Plan
    listing: float = 0.0
    until: float = 0.0
    next_at: float = 0.0
    rosters: bool = False
    completed: int = 0
    given_up: int = 0
    read: int = 0

    def find_wish(self, now: float, seconds: float) -> float:
        if now >= self.until and self.until:
            if self.listing:
                self.given_up += 1
                self.next_at = now + SYNC_AGAIN
            self.listing, self.rosters, self.until = 0.0, False, 0.0
        if not self.until and now >= self.next_at:
            self.listing = 1.0 + math.ceil(self.plan.meetings / PER_PAGE)
            self.until, self.next_at = now + SYNC_LISTING, now + SYNC_EVERY
        most = seconds / self.plan.call_seconds
        return min(self.listing, most) if self.listing else most if self.rosters else 0.0

    def done(self, calls: int, now: float) -> None:
        if self.rosters:
            self.read += calls // (1 + self.plan.pages)
        elif self.listing:
            self.listing = max(0.0, self.listing - calls)
            if not self.listing:
                self.completed += 1
                self.rosters = True
                self.until += SYNC_SECONDS - SYNC_LISTING


@dataclass
class Survey:
    """Every hour a minute of comparing meetings with what is on record."""

    plan: Plan

    def find_wish(self, now: float, seconds: float) -> float:
        return seconds / self.plan.call_seconds if now % HOUR < MINUTE else 0.0

    def done(self, calls: int, now: float) -> None:
        pass
