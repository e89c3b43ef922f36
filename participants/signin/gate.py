"""What a signed-in session opens, asked before every page: whichever door it came through, past or future."""

import time
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from participants import conf
from participants.signin.standing import POWERS, Standing, judge

_OPEN = {"mfa_reauthenticate", "logout", "admin:logout", "admin:jsi18n", "healthz", "readyz", "metrics"}
"""What a session reaches that still owes its second factor."""
_CONFIRMING = {"send_email_link", "confirm_email", "set_language"}
"""What somebody reaches who still has to confirm their address, in the language of their choice."""
_SEEN = "rollcall_seen"


class GateMiddleware:
    """Ends idle sessions, and sends staff to their second factor before anything else opens.

    Answers of the API are left to its session authentication: a key or a token may come along with a cookie, and
    counts alone then. Requests without a session's cookie are let pass unlooked at.
    """

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_IDLE and settings.SESSION_COOKIE_NAME in request.COOKIES:
            _end_if_idle(request)
        answer: HttpResponse = self.get_response(request)
        return answer

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        if not (conf.requires_second_factor() or conf.requires_verified_email()):
            return None
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or match is None:
            return None
        if match.route.startswith("api/") or match.view_name in _OPEN:
            return None
        standing = judge(request, request.user)
        if standing == Standing.ASKED:
            return _send(request, "mfa_reauthenticate")
        if standing == Standing.UNVERIFIED and match.view_name not in _CONFIRMING:
            return _send(request, "send_email_link")
        if standing == Standing.MISSING and match.route.startswith(POWERS):
            return _send(request, "mfa_activate_totp")
        return None


def _send(request: HttpRequest, name: str) -> HttpResponse:
    back = f"?{urlencode({'next': request.get_full_path()})}" if request.method in ("GET", "HEAD") else ""
    answer = HttpResponseRedirect(reverse(name) + back)
    add_never_cache_headers(answer)
    return answer


def _end_if_idle(request: HttpRequest) -> None:
    """The moment is written anew after a tenth of the time at the earliest, so that joins don't write each time."""
    if not request.user.is_authenticated:
        return
    now, seen = time.time(), request.session.get(_SEEN)
    if isinstance(seen, int | float) and now - seen > settings.SESSION_IDLE:
        logout(request)
    elif not isinstance(seen, int | float) or now - seen > settings.SESSION_IDLE / 10:
        request.session[_SEEN] = now
