"""Rollcall as operators run it: the services of compose.yaml by their very command lines, as processes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import requests

from tests.deploy import files
from tests.processes.conftest import find_port, wait_until

ADMIN, PASSWORD = "admin", "a-password-for-tests"
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH")


@dataclass
class Service:
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> int:
        """As the engine and systemd do; the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=45)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)


@dataclass
class Stack:
    folder: Path
    settings: Mapping[str, str]
    ports: dict[str, int] = field(default_factory=lambda: {"web-1": find_port(), "web-2": find_port()})
    running: dict[str, Service] = field(default_factory=dict)

    def start(self, *services: str) -> None:
        """Services that stay; a web process is at its port, on this machine alone. All are ready on return."""
        for service in services:
            command = files.compose_command(service)
            self._begin(service, self._at_port(command, self.ports[service]) if service in self.ports else command)
        self._wait_for(*services)

    def start_unit(self, service: str, unit: str, instance: str) -> None:
        """The same by the command line of its systemd unit."""
        self._begin(service, files.unit_command(unit, instance=instance))
        self._wait_for(service)

    def _wait_for(self, *services: str) -> None:
        for service in services:
            wait_until(partial(self._is_ready, service), seconds=40)

    def _is_ready(self, service: str) -> bool:
        running = self.running[service]
        assert running.process.poll() is None, running.log.read_text()
        if service in self.ports:
            return self.is_healthy(service)
        return not service.startswith("worker") or "Working with" in running.log.read_text()

    def _begin(self, service: str, command: Sequence[str]) -> None:
        log = self.folder / f"{service}-{len(list(self.folder.glob('*.log')))}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                _found(command),
                cwd=files.PROJECT,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.running[service] = Service(process, log)

    def run(self, command: Sequence[str], **more: str) -> str:
        """A command that ends; what it said."""
        done = subprocess.run(
            _found(command),
            cwd=files.PROJECT,
            env={**self.environment, **more},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def is_healthy(self, service: str) -> bool:
        return self.ask_health(service) == 200

    def ask_health(self, service: str) -> int | None:
        """The status; None where nobody answers, or not within a second."""
        try:
            return requests.get(f"{self.address_of(service)}/healthz/", timeout=1).status_code
        except (requests.ConnectionError, requests.Timeout):
            return None

    def address_of(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {"PYTHONUNBUFFERED": "1"} | dict(self.settings)

    def end(self) -> None:
        living = [service for service in self.running.values() if service.process.poll() is None]
        for service in living:
            service.process.terminate()
        limit = time.monotonic() + 5
        for service in living:
            try:
                service.process.wait(timeout=max(0.0, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                service.kill()

    @staticmethod
    def _at_port(command: list[str], port: int) -> list[str]:
        """In its container each web process has an address of its own; here a port tells them apart."""
        text = "\0".join(command)
        text = text.replace("--host\0000.0.0.0", "--host\000127.0.0.1")
        return re.sub(r"(?<=--port\0)8000(?=\0)", str(port), text).split("\0")


def _found(command: Sequence[str]) -> list[str]:
    """With the program of the environment that runs the tests, as PATH finds it in the image."""
    return [str(Path(sys.executable).with_name(command[0])), *command[1:]]


def keep_doing(work: Callable[[], object], *, until: Callable[[], bool]) -> list[object]:
    done = []
    while not until():
        done.append(work())
    return done
