"""Counts in the cache: a call writes no row for them. DRF reads its authentication, and so this, while it starts."""

import time
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.core.cache import cache
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from config.middleware import read_client_address

_HOUSEHOLD = 64
"""Bits of an IPv6 address that a provider gives to one customer, who may use any of those behind them."""


def count_refusal(request: Request) -> None:
    """Note that credentials were refused. Raises Throttled beyond ``REFUSED_RATE`` of them per address."""
    allowed, left = count(f"refused:{_read_network(request)}", settings.REFUSED_RATE)
    if not allowed:
        raise Throttled(wait=max(1.0, left))


def count(name: str, rate: tuple[int, int]) -> tuple[bool, float]:
    """Whether this one is within the rate, and the seconds until the count begins anew.

    A fixed window counted by ``cache.incr``, which is atomic where DRF's read-and-write lets bursts through.
    """
    (limit, window), now = rate, time.time()
    left, key = window - now % window, f"throttle:{name}:{int(now // window)}"
    # Counted first and begun where there is no count yet: all but the first of a window then ask Valkey once less.
    for _ in range(2):
        try:
            return cache.incr(key) <= limit, left
        except ValueError:
            if cache.add(key, 1, timeout=window + 1):
                break
    return True, left  # the first of the window, or the window ended between the calls


def _read_network(request: Request) -> str:
    text = read_client_address(request)
    try:
        address = ip_address(text)
    except ValueError:
        return "none"
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, _HOUSEHOLD), strict=False))
    return str(address)
