"""`serve` in a process of its own: announced when ready, clean on a signal, nothing lost on a kill."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from participants.sandbox import Sandbox
from tests.sandbox.caller import TIMEOUT, Caller

PROGRAM = """
import sys
from pathlib import Path
from participants.sandbox import serve

def announce(sandbox):
    sys.stdout.write(sandbox.address + "\\n")
    sys.stdout.flush()

serve(host="127.0.0.1", port=0, state_file=Path(sys.argv[1]), on_ready=announce)
"""


class Remote(Sandbox):
    """The handle of a sandbox that runs elsewhere, good for its addresses only."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    @property
    def address(self) -> str:
        return self._address


@contextmanager
def running(state_file: Path) -> Iterator[tuple[subprocess.Popen[str], Caller]]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(state_file)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        caller = Caller(Remote(process.stdout.readline().strip()))
        try:
            yield process, caller
        finally:
            caller.close()
            process.kill()


def test_a_killed_sandbox_loses_no_answered_write(tmp_path: Path) -> None:
    state_file = tmp_path / "state.json"
    with running(state_file) as (process, caller):
        meeting_id = caller.create_meeting()
        added = [caller.add(meeting_id, f"u-{number}") for number in range(10)]
        process.kill()
        process.wait(TIMEOUT)
    with Sandbox(state_file=state_file) as again:
        assert [row.id for row in again.world.participants(meeting_id)] == [row["id"] for row in added]
        assert all(again.world.accepts(row["token"]) for row in added)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    with running(tmp_path / "state.json") as (process, caller):
        assert caller.get("meetings").status_code == 200
        process.send_signal(number)
        assert process.wait(TIMEOUT) == 0
