"""How far does it scale? One table of ratios. ``make bench``, or ``python -m benchmarks --only join --quick``.

Ends with 1 when a goal is missed. Nothing else may use the machine meanwhile; what it did all the same shows in the
column *by itself*.
"""

import os
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from benchmarks import doors, growth, intake, layers, memory, places, webs, whole
from benchmarks.effort import FULL, QUICK, Effort
from benchmarks.ratios import HEADER, Line
from participants.demo.failures import DemoError

Suite = Callable[[Effort], Iterator[Line]]

SUITES: dict[str, Suite] = {
    "join": doors.compare_with_floor,
    "sdk": doors.compare_with_sdk,
    "webs": webs.compare_processes,
    "memory": memory.compare_memory,
    "intake": intake.compare_intake,
    "growth": growth.compare_sizes,
    "bulk": whole.enrol_in_bulk,
    "storm": whole.storm,
}
LAYERS = "layers"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=(*SUITES, LAYERS), action="append", metavar="NAME", help=", ".join(SUITES))
    parser.add_argument("--quick", action="store_true", help="few and short repeats on SQLite: whether it runs")
    parser.add_argument("--repeats", type=int, help="of everything that takes turns")
    parser.add_argument("--seconds", type=float, help="of load in each turn")
    parser.add_argument("--database", choices=places.DATABASES, action="append")
    given = parser.parse_args(arguments)
    effort = QUICK if given.quick else FULL
    changes = {"repeats": given.repeats, "seconds": given.seconds, "databases": tuple(given.database or ())}
    effort = replace(effort, **{name: value for name, value in changes.items() if value})
    chosen = given.only or [*SUITES, LAYERS]
    began = time.monotonic()
    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} cores, load {load:.1f} before; medians of {effort.repeats} repeats.\n\n{HEADER}",
        flush=True,
    )
    missed = run([name for name in chosen if name != LAYERS], effort)
    if LAYERS in chosen:
        print(f"\n{layers.describe(effort)}")
    goals = "every goal was met" if not missed else f"{missed} missed"
    print(f"\n{time.monotonic() - began:,.0f} s, {goals}.")
    return 1 if missed else 0


def run(names: Sequence[str], effort: Effort) -> int:
    """Print each line when it is known; how many missed their goal."""
    missed = 0
    for name in names:
        try:
            for line in SUITES[name](effort):
                print(line, flush=True)
                missed += not line.is_met
        except DemoError as error:
            print(Line(name, (), trouble=str(error).strip().splitlines()[0]), flush=True)
            print(error, file=sys.stderr)
            missed += 1
    return missed


if __name__ == "__main__":
    sys.exit(main())
