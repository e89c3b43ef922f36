"""Arithmetic of times spent: half-open intervals of two aware times. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

Interval = tuple[datetime, datetime]


def unite(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time, without overlaps and in order; what ends before it begins counts as a moment at its beginning.

    >>> unite([(9, 11), (10, 12), (12, 13)])
    [(9, 13)]
    """
    united: list[Interval] = []
    for begin, end in sorted(intervals):
        if united and begin <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], end))
        else:
            united.append((begin, max(begin, end)))
    return united


def clip(intervals: Iterable[Interval], begin: datetime, end: datetime) -> list[Interval]:
    """What of them lies between two times."""
    return [(max(a, begin), min(b, end)) for a, b in intervals if a < end and b > begin]


def measure(united: Iterable[Interval]) -> float:
    """Seconds, of intervals that do not overlap."""
    return sum(((end - begin) for begin, end in united), timedelta()).total_seconds()


def count_gaps(united: list[Interval], *, longer_than: timedelta) -> int:
    return sum(later[0] - earlier[1] > longer_than for earlier, later in pairwise(united))
