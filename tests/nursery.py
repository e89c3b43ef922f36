"""Processes of Rollcall that begin with a hundredth of the work.

What a new process does first is to load Django and all of Rollcall: two seconds of a core. Here one process does that
once for a command, and whoever is to run it is a fork that goes on as if it had been started by itself: in a session
of its own, with its own threads, connections and random numbers, to be killed like any other.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import django
import granian.cli
from django.conf import settings
from django.core.checks import run_checks

ROOT = Path(__file__).parents[1]
LOADED = (granian.cli,)
ADAPTABLE = ("REALTIMEKIT_", "EMAIL_")
"""How the names of settings begin that nothing reads while it is loaded."""


class Child:
    """A process that a nursery began, in a session of its own."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self.pid = pid
        self._nursery = nursery
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, a signal's number with a minus, or None while it runs."""
        if self._status is None:
            self._status = self._nursery.ask("poll", self.pid)
        return self._status

    def wait(self, timeout: float) -> int:
        """Its exit status. Raises TimeoutError when it has none after so many seconds."""
        limit = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > limit:
                raise TimeoutError(f"process {self.pid} has not ended after {timeout:.0f} s")
            time.sleep(0.01)
        return status

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """Begins processes of one command: a program of Python and how its command line begins.

    Asked by one thread at a time. Its children are to be ended before it is.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery", *command],
            cwd=ROOT,
            env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def begin(self, options: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Child:
        """With more options, and what it writes appended to the log. The environment is one that ``suits``."""
        pid = self.ask("begin", str(log), self._list_changes(environment or self._environment), *options)
        assert pid is not None
        return Child(self, pid)

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether it differs in what can still be said to a process that is loaded."""
        return all(name.startswith(ADAPTABLE) for name in self._list_changes(environment))

    def _list_changes(self, environment: Mapping[str, str]) -> dict[str, str | None]:
        names = {*environment, *self._environment}
        return {name: environment.get(name) for name in names if environment.get(name) != self._environment.get(name)}

    def ask(self, *question: Any) -> int | None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps(question)}\n".encode())
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{' '.join(self._process.args)} ended by itself"  # type: ignore[arg-type]  # a list, as given
        answer: int | None = json.loads(line)
        return answer

    def end(self) -> None:
        self._process.communicate()


def load() -> None:
    """All that its children would load for themselves; neither a thread nor a connection, which forks can't share."""
    django.setup()
    run_checks()  # imports every address, and what is behind it
    gc.collect()
    gc.freeze()


def serve() -> tuple[str, dict[str, str | None], list[str]]:
    """Answer questions until nobody asks. Returns in a new process only: its log, changed variables, and options."""
    for line in sys.stdin:
        what, *rest = json.loads(line)
        if what == "poll":
            _answer(_look(*rest))
        elif not os.fork():
            os.setsid()
            _answer(os.getpid())  # only now may it be killed by its session
            log, changes, *options = rest
            return log, changes, options
    sys.exit()


def _look(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _answer(answer: int | None) -> None:
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


def become(log: str, changes: dict[str, str | None], options: list[str]) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
        os.dup2(file, number)
    sys.argv += options
    if changes:
        adapt(changes)
    runpy.run_module(Path(sys.argv[0]).stem, run_name="__main__", alter_sys=True)


def adapt(changes: dict[str, str | None]) -> None:
    for name, value in changes.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    module = importlib.reload(importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"]))
    for name in filter(str.isupper, dir(module)):
        setattr(settings, name, getattr(module, name))


if __name__ == "__main__":
    del sys.argv[0]  # settings read the command line of what they are loaded for
    load()
    become(*serve())
