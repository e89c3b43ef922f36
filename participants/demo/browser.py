"""``browser``: what the browser tests need of the machine. Needs nothing but Python itself.

A missing browser never becomes a skipped test: it is installed, or the command to run is printed.
"""

import os
import shutil
import subprocess

from participants.demo.failures import DemoError

CHROMIUM = "/usr/bin/chromium"
_PACKAGES = {CHROMIUM: ("chromium", "fonts-liberation"), "npm": ("npm",)}
"""Debian packages by the program they bring. npm fetches the meeting UI that the tests look at."""


def ensure() -> None:
    """Silent when all is there. Raises DemoError with the command to run when it can't be installed."""
    missing = [program for program in _PACKAGES if shutil.which(program) is None]
    if not missing:
        return
    packages = [package for program in missing for package in _PACKAGES[program]]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise DemoError(
            "The browser tests need what this machine has not. On Debian run:\n"
            f"  sudo apt-get update && sudo apt-get install --no-install-recommends {' '.join(packages)}"
        )
    print(f"Installing for the browser tests: {' '.join(packages)}", flush=True)
    _apt("update", "-q")
    _apt("install", "-q", "-y", "--no-install-recommends", *packages)
    if still := [program for program in missing if shutil.which(program) is None]:
        raise DemoError(f"apt-get has installed no {' and no '.join(still)}.")


def _apt(*arguments: str) -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(["apt-get", *arguments], env=env, stdin=subprocess.DEVNULL, check=False).returncode:
        raise DemoError(f"This failed: apt-get {' '.join(arguments)}")
