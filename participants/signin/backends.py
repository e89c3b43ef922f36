"""Local accounts: Django's own backend, with the user of a session found by a query that is compiled once."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from participants.models.compiled import Finder

_BY_KEY = Finder(User, (("pk", 0),))


class LocalBackend(ModelBackend):
    def get_user(self, user_id: int) -> User | None:
        user = _BY_KEY.find(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None
