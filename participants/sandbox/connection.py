"""HTTP/1.1 on one socket: reads requests, writes answers, keeps alive.

`http.server` was rejected: it parses headers with the e-mail parser (slow), and neither hanging up without a byte nor
a method nobody knows fits it.
"""

import secrets
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from io import BufferedReader

from participants.sandbox.answers import Answer, error, reason

IDLE_SECONDS = 120.0
LONGEST_LINE = 65_536
MOST_HEADERS = 200
BIGGEST_BODY = 16 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """Header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    keep_alive: bool = True


@dataclass(frozen=True)
class Reply:
    """`answer` None hangs up. `undelivered` is called when the client was not there to read it."""

    answer: Answer | None
    undelivered: Callable[[], None]


Respond = Callable[[Request], Reply]


class UnreadableError(Exception):
    """Not an HTTP request this server takes; carries the status to say so."""

    def __init__(self, status: int) -> None:
        super().__init__(reason(status))
        self.status = status


def serve(connection: socket.socket, respond: Respond) -> None:
    """Answers requests until either side is done. Closes the socket."""
    with connection, connection.makefile("rb") as reader:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(IDLE_SECONDS)
        try:
            while _serve_one(connection, reader, respond):
                pass
        except OSError:
            # The peer is gone, or `stop` has shut the socket down.
            return


def _serve_one(connection: socket.socket, reader: BufferedReader, respond: Respond) -> bool:
    try:
        request = read_request(reader)
    except UnreadableError as unreadable:
        answer = error(unreadable.status, str(unreadable), shape="html")
        _write(connection, answer, keep_alive=False, bodiless=False)
        return False
    if request is None:
        return False
    reply = respond(request)
    if reply.answer is None:
        return False
    try:
        _write(connection, reply.answer, keep_alive=request.keep_alive, bodiless=request.method == "HEAD")
    except OSError:
        reply.undelivered()
        raise
    return request.keep_alive and reply.answer.sent is None


def read_request(reader: BufferedReader) -> Request | None:
    """None at the end of the connection. Raises UnreadableError."""
    line = reader.readline(LONGEST_LINE + 1)
    if not line.strip():
        return None
    parts = line.decode("latin-1").split()
    if len(line) > LONGEST_LINE or len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise UnreadableError(400)
    headers = _read_headers(reader)
    if "transfer-encoding" in headers:
        raise UnreadableError(411)
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        raise UnreadableError(400)
    if int(length) > BIGGEST_BODY:
        raise UnreadableError(413)
    body = reader.read(int(length))
    if len(body) < int(length):
        return None
    keep_alive = parts[2] != "HTTP/1.0" and headers.get("connection", "").lower() != "close"
    return Request(parts[0], parts[1], headers, body, keep_alive)


def _read_headers(reader: BufferedReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MOST_HEADERS):
        line = reader.readline(LONGEST_LINE + 1)
        if line in (b"\r\n", b"\n", b""):
            return headers
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise UnreadableError(400)
        headers[name.strip().lower()] = value.strip()
    raise UnreadableError(431)


def _write(connection: socket.socket, answer: Answer, *, keep_alive: bool, bodiless: bool) -> None:
    head = [
        f"HTTP/1.1 {answer.status} {reason(answer.status)}",
        f"Date: {format_datetime(datetime.now(UTC), usegmt=True)}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        f"CF-RAY: {secrets.token_hex(8)}-SBX",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
    ]
    start = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
    body = b"" if bodiless else answer.body[: answer.sent]
    if answer.drip is None:
        connection.sendall(start + body)
        return
    connection.sendall(start)
    for index in range(len(body)):
        time.sleep(answer.drip)
        connection.sendall(body[index : index + 1])
