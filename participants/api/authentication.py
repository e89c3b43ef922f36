from django.contrib.auth.models import User
from rest_framework import authentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from participants.errors import EmailUnverified, SecondFactorNeeded
from participants.signin import standing


class StepMissing(PermissionDenied):
    """DRF's own kind of error: after another one it would look for the user again while it answers."""

    def __init__(self, detail: str, code: str) -> None:
        super().__init__(detail, code)
        self.default_code = code


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session with CSRF. Nobody signed in is 401, which DRF's own class answers with 403."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Raises StepMissing for a session that still owes its second factor, or its confirmed address."""
        found: tuple[User, None] | None = super().authenticate(request)
        if found is not None:
            try:
                standing.demand(request._request, found[0])
            except (SecondFactorNeeded, EmailUnverified) as error:
                raise StepMissing(str(error), error.code) from error
        return found

    def authenticate_header(self, request: Request) -> str:
        return "Session"
