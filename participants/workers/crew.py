"""A worker process: ticker, makers of files and mails, engine and sender of webhooks, each in a thread of its own."""

import logging
import os
import socket
import threading
from dataclasses import dataclass, field

from django.db import connections

from participants import gateway, tasks
from participants.workers import engines, sideline
from participants.workers.engines import Engine
from participants.workers.sender import Sender
from participants.workers.sideline import Sideline
from participants.workers.ticker import Ticker

logger = logging.getLogger(__name__)

GRACE = 20.0
"""Seconds for what is in hand when a worker is stopped: the longest remote call takes 10."""


@dataclass
class Worker:
    """``run`` returns when told to stop, or when one of its parts ended by itself, which it should not."""

    ticker: Ticker | None
    files: Sideline = field(default_factory=sideline.make_files)
    mails: Sideline = field(default_factory=sideline.send_mails)
    engine: Engine = field(default_factory=lambda: engines.make(f"{socket.gethostname()[:32]}-{os.getpid()}"))
    sender: Sender = field(default_factory=Sender)
    _ended: threading.Event = field(default_factory=threading.Event)
    _asked: bool = False

    def run(self) -> bool:
        """Whether it ended because it was asked to."""
        parts = [part for part in (self.ticker, self.files, self.mails, self.engine, self.sender) if part is not None]
        tasks.stopping.clear()
        threads = [threading.Thread(target=self._run_part, args=(part,), daemon=True) for part in parts]
        for thread in threads:
            thread.start()
        # In steps: a signal that another thread received does not wake this one, which alone runs handlers.
        while not self._ended.wait(1.0):
            pass
        for part in parts:
            part.stop()
        tasks.stopping.set()
        gateway.stop_waiting()
        logger.info("Stopping: what is in hand is finished, and nothing else begun.")
        for thread in threads:
            thread.join(GRACE)
        return self._asked

    def stop(self) -> None:
        """Finish the rows in hand, give back what waits, and end. Safe in a signal handler."""
        self._asked = True
        self._ended.set()

    def _run_part(self, part: Ticker | Sideline | Engine | Sender) -> None:
        try:
            part.run()
        finally:
            connections.close_all()
            self._ended.set()
