"""The remote error family. A caller needs one thing from it: what may be done next, and that is `kind`."""

from enum import Enum
from typing import ClassVar


class FailureKind(Enum):
    """What a failed call says about the other side (design 2.3)."""

    NOT_DELIVERED = "not_delivered"  # RealtimeKit did nothing: repeat freely
    OUTCOME_UNKNOWN = "outcome_unknown"  # it may have been done: ask before repeating
    REFUSED = "refused"  # it was read and declined: do not repeat
    MISCONFIGURED = "misconfigured"  # credentials or address are wrong: nothing will work until staff act
    ABSENT = "absent"  # RealtimeKit says there is no such thing; rule 2.3 says when to believe it


class RealtimeKitError(Exception):
    """A call to RealtimeKit failed. Always one of the five subclasses below.

    `code` is a stable snake_case name from `failures.py`. `message` is redacted, one line, at most 300
    characters. `retry_after` is in seconds, at most 300. `status` is None when no answer was read.
    Holds no request, response or original exception, since those carry the API token.
    """

    kind: ClassVar[FailureKind]

    def __init__(
        self,
        operation: str,
        code: str,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        cf_ray: str | None = None,
    ) -> None:
        shown = f" (HTTP {status})" if status is not None else ""
        super().__init__(f"{operation}: {code}{shown}: {message}")
        self.operation = operation
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.cf_ray = cf_ray


class NotDelivered(RealtimeKitError):  # named after what happened
    kind = FailureKind.NOT_DELIVERED


class OutcomeUnknown(RealtimeKitError):  # named after what happened
    kind = FailureKind.OUTCOME_UNKNOWN


class Refused(RealtimeKitError):  # named after what happened
    kind = FailureKind.REFUSED


class Misconfigured(RealtimeKitError):  # named after what happened
    kind = FailureKind.MISCONFIGURED


class Absent(RealtimeKitError):  # named after what happened
    kind = FailureKind.ABSENT


ERROR_OF_KIND: dict[FailureKind, type[RealtimeKitError]] = {
    error.kind: error for error in (NotDelivered, OutcomeUnknown, Refused, Misconfigured, Absent)
}
