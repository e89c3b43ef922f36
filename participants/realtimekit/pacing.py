"""Asking before every attempt whether it may be made now, and telling what became of it (design 2.8).

Pure: what is shared by processes is a ledger handed in. A call that may not be made was not delivered; its code
says why: `budget_exhausted`, `paused` (RealtimeKit answered 429) or `breaker_open` (it failed many times in a row).
"""

import threading
import time
from collections.abc import Callable
from enum import Enum
from random import Random
from typing import Protocol

from participants.realtimekit.deadlines import Deadline
from participants.realtimekit.errors import FailureKind, NotDelivered, RealtimeKitError

PATIENCE = 2.0
"""Seconds for which somebody who waits at the door or at a form waits for a call to become available."""
TIME_TO_CALL = 2.0
"""Seconds of the deadline that no wait uses up: a call sent at the last moment would leave a needless doubt."""
SHORT = 1.0
"""Seconds of a pause that are waited out instead of being told to somebody, who could be told no less."""
_SHORTEST, _LONGEST = 0.005, 0.5
_TEXTS = {
    "budget_exhausted": "The shared budget of calls is used up for the moment",
    "paused": "RealtimeKit asked everybody to wait",
    "breaker_open": "RealtimeKit failed many times in a row and is asked again in a moment",
}
HELD_BACK = frozenset(_TEXTS)
"""Codes of calls that we did not make ourselves; they say nothing about what was to be called."""
_SILENCE = frozenset({"read_timeout", "connection_lost", "request_timeout", "server_error"})


class Urgency(Enum):
    """Who asks. A probe is a member of staff who wants to know what is wrong, whatever the breaker says."""

    INTERACTIVE = "interactive"
    BACKGROUND = "background"
    PROBE = "probe"


class Ledger(Protocol):
    """What all processes share."""

    def take(self, *, background: bool, past_breaker: bool) -> int | None:
        """Take one call: the failures in a row so far, or None when none may be made."""

    def find_hold(self, *, background: bool, past_breaker: bool) -> tuple[str, float]:
        """The code of why not, and the seconds until it may be otherwise."""

    def pause(self, seconds: float | None) -> None:
        """Nobody calls for that long; None when RealtimeKit did not say how long."""

    def note_failure(self) -> None: ...

    def note_success(self) -> None: ...


class Pacer:
    """The two hooks of a client. Safe to share between threads."""

    def __init__(
        self,
        ledger: Ledger,
        read_urgency: Callable[[], Urgency],
        *,
        sleep: Callable[[float], None] = time.sleep,
        random: Random | None = None,
    ) -> None:
        self._ledger = ledger
        self._read_urgency = read_urgency
        self._sleep = sleep
        self._turn = threading.Lock()
        self._stopped = False
        self._random = random or Random()  # noqa: S311  # jitter, not a secret
        self._last = threading.local()

    def admit(self, operation: str, deadline: Deadline) -> None:
        """Take one call from the budget, waiting for it where that makes sense. Raises NotDelivered.

        Background work waits as long as the deadline leaves time for the call itself. Others wait for the
        budget for 2 s at most, for the rest of a pause for 1 s, and not at all for a breaker.
        """
        urgency = self._read_urgency()
        give_up_at = deadline.remaining() - _find_patience(urgency, deadline)
        if urgency is not Urgency.BACKGROUND:
            self._last.failures = self._wait(operation, urgency, deadline, give_up_at)
            return
        # Threads in the background queue here, so that one of them asks the ledger and not all at once.
        if not self._turn.acquire(timeout=max(0.0, deadline.remaining() - give_up_at)):
            raise NotDelivered(operation, "budget_exhausted", _TEXTS["budget_exhausted"], retry_after=_LONGEST)
        try:
            self._last.failures = self._wait(operation, urgency, deadline, give_up_at)
        finally:
            self._turn.release()

    def stop_waiting(self) -> None:
        """From now on background calls that would have to wait are told so at once: this process is to end."""
        self._stopped = True

    def _wait(self, operation: str, urgency: Urgency, deadline: Deadline, give_up_at: float) -> int:
        who = {"background": urgency is Urgency.BACKGROUND, "past_breaker": urgency is Urgency.PROBE}
        while (failures := self._ledger.take(**who)) is None:
            code, wait = self._ledger.find_hold(**who)
            ending = self._stopped and urgency is Urgency.BACKGROUND
            if ending or _is_told_at_once(urgency, code, wait) or deadline.remaining() - wait < give_up_at:
                raise NotDelivered(operation, code, _TEXTS[code], retry_after=wait)
            # Many wait for the same moment; the jitter lets them come one by one.
            step = min(max(wait, _SHORTEST), _LONGEST) * (1 + 0.2 * self._random.random())
            self._sleep(step)
        return failures

    def learn(self, operation: str, error: RealtimeKitError | None) -> None:
        """What became of the attempt that this thread was admitted for."""
        if error is not None and error.code == "rate_limited":
            self._ledger.pause(error.retry_after)
        if error is not None and _is_outage(error):
            self._ledger.note_failure()
        elif getattr(self._last, "failures", 0):
            self._ledger.note_success()


def _find_patience(urgency: Urgency, deadline: Deadline) -> float:
    remaining = deadline.remaining()
    most = max(remaining - TIME_TO_CALL, remaining / 2)
    return most if urgency is Urgency.BACKGROUND else min(most, PATIENCE)


def _is_told_at_once(urgency: Urgency, code: str, wait: float) -> bool:
    if urgency is Urgency.BACKGROUND or code == "budget_exhausted":
        return False
    return code == "breaker_open" or wait > SHORT


def _is_outage(error: RealtimeKitError) -> bool:
    """Whether RealtimeKit could not be reached, did not answer or failed; any answer of sense is none."""
    if error.kind is FailureKind.NOT_DELIVERED:
        return error.code != "rate_limited"
    return error.kind is FailureKind.OUTCOME_UNKNOWN and error.code in _SILENCE
