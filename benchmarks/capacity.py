"""The capacity model of docs/scale.md as a calculator: ``python -m benchmarks.capacity --people 200000 --lessons 5``.

Formulas and the product's own constants, no simulation: what a deployment needs in the long run.
"""

import math
import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from datetime import timedelta

import django

from benchmarks.reports import SETTINGS

for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from benchmarks.simulation.plan import (  # noqa: E402 - needs the settings
    DAY,
    LIVE_PULLS,
    MINUTE,
    SYNC_LISTING,
    WITHDRAWAL_CALLS,
    Plan,
)
from participants.realtimekit.paging import PER_PAGE  # noqa: E402

BYTES = {
    "participants": 2_460,
    "sessions": 1_090,
    "presence": 990,
    "connections": 400,
    "events": 620,
    "deliveries": 1_470,
}
"""Of a row with its indexes in PostgreSQL 18, packed, as ``benchmarks.rowsizes`` measured."""
EVENTS_PER_ENROLMENT, DELIVERIES_PER_VISIT, DELIVERIES_PER_SESSION = 2, 2, 2
WEEKS_OF_LESSONS = 40
GIB = 2**30


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument(
        "--people", type=int, default=100_000, help="enrolments: a person in two meetings counts twice"
    )
    parser.add_argument("--size", type=int, default=30, help="people of a meeting")
    parser.add_argument("--lessons", type=float, default=1.0, help="a week, of each meeting")
    parser.add_argument("--minutes", type=float, default=45.0, help="of a lesson")
    parser.add_argument("--anew", action="store_true", help="each lesson is a meeting of its own")
    parser.add_argument("--lifetime", type=float, default=100.0, help="days of a token")
    parser.add_argument("--budget", default="3000/300", help="as REALTIMEKIT_BUDGET")
    parser.add_argument("--deliveries-kept", type=float, default=30, help="days, as DELIVERY_RETENTION")
    given = parser.parse_args(arguments)
    for name, told in describe(given):
        print(f"{name:<44}{told}")
    return 0


def describe(given: Namespace) -> Iterator[tuple[str, str]]:
    calls, _, seconds = given.budget.partition("/")
    plan = Plan(
        people=given.people,
        size=given.size,
        lessons=given.lessons,
        lesson_minutes=given.minutes,
        anew=given.anew,
        lifetime=timedelta(days=given.lifetime),
        budget=(int(calls), float(seconds)),
    )
    a_day = plan.rate * DAY
    yield "calls in the long run", f"{plan.rate:.2f} a second, {a_day:,.0f} a day"
    yield "enrolling everybody once", f"{plan.people / a_day:.2f} days"
    demands = dict(list_demands(plan))
    for name, demand in demands.items():
        yield f"  {name}", f"{demand:,.0f} calls a day, {demand / a_day:.1%} of the budget"
    share = sum(demands.values()) / a_day
    yield "together", f"{share:.1%} of the budget{'' if share < 1 else ': MORE THAN ONE ACCOUNT CARRIES'}"
    mean, one = min(plan.rate, plan.people / plan.renewed_after), plan.renewing / plan.workers
    needed = f"{math.ceil(mean / one)} on average, {math.ceil(plan.rate / one)} to use the whole budget for it"
    yield "workers that renewal needs", "none" if plan.anew else needed
    listed = int(SYNC_LISTING / plan.call_seconds) * PER_PAGE
    fits = "fits" if plan.meetings <= listed else "DOES NOT FIT"
    yield "the list of meetings, read within a minute", f"{plan.meetings:,} of {listed:,} at most: {fits}"
    for name, rows in list_rows(plan, given.deliveries_kept).items():
        yield f"rows of {name}", f"{rows:,.0f}, {rows * BYTES[name] / GIB:,.1f} GiB"


def list_demands(plan: Plan) -> Iterator[tuple[str, float]]:
    """Calls of an average day of a week with lessons, by kind."""
    lessons = plan.meetings * plan.lessons / 7
    if plan.anew:
        yield "enrolment for each lesson", plan.people * plan.lessons / 7
        yield "making, opening, closing and emptying", 4 * lessons
    else:
        yield "renewal of tokens", plan.people / plan.renewed_after * DAY
        changing = plan.people * plan.leaving / 7
        yield "people who leave and come", changing * (1 + WITHDRAWAL_CALLS)
    live = plan.lesson_minutes * MINUTE // LIVE_PULLS
    yield "asking about sessions", lessons * (live + 1 + plan.pages)


def list_rows(plan: Plan, deliveries_kept: float) -> dict[str, float]:
    """After a year; deliveries as many as are kept."""
    sessions = plan.meetings * plan.lessons * WEEKS_OF_LESSONS
    visits = plan.people * plan.lessons * WEEKS_OF_LESSONS * plan.attendance
    enrolments = plan.people * (plan.lessons * WEEKS_OF_LESSONS if plan.anew else 1)
    renewals = 0.0 if plan.anew else plan.people * 365 * DAY / plan.renewed_after
    visits_a_week = plan.people * plan.lessons * plan.attendance
    a_week = visits_a_week * DELIVERIES_PER_VISIT + plan.meetings * plan.lessons * DELIVERIES_PER_SESSION
    return {
        "participants": enrolments,
        "sessions": sessions,
        "presence": plan.people * plan.lessons * WEEKS_OF_LESSONS,
        "connections": visits,
        "events": enrolments * EVENTS_PER_ENROLMENT + renewals,
        "deliveries": a_week * deliveries_kept / 7,
    }


if __name__ == "__main__":
    sys.exit(main())
