"""The cached join against the bare floor, and against a call of RealtimeKit at each join. Eight clients at once."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from benchmarks import places
from benchmarks.effort import Effort
from benchmarks.join import CLIENTS
from benchmarks.load import Measure, Target, run
from benchmarks.ratios import Goal, Line, Rounds, compare, take_turns
from participants.demo.failures import DemoError
from participants.demo.provider import Provider
from participants.demo.stack import Stack

NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
THROUGHPUT, LATENCY, TIMES_THE_SDK = Goal(least=0.75), Goal(most=1.4), Goal(least=20.0)
LATENCIES = (0.0, 0.1)
"""Seconds that RealtimeKit takes to answer the SDK."""
_PLENTY = (10_000_000, 60.0)
_LIMIT = (117, 10.0)
"""RealtimeKit's 3,500 calls in 300 s (contract 2.4), in windows that are short enough to measure."""


@dataclass(frozen=True)
class Side:
    """A server beside the stack's own, on the same database with as many workers and threads."""

    application: str
    path: str


FLOOR = Side("benchmarks.floor_wsgi:application", "floor")
SDK = Side("benchmarks.sdk_wsgi:application", "sdk")


@contextmanager
def beside(database: str, side: Side) -> Iterator[tuple[Stack, list[Target], list[Target]]]:
    """A stack with another server beside it: joins with a cached token, and the same people's requests there."""
    with places.running(database, working=False, settings={}, limit=_PLENTY) as stack:
        address = places.serve_beside(stack, side.path, side.application)
        joins: list[Target] = []
        others: list[Target] = []
        for username, room in CLIENTS:
            headers = places.sign_in(stack.web, username)
            joins.append(Target(places.find_join(stack, room.id), headers))
            others.append(Target(f"{address}/{side.path}/{room.id}/", headers))
        for targets in (joins, others):
            run(targets, 1.0)  # warm: tokens issued, connections and code loaded
        yield stack, joins, others


def compare_with_floor(effort: Effort) -> Iterator[Line]:
    for database in effort.databases:
        with beside(database, FLOOR) as (_, joins, floor):
            turns = take_turns(ask(joins, effort), ask(floor, effort), effort.repeats)
        rates, medians = compare(turns, _rate), compare(turns, _median)
        name = f"cached join : bare DRF view, {NAMES[database]}"
        yield _make_line(f"{name}, throughput", rates, "requests/s", THROUGHPUT)
        yield _make_line(f"{name}, median", medians, "ms", LATENCY)


def compare_with_sdk(effort: Effort) -> Iterator[Line]:
    """Without a limit of calls, which nobody has but which shows what each way costs; then under RealtimeKit's."""
    for database in effort.databases:
        with beside(database, SDK) as (stack, joins, sdk), Provider(stack) as provider:
            for seconds in LATENCIES:
                places.ask_sandbox(stack, "DELETE", "requests")
                if seconds:
                    provider.add_fault("latency", "participants.refresh", seconds=seconds, times=None)
                turns = take_turns(ask(joins, effort), ask(sdk, effort), effort.repeats)
                _check_calls(stack)
                name = f"cached join : SDK, {NAMES[database]}, {seconds * 1000:.0f} ms"
                goal = TIMES_THE_SDK if seconds else None
                yield _make_line(f"{name}, throughput", compare(turns, _rate), "joins/s", goal)
            if database == effort.databases[0]:
                yield _compare_under_limit(stack, joins, sdk, effort)


def _compare_under_limit(stack: Stack, joins: list[Target], sdk: list[Target], effort: Effort) -> Line:
    places.ask_sandbox(stack, "POST", "settings", {"limit": list(_LIMIT)})
    # Two whole windows of calls; joins last as long as a window between them, which has closed when calls begin.
    window, repeats = _LIMIT[1], math.ceil(effort.repeats / 3)
    unhurried, whole = replace(effort, seconds=window), replace(effort, seconds=2 * window)
    turns = take_turns(ask(joins, unhurried), ask(sdk, whole), repeats)
    name = f"cached join : SDK, {LATENCIES[-1] * 1000:.0f} ms, RealtimeKit's limit"
    return _make_line(f"{name}, throughput", compare(turns, _rate), "joins/s", TIMES_THE_SDK)


def _check_calls(stack: Stack) -> None:
    seen = places.ask_sandbox(stack, "GET", "requests")["requests"]
    assert isinstance(seen, list)
    if not seen:
        raise DemoError("The SDK called nobody, so this measured something else.")


def ask(targets: list[Target], effort: Effort) -> Callable[[], Measure]:
    """Raises DemoError for an answer other than 200."""

    def measure() -> Measure:
        found = run(targets, effort.seconds)
        if found.failed:
            raise DemoError(f"{found.failed} answers were not 200, so this measured something else.")
        return found

    return measure


def _make_line(name: str, rounds: Rounds, unit: str, goal: Goal | None) -> Line:
    return Line(name, rounds.ratios, rounds.controls, goal, rounds.describe(unit))


def _rate(measure: Measure) -> float:
    return measure.rate


def _median(measure: Measure) -> float:
    return measure.median
