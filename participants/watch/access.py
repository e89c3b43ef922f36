"""One line and one measurement for each request, by the name of its route: paths hold ids."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.logs import describe, request_id
from participants.watch import context, metrics, spans

logger = logging.getLogger("participants.access")

Handler = Callable[[HttpRequest], HttpResponse]
UNMATCHED, STATIC = "unmatched", "static"
_QUIET = frozenset({"healthz", "readyz", "metrics"})
"""Asked every few seconds by programs: measured, not written down."""


class AccessMiddleware:
    """Behind the one that gives the request its id, and outside of all that may answer early."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        context.begin(request)
        with spans.of_request(request.headers) as finish:
            response = self.get_response(request)
            seconds, route = time.perf_counter() - began, name_route(request)
            if spans.is_on():
                finish(f"{name_method(request)} {route}", _describe(request, response, route))
        metrics.note_request(route, response.status_code, seconds)
        if route not in _QUIET and logger.isEnabledFor(logging.INFO):
            _write_line(request, response, route, seconds)
        return response


def name_route(request: HttpRequest) -> str:
    """The name of the route, namespaces included, as ``reverse`` takes it."""
    if request.resolver_match is not None:
        return request.resolver_match.view_name
    return STATIC if request.path.startswith(settings.STATIC_URL) else UNMATCHED


def name_method(request: HttpRequest) -> str:
    return request.method if request.method in METHODS else "other"


def _describe(request: HttpRequest, response: HttpResponse, route: str) -> dict[str, str | int]:
    """What a span holds of a request."""
    known = describe.get()()
    return {
        **{f"rollcall.{name}": str(known[name]) for name in _TOLD if name in known},
        "http.request.method": name_method(request),
        "http.route": route,
        "http.response.status_code": response.status_code,
        "rollcall.caller": context.find_caller(request).kind,
        "rollcall.request_id": request_id.get(),
    }


def _write_line(request: HttpRequest, response: HttpResponse, route: str, seconds: float) -> None:
    method = name_method(request)
    caller = context.find_caller(request).kind
    milliseconds = round(seconds * 1000, 1)
    told = {"method": method, "route": route, "status": response.status_code, "caller": caller, "ms": milliseconds}
    notes = "".join(f" {name}={value}" for name, value in context.read_notes().items() if name in _SHOWN)
    text = "%s %s status=%d caller=%s%s ms=%.1f"
    logger.info(text, method, route, response.status_code, caller, notes, milliseconds, extra=told)


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SHOWN = ("verdict", "cache")
_TOLD = ("meeting", "participant", *_SHOWN)
