"""A loop beside the one that looks at the rows: a long file, or a slow mail server, must not hold up a door."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db import DatabaseError, InterfaceError

from participants import tasks
from participants.services import exporting, outbox
from participants.workers.loop import Loop

logger = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two looks, where no message says that there is something to do."""


@dataclass
class Sideline(Loop):
    """One thing after the other, each under its lease. ``work`` answers whether there is more to do at once; ``what``
    it is stands in the log."""

    what: str
    work: Callable[..., bool]

    def _look(self) -> bool:
        try:
            return self.work(by=tasks.BY, is_stopping=self._stopping.is_set)
        except (DatabaseError, InterfaceError):
            logger.exception("The database could not be asked for %s.", self.what)
        except Exception:
            # A defect is no reason to end the worker: its successor would trip over the same row.
            logger.exception("Work on %s ended early.", self.what)
        return False


make_files = partial(Sideline, EVERY, "files to make", exporting.work)
send_mails = partial(Sideline, EVERY, "mails to send", outbox.work)
