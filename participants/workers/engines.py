"""What brings messages to a worker: the database's queue, or RQ's on Valkey or Redis.

Both libraries' workers expect to own their process and its signals; here each is one thread beside the ticker.
"""

import logging
import threading
from typing import Any, Protocol

import django_rq
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django_tasks_db.management.commands.db_worker import Worker as DatabaseWorker
from django_tasks_rq import Job
from redis.exceptions import RedisError
from rq.exceptions import StopRequested
from rq.timeouts import TimerDeathPenalty
from rq.worker import SimpleWorker

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
    return RqEngine() if settings.TASKS_ENGINE == "rq" else DatabaseEngine(name)


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


class _RqWorker(SimpleWorker):
    death_penalty_class = TimerDeathPenalty  # the default one needs the main thread's alarm signal
    dequeue_timeout = 1

    def _install_signal_handlers(self) -> None:
        """They are the process's, which stops us itself."""

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        # Called at least once in every ``dequeue_timeout``.
        if self._stop_requested:
            raise StopRequested
        super().heartbeat(*args, **kwargs)


class RqEngine:
    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._worker: _RqWorker | None = None

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._worker = _RqWorker([django_rq.get_queue("default", job_class=Job)], job_class=Job)
                if not self._stopping.is_set():
                    self._worker.work(logging_level="WARNING")
            except RedisError:
                logger.exception("The queue could not be reached.")
            # The library's loop also ends by itself, when it lost its connection.
            self._stopping.wait(RESTART_SECONDS)

    def stop(self) -> None:
        self._stopping.set()
        if self._worker is not None:
            self._worker._stop_requested = True
