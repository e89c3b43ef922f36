"""The one table of ``make bench``. Nothing here asks how long anything took."""

import math
import os
import subprocess
import sys

import pytest

from benchmarks.ratios import HEADER, Goal, Line, Round, Rounds, compare, take_turns
from participants.demo.folder import PROJECT

QUICK_SECONDS = 300
"""Within which a quick line is through on a machine that has much else to do."""


def test_a_line_tells_median_spread_noise_and_goal() -> None:
    line = Line("join : floor", [0.7, 0.9, 0.8], [1.0, 1.1, 0.9], Goal(least=0.75), "800 : 1,000 requests/s")
    assert line.is_met
    told = "join : floor 0.80 0.72 - 0.88 0.92 - 1.08 >= 0.75 800 : 1,000 requests/s"
    assert " ".join(str(line).split()) == told


@pytest.mark.parametrize(
    ("goal", "ratio", "met"),
    [
        (Goal(least=0.75), 0.75, True),
        (Goal(least=0.75), 0.74, False),
        (Goal(most=1.4), 1.4, True),
        (Goal(most=1.4), 1.41, False),
        (None, 99.0, True),
    ],
)
def test_a_goal_is_judged_by_the_median(goal: Goal | None, ratio: float, met: bool) -> None:
    line = Line("some", [ratio, ratio * 3, ratio / 3], goal=goal)
    assert line.is_met is met
    assert ("MISSED" in str(line)) is not met


def test_a_figure_that_measured_something_else_counts_as_missed() -> None:
    line = Line("some", [0.1], goal=Goal(most=1.0), trouble="3 joins failed")
    assert not line.is_met
    assert "FAILED" in str(line)
    assert "3 joins failed" in str(line)


def test_a_line_without_a_figure_never_meets_its_goal() -> None:
    line = Line("some", [], goal=Goal(most=1.0))
    assert math.isnan(line.ratio)
    assert not line.is_met


def test_lines_stand_in_the_columns_of_the_header() -> None:
    ruler = HEADER.splitlines()[1]
    line = str(Line("x" * 58, [1.0, 1.0], [1.0, 1.0], Goal(most=2.0), "measured"))
    assert line.index("measured") == ruler.rindex(" ") + 1


def test_turns_go_one_other_one_so_that_the_machine_is_compared_with_itself() -> None:
    order = []

    def one() -> float:
        order.append("one")
        return 8.0 if len(order) == 1 else 2.0

    def other() -> float:
        order.append("other")
        return 2.0

    rounds = compare(take_turns(one, other, 1), float)
    assert order == ["one", "other", "one"]
    assert rounds == Rounds([Round(8.0, 2.0, 2.0)])
    assert rounds.ratios == [2.0]
    assert rounds.controls == [0.25]


def test_a_quick_line_runs_on_real_servers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--repeats", "1", "--only", "memory"],
        cwd=PROJECT,
        env={name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ},
        capture_output=True,
        text=True,
        timeout=QUICK_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    web, worker = (line for line in done.stdout.splitlines() if "worker of the bare view" in line)
    assert web.startswith("web worker")
    assert worker.startswith("worker process")
    assert all(line.endswith("MiB") for line in (web, worker))
    assert "every goal was met" in done.stdout
