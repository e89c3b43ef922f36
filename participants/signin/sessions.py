"""Django's sessions in the database, each found with its user by one query. ``SESSION_ENGINE`` names this module.

The user's id is inside the signed data of the session, so the query needs a guess at it: whose the session was when
this process saw it last. A guess is never believed: the session read by the same query says whose it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from django.contrib.auth import SESSION_KEY, middleware
from django.contrib.auth.models import User
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from participants.models.compiled import Finder, Pair

USER_BY_KEY = Finder(User, (("pk", 0),))
_LIVING = Finder(Session, (("session_key", "a"), ("expire_date__gt", datetime(2000, 1, 1, tzinfo=UTC))))
_WITH_USER = Pair(_LIVING, USER_BY_KEY)
_GUESSES = 10_000
_guesses: dict[str, str] = {}
_signing_in: ContextVar["SessionStore | None"] = ContextVar("signing_in", default=None)


# Django derives the salt of the data from the name of this class: sessions made by its own store stay good.
class SessionStore(db.SessionStore):
    _key_is_kept = False
    _user_beside: User | None = None

    @contextmanager
    def finding_user(self) -> Iterator[None]:
        """The key is kept meanwhile, and ``take_user`` has the user read with this session."""
        self._key_is_kept = True
        found = _signing_in.set(self)
        try:
            yield
        finally:
            _signing_in.reset(found)
            self._key_is_kept = False

    def note_user(self) -> None:
        """Guess this user when the session is next read."""
        key, user = self.session_key, self.get(SESSION_KEY)
        if key is None or user is None or _guesses.get(key) == user:
            return
        if len(_guesses) >= _GUESSES:
            _guesses.clear()
        _guesses[key] = user

    def save(self, must_create: bool = False) -> None:
        super().save(must_create)
        self.note_user()

    def cycle_key(self) -> None:
        if not self._key_is_kept:
            super().cycle_key()

    def _get_session_from_db(self) -> Session | None:
        guess, now = _guesses.get(self.session_key or ""), timezone.now()
        if guess is None:
            found = _LIVING.find(self.session_key, now)
        else:
            found, self._user_beside = _WITH_USER.find((self.session_key, now), (guess,))
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
    session = request.session
    assert isinstance(session, SessionStore)
    with session.finding_user():
        user = middleware.get_user(request)
    session.note_user()
    return user


def take_user(key: int) -> User | None:
    """The user read beside the session in hand, once; None for another one, or where none was."""
    session = _signing_in.get()
    if session is None:
        return None
    user, session._user_beside = session._user_beside, None
    return user if user is not None and user.pk == key else None
