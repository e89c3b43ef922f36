"""The way in without a socket: what a client of requests sends reaches the application as a server would hand it on.

A server in a thread, and a connection for each step of a chain, cost a third as much again as the answers do.
"""

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
import requests
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from requests.adapters import HTTPAdapter
from schemathesis.transport.requests import SameHostRedirectsSession
from urllib3 import HTTPHeaderDict, HTTPResponse

ADDRESS = "http://testserver"


class Door(HTTPAdapter):
    """Sends every request to the application. May be used by many threads."""

    def __init__(self) -> None:
        super().__init__()
        self._app = WSGIHandler()
        self._used: set[BaseDatabaseWrapper] = set()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        database = connections["default"]
        if database not in self._used:
            self._used.add(database)
            database.inc_thread_sharing()
        told: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], error: object = None) -> None:
            told.append((status, headers))

        answer: Any = self._app(make_environ(request), start)  # type: ignore[arg-type]  # a start_response that writes nothing
        try:
            body = b"".join(answer)
        finally:
            answer.close()
        ((status, headers),) = told
        return self.build_response(request, _make_answer(request, status, headers, body))

    def close(self) -> None:
        """Connections to the database that threads left behind."""
        super().close()
        while self._used:
            database = self._used.pop()
            database.close()
            database.dec_thread_sharing()


def make_environ(request: requests.PreparedRequest) -> dict[str, Any]:
    """As Django's own server makes it, names of headers with an underscore left out."""
    url, body = urlsplit(str(request.url)), request.body or b""
    body = body.encode() if isinstance(body, str) else body
    assert isinstance(body, bytes)
    headers = {"Host": url.netloc, "Content-Length": str(len(body)), **request.headers}
    named = {name.upper().replace("-", "_"): _as_latin(value) for name, value in headers.items() if "_" not in name}
    plain = ("CONTENT_TYPE", "CONTENT_LENGTH")
    return {
        **{name if name in plain else f"HTTP_{name}": value for name, value in named.items()},
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),
        "QUERY_STRING": url.query,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _as_latin(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _make_answer(
    request: requests.PreparedRequest, status: str, headers: Iterable[tuple[str, str]], body: bytes
) -> HTTPResponse:
    code, _, reason = status.partition(" ")
    return HTTPResponse(
        body=io.BytesIO(b"" if request.method == "HEAD" else body),
        headers=HTTPHeaderDict(headers),
        status=int(code),
        reason=reason,
        version=11,
        preload_content=False,
        request_method=request.method,
    )


@contextmanager
def opened() -> Iterator[None]:
    """Inside, all that schemathesis sends goes through a door."""
    door = Door()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SameHostRedirectsSession, "get_adapter", lambda *_, **__: door)
        try:
            yield
        finally:
            door.close()
