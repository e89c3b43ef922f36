"""Spans, where a setting asks for traces. Else these cost next to nothing, and OpenTelemetry is not even imported.

A span holds what is given here and nothing else: no address, no header, no text of an exception.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Value = str | int | float
Finish = Callable[[str, Mapping[str, Value]], None]
"""Gives the span its name and attributes, once they are known. A status of 500 or more marks it as failed."""


class Tracer(Protocol):
    def open(self, name: str, headers: Mapping[str, str] | None) -> AbstractContextManager[Finish]:
        """A span around what is inside; of a request where there are headers, whose trace it goes on with."""

    def record(self, name: str, seconds: float, *, failed: bool, attributes: Mapping[str, Value]) -> None:
        """A span that has just ended."""


_installed: list[Tracer] = []


def install(tracer: Tracer) -> None:
    _installed[:] = [tracer]


def is_on() -> bool:
    return bool(_installed)


@contextmanager
def of_request(headers: Mapping[str, str]) -> Iterator[Finish]:
    if not _installed:
        yield _ignore
        return
    with _installed[0].open("request", headers) as finish:
        yield finish


@contextmanager
def of_work(name: str) -> Iterator[None]:
    """Around a piece of work in the background."""
    if not _installed:
        yield
        return
    with _installed[0].open(name, None):
        yield


def record(name: str, seconds: float, *, failed: bool, **attributes: Value | None) -> None:
    if _installed:
        known = {key: value for key, value in attributes.items() if value is not None}
        _installed[0].record(name, seconds, failed=failed, attributes=known)


def _ignore(name: str, attributes: Mapping[str, Value]) -> None:
    pass
