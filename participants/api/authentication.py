from rest_framework import authentication
from rest_framework.request import Request


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session with CSRF. Nobody signed in is 401, which DRF's own class answers with 403."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"
