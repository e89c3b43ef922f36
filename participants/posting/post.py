"""One POST to a stranger's server: bounded in time and size, led nowhere else, and never into this network.

The name is looked up once; the addresses found are judged, and the connection goes to one of those and to no other,
so that a name which changes its mind between look-up and connection (DNS rebinding) gains nothing.
"""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.cookies import RequestsCookieJar
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from participants.posting.addresses import is_public
from participants.realtimekit import BoundedAdapter, BoundedHTTPConnection, BoundedHTTPSConnection

USER_AGENT = "Rollcall-Webhooks/1"
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
TOTAL_SECONDS = 15.0
BODY_LIMIT = 2_048
"""Bytes of an answer that are read; the rest is left where it is."""
_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


@dataclass(frozen=True)
class Outcome:
    """``code`` is blank for an answer of 2xx. ``status`` is None where there was no answer."""

    status: int | None
    code: str
    detail: str
    excerpt: str
    seconds: float
    retry_after: str = ""

    @property
    def is_delivered(self) -> bool:
        return not self.code


class PrivateAddress(socket.gaierror):
    """The name leads into a network that is not the world's."""


class _Guarded(BoundedHTTPConnection):
    def find_addresses(self, name: str, port: int | None) -> list[str]:
        found = super().find_addresses(name, port)
        if not all(map(is_public, found)):
            raise PrivateAddress(socket.EAI_FAIL, "not a public address")
        return found


class _GuardedTLS(_Guarded, BoundedHTTPSConnection):
    pass


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _GuardedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLS


class _GuardedAdapter(BoundedAdapter):
    pools = {"http": _GuardedPool, "https": _GuardedTLSPool}


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: else the whole body of a redirect would be read, followed or not."""
        return None


class Poster:
    """Posts to one receiver after another, over connections that are kept. For one thread."""

    def __init__(self, *, allow_private: bool) -> None:
        self._session = _Session()
        adapter = BoundedAdapter() if allow_private else _GuardedAdapter()
        self._adapter = adapter
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)
        # Neither a proxy nor a .netrc: a proxy would connect where nobody has looked whether it may.
        self._session.trust_env = False
        self._session.cookies = RequestsCookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"})

    def close(self) -> None:
        self._session.close()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Takes 20 s at most. Raises nothing."""
        begun = time.monotonic()
        self._adapter.begin(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, total=TOTAL_SECONDS)
        try:
            with self._session.post(
                url,
                data=body,
                headers={"Content-Type": "application/json", **headers},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as answer:
                excerpt = _read_excerpt(answer)
                return _judge(answer, excerpt, time.monotonic() - begun)
        except _ERRORS as error:
            code, detail = _explain(error, url)
            return Outcome(None, code, detail, "", time.monotonic() - begun)


def _judge(answer: requests.Response, excerpt: str, seconds: float) -> Outcome:
    status, code = answer.status_code, ""
    detail = ""
    if 300 <= status < 400:
        code, detail = "redirected", "The receiver redirects; redirects are not followed. Correct the address."
    elif not 200 <= status < 300:
        code, detail = f"status_{status}", f"The receiver answered {status} {answer.reason or ''}".strip()[:200] + "."
    return Outcome(status, code, detail, excerpt, seconds, answer.headers.get("Retry-After", ""))


def _read_excerpt(answer: requests.Response) -> str:
    """The beginning of the answer; an answer that breaks off there has been given all the same."""
    try:
        raw = answer.raw.read(BODY_LIMIT, decode_content=False)
    except _ERRORS:
        return ""
    # What is left would have to be read before the connection could serve again.
    if len(raw) >= BODY_LIMIT:
        answer.raw.close()
    return str(raw.decode("utf-8", errors="replace"))


def _explain(error: Exception, url: str) -> tuple[str, str]:
    """A code and a sentence; never the text of the error, which may show what lies behind an address."""
    text, name = _list_causes(error), urlsplit(url).hostname or ""
    kinds = {type(each) for each in text}
    if PrivateAddress in kinds:
        return "private_address", f"{name} leads to an address that is not public. HOOKS_ALLOW_PRIVATE permits that."
    if any(issubclass(kind, socket.gaierror | urllib3.exceptions.NameResolutionError) for kind in kinds):
        return "unknown_host", f"There is no address for {name}."
    if any(issubclass(kind, requests.exceptions.SSLError) for kind in kinds):
        return "tls_failed", "No secure connection could be made. Look at the receiver's certificate."
    if any(issubclass(kind, requests.exceptions.Timeout | TimeoutError) for kind in kinds):
        return "timeout", f"The receiver did not answer within {READ_SECONDS:.0f} seconds."
    if any(issubclass(kind, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema) for kind in kinds):
        return "unusable_address", "The address can't be used. Correct it."
    return "connection_failed", "The receiver could not be reached, or broke the connection off."


def _list_causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each in found:
            continue
        found.append(each)
        near = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting.extend(other for other in near if isinstance(other, BaseException))
    return found
