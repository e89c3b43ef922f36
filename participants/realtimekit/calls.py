"""Who asks, what is asked and what came back, before anything is understood."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from participants.realtimekit.retry import Repeat


@dataclass(frozen=True)
class Credentials:
    """Where RealtimeKit is and who asks. `base_url` ends before `/accounts`."""

    base_url: str
    account_id: str
    app_id: str
    api_token: str = field(repr=False)


@dataclass(frozen=True)
class Call:
    """One operation. `path` is a template below the app (or, for apps, below the account); `ids` fill it."""

    operation: str
    method: str
    path: str
    repeat: Repeat
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    needs_data: bool = True

    def __post_init__(self) -> None:
        for name, value in self.ids.items():
            # A dot segment survives quoting and would climb out of its collection.
            if not value or value in {".", ".."}:
                raise ValueError(f"{self.operation}: {name} is empty or not an id")


@dataclass(frozen=True)
class Answer:
    """What came back. `body` is None when it was longer than anyone should send."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True)
class Attempt:
    """One HTTP attempt that was made. `outcome` is ok or a failure's kind, `code` ok or its code.

    `number` counts from 1.
    """

    operation: str
    outcome: str
    code: str
    status: int | None
    cf_ray: str | None
    seconds: float
    number: int
