"""Metrics of a worker, which is no web server: a small one beside it, for whoever has the token.

Says only what this process counted (or all of its machine, with ``PROMETHEUS_MULTIPROC_DIR``); what lies in the rows
is told by web processes.
"""

import threading
from collections.abc import Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client.exposition import ThreadingWSGIServer

from participants.watch import exposition

HOST = "0.0.0.0"  # noqa: S104 - asked from other machines, by the token alone


class _Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Asked every few seconds."""


def start(port: int) -> WSGIServer:
    """Serve until the process ends. Raises OSError when the port is taken."""
    server = make_server(HOST, port, _answer, ThreadingWSGIServer, _Quiet)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def _answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/metrics" or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not found"]
    if not exposition.may_read(environ.get("HTTP_AUTHORIZATION", "")):
        start_response("401 Unauthorized", [("Content-Type", "text/plain"), ("WWW-Authenticate", "Bearer")])
        return [b"not authenticated"]
    start_response("200 OK", [("Content-Type", exposition.CONTENT_TYPE), ("Cache-Control", "no-store")])
    return [exposition.render()]
