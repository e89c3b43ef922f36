"""Bytes that a row takes with its indexes in PostgreSQL, by table. ``python -m benchmarks.rowsizes``.

Made-up people and attendance (``manage.py seed_reports``), tokens as long as RealtimeKit's, events and deliveries as
a working deployment writes them.
"""

import os
import subprocess
import sys
from argparse import ArgumentParser

import psycopg

from benchmarks import places, reports
from participants.demo.folder import PROJECT

TABLES = ("participant", "presence", "attendance", "session", "event", "delivery", "person", "meeting")


def main() -> int:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=20_000)
    given = parser.parse_args()
    count = given.participants
    sizes = {"participants": count, "sessions": max(1, count // 5), "attendance": 5 * count}
    with places.serving_alone() as server:
        reports.fill(server, "sizes", sizes)
        address = reports.place(server, "sizes")
        environment = {**os.environ, **reports.SETTINGS, "DATABASE_URL": address}
        command = [sys.executable, "-m", "benchmarks.rowfilling", str(count)]
        subprocess.run(command, cwd=PROJECT, env=environment, check=True)
        show(address)
    return 0


def show(address: str) -> None:
    print(f"{'table':<16}{'rows':>10}{'bytes a row':>14}{'of which indexes':>18}")
    with psycopg.connect(address.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        connection.execute("VACUUM FULL ANALYZE")
        for name in TABLES:
            table = f"participants_{name}"
            found = connection.execute(
                f"SELECT count(*), pg_total_relation_size('{table}'), pg_indexes_size('{table}') FROM {table}"
            ).fetchone()
            assert found is not None
            rows, whole, indexes = found
            print(f"{name:<16}{rows:>10,}{whole / max(1, rows):>14,.0f}{indexes / max(1, rows):>18,.0f}")


if __name__ == "__main__":
    sys.exit(main())
