"""How long a caller is willing to wait, over all attempts and pages of one call."""

import math
import time
from collections.abc import Callable


class Deadline:
    """A point on a monotonic clock. Pass one on to every call that shares the same time budget."""

    def __init__(self, at: float, clock: Callable[[], float]) -> None:
        self._at = at
        self._clock = clock

    @classmethod
    def after(cls, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        return cls(clock() + seconds, clock)

    def unless(self, is_over: Callable[[], bool]) -> "Deadline":
        """The same moment, or at once when ``is_over``."""
        return Deadline(self._at, lambda: math.inf if is_over() else self._clock())

    def moved(self, seconds: float) -> "Deadline":
        """Later by so much, or sooner where negative."""
        return Deadline(self._at + seconds, self._clock)

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._at - self._clock())

    @property
    def expired(self) -> bool:
        return self.remaining() <= 0.0

    def __repr__(self) -> str:
        return f"Deadline(remaining={self.remaining():.3f})"
