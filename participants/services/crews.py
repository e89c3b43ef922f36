"""Several threads at one pass: while one waits for RealtimeKit, the others go on."""

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import copy_context
from typing import Generic, TypeVar

from django.db import connections

T = TypeVar("T")


class Supply(Generic[T]):
    """An iterator that threads share: each item goes to one of them."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._lock:
            return next(self._items)


def run(work: Callable[[], None], *, threads: int) -> None:
    """Do the same work in so many threads, this one among them, in the same context. Raises what the first raised."""
    errors: list[BaseException] = []

    def run_one() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who knows which of them end a pass
            errors.append(error)

    def run_other() -> None:
        try:
            run_one()
        finally:
            connections.close_all()  # this thread's own

    others = [threading.Thread(target=copy_context().run, args=(run_other,)) for _ in range(threads - 1)]
    for other in others:
        other.start()
    run_one()
    for other in others:
        other.join()
    if errors:
        raise errors[0]


def spread(keys: Sequence[T], *, size: int, window: int = 20) -> Iterator[Sequence[T]]:
    """Chunks of so many keys; within a window of chunks in random order, so that processes seldom meet."""
    chunks = [keys[start : start + size] for start in range(0, len(keys), size)]
    for start in range(0, len(chunks), window):
        near = chunks[start : start + window]
        random.shuffle(near)
        yield from near
