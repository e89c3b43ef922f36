"""What was asked of the sandbox, kept for assertions. Holds no headers and no tokens."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

CAPACITY = 100_000
SECRETS = frozenset({"token", "auth_token", "authToken"})


@dataclass(frozen=True)
class LoggedRequest:
    """`status` is None while the answer is on its way and when it was lost; `body` is parsed JSON, else text."""

    method: str
    path: str
    operation: str
    status: int | None
    at: datetime
    body: Any
    delivered: bool
    query: Mapping[str, str] = field(default_factory=dict)


class RequestLog:
    """Requests in order of arrival; those still waiting for an answer are in it too. The oldest fall off the end."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._lock = threading.Lock()
        self._capacity = capacity
        self._entries: dict[int, LoggedRequest] = {}
        self._order: deque[int] = deque()
        self._next = 0

    def all(self) -> list[LoggedRequest]:
        with self._lock:
            return list(self._entries.values())

    def of(self, operation: str) -> list[LoggedRequest]:
        return [entry for entry in self.all() if entry.operation == operation]

    def count(self, operation: str | None = None) -> int:
        if operation is None:
            with self._lock:
                return len(self._entries)
        return len(self.of(operation))

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._order.clear()

    def arrived(self, entry: LoggedRequest) -> int:
        """Returns the ticket with which the answer is noted later."""
        with self._lock:
            self._next += 1
            self._entries[self._next] = entry
            self._order.append(self._next)
            if len(self._order) > self._capacity:
                self._entries.pop(self._order.popleft(), None)
            return self._next

    def answered(self, ticket: int, status: int) -> None:
        self._change(ticket, status=status, delivered=True)

    def lost(self, ticket: int) -> None:
        self._change(ticket, status=None, delivered=False)

    def _change(self, ticket: int, *, status: int | None, delivered: bool) -> None:
        with self._lock:
            entry = self._entries.get(ticket)
            if entry is not None:
                self._entries[ticket] = replace(entry, status=status, delivered=delivered)


def readable(body: bytes) -> object:
    """A body as the log keeps it: None when empty, JSON without tokens, else its text."""
    if not body:
        return None
    try:
        return _redacted(json.loads(body))
    except ValueError:
        return body.decode(errors="replace")


def _redacted(value: object) -> object:
    if isinstance(value, dict):
        return {key: "[redacted]" if key in SECRETS else _redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    return value
