"""Who sent this request, and under which id it is logged."""

import re
import uuid
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers

from config.logs import request_id

Handler = Callable[[HttpRequest], HttpResponse]
_FORWARDED = (
    *("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST"),
    *("HTTP_X_REQUEST_ID", "HTTP_TRACEPARENT", "HTTP_TRACESTATE"),
)
_PROBES = ("/healthz/", "/readyz/", "/metrics")
_ENGLISH = ("/admin/", "/api/", "/webhooks/", *_PROBES, "/accounts/2fa/", "/accounts/confirm/")
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class TrustedProxyMiddleware:
    """Forwarded headers and request ids count only from ``DJANGO_TRUSTED_PROXIES``; others' are dropped."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _is_trusted(request.META.get("REMOTE_ADDR", "")):
            request.META["REMOTE_ADDR"] = _find_client(request)
        else:
            for name in _FORWARDED:
                request.META.pop(name, None)
        return self.get_response(request)


class SiteMiddleware(CommonMiddleware):
    """Django's own, but operators' programs may ask for our health by whatever name or address they know us, and a
    delivery refused for its host name would be lost: its signature says whose it is."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        if request.path in _PROBES or request.path.startswith("/webhooks/"):
            return None
        return super().process_request(request)


class LanguageMiddleware:
    """The language somebody chose, else the one their browser asks for. What staff and programs read is English."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(_ENGLISH):
            with translation.override(settings.LANGUAGE_CODE):
                return self.get_response(request)
        with translation.override(translation.get_language_from_request(request)):
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", translation.get_language())
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


class RequestIdMiddleware:
    """Give each request an id (or keep a well-formed one that a trusted proxy set) and send it back."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        # Not reset afterwards: Django logs 4xx and 5xx answers after the last middleware. The next one sets its own.
        request_id.set(given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id.get()
        return response


class IsolationMiddleware:
    """No other site may load what is here as its own image, script or style: files, pages and answers of the API.

    Outside of the one that serves static files, which would otherwise go without. CORS, where it is opened, is not
    concerned: browsers ask this of requests without it.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response


def read_client_address(request: HttpRequest) -> str:
    """The address that login lockout counts by; ``TrustedProxyMiddleware`` has settled it.

    Of IPv6 its network of 64 bits, since whoever has one address there has all of them.
    """
    text = str(request.META.get("REMOTE_ADDR", ""))
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if isinstance(address, IPv4Address):
        return text
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network(f"{address}/64", strict=False).network_address)


def read_login_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str | None:
    """The name that login lockout counts by, as long as its column at most; no user has a longer one."""
    name = (credentials or request.POST).get("username")
    return None if name is None else str(name).replace("\0", "")[:255]


def _is_trusted(address: str) -> bool:
    try:
        peer = ip_address(address)
    except ValueError:
        return False
    return any(peer in network for network in settings.TRUSTED_PROXIES)


def _find_client(request: HttpRequest) -> str:
    # From the right: each trusted proxy appended the peer it saw; the first untrusted one is the client.
    forwarded: str = request.META.get("HTTP_X_FORWARDED_FOR", "")
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    for hop in reversed(hops):
        if not _is_trusted(address := _strip_port(hop)):
            return address or str(request.META["REMOTE_ADDR"])
    return str(request.META["REMOTE_ADDR"])


def _strip_port(hop: str) -> str:
    """The address of a hop, which some proxies write with its port; empty when it is none."""
    for text in (hop, hop.rpartition(":")[0].strip("[]"), hop.strip("[]")):
        try:
            return str(ip_address(text))
        except ValueError:
            continue
    return ""
