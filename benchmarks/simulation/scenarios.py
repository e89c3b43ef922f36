"""What is asked of the simulation: ten million people who meet in several ways, and what goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from benchmarks.simulation.plan import DAY, HOUR, WEEK, Plan, Trouble
from benchmarks.simulation.run import Report, simulate

COLD = 0.001
"""Of those who come to a lesson, how many may have no usable token before a deployment counts as too small."""
SMALLEST, LARGEST = 100_000, 200_000_000
NEAR = 1.1
WORKERS = 4


@dataclass(frozen=True)
class Scenario:
    name: str
    plan: Plan


def _describe_bad_days() -> tuple[Trouble, ...]:
    """Two outages on Mondays from six to twelve, the second while tokens are renewed; between them a day of 429s."""
    outages = [Trouble("outage", week * WEEK + 6 * HOUR, 6 * HOUR) for week in (4, 15)]
    limited = [Trouble("429", 8 * WEEK + hour * HOUR, 300.0) for hour in range(24)]
    return (*outages, *limited)


def list_scenarios(base: Plan) -> list[Scenario]:
    """``base`` says how many people, and the seed."""
    lessons = replace(base, people=base.people // 10, anew=True, weeks=8)
    return [
        Scenario("classes of 30", base),
        Scenario("classes of 30, one worker", replace(base, workers=1)),
        Scenario("classes of 300", replace(base, size=300)),
        Scenario("classes of 300, bad days", replace(base, size=300, troubles=_describe_bad_days())),
        Scenario("classes of 300, tokens of 30 days", replace(base, size=300, lifetime=timedelta(days=30))),
        Scenario("classes of 300, tokens of 7 days", replace(base, size=300, lifetime=timedelta(days=7))),
        Scenario("a tenth, each lesson a meeting, 3 a week", replace(lessons, lessons=3.0)),
        Scenario("a tenth, each lesson a meeting, 6 a week", replace(lessons, lessons=6.0)),
    ]


def list_patterns(base: Plan) -> list[Scenario]:
    """Of which the most people that one account carries are sought; with workers enough to use the budget up."""
    standing = replace(base, size=300, weeks=32, workers=WORKERS)
    lessons = replace(base, anew=True, weeks=6, workers=WORKERS)
    return [
        Scenario("classes of 300, tokens of 100 days", standing),
        Scenario("classes of 300, tokens of 100 days, two workers", replace(standing, workers=2)),
        Scenario("classes of 300, tokens of 30 days", replace(standing, lifetime=timedelta(days=30))),
        Scenario("classes of 300, tokens of 7 days", replace(standing, lifetime=timedelta(days=7), weeks=20)),
        Scenario("each lesson a meeting of 30, 1 a week", lessons),
        Scenario("each lesson a meeting of 30, 5 a week", replace(lessons, lessons=5.0)),
    ]


def carries(report: Report) -> bool:
    """Whether everybody was enrolled, hardly anybody came without a token, and no queue was left growing."""
    if report.enrolled_at is None or not report.came:
        return False
    return report.cold <= COLD * report.came and report.waiting <= report.plan.rate * DAY


def find_most(plan: Plan, run: Callable[[Plan], Report] = simulate) -> int:
    """The most people, to one part in ten."""
    low, high = SMALLEST, LARGEST
    if not carries(run(replace(plan, people=low))):
        return 0
    while high / low > NEAR:
        middle = int((low * high) ** 0.5)
        if carries(run(replace(plan, people=middle))):
            low = middle
        else:
            high = middle
    return low
