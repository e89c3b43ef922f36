"""How Rollcall behaves with ten million participants: weeks in seconds. ``python -m benchmarks.simulation``.

A worker's passes, chores and people at the door share one budget, as the product's own constants say; nothing is
called and no clock is looked at. The same seed prints the same table.
"""

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence

import django

from benchmarks.reports import SETTINGS

for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from benchmarks.simulation.plan import DAY, HOUR, MINUTE, WEEK, Plan  # noqa: E402 - need the settings
from benchmarks.simulation.run import Report, simulate  # noqa: E402
from benchmarks.simulation.scenarios import Scenario, find_most, list_patterns, list_scenarios  # noqa: E402

_KINDS = ("enrolment", "renewal", "sessions", "missed sessions", "sync", "at the door")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000_000)
    parser.add_argument("--weeks", type=int, default=Plan.weeks)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="scenarios whose name holds this text")
    parser.add_argument("--most", action="store_true", help="find how many people one account carries (some minutes)")
    parser.add_argument("--bulk", type=int, metavar="ROWS", help="so many rows under the budget of benchmarks.bulk")
    given = parser.parse_args(arguments)
    base = Plan(people=given.people, weeks=given.weeks, seed=given.seed)
    if given.bulk:
        print(describe_bulk(given.bulk))
    elif given.most:
        for pattern in list_patterns(base):
            if given.only in pattern.name:
                print(f"{pattern.name:<44}{find_most(pattern.plan):>14,}", flush=True)
    else:
        show([scenario for scenario in list_scenarios(base) if given.only in scenario.name])
    return 0


def show(scenarios: list[Scenario]) -> None:
    columns = f"{'people':>12}{'enrolled':>10}{'budget':>8}{'busiest':>9}{'fresh':>8}{'worst':>8}{'no token':>11}"
    print(f"{'':<42}{columns}{'renewed':>9}{'sessions':>10}{'most in':>9}  share of calls by kind")
    columns = f"{'':>12}{'days':>10}{'used':>8}{'day':>9}{'':>8}{'hour':>8}{'came':>11}"
    print(f"{'':<42}{columns}{'late':>9}{'late':>10}{'a window':>9}  {', '.join(_KINDS)}")
    for scenario in scenarios:
        print(describe(scenario.name, simulate(scenario.plan)), flush=True)


def describe(name: str, report: Report) -> str:
    enrolled = (
        "anew" if report.plan.anew else "never" if report.enrolled_at is None else f"{report.enrolled_at / DAY:.1f}"
    )
    made = sum(report.calls.values()) or 1
    kinds = " ".join(f"{report.calls.get(kind, 0) / made:.0%}" for kind in _KINDS)
    columns = f"{report.plan.people:>12,}{enrolled:>10}{report.used:>8.0%}{report.fullest_day:>9.0%}"
    columns += f"{report.fresh:>8.1%}{report.worst:>8.1%}{report.cold:>11,}"
    columns += (
        f"{write_time(report.oldest_due):>9}{write_time(report.sessions_late):>10}{report.most_in_a_window:>9,}"
    )
    return f"{name:<42}{columns}  {kinds}"


def describe_bulk(rows: int) -> str:
    """Seconds against what the budget allows for the calls: what ``benchmarks.bulk`` measures on a real stack.

    With its budget, a RealtimeKit that answers at once, and nobody else.
    """
    plan = Plan(
        people=rows,
        weeks=rows / 60 / WEEK * 2,
        budget=(600, 10.0),
        call_seconds=0.02,
        lessons=0.0,
        leaving=0.0,
        lost=0.0,
        regular=False,
        step=0.5,
    )
    report = simulate(plan)
    assert report.enrolled_at is not None
    seconds = report.enrolled_at + plan.step
    calls, per = plan.budget
    return f"{rows:,} rows in {seconds:.1f} s: {seconds / (rows / (calls / per)):.2f} x what the budget allows"


def write_time(seconds: float) -> str:
    if seconds <= 0:
        return "-"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.0f} h" if seconds < 2 * DAY else f"{seconds / DAY:.1f} d"


if __name__ == "__main__":
    sys.exit(main())
