"""RQ's queues on Valkey or Redis, read in a thread. Its worker also expects to own its process."""

import logging
import threading
from typing import Any

import django_rq
from django_tasks_rq import Job
from redis.exceptions import RedisError
from rq.exceptions import StopRequested
from rq.timeouts import TimerDeathPenalty
from rq.worker import SimpleWorker

from participants.workers.engines import RESTART_SECONDS

logger = logging.getLogger(__name__)


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
