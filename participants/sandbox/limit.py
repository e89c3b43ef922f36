"""The global API limit: so many requests in a fixed window (contract 2.4)."""

import math
import threading
from datetime import datetime, timedelta

from participants.sandbox.settings import Settings


class RequestLimit:
    """One window, begun by the first request after the last one closed: the sandbox has one API token only."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._began: datetime | None = None
        self._count = 0

    def take(self, now: datetime) -> int | None:
        """None when the request may pass, else the whole seconds to wait."""
        allowed, seconds = self._settings.limit
        window = timedelta(seconds=seconds)
        with self._lock:
            # A clock set back by a test opens a new window too.
            if self._began is None or not self._began <= now < self._began + window:
                self._began, self._count = now, 0
            if self._count >= allowed:
                return max(1, math.ceil((self._began + window - now).total_seconds()))
            self._count += 1
            return None

    def reset(self) -> None:
        with self._lock:
            self._began = None
