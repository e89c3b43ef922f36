"""What the sandbox sends back: the success envelope of contract 1 and the four error shapes of contract 2.1."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

Json = dict[str, Any]
Shape = Literal["A", "B", "C", "html", "empty"]

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=UTF-8"

AUTHENTICATION = 10000
NO_ROUTE = 7003
RATE_LIMITED = 1015


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. `drip` is seconds per body byte; `sent` cuts the body short of its announced length."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: float | None = None
    sent: int | None = None


class Refusal(Exception):
    """Ends a request with an error answer of the given shape."""

    def __init__(self, status: int, message: str, *, shape: Shape = "A", code: int | None = None) -> None:
        super().__init__(message)
        self.answer = error(status, message, shape=shape, code=code)


def as_json(status: int, payload: object, headers: Mapping[str, str] | None = None) -> Answer:
    # A lone surrogate, which JSON can smuggle in, has no UTF-8: it comes back as a question mark.
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Answer(status, body, headers=headers or {})


def success(data: object, *, status: int = 200, paging: Json | None = None) -> Answer:
    envelope: Json = {"success": True, "data": data}
    if paging is not None:
        envelope["paging"] = paging
    return as_json(status, envelope)


def error(
    status: int,
    message: str,
    *,
    shape: Shape = "A",
    code: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """`code` is the Cloudflare code of shape C; shape A repeats the status instead."""
    if shape == "html":
        page = f"<html><head><title>{message}</title></head><body><h1>{message}</h1></body></html>"
        return Answer(status, page.encode(), HTML_TYPE, headers or {})
    if shape == "empty":
        return Answer(status, b"", HTML_TYPE, headers or {})
    if shape == "B":
        return as_json(status, {"message": message}, headers)
    if shape == "C":
        errors = [{"code": status if code is None else code, "message": message}]
        return as_json(status, {"success": False, "errors": errors, "messages": [], "result": None}, headers)
    return as_json(status, {"success": False, "error": {"code": status, "message": message}}, headers)


def reason(status: int) -> str:
    """The reason phrase; 520 and its like exist at Cloudflare's edge only."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Web Server Returned an Unknown Error"
