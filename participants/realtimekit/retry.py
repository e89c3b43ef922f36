"""Whether and when to repeat a failed call. Pure: the transport does the waiting."""

from dataclasses import dataclass
from enum import Enum
from random import Random

from participants.realtimekit.errors import FailureKind

FIRST_WAIT = 0.25
LONGEST_WAIT = 4.0


@dataclass(frozen=True)
class Policy:
    repeats_on: frozenset[FailureKind]
    attempts: int


class Repeat(Enum):
    """How often a call may be sent in all, and after which failures."""

    FREELY = Policy(frozenset({FailureKind.NOT_DELIVERED, FailureKind.OUTCOME_UNKNOWN}), 3)  # reads
    IF_NOT_DELIVERED = Policy(frozenset({FailureKind.NOT_DELIVERED}), 3)  # writes that say what should hold
    ONCE_IF_NOT_DELIVERED = Policy(frozenset({FailureKind.NOT_DELIVERED}), 2)  # writes that make something new


def choose_wait(
    repeat: Repeat,
    kind: FailureKind,
    *,
    attempt: int,
    retry_after: float | None,
    remaining: float,
    random: Random,
) -> float | None:
    """Seconds to wait before attempt number `attempt + 1`, or None to give up now.

    A wait RealtimeKit asked for is kept in full or not at all: one that does not fit ends the call at once.
    """
    policy = repeat.value
    if kind not in policy.repeats_on or attempt >= policy.attempts:
        return None
    ceiling = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1))
    wait = ceiling * (0.5 + 0.5 * random.random())
    if retry_after:
        wait = retry_after + wait * 0.25
    return wait if wait < remaining else None
