"""Processes the demo starts: each in a group of its own, its output in a log file."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from participants.demo.failures import DemoError
from participants.demo.folder import PROJECT

GRACE = 8.0
"""Seconds a child has to stop by itself."""
_TAIL_BYTES = 20_000
_PARENT_DEATH_SIGNAL = 1  # prctl(2): PR_SET_PDEATHSIG


class Child:
    def __init__(self, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches the parent alone, which then stops the children in order.
                start_new_session=True,
                umask=0o077,
                preexec_fn=_die_with_parent,
            )

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def was_killed(self) -> bool:
        return (self.process.poll() or 0) < 0

    def describe_end(self) -> str:
        """What a person needs to know of a child that ended: how, and its last words."""
        return f"{self.name} ended with status {self.process.poll()}. {quote_tail(self.log)}"

    def ask_to_stop(self) -> None:
        if not self.has_ended:
            self.process.terminate()

    def end(self, deadline: float) -> None:
        """Wait until the deadline (monotonic seconds), then kill whatever is left of the group."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        with suppress(ProcessLookupError):  # nobody left is what we want
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def stop_all(children: Iterable[Child]) -> None:
    """Ask all to stop at once and wait for them together."""
    stopping = list(children)
    deadline = time.monotonic() + GRACE
    for child in stopping:
        child.ask_to_stop()
    for child in stopping:
        child.end(deadline)


def run_once(name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
    """Run to the end. Raises DemoError with its last words when it fails."""
    child = Child(name, command, env=env, log=log)
    try:
        child.process.wait()
    finally:
        child.ask_to_stop()
        child.end(time.monotonic() + GRACE)
    if child.process.returncode:
        raise DemoError(child.describe_end())


def quote_tail(log: Path, lines: int = 15) -> str:
    text = log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip() if log.exists() else ""
    if not text:
        return f"It wrote nothing to {log}."
    quoted = "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
    return f"The end of {log}:\n{quoted}"


def _die_with_parent() -> None:
    """A parent that is killed must not leave servers behind that hold ports and files."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)
