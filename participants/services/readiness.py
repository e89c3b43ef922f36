"""What this process lacks to serve requests. Load balancers ask every few seconds; the answer is kept for one.

Says which part is missing and never why in the words of a library, whose texts name hosts and users.
"""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from participants import conf

logger = logging.getLogger(__name__)

KEPT_SECONDS = 1.0
MIGRATED_SECONDS = 60.0
"""How long a database that was up to date is taken to be so: reading all migrations takes a tenth of a second."""


@dataclass(frozen=True)
class Missing:
    code: str
    detail: str


_DATABASE = Missing("database_unreachable", "The database can't be reached. Look at DATABASE_URL and at the server.")
_MIGRATIONS = Missing("migrations_pending", "The database is older than the code. Run manage.py migrate.")
_CACHE = Missing("cache_unreachable", "The shared cache can't be reached. Look at CACHE_URL and at the server.")
_DRAINING = Missing("draining", "This process was asked to stop and finishes what it has. Send nobody here.")
_STATIC = Missing("static_missing", "Static files were not collected. Run manage.py collectstatic, then restart.")
CODES = (
    *("draining", "database_unreachable", "migrations_pending", "cache_unreachable", "static_missing"),
    "credentials_missing",
)


@dataclass
class _Memory:
    found: list[Missing] = field(default_factory=list)
    found_at: float = float("-inf")
    migrated_at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


_memory = _Memory()


def is_draining() -> bool:
    """Whether the server that runs this process was asked to stop. Asks for a file only."""
    return bool(settings.DRAINING_FILE) and Path(settings.DRAINING_FILE).exists()


def find_missing() -> list[Missing]:
    """Empty when ready. Raises nothing."""
    if is_draining():
        return [_DRAINING]
    with _memory.lock:  # so that many who ask at once cost one look
        if time.monotonic() - _memory.found_at > KEPT_SECONDS:
            _memory.found = list(_look())
            _memory.found_at = time.monotonic()
        return list(_memory.found)


def forget() -> None:
    """Look anew at the next question."""
    with _memory.lock:
        _memory.found_at = _memory.migrated_at = float("-inf")


def _look() -> Iterator[Missing]:
    yield from _look_at_database()
    if "locmem" not in settings.CACHES["default"]["BACKEND"] and not _reaches_cache():
        yield _CACHE
    if not settings.DEBUG and not (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file():
        yield _STATIC
    if names := conf.list_missing():
        yield Missing("credentials_missing", f"{' and '.join(names)} not set.")


def _look_at_database() -> Iterator[Missing]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _is_migrated():
            yield _MIGRATIONS
    except (DatabaseError, InterfaceError):
        logger.exception("The database could not be reached.")
        yield _DATABASE


def _is_migrated() -> bool:
    if time.monotonic() - _memory.migrated_at < MIGRATED_SECONDS:
        return True
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    _memory.migrated_at = time.monotonic()
    return True


def _reaches_cache() -> bool:
    try:
        cache.get("rollcall.ready")
    except Exception:
        # Each package of a cache has errors of its own, and none may keep the probe from answering.
        logger.exception("The shared cache could not be reached.")
        return False
    return True
