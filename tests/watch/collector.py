"""Who takes traces and reports of errors: a real HTTP server that keeps what it gets, as it came and as it reads."""

import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    name: str
    attributes: dict[str, str]
    span_id: bytes
    parent_id: bytes
    trace_id: bytes
    has_failed: bool


@dataclass
class Collector:
    """Runs from ``with`` on."""

    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.collector = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def read_spans(self) -> list[Span]:
        found = []
        for path, body in list(self.bodies):
            assert path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += [_read(span) for span in scope.spans]
        return found

    def read_reports(self) -> list[dict[str, Any]]:
        """The events of envelopes: each is a line of JSON behind the line of its own header."""
        found = []
        for _, body in list(self.bodies):
            lines = body.splitlines()
            for position, line in enumerate(lines[1:-1], start=1):
                if json.loads(line).get("type") == "event":
                    found.append(json.loads(lines[position + 1]))
        return found

    def read_everything(self) -> str:
        return "\n".join(body.decode("utf-8", "replace") for _, body in list(self.bodies))


def _read(span: Any) -> Span:
    attributes = {item.key: str(item.value.string_value or item.value.int_value) for item in span.attributes}
    assert not span.events
    assert not span.status.message
    return Span(span.name, attributes, span.span_id, span.parent_span_id, span.trace_id, span.status.code == 2)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    collector: Collector


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert isinstance(self.server, _Server)
        self.server.collector.headers.append(dict(self.headers))
        self.server.collector.bodies.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Nothing to say."""
