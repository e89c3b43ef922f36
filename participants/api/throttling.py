"""Limits on calls that are let in: per person or API key, never per address, which a school has one of for everybody.

Credentials that are refused count per address (``counting``), and keep out nobody there whose own are good; wrong
guesses at links count per address too.
"""

import time
from contextlib import suppress
from typing import ClassVar

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from config.middleware import read_client_address
from participants.api.counting import count
from participants.models import ApiKey


class PersonThrottle(BaseThrottle):
    """A key has ``API_KEY_RATE``. People not signed in are not counted here: they are refused before."""

    scope: ClassVar[str] = "api"
    rate: ClassVar[tuple[int, int]] = (1200, 60)

    def allow_request(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiKey):
            caller, rate = f"key-{request.auth.pk}", settings.API_KEY_RATE
        elif request.user.is_authenticated:
            caller, rate = str(request.user.pk), self.get_rate()
        else:
            return True
        allowed, self._left = count(f"{self.scope}:{caller}", rate)
        return allowed

    def wait(self) -> float:
        return max(1.0, self._left)

    def get_rate(self) -> tuple[int, int]:
        return self.rate


class JoinThrottle(PersonThrottle):
    """``JOIN_RATE`` joins per person."""

    scope = "join"

    def get_rate(self) -> tuple[int, int]:
        count, window = settings.JOIN_RATE
        return int(count), int(window)


class AskThrottle(PersonThrottle):
    """Requests to be let in, over all meetings."""

    scope = "ask"
    rate = (20, 3600)


class GuessThrottle(BaseThrottle):
    """Wrong guesses per address. A class that opens good links behind one address is never counted."""

    limit, window = 30, 60

    def allow_request(self, request: Request, view: APIView) -> bool:
        self._left = self.window - time.time() % self.window
        return int(cache.get(_name_guesses(request), 0)) < self.limit

    def wait(self) -> float:
        return max(1.0, self._left)

    @classmethod
    def note_wrong_guess(cls, request: Request) -> None:
        key = _name_guesses(request)
        if not cache.add(key, 1, timeout=cls.window + 1):
            with suppress(ValueError):  # the window ended between the two calls
                cache.incr(key)


def _name_guesses(request: Request) -> str:
    return f"throttle:guess:{read_client_address(request._request)}:{int(time.time() // GuessThrottle.window)}"
