"""As much of a load balancer as the tests need: round robin, and another try where nobody listens."""

import itertools
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Self

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class Proxy:
    """Like the Caddyfile: asks for health, keeps no connection, and tries elsewhere only where one was refused."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports
        self._healthy = list(ports)
        self._ended = Event()
        self._turn = itertools.count()
        self._lock = Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                proxy.pass_on(self)

            do_POST = do_GET  # noqa: N815 - as the base class calls it

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        Thread(target=self._look_after, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def pass_on(self, asked: BaseHTTPRequestHandler) -> None:
        body = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        headers = dict(asked.headers.items()) | {
            "Connection": "close",
            "X-Forwarded-For": asked.client_address[0],
            "X-Forwarded-Proto": "http",
        }
        connection = self._connect()
        if connection is None:
            asked.send_error(502)
            return
        connection.request(asked.command, asked.path, body, headers)
        try:
            _answer(asked, connection.getresponse())
        except ConnectionError:
            with suppress(OSError):
                asked.send_error(502)
        finally:
            connection.close()

    def _look_after(self) -> None:
        while not self._ended.wait(0.5):
            self._healthy = [port for port in self.ports if _is_healthy(port)]

    def _connect(self) -> HTTPConnection | None:
        with self._lock:
            first = next(self._turn)
        ports = self._healthy or self.ports
        for step in range(len(ports)):
            connection = HTTPConnection("127.0.0.1", ports[(first + step) % len(ports)], timeout=30)
            with suppress(ConnectionRefusedError):
                connection.connect()
                return connection
        return None


def _is_healthy(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _answer(asked: BaseHTTPRequestHandler, answer: HTTPResponse) -> None:
    content = answer.read()
    asked.send_response(answer.status)
    for name, value in answer.getheaders():
        if name.lower() not in _HOP:
            asked.send_header(name, value)
    asked.send_header("Content-Length", str(len(content)))
    asked.end_headers()
    asked.wfile.write(content)
