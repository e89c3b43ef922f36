"""What brings messages to a worker: the database's queue, or RQ's on Valkey or Redis.

Both libraries' workers expect to own their process and its signals; here each is one thread beside the ticker.
"""

import logging
import threading
from typing import Protocol

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django_tasks_db.management.commands.db_worker import Worker as DatabaseWorker

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
RESTART_SECONDS = 5.0
"""How long to wait before trying again when the queue's server is away."""


class Engine(Protocol):
    def run(self) -> None:
        """Bring messages until stopped."""

    def stop(self) -> None:
        """End after the message in hand."""


def make(name: str) -> Engine:
    if settings.TASKS_ENGINE != "rq":
        return DatabaseEngine(name)
    from participants.workers.rqengine import RqEngine  # Redis' client and two schedulers come with it

    return RqEngine()


class DatabaseEngine:
    def __init__(self, name: str) -> None:
        self._stopping = threading.Event()
        self._worker = DatabaseWorker(
            queue_names=["default"],
            interval=POLL_SECONDS,
            batch=False,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=name,
            excluded_queue_names=[],
        )

    def run(self) -> None:
        while not self._stopping.is_set():
            close_old_connections()
            try:
                self._worker.run()
            except (DatabaseError, InterfaceError):
                # The library's loop ends when PostgreSQL restarts.
                logger.exception("The queue in the database could not be read.")
                self._stopping.wait(RESTART_SECONDS)

    def stop(self) -> None:
        self._stopping.set()
        self._worker.running = False
