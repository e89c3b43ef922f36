"""Measures pages on two databases in turn, for ``benchmarks.reports``: ``benchmarks.pages REPEATS ONLY``.

In the environment: BENCH_SMALL and BENCH_LARGE, their addresses.
"""

import gc
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - needs the settings
from django.core.cache import cache  # noqa: E402
from django.db import connections  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from benchmarks.questions import Page, list_pages  # noqa: E402
from config import env  # noqa: E402

ALLOWED = 1.5
WARM = 2
EXPORTED = 1_000_000
FIRST_BYTE, MEMORY = 1.0, 50.0
"""Seconds, and MiB."""


@dataclass
class Side:
    """One of the two databases, with a browser signed in to it."""

    name: str
    connection: Any
    pages: dict[str, Page]
    clients: dict[str, Client]

    @contextmanager
    def used(self) -> Iterator[None]:
        connections["default"] = self.connection
        yield

    def ask(self, page: Page) -> tuple[float, int]:
        """Milliseconds, and the status."""
        cache.clear()
        began = time.perf_counter()
        answer = self.clients[page.user].get(page.address)
        _ = answer.content
        return (time.perf_counter() - began) * 1000, answer.status_code

    def count(self, page: Page) -> tuple[int, int]:
        """Queries, and rows shown."""
        cache.clear()
        self.connection.queries_log.clear()
        with CaptureQueriesContext(self.connection) as seen:
            answer = self.clients[page.user].get(page.address)
        shown = answer.content.count(b"<tr") or answer.content.count(b'"id":')
        return len(seen), shown


def main() -> int:
    repeats, only = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    small, large = (connect(name) for name in ("small", "large"))
    print(f"\n{'page':<58}{'1 %, ms':>9}{'100 %, ms':>11}{'ratio':>7}{'queries':>10}{'rows':>10}")
    missed: list[str] = []
    longer: list[str] = []
    for name, page in small.pages.items():
        if only in name and name in large.pages:
            is_met, is_alike = compare(name, (small, page), (large, large.pages[name]), repeats)
            if not is_met:
                (missed if is_alike else longer).append(name)
    if not only or only == "csv":
        for user in ("attendance", "participants"):
            with large.used():
                missed += export(large, user)
    print(
        f"\nOf {len(small.pages)} pages {len(missed)} are above their target"
        + "".join(f"\n  {name}" for name in missed)
    )
    print(f"and {len(longer)} because they show more rows than at 1 %" + "".join(f"\n  {name}" for name in longer))
    return 1 if missed else 0


def connect(name: str) -> Side:
    os.environ["BENCH_ADDRESS"] = os.environ[f"BENCH_{name.upper()}"]
    settings = env.read_database("BENCH_ADDRESS", default=Path("unused"))
    filled = {**connections["default"].settings_dict, **settings}
    connection = type(connections["default"])(filled, "default")
    connections["default"] = connection
    clients = {}
    for username in ("staff0", "staff1", "staff39"):
        client = Client()
        client.force_login(User.objects.get(username=username), "django.contrib.auth.backends.ModelBackend")
        clients[username] = client
    return Side(name, connection, list_pages(), clients)


def compare(name: str, small: tuple[Side, Page], large: tuple[Side, Page], repeats: int) -> tuple[bool, bool]:
    """Prints a line; whether the target was met, and whether both show as many rows.

    The ratio is the median of those of each turn, whose two pages met the same machine. A page that is slow is not
    waited for again and again.
    """
    times: tuple[list[float], list[float]] = ([], [])
    status = 200
    for turn in range(WARM + repeats):
        for place, (side, page) in enumerate((small, large)):
            if len(times[place]) > 2 and times[place][-1] > 3000:
                continue
            with side.used():
                taken, code = side.ask(page)
            status = code if code != 200 else status
            if turn >= WARM:
                times[place].append(taken)
    counts = []
    for side, page in (small, large):
        with side.used():
            counts.append(side.count(page))
    few, many = (statistics.median(part) for part in times)
    ratio = statistics.median(b / a for a, b in zip(*times, strict=False))
    alike = counts[0][1] == counts[1][1]
    met = ratio <= ALLOWED and (counts[0][0] == counts[1][0] or not alike) and status == 200
    queries, rows = (" / ".join(str(count[place]) for count in counts) for place in (0, 1))
    note = ("" if met else "  *") + ("" if status == 200 else f" status {status}")
    print(f"{name:<58}{few:>9.1f}{many:>11.1f}{ratio:>7.2f}{queries:>10}{rows:>10}{note}", flush=True)
    return met, alike


def export(side: Side, name: str) -> list[str]:
    """Read a million rows of a list as CSV; what missed its target."""
    model = {"attendance": "presence", "participants": "participant"}[name]
    gc.collect()
    before = most = read_memory()
    began = time.perf_counter()
    answer = side.clients["staff0"].get(f"/admin/participants/{model}/export.csv")
    pieces = iter(answer.streaming_content)  # type: ignore[attr-defined]
    next(pieces)
    first = time.perf_counter() - began
    lines, row = 0, 0.0
    for piece in pieces:
        row = row or time.perf_counter() - began
        lines += piece.count(b"\n")
        most = max(most, read_memory())
        if lines >= EXPORTED:
            break
    answer.close()
    whole, added = time.perf_counter() - began, most - before
    print(
        f"\nCSV of {name}, {lines:,} rows: first byte after {first * 1000:.0f} ms, first row after "
        f"{row * 1000:.0f} ms, all in {whole:.0f} s, {added:.1f} MiB added"
    )
    return [f"CSV of {name}"] if first > FIRST_BYTE or added > MEMORY else []


def read_memory() -> float:
    """MiB that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    sys.exit(main())
