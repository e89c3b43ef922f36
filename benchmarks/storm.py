"""An opening storm: many enrolled and signed-in people join, each once. ``python -m benchmarks.storm``.

They hold tokens, so RealtimeKit must not hear of it. They come as fast as they are answered, which is harder than
evenly over the minute; the figure that matters is how much of that minute they need.
"""

import sys
from argparse import ArgumentParser

from benchmarks import places
from benchmarks.load import Target, run, run_each
from participants.demo import cast
from participants.demo.failures import DemoError

MINUTE = 60.0
CLIENTS = 64


def main() -> int:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--database", choices=places.DATABASES, action="append")
    given = parser.parse_args()
    print(f"Opening storm: {given.people} people with a cached token join once each, {CLIENTS} at a time.\n")
    latencies = f"{'median':>8}{'p95':>8}{'p99 ms':>8}"
    print(f"{'':<12}{'seconds':>9}{'of 60 s':>9}{'joins/s':>9}{latencies}{'failed':>8}{'calls':>7}")
    missed = False
    try:
        for database in given.database or places.DATABASES:
            missed |= not storm(database, given.people)
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print("\nTarget: 1.00 of a minute at most, nobody failed, no call of RealtimeKit.")
    return int(missed)


def storm(database: str, people: int) -> bool:
    """Whether the target was met."""
    with places.running(database, working=False, settings={}, limit=(1_000_000, 60.0)) as stack:
        crowd = places.gather(stack, people, str(cast.ALGEBRA.id))
        targets = [Target(places.find_join(stack, cast.ALGEBRA.id), headers) for headers in crowd]
        run(targets[:8], 1.0)  # warm: connections and code loaded
        places.ask_sandbox(stack, "DELETE", "requests")
        measure, seconds = run_each(targets, clients=CLIENTS)
        seen = places.ask_sandbox(stack, "GET", "requests")["requests"]
    assert isinstance(seen, list)
    ratio = seconds / MINUTE
    print(
        f"{database:<12}{seconds:>9.1f}{ratio:>9.2f}{measure.rate:>9.0f}{measure.median:>8.1f}{measure.p95:>8.1f}"
        f"{measure.p99:>8.1f}{measure.failed:>8}{len(seen):>7}"
    )
    return ratio <= 1.0 and not measure.failed and not seen and measure.count == people


if __name__ == "__main__":
    sys.exit(main())
