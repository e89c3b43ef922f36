"""A receiver of outgoing webhooks: a real HTTP server that keeps what it gets, its manners of one's choice."""

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Manner:
    """One answer. It ``hangs`` until the receiver is closed; ``endless`` sends its body for ever."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hangs: bool = False
    endless: bool = False


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> dict[str, Any]:
        """As a receiver does with the library's own verifier. Raises WebhookVerificationError."""
        found: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return found


class Receiver:
    """Runs from ``with`` on. ``next`` are the answers to come; after them ``always``."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.next: deque[Manner] = deque()
        self.always = Manner()
        self.arrived = threading.Semaphore(0)
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.receiver = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def list_kinds(self) -> list[str]:
        return [each.told["type"] for each in self.received]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    receiver: Receiver
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Quiet."""

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.received.append(Received(self.path, headers, body))
        manner = receiver.next.popleft() if receiver.next else receiver.always
        receiver.arrived.release()
        if manner.hangs:
            receiver.closing.wait(60)
            self.close_connection = True
            return
        self.send_response(manner.status)
        for name, value in manner.headers.items():
            self.send_header(name, value)
        if manner.status != 204 and not manner.endless:
            self.send_header("Content-Length", str(len(manner.body)))
        self.end_headers()
        self.wfile.write(manner.body)
        while manner.endless and not receiver.closing.is_set():
            self.wfile.write(b"x" * 65_536)

    def do_GET(self) -> None:
        self.server.receiver.received.append(Received(self.path, {}, b"{}"))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
