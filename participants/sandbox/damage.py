"""What scripted trouble looks like on the wire (contract 2.1, 2.2)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from participants.sandbox.answers import HTML_TYPE, RATE_LIMITED, Answer, as_json, error, reason
from participants.sandbox.faults import Fault


def before(fault: Fault) -> Answer | None:
    """The answer of a fault that comes before anything is done; None drops the connection."""
    if fault.kind == "rate_limited":
        return rate_limited(fault.options["retry_after"])
    if fault.kind == "drop":
        return None
    status = fault.options["status"]
    message = fault.options.get("message", reason(status))
    return error(status, message, shape=fault.options["shape"])


def after(fault: Fault, answer: Answer) -> Answer | None:
    """What becomes of the true answer; None loses it."""
    if fault.kind == "lose_answer":
        return None
    if fault.kind == "malformed":
        return SPOILERS[fault.options["body"]](answer)
    return before(fault)


def comes_after(fault: Fault) -> bool:
    return fault.kind in ("lose_answer", "malformed") or bool(fault.options.get("performed"))


def rate_limited(retry_after: int | str | None) -> Answer:
    """`retry_after` in seconds or as an HTTP date; None leaves the header out."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return error(429, "You are being rate limited", shape="C", code=RATE_LIMITED, headers=headers)


def truncated(answer: Answer) -> Answer:
    """Half of the JSON, announced as if it were all."""
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def cut_off(answer: Answer) -> Answer:
    """Half of the announced bytes, then the end of the connection."""
    return replace(answer, sent=len(answer.body) // 2)


def wrong_types(answer: Answer) -> Answer:
    envelope = json.loads(answer.body)
    spoiled = {name: value if name == "success" else _mistyped(value, deep=True) for name, value in envelope.items()}
    return as_json(answer.status, spoiled)


def empty(answer: Answer) -> Answer:
    return replace(answer, body=b"")


def unsuccessful(answer: Answer) -> Answer:
    """A failure in the envelope under a status that says success (contract 2.1)."""
    message = "Internal server error"
    return as_json(answer.status, {"success": False, "error": {"code": 500, "message": message}})


def no_data(answer: Answer) -> Answer:
    return as_json(answer.status, {"success": True})


def html(answer: Answer) -> Answer:
    page = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"
    return replace(answer, body=page, content_type=HTML_TYPE)


SPOILERS: Mapping[str, Callable[[Answer], Answer]] = {
    "truncated": truncated,
    "cut_off": cut_off,
    "wrong_types": wrong_types,
    "empty": empty,
    "unsuccessful": unsuccessful,
    "no_data": no_data,
    "html": html,
}


def _mistyped(value: object, *, deep: bool) -> object:
    if isinstance(value, dict) and deep:
        return {name: _mistyped(item, deep=False) for name, item in value.items()}
    if isinstance(value, list):
        return {"0": value}
    if isinstance(value, dict):
        return [value]
    return [value] if isinstance(value, str) or value is None else str(value)
