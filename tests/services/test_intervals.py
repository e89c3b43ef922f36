"""Arithmetic of presence, against counting minute by minute."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from participants.services.intervals import Interval, clip, count_gaps, measure, unite
from participants.services.presence import Bounds, Connection
from participants.services.presence import measure as tell
from tests.factories import NOW

DAY = 200
INTERVALS = st.lists(
    st.tuples(st.integers(0, DAY), st.integers(0, 60)).map(lambda pair: (at(pair[0]), at(pair[0] + pair[1]))),
    max_size=12,
)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def count(intervals: list[Interval]) -> int:
    """Minutes that lie in any of them, one by one."""
    minutes = (at(number) for number in range(DAY + 60))
    return sum(any(begin <= minute < end for begin, end in intervals) for minute in minutes)


@given(intervals=INTERVALS)
def test_a_union_is_as_long_as_counting_says_and_never_overlaps(intervals: list[Interval]) -> None:
    united = unite(intervals)
    assert measure(united) == count(intervals) * 60
    assert all(before[1] < after[0] for before, after in pairwise(united))
    assert unite(united) == united == unite(reversed(intervals)) == unite(intervals * 2)


@given(intervals=INTERVALS, begin=st.integers(0, DAY), length=st.integers(0, DAY))
def test_what_lies_in_a_window_is_part_of_the_whole(intervals: list[Interval], begin: int, length: int) -> None:
    inside = clip(unite(intervals), at(begin), at(begin + length))
    assert measure(inside) <= min(measure(unite(intervals)), length * 60)
    assert all(at(begin) <= a <= b <= at(begin + length) for a, b in inside)


def test_gaps_count_only_if_they_are_long() -> None:
    united = unite([(at(0), at(1)), (at(1.05), at(2)), (at(3), at(4))])
    assert count_gaps(united, longer_than=timedelta(seconds=5)) == 1
    assert count_gaps([], longer_than=timedelta(0)) == 0


def test_what_ends_before_it_begins_is_a_moment() -> None:
    assert unite([(at(5), at(3))]) == [(at(5), at(5))]


LESSON = Bounds(at(0), at(60), at(0), at(60), at(90))


@given(intervals=INTERVALS)
def test_measured_columns_agree_with_each_other(intervals: list[Interval]) -> None:
    told = tell([Connection(*pair) for pair in intervals], LESSON)
    assert told["connections"] == len(intervals)
    assert told["measured_seconds"] <= sum(round((end - begin).total_seconds()) for begin, end in intervals)
    assert 0 <= told["share_of_window"] <= told["share_of_session"] <= 1
    assert (told["first_joined_at"] is None) is (not intervals) is (told["last_left_at"] is None)
    assert told["rejoins"] < max(1, len(intervals))


@pytest.mark.parametrize(
    ("stays", "late", "early", "share"),
    [
        ([(0, 60)], 0, 0, 1.0),
        ([(-5, 70)], 0, 0, 1.0),
        ([(10, 30)], 600, 1800, 1 / 3),
        ([(10, 30), (20, 40)], 600, 1200, 0.5),
        ([], None, None, 0.0),
    ],
)
def test_late_and_early_are_of_the_window(
    stays: list[tuple[int, int]], late: int | None, early: int | None, share: float
) -> None:
    told = tell([Connection(at(begin), at(end)) for begin, end in stays], LESSON)
    assert (told["late_seconds"], told["left_early_seconds"]) == (late, early)
    assert told["share_of_window"] == pytest.approx(share)


def test_whoever_is_still_there_is_counted_to_now_and_has_not_left_early() -> None:
    live = Bounds(at(0), None, at(0), at(60), at(20))
    told = tell([Connection(at(5), None)], live)
    assert (told["is_present"], told["measured_seconds"], told["last_left_at"]) == (True, 900, None)
    assert told["left_early_seconds"] is None
    gone = tell([Connection(at(5), at(10))], live)
    assert (gone["is_present"], gone["left_early_seconds"]) == (False, None)


def test_a_clock_of_theirs_ahead_of_ours_gives_no_negative_time() -> None:
    told = tell([Connection(at(21), None)], Bounds(at(21), None, None, None, at(20)))
    assert (told["measured_seconds"], told["is_present"], told["share_of_session"]) == (0, True, None)


@pytest.mark.parametrize("window", [(at(500), at(560)), (at(-90), at(-30))])
def test_a_run_outside_the_hours_says_nothing_of_late_and_early(window: tuple[datetime, datetime]) -> None:
    told = tell([Connection(at(0), at(30))], Bounds(at(0), at(60), *window, at(90)))
    assert (told["late_seconds"], told["left_early_seconds"], told["share_of_window"]) == (None, None, None)
    assert told["share_of_session"] == 0.5


def test_a_correction_changes_shares_and_nothing_else() -> None:
    stays = [Connection(at(10), at(20))]
    plain, corrected = tell(stays, LESSON), tell(stays, LESSON, corrected=1800)
    assert (corrected["share_of_window"], corrected["share_of_session"]) == (0.5, 0.5)
    shares = ("share_of_window", "share_of_session")
    assert {k: v for k, v in plain.items() if k not in shares} == {
        k: v for k, v in corrected.items() if k not in shares
    }
    assert tell(stays, LESSON, corrected=10**6)["share_of_window"] == 1.0


@pytest.mark.parametrize(
    "window",
    [
        (at(-10), at(30 * 24 * 60)),
        (at(-2 * 24 * 60), None),
        (None, at(2 * 24 * 60)),
    ],
    ids=["open all term", "opened days ago", "closes in days"],
)
def test_nobody_is_late_for_a_room_that_is_open_for_days(window: tuple[datetime | None, datetime | None]) -> None:
    told = tell([Connection(at(20), at(30))], Bounds(at(0), at(60), *window, at(90)))
    assert (told["late_seconds"], told["left_early_seconds"], told["share_of_window"]) == (None, None, None)
    assert told["share_of_session"] == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("window", "late", "early"), [((at(0), None), 1200, None), ((None, at(60)), None, 1800)], ids=["opens", "closes"]
)
def test_one_bound_alone_says_what_it_can(
    window: tuple[datetime | None, datetime | None], late: int | None, early: int | None
) -> None:
    told = tell([Connection(at(20), at(30))], Bounds(at(0), at(60), *window, at(90)))
    assert (told["late_seconds"], told["left_early_seconds"], told["share_of_window"]) == (late, early, None)
