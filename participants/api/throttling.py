"""Limits per person or API key, in the cache: a join writes no row for them. Never per address: schools share one."""

import time
from typing import ClassVar

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from participants.models import ApiKey


class PersonThrottle(BaseThrottle):
    """A fixed window counted by ``cache.incr``, which is atomic where DRF's read-and-write lets bursts through.

    A key has ``API_KEY_RATE``. People not signed in are not counted here: they are refused before.
    """

    scope: ClassVar[str] = "api"
    rate: ClassVar[tuple[int, int]] = (1200, 60)

    def allow_request(self, request: Request, view: APIView) -> bool:
        limit, window = self.get_rate()
        if isinstance(request.auth, ApiKey):
            caller, (limit, window) = f"key-{request.auth.pk}", settings.API_KEY_RATE
        elif request.user.is_authenticated:
            caller = str(request.user.pk)
        else:
            return True
        now = time.time()
        self._left = window - now % window
        key = f"throttle:{self.scope}:{caller}:{int(now // window)}"
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
