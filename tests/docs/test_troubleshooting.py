"""Whatever code somebody is told, the documentation says what it is and what to do."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rest_framework import exceptions

from participants.api import callers, errors
from participants.errors import RollcallError
from participants.realtimekit import failures
from participants.services import readiness

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ROWS = [row.split("|")[1:-1] for row in PAGE.splitlines() if row.startswith("| `")]


def list_documented(heading: str) -> set[str]:
    """The codes of the tables below a heading of the second level."""
    (section,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    return {code for cell in cells for code in re.findall(r"`([^`]+)`", cell)}


def list_kinds(kind: type[RollcallError]) -> Iterator[type[RollcallError]]:
    for child in kind.__subclasses__():
        yield child
        yield from list_kinds(child)


def list_remote_codes(value: object) -> Iterator[str]:
    if isinstance(value, failures.Verdict):
        yield value.code
    elif isinstance(value, dict):
        for item in value.values():
            yield from list_remote_codes(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from list_remote_codes(item)


def read_source(pattern: str) -> set[str]:
    found: set[str] = set()
    for path in (PROJECT / "participants").rglob("*.py"):
        found |= set(re.findall(pattern, path.read_text(encoding="utf-8")))
    return found


def test_every_code_of_a_domain_error_is_explained() -> None:
    codes = set(errors.STATUS) | {kind.code for kind in list_kinds(RollcallError)} - {RollcallError.code}
    codes |= read_source(r'"(sign_in_[a-z_]+)"') & read_source(r'SignInFailed\(\s*"(\w+)"')
    assert codes - list_documented("Codes of answers") == set()


def test_every_code_of_the_framework_is_explained() -> None:
    kinds = [*exceptions_of(exceptions), *exceptions_of(errors), *exceptions_of(callers)]
    codes = {str(kind.default_code) for kind in kinds} | {"csrf_failed", "server_error"}
    # Told under names of ours: server_error, rate_limited and not_authenticated.
    codes -= {"error", "throttled", "authentication_failed"}
    assert codes - list_documented("Codes of answers") == set()


def exceptions_of(module: object) -> list[type[exceptions.APIException]]:
    mine = vars(module).values()
    return [kind for kind in mine if isinstance(kind, type) and issubclass(kind, exceptions.APIException)]


def test_every_failure_of_a_remote_call_is_explained() -> None:
    codes = {code for value in vars(failures).values() for code in list_remote_codes(value)}
    codes |= {"budget_exhausted", "paused", "breaker_open"}
    assert codes - list_documented("What RealtimeKit said") == set()


def test_whatever_keeps_a_process_from_being_ready_is_explained() -> None:
    assert {"not_ready", *readiness.CODES} - list_documented("Codes of answers") == set()


def test_every_check_is_explained() -> None:
    assert read_source(r'id=f?"(participants\.[EW]\d{3})"') - list_documented("Checks") == set()
    assert {f"participants.E00{number}" for number in range(1, 8)} <= list_documented("Checks")


@pytest.mark.parametrize("row", ROWS, ids=[row[0].strip().split("`")[1] + f"-{at}" for at, row in enumerate(ROWS)])
def test_every_row_says_something_in_each_cell(row: list[str]) -> None:
    assert all(cell.strip() for cell in row)
