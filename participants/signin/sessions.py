"""Django's sessions in the database, found by a query that is compiled once. ``SESSION_ENGINE`` names this module."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.contrib.auth import middleware
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from participants.models.compiled import Finder

_LIVING = Finder(Session, (("session_key", "a"), ("expire_date__gt", datetime(2000, 1, 1, tzinfo=UTC))))


# Django derives the salt of the data from the name of this class: sessions made by its own store stay good.
class SessionStore(db.SessionStore):
    _key_is_kept = False

    @contextmanager
    def keeping_key(self) -> Iterator[None]:
        self._key_is_kept = True
        try:
            yield
        finally:
            self._key_is_kept = False

    def cycle_key(self) -> None:
        if not self._key_is_kept:
            super().cycle_key()

    def _get_session_from_db(self) -> Session | None:
        found = _LIVING.find(self.session_key, timezone.now())
        if found is None:
            self._session_key = None
        return found


class UserMiddleware(middleware.AuthenticationMiddleware):
    """Django's, but for sessions signed by a fallback of the secret: they are signed anew under the key they have.

    Django gives them another key at the first request after a change of the secret. Requests of the same page that
    are under way with the former key are signed out by that, and tell the browser to forget the new one.
    """

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _find_user(request))  # type: ignore[assignment]


def _find_user(request: HttpRequest) -> object:
    assert isinstance(request.session, SessionStore)
    with request.session.keeping_key():
        return middleware.get_user(request)
