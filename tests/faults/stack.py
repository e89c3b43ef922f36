"""The processes under test, as a supervisor runs them: whatever ends is started again."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import requests

from tests.nursery import Child, Nursery
from tests.processes.conftest import find_port

STARTING_SECONDS = 120.0


class EndedByItself(AssertionError):
    """A process that nobody killed is gone, or one that was asked to end did so with an error."""


@dataclass
class Process:
    """One server or worker. Its log is kept over its lives."""

    name: str
    nursery: Nursery
    options: list[str]
    log: Path
    is_ready: Callable[["Process"], bool]
    lives: int = 0
    kills: int = 0
    _running: Child | None = None
    _ready: bool = False
    _begins: int = 0

    @property
    def ready(self) -> bool:
        """Whether it has begun to work in this life."""
        if not self._ready and self.running:
            self._ready = self.is_ready(self)
        return self._ready

    @property
    def running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def start(self) -> None:
        self.log.touch()
        self._begins = self.log.stat().st_size
        self._running = self.nursery.begin(self.options, self.log)
        self.lives += 1
        self._ready = False

    def kill(self) -> None:
        """As ``kill -9`` of all its processes: nothing is finished, nothing given back."""
        if self._running is not None:
            if self._running.poll() is None:
                os.killpg(self._running.pid, signal.SIGKILL)
                self._running.wait(60)
            self._running = None
        self._ready = False
        self.kills += 1

    def stop(self) -> None:
        """Ask it to end, and wait. Raises EndedByItself for an exit status other than 0."""
        if self._running is None:
            return
        os.kill(self._running.pid, signal.SIGTERM)
        status = self._running.wait(60)
        self._running = None
        if status:
            raise EndedByItself(f"{self.name} was asked to end and did so with {status}:\n{self.quote()}")

    def check(self) -> None:
        """Raises EndedByItself when it is gone though nobody killed it."""
        if self._running is not None and self._running.poll() is not None:
            raise EndedByItself(f"{self.name} ended with {self._running.poll()}:\n{self.quote()}")

    def read_life(self) -> str:
        """What it has written since it was last started."""
        with self.log.open("rb") as file:
            file.seek(self._begins)
            return file.read().decode(errors="replace")

    def quote(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


@dataclass
class Stack:
    """Servers and workers on one database and one sandbox, all of the same settings."""

    environment: Mapping[str, str]
    folder: Path
    servers: list[Process] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    _nurseries: list[Nursery] = field(default_factory=list)

    @property
    def processes(self) -> list[Process]:
        return [*self.servers, *self.workers]

    @property
    def kills(self) -> int:
        return sum(process.kills for process in self.processes)

    def add_server(self) -> str:
        """Its address, which it keeps over its lives."""
        port = find_port()
        address = f"http://127.0.0.1:{port}"
        options = ["--host", "127.0.0.1", "--port", str(port), "config.wsgi:application"]
        name = f"server-{len(self.servers)}"
        self.servers.append(self._make(name, self._serving, options, lambda _: _answers(address)))
        self.addresses.append(address)
        return address

    def add_worker(self, *options: str) -> None:
        name = f"worker-{len(self.workers)}"
        self.workers.append(
            self._make(name, self._working, [*options], lambda process: "Working with" in process.read_life())
        )

    def start(self) -> None:
        for process in self.processes:
            process.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        limit = time.monotonic() + STARTING_SECONDS
        while not all(process.ready for process in self.processes):
            self.supervise()
            assert time.monotonic() < limit, "a process did not start: " + "\n".join(
                f"{process.name}: {process.quote()}" for process in self.processes if not process.ready
            )
            time.sleep(0.05)

    def supervise(self) -> None:
        """Start again what was killed. Raises EndedByItself for what ended otherwise."""
        for process in self.processes:
            process.check()
            if not process.running:
                process.start()

    def stop_workers(self) -> None:
        """Politely: what they hold is finished or given back."""
        for process in self.workers:
            process.stop()

    def end(self) -> None:
        for process in self.processes:
            process.kill()
        for nursery in self._nurseries:
            nursery.end()

    @cached_property
    def _serving(self) -> Nursery:
        threads = ("--workers", "1", "--blocking-threads", "8", "--backlog", "256")
        return self._furnish("granian", "--interface", "wsgi", *threads)

    @cached_property
    def _working(self) -> Nursery:
        return self._furnish("manage.py", "worker")

    def _furnish(self, *command: str) -> Nursery:
        self._nurseries.append(Nursery(command, {**self.environment, "PYTHONUNBUFFERED": "1"}))
        return self._nurseries[-1]

    def _make(self, name: str, nursery: Nursery, options: list[str], is_ready: Callable[[Process], bool]) -> Process:
        return Process(name, nursery, options, self.folder / f"{name}.log", is_ready)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/healthz/", timeout=1).ok
    except (requests.ConnectionError, requests.Timeout):
        return False
