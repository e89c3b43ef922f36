"""How fast are cached joins, and how far from a bare DRF view? ``make bench``.

Both servers run side by side on the same database with the same number of workers and threads, and take turns
under the same clients, so that the ratio holds whatever else the machine does. Clients share the cores with the
servers: the rates say little about other machines, the ratio much.

Then the same cached joins while 40 more clients join with an expired token and RealtimeKit takes 6 s to answer:
those who wait must not stop those who need not (design 2.9).
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from benchmarks.load import Measure, Target, run
from benchmarks.places import sign_in
from participants.demo import cast
from participants.demo.failures import DemoError
from participants.demo.folder import Folder
from participants.demo.ports import find_any
from participants.demo.provider import Provider
from participants.demo.smoke import expire_token
from participants.demo.stack import Stack
from participants.demo.visitor import Visitor

WORKERS = 2
THREADS = (4, 16, 32)
ROUNDS = 3
SECONDS = 3.0
WAITING, CROWD, SLOW_SECONDS = "ada", 40, 6.0
CLIENTS = (
    ("bob", cast.ALGEBRA),
    ("chidi", cast.ALGEBRA),
    ("dana", cast.ALGEBRA),
    ("jun", cast.ALGEBRA),
    ("mia", cast.ALGEBRA),
    ("ada", cast.PHYSICS),
    ("elif", cast.PHYSICS),
    ("bob", cast.PHYSICS),
)


def main() -> int:
    print(f"{os.cpu_count()} cores, {len(CLIENTS)} clients, SQLite; medians of {ROUNDS} rounds of {SECONDS:.0f} s.\n")
    columns = f"{'req/s':>8}{'median':>8}{'p95 ms':>8}"
    print(f"{'':<9}{'cached join':>24}{'bare view':>24}{'join :':>8}  {'cached, 40 others wait':>26}")
    print(f"{'threads':<9}{columns}{columns}{'bare':>8}  {columns}")
    try:
        for threads in THREADS:
            with running(threads) as (stack, floor):
                joins, bare = compare(stack, floor)
                crowded = join_in_a_crowd(stack)
            ratio = f"{joins.rate / bare.rate:>5.2f}"
            print(f"{WORKERS} x {threads:<5}{_show(joins)}{_show(bare)}{ratio}    {_show(crowded)}")
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def running(threads: int) -> Iterator[tuple[Stack, str]]:
    """A seeded stack, and the address of the bare view's server beside it."""
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        web = find_any()
        sandbox = find_any(avoid=(web,))
        floor = find_any(avoid=(web, sandbox))
        # No limit per person: eight people stand for hundreds here.
        settings = {"JOIN_RATE": "1000000/min", "LOG_LEVEL": "ERROR"}
        stack = Stack(
            Folder(Path(name)), web, sandbox, workers=WORKERS, threads=threads, working=False, settings=settings
        )
        try:
            stack.start()
            stack.serve("floor", "benchmarks.floor_wsgi:application", floor)
            yield stack, stack.web.replace(str(web), str(floor))
        finally:
            stack.stop()


def compare(stack: Stack, floor: str) -> tuple[Measure, Measure]:
    joins: list[Target] = []
    bare: list[Target] = []
    for username, room in CLIENTS:
        headers = sign_in(stack.web, username)
        joins.append(Target(f"{stack.web}/api/v1/meetings/{room.id}/join/", headers))
        bare.append(Target(f"{floor}/floor/{room.id}/", headers))
    for targets in (joins, bare):
        run(targets, 1.0)  # warm: tokens issued, connections and code loaded
    rounds = [(run(joins, SECONDS), run(bare, SECONDS)) for _ in range(ROUNDS)]
    return _middle([join for join, _ in rounds]), _middle([floor for _, floor in rounds])


def join_in_a_crowd(stack: Stack) -> Measure:
    """Cached joins of some while many wait for one slow refresh of another."""
    joins = [
        Target(f"{stack.web}/api/v1/meetings/{room.id}/join/", sign_in(stack.web, username))
        for username, room in CLIENTS
        if username != WAITING
    ]
    slow = Target(f"{stack.web}/api/v1/meetings/{cast.PHYSICS.id}/join/", sign_in(stack.web, WAITING), pause=1.0)
    with Visitor(stack.web) as visitor:
        visitor.sign_in("/accounts/login/?next=/", WAITING, cast.PASSWORD)
        _, answer = visitor.ask("POST", f"/api/v1/meetings/{cast.PHYSICS.id}/join/", {})
    expire_token(stack.folder.database, UUID(answer["participant"]["id"]))
    with Provider(stack) as provider, ThreadPoolExecutor(1) as pool:
        provider.add_fault("latency", "participants.refresh", seconds=SLOW_SECONDS)
        crowd = pool.submit(run, [slow] * CROWD, SECONDS)
        measure = run(joins, SECONDS)
        crowd.result()
    return _middle([measure])


def _middle(measures: list[Measure]) -> Measure:
    if failed := sum(measure.failed for measure in measures):
        raise DemoError(f"{failed} answers were not 200, so this measured something else.")
    return Measure(
        rate=statistics.median(measure.rate for measure in measures),
        median=statistics.median(measure.median for measure in measures),
        p95=statistics.median(measure.p95 for measure in measures),
        failed=0,
    )


def _show(measure: Measure) -> str:
    return f"{measure.rate:>8.0f}{measure.median:>8.1f}{measure.p95:>8.1f}"


if __name__ == "__main__":
    sys.exit(main())
