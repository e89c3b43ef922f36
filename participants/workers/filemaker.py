"""The loop that makes spreadsheets, beside the one that looks at the rows: a long file must not hold up a door."""

import logging
import threading
from dataclasses import dataclass, field

from django.db import DatabaseError, InterfaceError, close_old_connections

from participants import tasks
from participants.services import exporting

logger = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two looks, where no message says that there is a file to make."""


@dataclass
class FileMaker:
    _stopping: threading.Event = field(default_factory=threading.Event)
    _alarm: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until stopped: one file after the other, each under its lease. A database that is away is waited for."""
        tasks.alarms.add(self._alarm)
        try:
            while not self._stopping.is_set():
                self._alarm.clear()
                if not self._make_one():
                    self._alarm.wait(EVERY)
        finally:
            tasks.alarms.discard(self._alarm)

    def stop(self) -> None:
        """Give back the file in hand, and end."""
        self._stopping.set()
        self._alarm.set()

    def _make_one(self) -> bool:
        close_old_connections()
        try:
            return exporting.work(by=tasks.BY, is_stopping=self._stopping.is_set)
        except (DatabaseError, InterfaceError):
            logger.exception("The database could not be asked for files to make.")
        except Exception:
            # A defect is no reason to end the worker: its successor would trip over the same file.
            logger.exception("Making files ended early.")
        return False
