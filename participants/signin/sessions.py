"""Django's sessions in the database, found by a query that is compiled once. ``SESSION_ENGINE`` names this module."""

from datetime import UTC, datetime

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from participants.models.compiled import Finder

_LIVING = Finder(Session, (("session_key", "a"), ("expire_date__gt", datetime(2000, 1, 1, tzinfo=UTC))))


# Django derives the salt of the data from the name of this class: sessions made by its own store stay good.
class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Session | None:
        found = _LIVING.find(self.session_key, timezone.now())
        if found is None:
            self._session_key = None
        return found
