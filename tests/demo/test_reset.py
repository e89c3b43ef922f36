import sys

import pytest

from participants.demo.__main__ import main
from participants.demo.folder import Folder, find_folder


def fill(folder: Folder) -> None:
    for name in ("credentials.json", "rollcall.sqlite3", "rollcall.sqlite3-wal", "sandbox.json", "web.log"):
        (folder.path / name).write_text("x")


def test_a_reset_says_what_it_deletes_and_deletes_it(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder)
    assert main(["reset", "--yes"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("credentials.json", "rollcall.sqlite3-wal", "sandbox.json", "web.log"))
    assert not folder.path.exists()


def test_a_reset_leaves_what_the_demo_did_not_make(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder)
    mine = folder.path / "thesis.txt"
    mine.write_text("years of work")
    assert main(["reset", "--yes"]) == 0
    assert [*folder.path.iterdir()] == [mine]
    assert "thesis.txt" in capsys.readouterr().out


def test_a_reset_without_a_terminal_does_not_wait_for_an_answer(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert main(["reset"]) == 0
    assert not folder.path.exists()


@pytest.mark.parametrize("answer", ["", "n", "nope"])
def test_at_a_terminal_nothing_is_deleted_without_a_yes(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    fill(folder)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    assert main(["reset"]) == 1
    assert folder.credentials.exists()


def test_a_reset_is_refused_while_a_demo_runs(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder)
    with folder.locked():
        assert main(["reset", "--yes"]) == 1
    assert "A demo is running" in capsys.readouterr().err
    assert folder.credentials.exists()


def test_a_second_demo_on_the_same_data_is_refused(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    with folder.locked():
        assert main(["up"]) == 1
    assert "A demo is running" in capsys.readouterr().err


def test_nothing_to_forget_is_no_error(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reset", "--yes"]) == 0
    assert main(["reset", "--yes"]) == 0
    assert "nothing to forget" in capsys.readouterr().out


def test_data_lie_in_an_ignored_folder_of_the_project_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROLLCALL_DEMO_DIR", raising=False)
    assert find_folder().path.parts[-2:] == ("var", "demo")
