"""From where somebody acts, as far as the history is to know it: the network, never the whole address.

A whole address is personal data that would have to go again after days. The network tells a stolen password used
from another country, and an attack, as well.
"""

from collections.abc import Callable
from ipaddress import ip_address, ip_network

from django.http import HttpRequest, HttpResponse

from participants.models.event import client_address

_BITS = {4: 24, 6: 48}


class WhereaboutsMiddleware:
    """Events that this request causes note its network. Behind the middleware that settles who is asking."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Not reset afterwards: a download is put on record when its last piece is sent. Each request sets its own.
        client_address.set(shorten(str(request.META.get("REMOTE_ADDR", ""))))
        return self.get_response(request)


def shorten(text: str) -> str:
    """192.0.2.0/24, 2001:db8:1::/48; blank for what is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ip_network(f"{address}/{_BITS[address.version]}", strict=False))
