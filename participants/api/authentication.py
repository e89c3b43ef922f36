from django.contrib.auth.models import User
from rest_framework import authentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from participants.errors import SecondFactorNeeded
from participants.signin import standing


class FactorRefused(PermissionDenied):
    """DRF's own kind of error: after another one it would look for the user again while it answers."""

    default_code = SecondFactorNeeded.code


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session with CSRF. Nobody signed in is 401, which DRF's own class answers with 403."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Raises FactorRefused for staff whose session still owes its second factor."""
        found: tuple[User, None] | None = super().authenticate(request)
        if found is not None:
            try:
                standing.demand(request._request, found[0])
            except SecondFactorNeeded as error:
                raise FactorRefused(str(error)) from error
        return found

    def authenticate_header(self, request: Request) -> str:
        return "Session"
