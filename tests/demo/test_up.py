"""The console program as people run it: one process on free ports, read and signalled from outside."""

import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from participants.demo import cast
from participants.demo.folder import PROJECT, Folder
from participants.demo.ports import find_any
from tests.processes.conftest import wait_until

MOST_SECONDS = 300
"""For what takes seconds on a machine that has nothing else to do."""
CREDENTIALS_OF_AN_OPERATOR = {
    "REALTIMEKIT_BASE_URL": "https://api.cloudflare.com/client/v4",
    "REALTIMEKIT_API_TOKEN": "an-operators-own-token",
    "DJANGO_ALLOWED_HOSTS": "production.example",
    "DATABASE_URL": "postgres://127.0.0.1:9/none",
}


@dataclass
class Demo:
    process: subprocess.Popen[str]
    said: str

    @property
    def site(self) -> str:
        found = re.search(r"Join page\s+(http://\S+)", self.said)
        assert found, self.said
        return found[1]

    def end(self) -> tuple[int, str]:
        """Status, and what was said from now on, errors included."""
        rest, _ = self.process.communicate(timeout=MOST_SECONDS)
        return self.process.returncode, rest


@contextmanager
def running_demo(folder: Folder) -> Iterator[Demo]:
    web = find_any()
    env = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **CREDENTIALS_OF_AN_OPERATOR,
        "ROLLCALL_DEMO_DIR": str(folder.path),
        "PORT": str(web),
        "SANDBOX_PORT": str(find_any(avoid=(web,))),
    }
    command = (sys.executable, "-m", "participants.demo", "up")
    process = subprocess.Popen(
        command, cwd=PROJECT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if "Data and logs" in line:
                break
        yield Demo(process, "".join(lines))
    finally:
        process.terminate()
        process.communicate(timeout=MOST_SECONDS)


def find_child(parent: int, argument: str) -> int:
    """The process id of the parent's child that has this command line argument."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # a process that ended meanwhile
            # The name in parentheses may hold anything; the parent's id is the second field after it.
            ppid = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if ppid == parent and argument in (entry / "cmdline").read_text().split("\0"):
                found.append(int(entry.name))
    (child,) = found
    return child


def wait_for_end(pid: int) -> bool:
    """Whether a process that is not our child ends within a minute."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 60)[0])
    finally:
        os.close(handle)


@dataclass
class Past:
    """A demo that ran once: what came of it, and its data."""

    folder: Folder
    login: int
    status: int
    said: str
    site: str


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    folder = Folder(tmp_path_factory.mktemp("past") / "demo")
    folder.make()
    with running_demo(folder) as demo:
        login = requests.get(f"{demo.site}accounts/login/", timeout=10).status_code
        demo.process.send_signal(signal.SIGTERM)
        status, said = demo.end()
    return Past(folder, login, status, said, demo.site)


@pytest.fixture
def used(folder: Folder, past: Past) -> Folder:
    """A copy of the data of a demo that ran once."""
    shutil.copytree(past.folder.path, folder.path, dirs_exist_ok=True)
    return folder


@contextmanager
def opened(folder: Folder) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder.database)) as connection, connection:
        yield connection


def test_a_demo_serves_and_stops_when_asked(past: Past) -> None:
    assert (past.login, past.status, "Stopped." in past.said) == (200, 0, True)
    with pytest.raises(requests.ConnectionError):
        requests.get(past.site, timeout=10)


def test_in_a_demo_somebody_is_in_a_lesson_and_it_is_known_here(used: Folder) -> None:
    def count_inside() -> int:
        with opened(used) as database:
            present = "SELECT COUNT(*) FROM participants_presence WHERE is_present AND session_id IN (%s)"
            sessions = "SELECT id FROM participants_session WHERE meeting_id = ? AND ended_at IS NULL"
            return int(database.execute(present % sessions, (cast.PHYSICS.id.hex,)).fetchone()[0])

    for stop in (signal.SIGTERM, signal.SIGINT):  # started again, who was inside has gone and others have come
        with running_demo(used) as demo:
            wait_until(lambda: count_inside() > 1, seconds=60)
            demo.process.send_signal(stop)
            assert "Physics, group 2 is going on" in demo.said
            assert demo.end()[0] == 0


def test_a_demo_goes_on_with_its_data_and_says_which_part_of_it_died(used: Folder) -> None:
    with opened(used) as database:
        database.execute("UPDATE participants_meeting SET title = 'Kept' WHERE id = ?", (cast.ALGEBRA.id.hex,))
    with running_demo(used) as demo:
        os.kill(find_child(demo.process.pid, "sandbox"), signal.SIGKILL)
        status, said = demo.end()
    assert status == 1
    assert "sandbox ended with status -9" in said
    with opened(used) as database:
        titles = [title for (title,) in database.execute("SELECT title FROM participants_meeting")]
    assert len(titles) == len(cast.ROOMS)
    assert "Kept" in titles


def test_a_demo_replaces_a_worker_that_was_killed(used: Folder) -> None:
    with running_demo(used) as demo:
        assert demo.process.stdout is not None
        first = find_child(demo.process.pid, "worker")
        os.kill(first, signal.SIGKILL)
        while "The worker was killed" not in demo.process.stdout.readline():
            assert demo.process.poll() is None
        assert find_child(demo.process.pid, "worker") != first
        assert requests.get(f"{demo.site}accounts/login/", timeout=10).status_code == 200


def test_a_killed_demo_leaves_no_servers_behind(used: Folder) -> None:
    with running_demo(used) as demo:
        children = [find_child(demo.process.pid, name) for name in ("sandbox", "granian", "worker")]
        demo.process.kill()
        demo.end()
        assert all(wait_for_end(child) for child in children)
    with used.locked():
        assert used.database.exists()
