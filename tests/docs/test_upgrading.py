"""What the documentation promises to run on is what the matrix tries, and a Python that is missing is no success."""

import re
from pathlib import Path

import pytest

from tests import matrix
from tests.matrix import Outcome, Pair

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "upgrading.md").read_text(encoding="utf-8")
NOWHERE = Pair("3.99", "5.2")


def read_row(name: str) -> set[str]:
    (cells,) = re.findall(rf"^\| {name} \| (.*?) \|", PAGE, re.MULTILINE)
    return set(re.findall(r"\d+\.\d+", cells))


def test_the_page_names_the_versions_of_the_matrix() -> None:
    pairs = matrix.list_pairs()
    assert read_row("Python") == {pair.python for pair in pairs}
    # "from Python 3.12 on" stands in the row of Django.
    assert read_row("Django") - {"3.12"} == {pair.django for pair in pairs}
    assert {pair.python for pair in pairs if pair.django != "5.2"} == {"3.12", "3.13"}


def test_a_pair_whose_python_is_not_here_was_not_tried() -> None:
    options = matrix.read_options(["--look"], [NOWHERE])
    assert matrix.judge(NOWHERE, options).outcome is Outcome.MISSING


def test_what_was_not_tried_is_named_and_fails_the_command_unless_that_was_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    missing = matrix.Result(NOWHERE, Outcome.MISSING, "no Python 3.99 on this machine")
    passed = matrix.Result(Pair("3.11", "5.2"), Outcome.PASSED, "")
    failed = matrix.Result(Pair("3.12", "5.2"), Outcome.FAILED, "")
    assert matrix.tell([passed, missing], forgive_missing=False) == 1
    assert "NOT TRIED, since this machine has no such Python: 3.99-5.2" in capsys.readouterr().out
    assert matrix.tell([passed, missing], forgive_missing=True) == 0
    assert "3.99-5.2" in capsys.readouterr().out
    assert matrix.tell([passed], forgive_missing=False) == 0
    assert matrix.tell([passed, failed], forgive_missing=True) == 1


def test_a_pair_that_is_not_promised_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert matrix.main(["--only", "2.7-1.11"]) == 2
    assert "no such pair" in capsys.readouterr().err
