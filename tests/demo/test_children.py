import os
import sys
import time
from collections.abc import Callable

import pytest

from participants.demo import children
from participants.demo.children import Child
from participants.demo.failures import DemoError
from participants.demo.folder import Folder

SLEEPER = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\nwhile 1: signal.pause()"
)
WITH_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}])"

Start = Callable[[str], Child]


@pytest.fixture
def start(folder: Folder) -> Start:
    def begin(program: str) -> Child:
        command = (sys.executable, "-c", program)
        child = Child("trial", command, env={"PATH": os.environ["PATH"]}, log=folder.log_of("trial"))
        while "pause" in program and not child.log.read_bytes() and not child.has_ended:
            os.sched_yield()
        return child

    return begin


def is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_child_stops_when_asked(start: Start) -> None:
    child = start(SLEEPER)
    children.stop_all([child])
    assert child.process.returncode == -15
    assert is_gone(child.process.pid)


def test_a_child_that_will_not_stop_is_killed(start: Start) -> None:
    child = start(STUBBORN)
    child.ask_to_stop()
    child.end(time.monotonic())
    assert child.process.returncode == -9


def test_nobody_of_a_childs_own_processes_stays_behind(start: Start) -> None:
    child = start(WITH_CHILD)
    children.stop_all([child])
    assert is_gone(child.process.pid) or wait_for_reaping(child.process.pid)


def wait_for_reaping(group: int) -> bool:
    """Whoever adopts orphans needs a moment to bury a killed one."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if is_gone(group):
            return True
        os.sched_yield()
    return False


def test_a_child_that_ended_is_described_with_its_last_words(start: Start) -> None:
    child = start("print('the disk is full'); raise SystemExit(3)")
    child.process.wait()
    assert child.has_ended
    said = child.describe_end()
    assert "trial ended with status 3" in said
    assert "the disk is full" in said


def test_a_step_that_fails_stops_the_demo_with_its_last_words(folder: Folder) -> None:
    command = (sys.executable, "-c", "raise SystemExit('no such table')")
    with pytest.raises(DemoError, match="no such table"):
        children.run_once("migrate", command, env={}, log=folder.log_of("migrate"))


def test_only_the_end_of_a_long_log_is_quoted(folder: Folder) -> None:
    log = folder.log_of("web")
    log.write_text("".join(f"line {number}\n" for number in range(50_000)))
    said = children.quote_tail(log, lines=2)
    assert "line 49999" in said
    assert "line 49997" not in said
    assert "wrote nothing" in children.quote_tail(folder.log_of("silent"))
