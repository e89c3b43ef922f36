"""What the console writes, as lines for machines."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.logs import LinesForMachines, RequestIdFilter, SecretsFilter

ReadLines = Callable[..., list[dict[str, Any]]]
LOGGERS = ("participants", "participants.access", "django.request")


@pytest.fixture
def read_lines() -> Iterator[ReadLines]:
    """The lines written so far; with ``logger``, of that one."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RequestIdFilter())
    handler.addFilter(SecretsFilter())
    handler.setFormatter(LinesForMachines())
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    root.addHandler(handler)
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)

    def read(logger: str | None = None) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = [json.loads(line) for line in written.getvalue().splitlines()]
        return [line for line in lines if logger in (None, line["logger"])]

    yield read
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
