"""Who calls: a browser with its session or an invitation's, a back end by API key, an app by bearer token."""

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from participants.api.counting import count_refusal
from participants.errors import EmailUnverified, RollcallError, SecondFactorNeeded, Unrecognised
from participants.models import ApiKey, ExternalIdentity
from participants.services import apikeys, bearers, guests
from participants.signin import standing

_SCHEMES = ("bearer", "api-key")


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer rck_…`` or ``Api-Key rck_…``. No cookie, hence no CSRF.

    A key is ``request.auth`` beside an anonymous user: what looks for a person finds none. Whoever sends a key that
    is refused is nobody, whatever session comes with it.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        scheme, value = _read_header(request)
        if scheme != "api-key" and not (scheme == "bearer" and value.startswith(apikeys.MARK)):
            return None
        try:
            return AnonymousUser(), apikeys.find(value)
        except Unrecognised as error:
            count_refusal(request)
            raise AuthenticationFailed(str(error)) from error

    def authenticate_header(self, request: Request) -> str:
        """RFC 6750, of all classes here: DRF asks the first. The session is named to callers who sent nothing."""
        if _read_header(request)[0]:
            return 'Bearer realm="rollcall", error="invalid_token"'
        return 'Bearer realm="rollcall", Session'


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer`` with a token of the customer's identity provider. No cookie, hence no CSRF."""

    def authenticate(self, request: Request) -> tuple[User, ExternalIdentity] | None:
        scheme, value = _read_header(request)
        if scheme != "bearer":
            return None
        try:
            identity = bearers.find_identity(value)
        except Unrecognised as error:
            count_refusal(request)
            raise AuthenticationFailed(str(error)) from error
        return identity.user, identity

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


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
        if found is None:
            return None
        user = _unwrap(request, found[0])
        try:
            standing.demand(request._request, user)
        except (SecondFactorNeeded, EmailUnverified) as error:
            raise StepMissing(str(error), error.code) from error
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return "Session"


def _unwrap(request: Request, user: User) -> User:
    """The user rather than Django's stand-in that looks them up at first need: a join asks it thirty times."""
    found: User | None = getattr(request._request, "_cached_user", None)
    return found if found is not None and found.pk == user.pk else user


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


def _read_header(request: Request) -> tuple[str, str]:
    """The scheme in lower case, and what follows it; blank without one of ours."""
    scheme, _, value = str(request.META.get("HTTP_AUTHORIZATION", "")).strip().partition(" ")
    return (scheme.lower(), value.strip()) if scheme.lower() in _SCHEMES else ("", "")
