"""Metrics as Prometheus reads them, and who may.

With ``PROMETHEUS_MULTIPROC_DIR`` every process of a machine keeps its numbers in files of that folder, and whichever
is asked adds all of them up. Without it each process knows only its own.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Protocol

from django.conf import settings
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from participants.watch.metrics import PROCESS

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Source(Protocol):
    def collect(self) -> Iterable[Metric]: ...


class _Together(Collector):
    def __init__(self, sources: tuple[Source, ...]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        yield from chain.from_iterable(source.collect() for source in self._sources)


def render(*more: Source) -> bytes:
    """What the processes of this machine counted, and what ``more`` says."""
    return generate_latest(_Together((_find_counted(), *more)))


def is_open() -> bool:
    """Whether metrics are to be had at all."""
    return bool(settings.METRICS_TOKEN)


def may_read(authorization: str) -> bool:
    """Whether this is the header ``Authorization: Bearer`` with the token of the settings."""
    scheme, _, token = authorization.partition(" ")
    matches = constant_time_compare(token.strip(), settings.METRICS_TOKEN)
    return is_open() and scheme.lower() == "bearer" and matches


def _find_counted() -> Source:
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return PROCESS
    collector: Any = MultiProcessCollector(CollectorRegistry(), folder)  # type: ignore[no-untyped-call]
    return collector  # type: ignore[no-any-return]
