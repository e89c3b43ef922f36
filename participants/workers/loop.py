"""A loop of a worker: looks, and waits until it is time to look again or a message says that there is something."""

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from django.db import close_old_connections

from participants import tasks


@dataclass
class Loop(ABC):
    """``every`` is in seconds, between two looks that found nothing more to do."""

    every: float
    _stopping: threading.Event = field(default_factory=threading.Event, kw_only=True)
    _alarm: threading.Event = field(default_factory=threading.Event, kw_only=True)

    def run(self) -> None:
        """Until stopped."""
        tasks.alarms.add(self._alarm)
        try:
            while not self._stopping.is_set():
                self._alarm.clear()
                close_old_connections()
                if not self._look():
                    self._alarm.wait(self.every)
        finally:
            tasks.alarms.discard(self._alarm)

    def stop(self) -> None:
        """Give back what is in hand, and end."""
        self._stopping.set()
        self._alarm.set()

    @abstractmethod
    def _look(self) -> bool:
        """Whether there is more to do at once. Raises nothing: a database that is away is waited for."""
