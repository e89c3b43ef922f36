"""``alerts``: the alert rules are checked and tried out by promtool. Needs nothing but Python itself.

Debian has promtool in the package of the Prometheus server. Installing that would start a server, so the package is
only fetched and promtool taken out of it.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from participants.demo.failures import DemoError
from participants.demo.folder import PROJECT

FOLDER = PROJECT / "deploy" / "prometheus"
_KEPT = PROJECT / "var" / "tools" / "promtool"
_PACKAGE, _INSIDE = "prometheus", Path("usr/bin/promtool")
CHECKS = (("check", "rules", "alerts.yaml"), ("test", "rules", "alerts.test.yaml"))


def check() -> None:
    """Raises DemoError with what promtool complains of, or with what to install."""
    promtool = find() or _fetch()
    for arguments in CHECKS:
        done = run(promtool, *arguments)
        print(done.stdout.strip(), flush=True)
        if done.returncode:
            raise DemoError(f"promtool {' '.join(arguments)} complains:\n{done.stderr.strip()}")


def find() -> str | None:
    """promtool of this machine, or the one fetched before."""
    return shutil.which("promtool") or (str(_KEPT) if os.access(_KEPT, os.X_OK) else None)


def run(promtool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)


def _fetch() -> str:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise DemoError("promtool is missing. Install Prometheus' promtool, so that it is found in PATH.")
    print(f"Fetching promtool from Debian's package {_PACKAGE}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)  # apt fetches as a user of its own
        if not _apt("download", "-q", _PACKAGE, folder=folder) and not (
            _apt("update", "-q", folder=folder) and _apt("download", "-q", _PACKAGE, folder=folder)
        ):
            raise DemoError(
                "promtool is missing, and Debian's package could not be fetched. Install it by hand:\n"
                f"  sudo apt-get update && sudo apt-get install --no-install-recommends {_PACKAGE}"
            )
        package = next(folder.glob("*.deb"))
        if subprocess.run(["dpkg-deb", "-x", package, folder / "out"], check=False).returncode:
            raise DemoError(f"{package.name} could not be unpacked.")
        _KEPT.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / "out" / _INSIDE, _KEPT)
    return str(_KEPT)


def _apt(*arguments: str, folder: Path) -> bool:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", *arguments], cwd=folder, env=env, stdin=subprocess.DEVNULL, check=False)
    return not done.returncode
