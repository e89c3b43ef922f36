"""What a web worker and a worker process hold, against a worker of the bare floor. Each after some load."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks import places
from benchmarks.doors import FLOOR
from benchmarks.effort import Effort
from benchmarks.join import CLIENTS
from benchmarks.load import Target, run
from benchmarks.ratios import Line
from participants.demo.failures import DemoError
from participants.demo.stack import Stack

PEOPLE = 2
"""Whose load has all code loaded; more of them would hold no more."""


def compare_memory(effort: Effort) -> Iterator[Line]:
    """By proportional size (PSS): pages that processes share count for each by its part."""
    database = effort.databases[-1]
    with places.running(database, working=True, settings={}, limit=(1_000_000, 60.0)) as stack:
        floor = places.serve_beside(stack, FLOOR.path, FLOOR.application)
        people = [(places.sign_in(stack.web, name), room) for name, room in CLIENTS[:PEOPLE]]
        run([Target(places.find_join(stack, room.id), headers) for headers, room in people], effort.seconds)
        run([Target(f"{floor}/floor/{room.id}/", headers) for headers, room in people], effort.seconds)
        bare = [measure(pid) for pid in list_workers(stack, "floor")]
        web = [measure(pid) for pid in list_workers(stack, "web")]
        background = [measure(find_process(stack, "worker"))]
    for name, found in (("web worker", web), ("worker process", background)):
        yield _make_line(f"{name} : worker of the bare view, memory", found, bare)


def _make_line(name: str, found: list[float], bare: list[float]) -> Line:
    ratios = [one / other for one in found for other in bare]
    controls = [one / other for one in bare for other in bare if one is not other]
    told = f"{statistics.median(found):.0f} : {statistics.median(bare):.0f} MiB"
    return Line(name, ratios, controls, None, told)


def find_process(stack: Stack, name: str) -> int:
    """Of one of the stack's processes by its name. Raises DemoError."""
    for child in stack.running:
        if child.name == name and not child.has_ended:
            return child.process.pid
    raise DemoError(f"There is no process named {name}.")


def list_workers(stack: Stack, name: str) -> list[int]:
    """The processes below a web server's own, which do the work."""
    parent = find_process(stack, name)
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    if not text.split():
        raise DemoError(f"The server {name} has no workers.")
    return [int(pid) for pid in text.split()]


def measure(pid: int) -> float:
    """MiB of proportional size; of resident size where the kernel does not tell the other."""
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    lines = (rollup if rollup.exists() else Path(f"/proc/{pid}/status")).read_text().splitlines()
    for wanted in ("Pss:", "VmRSS:"):
        for line in lines:
            if line.startswith(wanted):
                return int(line.split()[1]) / 1024
    raise DemoError(f"The kernel does not say what process {pid} holds.")
