"""The lines that docs/api.md gives to integrators, run as they stand there."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from participants.api.errors import STATUS
from participants.models import Actor, Event, EventKind, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import apikeys
from participants.services.rights import SCOPE_RIGHTS
from participants.states import KeyScope
from tests.factories import make_secret

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)
TEXT = Path(__file__).parents[2].joinpath("docs", "api.md").read_text(encoding="utf-8")
SCOPES = (KeyScope.PARTICIPANTS_WRITE, KeyScope.TOKENS_ISSUE)
"""Those that the text above the lines names."""
EXAMPLE = {"API": "https://rollcall.example.org", "KEY": "rck_…", "MEETING": "0190a3a0-…"}


def read_block(heading: str, number: int = 0) -> str:
    """A block of shell below a heading."""
    section = re.split(r"^#{2,3} ", TEXT.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return str(re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[number])


def run(lines: str, folder: Path, address: str, secret: str, meeting: Meeting) -> Any:
    """In an empty folder, by a shell that knows nothing of us but the three values of the first line."""
    for example, own in zip(EXAMPLE.values(), (address, secret, str(meeting.pk)), strict=True):
        lines = lines.replace(example, own)
    told = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_PROXY": "*", "no_proxy": "*"}
    script = ["bash", "-eu", "-o", "pipefail", "-c", lines]
    return subprocess.run(script, cwd=folder, env=told, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def secret(meeting: Meeting, by: Actor) -> str:
    made = apikeys.make(name="Portal", scopes=SCOPES, meetings=[meeting], lifetime=HOUR, by=by)
    return made[1]


def test_a_back_end_enrols_a_user_and_gets_a_token_by_the_documented_lines(
    live_server: LiveServer, sandbox: Sandbox, meeting: Meeting, ada_user: User, secret: str, tmp_path: Path
) -> None:
    lines = read_block("From another back end")
    assert len(lines.splitlines()) < 20
    ended = run(lines, tmp_path, live_server.url, secret, meeting)
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    row = Participant.objects.get()
    assert (row.person.user, row.state) == (ada_user, "enrolled")
    assert answer["token"] == row.token
    assert answer["participant"]["id"] == str(row.pk)
    assert Event.objects.get(kind=EventKind.ISSUED).actor_name == "Portal"
    assert [person.custom_participant_id for person in list_remote(sandbox)] == [row.custom_participant_id]


def list_remote(sandbox: Sandbox) -> list[Any]:
    (remote,) = sandbox.world.meetings()
    return list(sandbox.world.participants(remote.id))


def test_the_lines_may_be_run_again(
    live_server: LiveServer, sandbox: Sandbox, meeting: Meeting, ada_user: User, secret: str, tmp_path: Path
) -> None:
    lines = read_block("From another back end")
    ends = [run(lines, tmp_path, live_server.url, secret, meeting) for _ in range(2)]
    first, again = (json.loads(ended.stdout) for ended in ends)
    assert first["token"] == again["token"]
    assert len(list_remote(sandbox)) == 1


def test_they_stop_at_a_refusal_and_show_why(
    live_server: LiveServer, meeting: Meeting, secret: str, tmp_path: Path
) -> None:
    lines = f"{read_block('From another back end')}echo on"
    ended = run(lines, tmp_path, live_server.url, make_secret("another"), meeting)
    assert ended.returncode != 0
    assert "on\n" not in ended.stdout
    assert json.loads((tmp_path / "participant.json").read_text())["code"] == "not_authenticated"


def test_the_line_that_reads_a_list_answers_with_a_page(
    live_server: LiveServer, meeting: Meeting, by: Actor, tmp_path: Path
) -> None:
    reader = apikeys.make(
        name="Reader",
        scopes=[KeyScope.PARTICIPANTS_READ],
        meetings=[meeting],
        lifetime=HOUR,
        by=by,
    )[1]
    first = read_block("From another back end").splitlines()[0]
    ended = run(f"{first}\n{read_block('Reading lists')}", tmp_path, live_server.url, reader, meeting)
    assert json.loads(ended.stdout) == {"next": None, "previous": None, "results": []}


def test_every_scope_and_what_it_stands_for_is_documented() -> None:
    told = dict(re.findall(r"^\| `([a-z]+(?::[a-z]+)?)` \| (.+) \|$", TEXT, re.MULTILINE))
    for scope, rights in SCOPE_RIGHTS.items():
        named = set(re.findall(r"`([a-z_/]+)`", told[scope.value]))
        assert rights - named <= {"moderate_session"}, scope


@pytest.mark.parametrize("code", ["unknown_parameter", "idempotency_mismatch", "idempotency_in_progress"])
def test_codes_that_integrators_meet_are_documented_with_their_status(code: str) -> None:
    assert re.search(rf"`{code}`[^\n]*{STATUS[code]}|{STATUS[code]} `{code}`", TEXT)
