"""A small HTTP server that answers what a test scripted, and a client whose clock never ticks by itself."""

import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from participants.realtimekit import Credentials, RealtimeKit

API_TOKEN = "cf-Secret_api-token-0123456789"
ACCOUNT = "0f0e0d0c0b0a09080706050403020100"
APP = "11111111-2222-4333-8444-555555555555"
PREFIX = f"/accounts/{ACCOUNT}/realtime/kit/{APP}"


@dataclass(frozen=True)
class SeenRequest:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Step = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "ScriptedServer"
    timeout = 5
    disable_nagle_algorithm = True

    def answer_next(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = SeenRequest(self.command, self.path, headers, self.rfile.read(length))
        self.server.requests.append(seen)
        self.server.ports.append(self.client_address[1])
        step = self.server.script.popleft() if self.server.script else reply(500, {"unexpected": True})
        step(self)

    do_GET = do_POST = do_PATCH = do_DELETE = answer_next  # noqa: N815  # http.server looks them up by name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the parent's
        """Quiet."""


class ScriptedServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: deque[Step] = deque()
        self.requests: list[SeenRequest] = []
        self.ports: list[int] = []
        self.closing = threading.Event()
        self.scheme = "http"
        if tls is not None:
            self.scheme = "https"
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def will(self, *steps: Step) -> None:
        self.script.extend(steps)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of these tests."""


def reply(status: int, body: object = None, headers: dict[str, str] | None = None) -> Step:
    """Answer with JSON, or with `body` as it is when it is bytes."""

    def step(handler: Handler) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response_only(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(payload)))
        handler.end_headers()
        handler.wfile.write(payload)

    return step


def data(value: object, status: int = 200, **extra: object) -> Step:
    return reply(status, {"success": True, "data": value, **extra})


def hang_up(handler: Handler) -> None:
    """Close without a word, after the request was read."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def drip(*, head: bytes, endless: bytes) -> Step:
    """Send `head`, then one byte at a time until the client hangs up or the server closes."""

    def step(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(head)
        while not handler.server.closing.wait(0.02):
            handler.wfile.write(endless)

    return step


def fall_silent(handler: Handler) -> None:
    handler.close_connection = True
    handler.server.closing.wait(5)


def raw(payload: bytes) -> Step:
    """Send these bytes and close."""

    def step(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(payload)

    return step


@dataclass
class FakeTime:
    """A clock that moves only when somebody sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def serve(server: ScriptedServer) -> Iterator[ScriptedServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    yield from serve(ScriptedServer())


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


MakeClient = Callable[..., RealtimeKit]


@pytest.fixture
def make_client(fake_time: FakeTime) -> Iterator[MakeClient]:
    made: list[RealtimeKit] = []

    def make(base_url: str, *, api_token: str = API_TOKEN, **options: Any) -> RealtimeKit:
        options = {"clock": fake_time.clock, "sleep": fake_time.sleep, "random": Random(7), **options}
        client = RealtimeKit(Credentials(base_url, ACCOUNT, APP, api_token), **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(server: ScriptedServer, make_client: MakeClient) -> RealtimeKit:
    return make_client(server.url)
