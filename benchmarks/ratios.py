"""Lines of the one table: a ratio measured in one run, its spread, the machine's noise, and the goal if there is one.

The noise is the ratio of a thing to itself: measured before and after what it is compared with, in each repeat. Where
that strays as far as the ratio does, the ratio says little.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

HEADER = (
    f"{'':<58}{'ratio':>8}{'p10 - p90':>18}{'by itself':>16}{'goal':>10}  {'':<7}measured\n"
    f"{'-' * 58}{'-' * 8:>8}{'-' * 17:>18}{'-' * 15:>16}{'-' * 9:>10}  {'-' * 6:<7}{'-' * 8}"
)


@dataclass(frozen=True)
class Goal:
    """At least or at most so much."""

    least: float = -math.inf
    most: float = math.inf

    def is_met(self, ratio: float) -> bool:
        return self.least <= ratio <= self.most

    def __str__(self) -> str:
        return f">= {self.least:g}" if math.isinf(self.most) else f"<= {self.most:g}"


@dataclass(frozen=True)
class Line:
    """``ratios`` and ``controls`` have one value for each repeat; a control is the same thing against itself."""

    name: str
    ratios: Sequence[float]
    controls: Sequence[float] = ()
    goal: Goal | None = None
    measured: str = ""
    trouble: str = ""
    """Why the figure does not count: answers that were none, say."""

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios) if self.ratios else math.nan

    @property
    def is_met(self) -> bool:
        return not self.trouble and (self.goal is None or self.goal.is_met(self.ratio))

    def __str__(self) -> str:
        mark = "" if self.is_met else "MISSED" if not self.trouble else "FAILED"
        goal = "" if self.goal is None else str(self.goal)
        told = self.trouble or self.measured
        line = f"{self.name:<58}{self.ratio:>8.2f}{_show_spread(self.ratios):>18}{_show_spread(self.controls):>16}"
        return f"{line}{goal:>10}  {mark:<7}{told}".rstrip()


@dataclass(frozen=True)
class Round:
    """One repeat: the one thing, the other, and the one thing again."""

    before: float
    other: float
    after: float

    @property
    def ratio(self) -> float:
        return math.sqrt(self.before * self.after) / self.other

    @property
    def control(self) -> float:
        return self.after / self.before


@dataclass
class Rounds:
    """What several repeats found."""

    rounds: list[Round] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [one.ratio for one in self.rounds]

    @property
    def controls(self) -> list[float]:
        return [one.control for one in self.rounds]

    def describe(self, unit: str) -> str:
        """Medians of both."""
        one = statistics.median(math.sqrt(found.before * found.after) for found in self.rounds)
        other = statistics.median(found.other for found in self.rounds)
        return f"{_show(one)} : {_show(other)} {unit}"


def take_turns(one: Callable[[], T], other: Callable[[], T], repeats: int) -> list[tuple[T, T, T]]:
    """One, other, one, again and again: a machine that slows down meets both sides."""
    return [(one(), other(), one()) for _ in range(repeats)]


def compare(turns: Sequence[tuple[T, T, T]], value: Callable[[T], float]) -> Rounds:
    return Rounds([Round(value(before), value(other), value(after)) for before, other, after in turns])


def _show_spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return "once" if values else ""
    return f"{find_share(values, 0.1):.2f} - {find_share(values, 0.9):.2f}"


def find_share(values: Sequence[float], share: float) -> float:
    """The value below which that share lies, between the nearest two."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _show(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
