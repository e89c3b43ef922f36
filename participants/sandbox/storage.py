"""The state file: a journal of JSON lines, one per write, replayed and compacted when it is opened.

A line is handed to the kernel before its request is answered, so a killed process loses nothing it has admitted to.
Rewriting one JSON document per write was rejected: with 20,000 participants every write would cost 20,000.
"""

import json
import os
from pathlib import Path
from typing import Generic, TypeVar

from participants.sandbox.answers import Json
from participants.sandbox.records import Record

R = TypeVar("R", bound=Record)
State = dict[str, dict[str, Json]]


class StateUnreadableError(ValueError):
    """The state file holds a line that this sandbox did not write."""


class Journal:
    """Puts and drops of (kind, id) pairs. Without a path it remembers nothing. Callers serialise their writes."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._descriptor: int | None = None

    def open(self) -> State:
        """Reads what is there, rewrites it without its history, and stays open for appending."""
        if self._path is None:
            return {}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        state = _replay(self._path.read_bytes()) if self._path.exists() else {}
        self._rewrite(self._path, state)
        return state

    def put(self, kind: str, key: str, value: Json) -> None:
        self._append({"kind": kind, "id": key, "put": value})

    def drop(self, kind: str, key: str) -> None:
        self._append({"kind": kind, "id": key})

    def clear(self) -> None:
        if self._path is not None and self._descriptor is not None:
            self.close()
            self._rewrite(self._path, {})

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append(self, line: Json) -> None:
        if self._descriptor is None:
            return
        rest = _encode(line)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _rewrite(self, path: Path, state: State) -> None:
        fresh = path.with_name(path.name + ".new")
        # The signing keys are in here: nobody else may read it.
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(
                _encode({"kind": kind, "id": key, "put": value})
                for kind, table in state.items()
                for key, value in table.items()
            )
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)


class Table(Generic[R]):
    """Records of one kind by id, in the order they were made, each change journaled."""

    def __init__(self, journal: Journal, kind: type[R]) -> None:
        self._journal = journal
        self._type = kind
        self._kind = kind.__name__.lower()
        self._rows: dict[str, R] = {}

    def load(self, state: State) -> list[R]:
        rows = [self._type.from_state(row) for row in state.get(self._kind, {}).values()]
        self._rows = {row.id: row for row in rows}
        return rows

    def put(self, record: R) -> R:
        self._rows[record.id] = record
        self._journal.put(self._kind, record.id, record.to_state())
        return record

    def drop(self, key: str) -> None:
        if self._rows.pop(key, None) is not None:
            self._journal.drop(self._kind, key)

    def get(self, key: str) -> R | None:
        return self._rows.get(key)

    def all(self) -> list[R]:
        return list(self._rows.values())

    def clear(self) -> None:
        self._rows = {}


def _encode(line: Json) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _replay(content: bytes) -> State:
    *lines, torn = content.split(b"\n")
    # Whatever follows the last newline is a write that was cut off by a kill and never answered.
    del torn
    state: State = {}
    for number, line in enumerate(lines, start=1):
        kind, key, value = _decode(number, line)
        if value is None:
            state.get(kind, {}).pop(key, None)
        else:
            state.setdefault(kind, {})[key] = value
    return state


def _decode(number: int, line: bytes) -> tuple[str, str, Json | None]:
    try:
        entry = json.loads(line)
        return entry["kind"], entry["id"], entry.get("put")
    except (ValueError, KeyError, TypeError, AttributeError) as unreadable:
        raise StateUnreadableError(f"line {number} of the state file is not one of ours") from unreadable
