from typing import Any

from django.utils import timezone
from rest_framework import authentication
from rest_framework.request import Request

from participants.errors import RollcallError
from participants.services import guests


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session with CSRF. Nobody signed in is 401, which DRF's own class answers with 403."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"


class GuestAuthentication(SessionAuthentication):
    """A session that an invitation opened, at views that say ``admits_guests``. Elsewhere a guest is nobody.

    Raises as ``guests.check`` once the invitation is over: who asks is to hear that, not "sign in".
    """

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        key = request.session.get(guests.SESSION_KEY)
        view = (request.parser_context or {}).get("view")
        guest = guests.find(key) if key and getattr(view, "admits_guests", False) else None
        if guest is None:
            return None
        self.enforce_csrf(request)
        try:
            guests.check(guest, timezone.now())
        except RollcallError:
            # As DRF does for its own exceptions: whoever renders this one asks who the user is, and must not be
            # answered by the same exception.
            request._not_authenticated()  # type: ignore[attr-defined]  # not in the stubs
            raise
        return guest, None


class AlwaysWithToken(SessionAuthentication):
    """Whoever asks, the CSRF token is needed: else a page elsewhere could make somebody a guest."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        self.enforce_csrf(request)
        return super().authenticate(request)
