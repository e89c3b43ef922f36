"""Traces by OpenTelemetry over OTLP/HTTP. Imported only where ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set.

The packages that instrument Django and requests are left out: the one asks each request for its host, and so refuses
probes and deliveries that come by another name; the other puts addresses with ids into spans, and our trace's id into
what is sent to others.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from config.logs import mask
from participants.watch import spans
from participants.watch.spans import Finish, Value

SERVICE = "rollcall"
_STATUS = "http.response.status_code"
_propagator = TraceContextTextMapPropagator()


def start(endpoint: str) -> None:
    """Send traces there, in the background. The library's other settings are read from the environment by it."""
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}).merge(Resource.create({})))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    spans.install(_Tracer(provider.get_tracer(SERVICE)))


class _Tracer:
    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def open(self, name: str, headers: Mapping[str, str] | None) -> Iterator[Finish]:
        kind, parent = SpanKind.INTERNAL, None
        if headers is not None:
            carrier = {key: headers[key] for key in ("traceparent", "tracestate") if key in headers}
            kind, parent = SpanKind.SERVER, _propagator.extract(carrier)
        # The texts of exceptions may hold anything, so they are not recorded.
        with self._tracer.start_as_current_span(
            name, context=parent, kind=kind, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield lambda name, attributes: _finish(span, name, attributes)
            except BaseException:
                span.set_status(Status(StatusCode.ERROR))
                raise

    def record(self, name: str, seconds: float, *, failed: bool, attributes: Mapping[str, Value]) -> None:
        ended = time.time_ns()
        began = ended - round(seconds * 1e9)
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, start_time=began, attributes=_mask(attributes))
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)


def _finish(span: Span, name: str, attributes: Mapping[str, Value]) -> None:
    span.update_name(name)
    span.set_attributes(_mask(attributes))
    if int(attributes.get(_STATUS, 0)) >= 500:
        span.set_status(Status(StatusCode.ERROR))


def _mask(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {name: mask(value) if isinstance(value, str) else value for name, value in attributes.items()}
