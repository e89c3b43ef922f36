"""What a hundred times the participants cost: a cached join, lists, and a worker's searches of the rows."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks import places, reports
from benchmarks.effort import Effort
from benchmarks.ratios import Goal, Line, Round, Rounds
from participants.demo.failures import DemoError
from participants.demo.folder import PROJECT

MOST = Goal(most=1.5)
"""As for the reports: ``benchmarks.pages``."""
PER_SESSION, PER_ATTENDANCE = 5, 2
"""Participants for each: a meeting of a hundred held twenty times, of which a few left traces."""


def compare_sizes(effort: Effort) -> Iterator[Line]:
    """On PostgreSQL: nobody keeps a million participants in SQLite."""
    few, many = effort.growth
    with places.serving_alone() as server:
        for database, count in (("small", few), ("large", many)):
            sizes = {
                "participants": count,
                "sessions": max(1, count // PER_SESSION),
                "attendance": max(1, count // PER_ATTENDANCE),
            }
            reports.fill(server, database, sizes)
        for told, turns in ask(server, effort.repeats).items():
            rounds = Rounds([Round(*turn) for turn in turns])
            goal = None if told.startswith("worker") else MOST
            small = statistics.median(turn[1] for turn in turns)
            large = statistics.median((turn[0] + turn[2]) / 2 for turn in turns)
            line = f"{told}, {many:,} : {few:,}"
            yield Line(line, rounds.ratios, rounds.controls, goal, f"{large:.1f} : {small:.1f} ms")


def ask(server: str, repeats: int) -> dict[str, list[list[float]]]:
    """Milliseconds of the many, the few and the many again, by what was asked. Raises DemoError."""
    addresses = {f"BENCH_{name.upper()}": reports.place(server, name) for name in ("small", "large")}
    environment = {**os.environ, **reports.SETTINGS, **addresses, "DATABASE_URL": addresses["BENCH_SMALL"]}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growing", str(repeats)],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoError(f"The two sizes could not be compared:\n{done.stderr[-2000:]}")
    found: dict[str, list[list[float]]] = json.loads(done.stdout)
    return found
