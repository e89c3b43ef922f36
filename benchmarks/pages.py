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

from django.contrib.admin import site  # noqa: E402 - needs the settings
from django.contrib.auth.models import User  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connections  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from benchmarks.questions import Page, list_pages  # noqa: E402
from config import env  # noqa: E402

ALLOWED = 1.5
WARM = 2
SIZE = 50
"""Rows on a page."""
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

    def ask(self, page: Page, size: int) -> tuple[float, int]:
        """Milliseconds, and the status."""
        cache.clear()
        began = time.perf_counter()
        answer = self._get(page, size)
        _ = answer.content
        return (time.perf_counter() - began) * 1000, answer.status_code

    def count(self, page: Page, size: int = SIZE) -> tuple[int, int]:
        """Queries, and rows shown."""
        cache.clear()
        self.connection.queries_log.clear()
        with CaptureQueriesContext(self.connection) as seen:
            answer = self._get(page, size)
        return len(seen), _count_rows(answer)

    def _get(self, page: Page, size: int) -> Any:
        """With so many rows on a page of a list."""
        if page.address.startswith("/api/"):
            sized = f"{'&' if '?' in page.address else '?'}page_size={size}" if size != SIZE else ""
            return self.clients[page.user].get(page.address + sized)
        for listed in site._registry.values():
            listed.list_per_page = size  # type: ignore[misc]  # a variable of the class, hidden for this one
        return self.clients[page.user].get(page.address)


def _count_rows(answer: Any) -> int:
    """Of the list; of another page, those of its tables."""
    if "cl" in (getattr(answer, "context_data", None) or {}):
        return len(answer.context_data["cl"].result_list)
    told = answer.json() if answer["Content-Type"] == "application/json" else {}
    return len(told["results"]) if "results" in told else answer.content.count(b"<tr")


def main() -> int:
    repeats, only = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    small, large = (connect(name) for name in ("small", "large"))
    print(f"\n{'page':<58}{'1 %, ms':>9}{'100 %, ms':>11}{'ratio':>7}{'queries':>10}{'rows':>10}")
    asked = [name for name in small.pages if name in large.pages and any(part in name for part in only.split(","))]
    missed = [
        name for name in asked if not compare(name, (small, small.pages[name]), (large, large.pages[name]), repeats)
    ]
    if not only or only == "csv":
        for user in ("attendance", "participants"):
            with large.used():
                missed += export(large, user)
    print(f"\nOf {len(asked)} pages {len(missed)} are above their target" + "".join(f"\n  {name}" for name in missed))
    return 1 if missed else 0


def open_database(name: str) -> Any:
    """The connection that everything uses from now on."""
    os.environ["BENCH_ADDRESS"] = os.environ[f"BENCH_{name.upper()}"]
    settings = env.read_database("BENCH_ADDRESS", default=Path("unused"))
    filled = {**connections["default"].settings_dict, **settings}
    connection = type(connections["default"])(filled, "default")
    connections["default"] = connection
    return connection


def connect(name: str) -> Side:
    connection = open_database(name)
    clients = {}
    for username in ("staff0", "staff1", "staff39"):
        client = Client()
        client.force_login(User.objects.get(username=username), "participants.signin.backends.LocalBackend")
        clients[username] = client
    return Side(name, connection, list_pages(), clients)


def compare(name: str, small: tuple[Side, Page], large: tuple[Side, Page], repeats: int) -> bool:
    """Prints a line; whether the target was met.

    Where one side has fewer rows than a page holds, both are asked for pages of so many: what is measured is finding
    them among more, not writing more of them. The ratio is the median of those of each turn, whose two pages met the
    same machine. A page that is slow is not waited for again and again.
    """
    sides = (small, large)
    size = min(SIZE, *(_count(side, page)[1] or SIZE for side, page in sides))
    times: tuple[list[float], list[float]] = ([], [])
    status = 200
    for turn in range(WARM + repeats):
        for place, (side, page) in enumerate(sides):
            if len(times[place]) > 2 and times[place][-1] > 3000:
                continue
            with side.used():
                taken, code = side.ask(page, size)
            status = code if code != 200 else status
            if turn >= WARM:
                times[place].append(taken)
    counts = [_count(side, page, size) for side, page in sides]
    few, many = (statistics.median(part) for part in times)
    ratio = statistics.median(b / a for a, b in zip(*times, strict=False))
    is_first = not counts[0][1] and counts[1][1]  # an empty list spares the query that reads its rows
    met = ratio <= ALLOWED and counts[0][0] + bool(is_first) >= counts[1][0] and status == 200
    queries, rows = (" / ".join(str(count[place]) for count in counts) for place in (0, 1))
    note = ("" if met else "  *") + ("" if status == 200 else f" status {status}")
    print(f"{name:<58}{few:>9.1f}{many:>11.1f}{ratio:>7.2f}{queries:>10}{rows:>10}{note}", flush=True)
    return met


def _count(side: Side, page: Page, size: int = SIZE) -> tuple[int, int]:
    with side.used():
        return side.count(page, size)


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
