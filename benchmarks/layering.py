"""Times one cached join layer by layer, for ``benchmarks.layers``: ``benchmarks.layering COUNT MEETING COOKIE CSRF``.

Functions are wrapped by a clock that counts for each layer what is not spent in another one inside it. The clock
costs some microseconds a layer itself; the line *unwrapped* is the same join without it.
"""

import functools
import importlib
import io
import os
import re
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402 - needs the settings
from django.db import connection  # noqa: E402

WARM = 20
MIDDLEWARE = "middleware and routing"
_LAYERS = {
    "rest_framework.views:APIView.dispatch": "view: steps of DRF",
    "rest_framework.views:APIView.perform_authentication": "authentication",
    "django.contrib.auth:get_user": "session and user",
    "rest_framework.authentication:SessionAuthentication.enforce_csrf": "CSRF",
    "participants.signin.standing:demand": "second factor and address",
    "rest_framework.views:APIView.check_throttles": "throttle",
    "participants.api.serializers:JoinRequest.is_valid": "serializer of the request",
    "rest_framework.request:Request._load_data_and_files": "reading the body",
    "participants.services.joining:join": "row, judge and cache",
    "participants.models.fields:decrypt": "decrypting the token",
    "participants.api.views:render_admitted": "serializer of the answer",
    "participants.api.views:note_join": "metrics and log",
    "django.template.response:SimpleTemplateResponse.render": "rendering JSON",
}
"""Module and name of what is wrapped. A name that is not there any more is left out, and said so."""


class Clock:
    """Seconds by layer of the request in hand; ``queries`` how many each layer made."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self.queries: dict[str, int] = defaultdict(int)
        self._inside: list[float] = []

    @contextmanager
    def layer(self, name: str) -> Any:
        self._inside.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            whole = time.perf_counter() - began
            self.spent[name] += whole - self._inside.pop()
            if self._inside:
                self._inside[-1] += whole

    def wrap(self, work: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(work)
        def timed(*args: Any, **options: Any) -> Any:
            with self.layer(name):
                return work(*args, **options)

        return timed

    def note_query(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        table = re.search(r'(?:FROM|UPDATE|INTO) "(\w+)"', sql)
        name = f"query: {table[1]}" if table else f"query: {sql.split()[0]}"
        self.queries[name] += 1
        with self.layer(name):
            return execute(sql, *rest)

    def clear(self) -> None:
        self.spent.clear()
        self.queries.clear()


def main() -> None:
    count, meeting, cookie, csrf = int(sys.argv[1]), *sys.argv[2:5]
    application = WSGIHandler()
    join = functools.partial(ask, application, meeting, cookie, csrf)
    for _ in range(WARM):
        join()
    plain = [_time(join) for _ in range(count)]
    clock = Clock()
    missing = [place for place, name in _LAYERS.items() if not wrap(place, name, clock)]
    spent: dict[str, list[float]] = defaultdict(list)
    with connection.execute_wrapper(clock.note_query):
        for number in range(WARM + count):
            clock.clear()
            with clock.layer(MIDDLEWARE):
                join()
            for name, seconds in clock.spent.items() if number >= WARM else ():
                spent[name].append(seconds * 1000)
    show(spent, dict(clock.queries), statistics.median(plain), missing)


def wrap(place: str, name: str, clock: Clock) -> bool:
    """Whether there is such a thing."""
    module, _, path = place.partition(":")
    *owners, last = path.split(".")
    try:
        owner = functools.reduce(getattr, owners, importlib.import_module(module))
        setattr(owner, last, clock.wrap(getattr(owner, last), name))
    except (ImportError, AttributeError):
        return False
    return True


def ask(application: WSGIHandler, meeting: str, cookie: str, csrf: str) -> None:
    body = b"{}"
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/api/v1/meetings/{meeting}/join/",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_COOKIE": cookie,
        "HTTP_X_CSRFTOKEN": csrf,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    }
    told: list[str] = []

    def start(status: str, headers: Any, info: Any = None, /) -> Callable[[bytes], object]:
        told.append(status)
        return io.BytesIO().write

    answer = application(environ, start)
    content = b"".join(answer)
    answer.close()
    if not told[0].startswith("200"):
        raise SystemExit(f"{told[0]}: {content[:300]!r}")


def show(spent: dict[str, list[float]], queries: dict[str, int], plain: float, missing: list[str]) -> None:
    """Medians, the longest first."""
    medians = {name: statistics.median(times) for name, times in spent.items()}
    whole = sum(medians.values())
    print(f"{'One cached join by layer, in process':<58}{'ms':>8}{'share':>8}{'queries':>9}")
    for name, milliseconds in sorted(medians.items(), key=lambda item: -item[1]):
        made = queries.get(name, "")
        print(f"{name:<58}{milliseconds:>8.3f}{milliseconds / whole:>8.0%}{made:>9}")
    print(f"{'together':<58}{whole:>8.3f}{'':>8}{sum(queries.values()):>9}")
    print(f"{'the same unwrapped':<58}{plain:>8.3f}")
    if missing:
        print(f"Not found, so counted elsewhere: {', '.join(missing)}")


def _time(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
