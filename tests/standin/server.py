"""The stand-in's HTTP face: a second RealtimeKit, small and quite unlike the sandbox, its manners of one's choice."""

import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.standin.manners import Manners, Shape
from tests.standin.world import ACCOUNT, APP, SECRET, Problem, World

_ROOM, _PERSON = r"/meetings/(?P<room>[^/]+)", r"/participants/(?P<person>[^/]+)"
ROUTES = [
    ("meetings.create", "POST", "/meetings"),
    ("meetings.list", "GET", "/meetings"),
    ("meetings.get", "GET", _ROOM),
    ("meetings.patch", "PATCH", _ROOM),
    ("participants.add", "POST", _ROOM + "/participants"),
    ("participants.list", "GET", _ROOM + "/participants"),
    ("participants.get", "GET", _ROOM + _PERSON),
    ("participants.patch", "PATCH", _ROOM + _PERSON),
    ("participants.delete", "DELETE", _ROOM + _PERSON),
    ("participants.refresh", "POST", _ROOM + _PERSON + "/token"),
    ("active.get", "GET", _ROOM + "/active-session"),
    ("active.kick", "POST", _ROOM + "/active-session/kick"),
    ("active.kick_all", "POST", _ROOM + "/active-session/kick-all"),
    ("presets.list", "GET", "/presets"),
]
HTML = b"<!doctype html><title>502</title><h1>Bad gateway</h1><p>token eyJhbGciOiJub25lIn0.eyJhIjoxfQ.x"


@dataclass
class Gate:
    """Holds answers back: ``arrived`` counts what was performed, ``open`` lets it all go."""

    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    opened: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.arrived.acquire(timeout=10), "nobody came"


class Standin:
    """Runs from ``with`` on. ``losses`` says per operation whether the next answer is lost after the work is done."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self.world = World(manners)
        self.calls: list[str] = []
        self.losses: dict[str, Iterator[bool]] = {}
        self.waits: dict[str, list[str | None]] = {}
        self.failing: dict[str, int] = {}
        self.gates: dict[str, Gate] = {}
        self.wrong_place: tuple[int, Shape] = (404, "html")
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.standin = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/client/v4"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for gate in self.gates.values():
            gate.opened.set()
        self._server.shutdown()
        self._server.server_close()

    def count(self, operation: str) -> int:
        return Counter(self.calls)[operation]

    @contextmanager
    def hold(self, operation: str) -> Iterator[Gate]:
        """Answers of this operation wait, its work done, until the gate opens or the block ends."""
        gate = self.gates[operation] = Gate()
        try:
            yield gate
        finally:
            self.gates.pop(operation, None)
            gate.opened.set()


class _Server(ThreadingHTTPServer):
    standin: Standin
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    wbufsize = 64 * 1024
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Quiet."""

    def do_GET(self) -> None:
        standin, address = self.server.standin, urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body: dict[str, Any] = json.loads(self.rfile.read(length) or b"{}")
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        operation, ids = _route(self.command, address.path)
        standin.calls.append(operation)
        try:
            if not ids:
                raise Problem(404, "wrong way")
            if self.headers.get("Authorization") != f"Bearer {SECRET}":
                raise Problem(401, "who are you")
            if waits := standin.waits.get(operation):
                return self._ask_to_wait(waits.pop(0))
            if status := standin.failing.get(operation):
                raise Problem(status, "out of order")
            data = standin.world.perform(operation, ids, {**body, **query})
        except Problem as problem:
            shape = standin.manners.shape
            if not ids:
                problem.status, shape = standin.wrong_place
            return self._answer(problem.status, *_complain(problem, shape))
        if gate := standin.gates.get(operation):
            gate.arrived.release()
            gate.opened.wait(15)
        if next(standin.losses.get(operation, iter(())), False):
            return self._hang_up()
        return self._answer(*_present(standin.manners, operation, data, query))

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class's names

    def _ask_to_wait(self, seconds: str | None) -> None:
        self._answer(
            429, b'{"message": "slow down"}', "application/json", {} if seconds is None else {"Retry-After": seconds}
        )

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        manners = self.server.standin.manners
        self.send_response(status)
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        chunked = manners.chunked and status != 204
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif status != 204:
            self.send_header("Content-Length", str(len(body)))
        if manners.connection == "close":
            self.send_header("Connection", "close")
        self.end_headers()
        if chunked:
            pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
        if status != 204:
            self.wfile.write(body)
        if manners.connection != "keep":
            self.close_connection = True


def _route(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The operation and its ids; no ids for an address that is not ours."""
    prefix = f"/client/v4/accounts/{ACCOUNT}/realtime/kit"
    if path == f"{prefix}/apps":
        return "apps.list", {"app": APP}
    for operation, wanted, pattern in ROUTES:
        if wanted == method and (match := re.fullmatch(re.escape(f"{prefix}/{APP}") + pattern, path)):
            return operation, {"app": APP} | {name: unquote(value) for name, value in match.groupdict().items()}
    return "elsewhere", {}


def _present(manners: Manners, operation: str, data: Any, query: dict[str, str]) -> tuple[int, bytes, str]:
    """A success as this server words it."""
    envelope: dict[str, Any] = {"success": True} if manners.says_success else {}
    if operation.endswith(".delete") and manners.deleted in ("204", "empty"):
        return 204 if manners.deleted == "204" else 200, b"", "text/plain"
    bare = (operation.endswith(".delete") and manners.deleted == "bare") or (
        operation.startswith("active.kick") and manners.kicked == "bare"
    )
    if bare:
        return 200, b'{"success": true}', "application/json"
    if isinstance(data, list):
        data, paging = _cut(manners, data, query)
        envelope |= paging
        data = {operation.split(".")[0]: data} if manners.nested else data
    elif manners.nested and operation in ("meetings.get", "participants.add", "active.get"):
        data = {
            {"meetings": "meeting", "participants": "participant", "active": "session"}[operation.split(".")[0]]: data
        }
    status = manners.made if operation in ("meetings.create", "participants.add") else 200
    return status, json.dumps({**envelope, manners.data_key: data}).encode(), "application/json; charset=utf-8"


def _cut(manners: Manners, rows: list[Any], query: dict[str, str]) -> tuple[list[Any], dict[str, Any]]:
    """One page of the rows, and what is said about paging."""
    size = min(manners.page_limit, int(query.get("per_page", 50)))
    start = (int(query.get("page_no", manners.first_page)) - manners.first_page) * size
    page = rows[max(0, start) : max(0, start + size)]
    totals: dict[str, Any] = {
        "int": len(rows),
        "float": float(len(rows)),
        "text": str(len(rows)),
        "page": len(page),
    }
    if manners.total == "none":
        return page, {}
    return page, {"paging": {"start_offset": start, "end_offset": start + size, "total_count": totals[manners.total]}}


def _complain(problem: Problem, shape: Shape) -> tuple[bytes, str]:
    shapes: dict[str, Any] = {
        "a": {"success": False, "error": {"code": problem.status, "message": problem.message}},
        "b": {"message": problem.message},
        "c": {
            "success": False,
            "errors": [{"code": 4711, "message": problem.message}],
            "messages": [],
            "result": None,
        },
    }
    if shape in shapes:
        return json.dumps(shapes[shape]).encode(), "application/json"
    return (HTML if shape == "html" else b""), "text/html"
