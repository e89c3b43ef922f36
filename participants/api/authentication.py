from django.contrib.auth.models import User
from rest_framework import authentication
from rest_framework.request import Request

from participants.signin import standing


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session with CSRF. Nobody signed in is 401, which DRF's own class answers with 403."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Raises SecondFactorNeeded for staff whose session still owes it."""
        found: tuple[User, None] | None = super().authenticate(request)
        if found is not None:
            standing.demand(request._request, found[0])
        return found

    def authenticate_header(self, request: Request) -> str:
        return "Session"
