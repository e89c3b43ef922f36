"""Do reports stay as quick with a hundred times the rows? ``python -m benchmarks.reports``.

Two databases on one PostgreSQL are filled by ``manage.py seed_reports``: one with a hundredth of the rows of the
other. Every list is then asked for with every single filter, sorted by every column, searched and stepped through by
dates, and so are the pages that are looked at, in turn on either, in this process: what is compared is the time of
the whole page as a browser would wait for it. A ratio of two medians of one run says much, the milliseconds little.

A CSV export is timed to its first byte and its first row, and the memory is watched that it adds.
"""

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

import psycopg

from benchmarks import places
from participants.demo.failures import DemoError
from participants.demo.folder import PROJECT

SIZES = {"participants": 1_000_000, "sessions": 200_000, "attendance": 5_000_000}
SETTINGS = {
    "DJANGO_SECRET_KEY": "measures only, of made-up data, and is thrown away with them 0123456789",
    "DJANGO_ALLOWED_HOSTS": "testserver",
    "DJANGO_SECURE_SSL_REDIRECT": "false",
    "TOKEN_ENCRYPTION_KEYS": "dGVzdHMgb25seSwgdGhpcnR5LXR3byBieXRlcyAhISE=",
    "REALTIMEKIT_BASE_URL": "http://127.0.0.1:9/client/v4",
    "REALTIMEKIT_ACCOUNT_ID": "0f0e0d0c0b0a09080706050403020100",
    "REALTIMEKIT_APP_ID": "11111111-2222-4333-8444-555555555555",
    "REALTIMEKIT_API_TOKEN": "measures-call-nobody",
    "LOG_LEVEL": "ERROR",
}


def main() -> int:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of a million participants; 0.05 for a quick look")
    parser.add_argument("--repeats", type=int, default=7, help="of each page; the median counts")
    parser.add_argument(
        "--only", default="", help="pages whose name holds this text, or one of several between commas"
    )
    parser.add_argument("--data", type=Path, help="a folder in which the databases stay for another run")
    given = parser.parse_args()
    try:
        if given.data is not None:
            given.data.mkdir(parents=True, exist_ok=True)
            return run(given.data.resolve(), given)
        with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
            return run(Path(name), given)
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def run(folder: Path, given: Namespace) -> int:
    with places.serving("postgresql", folder) as server:
        for name, scale in (("small", given.scale / 100), ("large", given.scale)):
            fill(server, name, {key: max(1, round(size * scale)) for key, size in SIZES.items()})
        addresses = {f"BENCH_{name.upper()}": place(server, name) for name in ("small", "large")}
        asked = [str(given.repeats), given.only]
        command = [sys.executable, "-m", "benchmarks.pages", *asked]
        environment = {**os.environ, **SETTINGS, **addresses, "DATABASE_URL": addresses["BENCH_SMALL"]}
        return subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode


def place(server: str, name: str) -> str:
    return f"{server.rpartition('/')[0]}/{name}"


def fill(server: str, name: str, counts: dict[str, int]) -> None:
    """Unless it was filled by an earlier run. Raises DemoError."""
    with psycopg.connect(server.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if known:
            return
        connection.execute(f"CREATE DATABASE {name}")
    told = ", ".join(f"{count:,} {key}" for key, count in counts.items())
    print(f"Filling {name}: {told}", file=sys.stderr, flush=True)
    options = [part for key, count in counts.items() for part in (f"--{key}", str(count))]
    for command in (["migrate", "-v", "0"], ["seed_reports", "--yes", *options]):
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=PROJECT,
            env={**os.environ, **SETTINGS, "DATABASE_URL": place(server, name)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoError(f"{command[0]} failed:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
