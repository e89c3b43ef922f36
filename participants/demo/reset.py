"""``reset``: forget the demo's data."""

import sys

from participants.demo.failures import DemoError
from participants.demo.folder import Folder, find_folder


def forget(*, sure: bool) -> None:
    """Delete what the demo made, and nothing else; asks at a terminal. Raises DemoError while a demo runs."""
    folder = find_folder()
    if not folder.path.is_dir():
        print(f"There is nothing to forget: {folder.path} does not exist.")
        return
    folder.make()
    with folder.locked():
        _describe(folder)
        if not sure and sys.stdin.isatty() and not _agree():
            raise DemoError("Nothing was deleted.")
        for file in folder.list_files():
            file.unlink(missing_ok=True)
    left = sorted(folder.path.iterdir())
    if left:
        print(f"Deleted. Left alone, since the demo did not make them: {', '.join(map(str, left))}")
        return
    folder.path.rmdir()
    print("Deleted. The next make demo starts afresh.")


def _describe(folder: Folder) -> None:
    print(f"This deletes the demo's people, meetings, keys and logs in {folder.path}:")
    for file in folder.list_files():
        print(f"  {file.name:<24}{file.stat().st_size:>12,} bytes")


def _agree() -> bool:
    return input("Delete them? [y/N] ").strip().lower() in {"y", "yes"}
