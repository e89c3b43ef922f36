"""Cached joins by one, two and four web processes on one database."""

from collections.abc import Iterator

from benchmarks import places
from benchmarks.doors import NAMES, ask
from benchmarks.effort import Effort
from benchmarks.join import CLIENTS
from benchmarks.load import Target, run
from benchmarks.ratios import Line, compare, take_turns
from participants.demo.ports import find_any

PROCESSES = (2, 4)
_TWICE = 2
"""Clients: sixteen, so that four processes have something to do."""


def compare_processes(effort: Effort) -> Iterator[Line]:
    """All servers are up all the time; those that are not asked cost nothing but memory."""
    for database in effort.databases:
        with places.running(database, working=False, settings={}, limit=(1_000_000, 60.0)) as stack:
            people = [(places.sign_in(stack.web, name), room) for name, room in CLIENTS] * _TWICE
            targets: dict[int, list[Target]] = {}
            taken = [stack.web_port, stack.sandbox_port]
            for count in (1, *PROCESSES):
                taken.append(find_any(avoid=tuple(taken)))
                stack.workers = count
                stack.serve(f"web{count}", "config.wsgi:application", taken[-1])
                site = stack.web.replace(str(stack.web_port), str(taken[-1]))
                stack.wait_until_answers(f"{site}/accounts/login/")
                targets[count] = [
                    Target(f"{site}/api/v1/meetings/{room.id}/join/", headers) for headers, room in people
                ]
                run(targets[count], 1.0)  # warm
            for count in PROCESSES:
                turns = take_turns(ask(targets[count], effort), ask(targets[1], effort), effort.repeats)
                rates = compare(turns, lambda measure: measure.rate)
                name = f"{count} web processes : 1, {NAMES[database]}, cached joins"
                yield Line(name, rates.ratios, rates.controls, None, rates.describe("joins/s"))
