"""An opening storm: many enrolled and signed-in people join, each once. ``python -m benchmarks.storm``.

They hold tokens, so RealtimeKit must not hear of it. They come as fast as they are answered, which is harder than
evenly over the minute; the figure that matters is how much of that minute they need.
"""

import sys
from argparse import ArgumentParser
from dataclasses import dataclass

from benchmarks import places
from benchmarks.load import Measure, Target, run, run_each
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


@dataclass(frozen=True)
class Storm:
    people: int
    door: Measure
    seconds: float
    calls: int

    @property
    def ratio(self) -> float:
        return self.seconds / MINUTE

    @property
    def is_clean(self) -> bool:
        """Everybody came in, and RealtimeKit heard of nobody."""
        return not self.door.failed and not self.calls and self.door.count == self.people


def storm(database: str, people: int) -> bool:
    """Whether the target was met."""
    found = measure(database, people)
    door = found.door
    print(
        f"{database:<12}{found.seconds:>9.1f}{found.ratio:>9.2f}{door.rate:>9.0f}{door.median:>8.1f}{door.p95:>8.1f}"
        f"{door.p99:>8.1f}{door.failed:>8}{found.calls:>7}"
    )
    return found.ratio <= 1.0 and found.is_clean


def measure(database: str, people: int) -> Storm:
    with places.running(database, working=False, settings={}, limit=(1_000_000, 60.0)) as stack:
        crowd = places.gather(stack, people, str(cast.ALGEBRA.id))
        targets = [Target(places.find_join(stack, cast.ALGEBRA.id), headers) for headers in crowd]
        run(targets[:8], 1.0)  # warm: connections and code loaded
        places.ask_sandbox(stack, "DELETE", "requests")
        door, seconds = run_each(targets, clients=CLIENTS)
        seen = places.ask_sandbox(stack, "GET", "requests")["requests"]
    assert isinstance(seen, list)
    return Storm(people, door, seconds, len(seen))


if __name__ == "__main__":
    sys.exit(main())
