"""What stands around the data: the success envelope and the error bodies of contract 1 and 2.1."""

import json
from dataclasses import dataclass
from enum import Enum


class UnreadableError(ValueError):
    """The answer does not have the shape the contract promises. Its text names fields, never values."""


class Layer(Enum):
    """Who wrote an error body."""

    REALTIMEKIT = "realtimekit"  # shape A
    EDGE = "edge"  # shape C: Cloudflare's edge and account layer
    UNKNOWN = "unknown"  # shape B, HTML, nothing


@dataclass(frozen=True)
class Complaint:
    """What an error body says: `code` mirrors the status in shape A and is Cloudflare's own in shape C."""

    message: str
    code: int | None = None
    layer: Layer = Layer.UNKNOWN


@dataclass(frozen=True)
class Envelope:
    """A successful answer. `data` is None where an operation answers nothing."""

    data: object
    total_count: int | None = None

    def mapping(self, *nested: str) -> dict[str, object]:
        """`data` as an object, or the object under one of the `nested` names inside it."""
        data = self.data
        if not isinstance(data, dict):
            raise UnreadableError("data is not an object")
        for name in nested:
            if isinstance(data.get(name), dict):
                data = data[name]
        return data

    def rows(self, name: str) -> list[dict[str, object]]:
        """`data` as a list of objects, or the list under `name` inside it."""
        data = self.data.get(name) if isinstance(self.data, dict) else self.data
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            raise UnreadableError("data is not a list of objects")
        return data


def decode(body: bytes | None) -> object:
    """The JSON of a body, or None when it is not JSON that can be stored again."""
    if not body:
        return None
    try:
        decoded: object = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return decoded


def claims_failure(decoded: object) -> bool:
    """A 2xx that says of itself that it failed (contract 2.1)."""
    return isinstance(decoded, dict) and decoded.get("success") is False


def open_envelope(decoded: object, *, needs_data: bool) -> Envelope:
    """The envelope of a 2xx. `success` may be missing beside data, but never be anything but true."""
    if not isinstance(decoded, dict):
        raise UnreadableError("the answer is not a JSON object")
    success = decoded.get("success")
    if success is not True and success is not None:
        raise UnreadableError("success is neither true nor false")
    # Some servers and generated documents say `result` for `data` (contract 1).
    data = decoded["data"] if decoded.get("data") is not None else decoded.get("result")
    if data is None and (needs_data or success is None):
        raise UnreadableError("the answer has no data")
    return Envelope(data, _read_total(decoded, data))


def read_complaint(decoded: object, reason: str) -> Complaint:
    """The message, looked for in the order of contract 2.1, the code and the writer of an error body."""
    if not isinstance(decoded, dict):
        return Complaint(reason)
    error, errors = decoded.get("error"), decoded.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    messages = decoded.get("messages")
    candidates = (
        error,
        first,
        messages[0] if isinstance(messages, list) and messages else None,
        decoded.get("message"),
        decoded.get("data"),
    )
    message = next(filter(None, (_read_message(item) for item in candidates)), reason)
    if isinstance(error, dict):
        return Complaint(message, _read_code(error), Layer.REALTIMEKIT)
    if isinstance(errors, list):
        return Complaint(message, _read_code(first), Layer.EDGE)
    return Complaint(message)


def _read_message(item: object) -> str:
    text = item.get("message") if isinstance(item, dict) else item
    return text.strip() if isinstance(text, str) else ""


def _read_code(item: object) -> int | None:
    code = item.get("code") if isinstance(item, dict) else None
    return read_count(code)


def _read_total(decoded: dict[str, object], data: object) -> int | None:
    # Livestream lists put `paging` inside `data`, and Cloudflare's general envelope says `result_info`.
    for holder in (decoded, data):
        for name in ("paging", "result_info"):
            paging = holder.get(name) if isinstance(holder, dict) else None
            if isinstance(paging, dict):
                return read_count(paging.get("total_count"))
    return None


def read_count(value: object) -> int | None:
    """A count that may come as float or digits (contract 18 row 19); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        count = int(float(value))
    except (ValueError, OverflowError):
        return None
    return count if count >= 0 else None


def _refuse_constant(name: str) -> object:
    raise ValueError(name)
