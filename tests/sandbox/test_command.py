"""`manage.py sandbox` tells all that a Rollcall beside it has to be set to, whatever it was given itself."""

import os
import subprocess
import sys
from pathlib import Path

from participants.sandbox import Sandbox

PROJECT = Path(__file__).parents[2]


def read_announcement(given: dict[str, str]) -> tuple[dict[str, str], str]:
    """Settings by name, and the last line."""
    names = ("REALTIMEKIT_", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)} | given
    with subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env=environment,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(6)]
        process.terminate()
    return dict(line.split("=", 1) for line in lines[1:] if "=" in line), lines[-1]


def test_without_settings_it_uses_ids_of_its_own_and_names_them() -> None:
    told, last = read_announcement({})
    handle = Sandbox()
    assert told["REALTIMEKIT_ACCOUNT_ID"] == handle.account_id
    assert told["REALTIMEKIT_APP_ID"] == handle.app_id
    assert last == f"REALTIMEKIT_API_TOKEN={handle.api_token}"
    assert told["REALTIMEKIT_WEBHOOK_KEY_URL"].startswith(told["REALTIMEKIT_BASE_URL"].partition("/client/")[0])


def test_a_token_that_was_given_is_not_printed() -> None:
    given = {name: f"the-{name.lower()}" for name in ("REALTIMEKIT_ACCOUNT_ID", "REALTIMEKIT_APP_ID")}
    told, last = read_announcement({**given, "REALTIMEKIT_API_TOKEN": "a-secret"})
    assert {name: told[name] for name in given} == given
    assert "a-secret" not in last
