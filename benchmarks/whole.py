"""Lines of bulk enrolment and the opening storm. Their own commands print more: ``benchmarks.bulk``, ``….storm``."""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout

from benchmarks import bulk
from benchmarks import storm as storms
from benchmarks.doors import NAMES
from benchmarks.effort import Effort
from benchmarks.ratios import Goal, Line


def enrol_in_bulk(effort: Effort) -> Iterator[Line]:
    """Once for each database: a run takes two minutes and has its idle time as control."""
    budget, rows, more_rows = effort.bulk
    for database in effort.databases:
        with redirect_stdout(io.StringIO()):
            found = bulk.measure(database, budget, rows, more_rows)
        name = NAMES[database]
        calls = f"{found.calls} calls in {found.seconds:.1f} s"
        limited = f"{found.limited} answers were 429" if found.limited else ""
        yield Line(f"bulk enrolment : what the budget allows, {name}, time", [found.ratio], (), _TIME, calls, limited)
        medians = [door.cached.median / found.idle.cached.median for door in (found.busy, found.crowded)]
        told = f"{found.crowded.cached.median:.1f} : {found.idle.cached.median:.1f} ms"
        failed = sum(door.cached.failed + door.remote.failed for door in (found.busy, found.crowded))
        trouble = f"{failed} joins failed" if failed else ""
        yield Line(f"cached join beside a batch : idle, {name}, median", medians, (), _MEDIAN, told, trouble)
        slowest = max(found.busy.remote.p99, found.crowded.remote.p99)
        name = f"join with a call beside a batch : 1 s, {name}, p99"
        yield Line(name, [slowest / bulk.ALLOWED_P99], (), Goal(most=1.0), f"{slowest:.0f} ms")


def storm(effort: Effort) -> Iterator[Line]:
    for database in effort.databases:
        with redirect_stdout(io.StringIO()):
            found = storms.measure(database, effort.storm)
        name = f"{effort.storm:,} cached joins at once : a minute, {NAMES[database]}"
        told = f"{found.seconds:.1f} s, {found.door.rate:.0f} joins/s"
        trouble = "" if found.is_clean else f"{found.door.failed} joins failed, {found.calls} calls were made"
        yield Line(name, [found.ratio], (), Goal(most=1.0), told, trouble)


_TIME = Goal(most=bulk.ALLOWED_TIME)
_MEDIAN = Goal(most=bulk.ALLOWED_MEDIAN)
