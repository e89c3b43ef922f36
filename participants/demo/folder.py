"""Where the demo keeps its data, and the lock that says a demo runs on them."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from participants.demo.failures import DemoError

PROJECT = Path(__file__).resolve().parents[2]
_OURS = ("credentials.json", "sandbox.json*", "rollcall.sqlite3*", "*.log", "running.lock")


@dataclass(frozen=True)
class Folder:
    path: Path

    @property
    def credentials(self) -> Path:
        return self.path / "credentials.json"

    @property
    def database(self) -> Path:
        return self.path / "rollcall.sqlite3"

    @property
    def sandbox_state(self) -> Path:
        return self.path / "sandbox.json"

    def log_of(self, name: str) -> Path:
        return self.path / f"{name}.log"

    def make(self) -> None:
        """Raises DemoError when the folder can't be made or written to."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / "running.lock").touch(mode=0o600)
        except OSError as error:
            raise DemoError(f"The demo can't keep its data in {self.path}: {error.strerror}.") from None

    def list_files(self) -> list[Path]:
        """The files a demo has made here, and no others."""
        return sorted({file for pattern in _OURS for file in self.path.glob(pattern) if file.is_file()})

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process. Raises DemoError while another demo holds it."""
        with (self.path / "running.lock").open("r+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = file.read().strip() or "unknown"
                raise DemoError(
                    f"A demo is running on {self.path} (process {holder}). Stop it with Ctrl-C first."
                ) from None
            file.truncate()
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield


def find_folder() -> Folder:
    """``ROLLCALL_DEMO_DIR``, else ``var/demo`` of the project."""
    chosen = os.environ.get("ROLLCALL_DEMO_DIR", "").strip()
    return Folder(Path(chosen).expanduser().resolve() if chosen else PROJECT / "var" / "demo")
