"""Limits per person, in the cache: a join writes no row for them. Never per address, which a school shares.

Guessing at links is the one exception: nobody is known yet, and only wrong guesses are counted.
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


class PersonThrottle(BaseThrottle):
    """A fixed window counted by ``cache.incr``, which is atomic where DRF's read-and-write lets bursts through.

    People not signed in are not counted here: they are refused before.
    """

    scope: ClassVar[str] = "api"
    rate: ClassVar[tuple[int, int]] = (1200, 60)

    def allow_request(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return True
        limit, window = self.get_rate()
        now = time.time()
        self._left = window - now % window
        key = f"throttle:{self.scope}:{request.user.pk}:{int(now // window)}"
        if cache.add(key, 1, timeout=window + 1):
            return True
        try:
            return bool(cache.incr(key) <= limit)
        except ValueError:
            return True  # the window ended between the two calls

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
