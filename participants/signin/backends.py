"""Local accounts: Django's own backend, with the user of a session read beside it or by a query compiled once."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from participants.signin.sessions import USER_BY_KEY, take_user


class LocalBackend(ModelBackend):
    def get_user(self, user_id: int) -> User | None:
        user = take_user(user_id) or USER_BY_KEY.find(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None
