"""Databases for xdist workers: to migrate one takes seconds, to copy it a moment."""

import fcntl
from pathlib import Path
from typing import Any

import django
from django.db import connection

WITHOUT_SERIALIZING: dict[str, Any] = {"serialize": False} if django.VERSION < (6, 1) else {}
"""What 6.1 does not do of its own accord, and does not want to be told any more."""


def copy_migrated(folder: Path, worker: str) -> None:
    """Make ``tests_{worker}`` from ``tests``, which the first that comes makes and migrates."""
    settings = connection.settings_dict
    before, own = settings["NAME"], settings["TEST"]["NAME"]
    name = own.replace(f"_{worker}", "")
    migrated = folder / "migrated"
    with (folder / "migrating.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not migrated.exists():
            settings["TEST"]["NAME"] = name
            connection.creation.create_test_db(verbosity=0, autoclobber=True, **WITHOUT_SERIALIZING)
            migrated.touch()
        # PostgreSQL copies no database that somebody is connected to.
        connection.close()
        settings["NAME"] = name
        connection.creation.clone_test_db(suffix=worker, verbosity=0, autoclobber=True)
    settings["NAME"], settings["TEST"]["NAME"] = before, own
