from pathlib import Path

import pytest

from participants.demo.folder import Folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """An empty demo folder that the console program finds."""
    monkeypatch.setenv("ROLLCALL_DEMO_DIR", str(tmp_path / "demo"))
    made = Folder(tmp_path / "demo")
    made.make()
    return made
