"""A loop beside the one that looks at the rows: a long file, or a slow mail server, must not hold up a door."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from django.db import DatabaseError, InterfaceError, close_old_connections

from participants import tasks
from participants.services import exporting, outbox

logger = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two looks, where no message says that there is something to do."""


@dataclass
class Sideline:
    """``work`` answers whether there is more to do at once; ``what`` it is stands in the log."""

    what: str
    work: Callable[..., bool]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _alarm: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until stopped: one thing after the other, each under its lease. A database that is away is waited for."""
        tasks.alarms.add(self._alarm)
        try:
            while not self._stopping.is_set():
                self._alarm.clear()
                if not self._look():
                    self._alarm.wait(EVERY)
        finally:
            tasks.alarms.discard(self._alarm)

    def stop(self) -> None:
        """Give back what is in hand, and end."""
        self._stopping.set()
        self._alarm.set()

    def _look(self) -> bool:
        close_old_connections()
        try:
            return self.work(by=tasks.BY, is_stopping=self._stopping.is_set)
        except (DatabaseError, InterfaceError):
            logger.exception("The database could not be asked for %s.", self.what)
        except Exception:
            # A defect is no reason to end the worker: its successor would trip over the same row.
            logger.exception("Work on %s ended early.", self.what)
        return False


make_files = partial(Sideline, "files to make", exporting.work)
send_mails = partial(Sideline, "mails to send", outbox.work)
