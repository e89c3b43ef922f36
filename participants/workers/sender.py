"""The loop that sends outgoing webhooks, beside everything else: a receiver that hangs holds up one thread of it."""

import logging
import threading
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import DatabaseError, InterfaceError, close_old_connections, connections

from participants.services import hooksending
from participants.watch import spans

logger = logging.getLogger(__name__)

THREADS = 4
EVERY = 1.0


@dataclass
class Sender:
    every: float = EVERY
    _stopping: threading.Event = field(default_factory=threading.Event)
    _alarm: threading.Event = field(default_factory=threading.Event)
    _served: dict[uuid.UUID, Future[None]] = field(default_factory=dict)

    def run(self) -> None:
        """Until stopped. A database that is away is waited for."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="hooks") as pool:
            while not self._stopping.is_set():
                self._alarm.clear()
                self._look(pool)
                self._alarm.wait(self.every)

    def stop(self) -> None:
        """End after the messages in hand."""
        self._stopping.set()
        self._alarm.set()

    def _look(self, pool: ThreadPoolExecutor) -> None:
        """Have hooks that are due served, as many at once as there are threads."""
        close_old_connections()
        self._served = {key: turn for key, turn in self._served.items() if not turn.done()}
        free = THREADS - len(self._served)
        if free <= 0:
            return
        try:
            due = hooksending.find_due(limit=THREADS + len(self._served))
        except (DatabaseError, InterfaceError):
            logger.exception("The database could not be asked for webhooks to send.")
            return
        for key in [key for key in due if key not in self._served][:free]:
            self._served[key] = pool.submit(self._serve, key)

    def _serve(self, key: uuid.UUID) -> None:
        close_old_connections()
        try:
            with spans.of_work("webhooks out"):
                hooksending.serve(key, is_stopping=self._stopping.is_set)
        except Exception:
            # A defect, or a database that is away: the lease ends by itself, and the rows are found again.
            logger.exception("An outgoing webhook could not be served.")
        finally:
            connections.close_all()
            self._alarm.set()  # there may be more of it, or another that waited for this thread
