"""``python -m tests.matrix``: the tests on every pair of Python and Django that we promise, if this machine has it.

The pairs are in pyproject.toml. Each has a virtual environment below ``var/matrix/``, resolved from pyproject.toml
with what the lock file names, so that pairs differ by little more than Python and Django. A pair whose Python is not
here is named as missing, in the table and by the exit status: it is not a pair that passed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "matrix"
LOCK = ROOT / "requirements-dev.lock"
_UV = (sys.executable, "-m", "uv")
_VERSION = "import sys; print('{}.{}'.format(*sys.version_info))"
_NAMES = "import django, platform; print(f'Python {platform.python_version()}, Django {django.get_version()}')"
_LOOK = (
    ("check",),
    ("makemigrations", "--check", "--dry-run"),
    ("migrate", "--verbosity", "0"),
    ("migrate", "--check"),
)
"""What ``--look`` does on a database of its own, with warnings as errors, instead of running the tests."""


class Outcome(Enum):
    PASSED = "passed"
    FAILED = "FAILED"
    MISSING = "NOT HERE"


@dataclass(frozen=True)
class Pair:
    python: str
    django: str

    def __str__(self) -> str:
        return f"{self.python}-{self.django}"

    @property
    def folder(self) -> Path:
        return FOLDER / str(self)

    @property
    def interpreter(self) -> str:
        return str(self.folder / "venv" / "bin" / "python")


@dataclass(frozen=True)
class Result:
    pair: Pair
    outcome: Outcome
    told: str


def list_pairs() -> list[Pair]:
    """Those that pyproject.toml promises."""
    promised = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["rollcall"]["matrix"]
    return [Pair(python, django) for python, versions in promised.items() for django in versions]


def find_python(version: str) -> str | None:
    """An interpreter that runs and is of this version: a command of that name may be a stub that fails."""
    for command in _list_candidates(version):
        done = subprocess.run([command, "-c", _VERSION], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() == version:
            return command
    return None


def _list_candidates(version: str) -> Iterator[str]:
    yield sys.executable
    for name in (f"python{version}", "python3"):
        if found := shutil.which(name):
            yield found
    # pyenv's commands in PATH run but the version that was chosen there; the others lie side by side.
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from map(str, sorted(kept.glob(f"{version}.*/bin/python"), reverse=True))
    told = subprocess.run(
        [*_UV, "python", "find", "--managed-python", version], capture_output=True, text=True, check=False
    )
    if told.returncode == 0:
        yield told.stdout.strip()


def prepare(pair: Pair, python: str) -> None:
    """Its environment, brought in line with pyproject.toml. Raises CalledProcessError when packages can't be had."""
    pair.folder.mkdir(parents=True, exist_ok=True)
    wanted, limit = pair.folder / "requirements.txt", pair.folder / "limit.txt"
    # What a file of that name holds is preferred: nothing moves that need not.
    shutil.copyfile(LOCK, wanted)
    limit.write_text(f"django~={pair.django}.0\n", encoding="utf-8")
    _run_uv("venv", "--allow-existing", "--python", python, str(pair.folder / "venv"))
    source = ("pyproject.toml", "--group", "dev", "--constraint", str(limit), "--python", pair.interpreter)
    _run_uv("pip", "compile", *source, "--generate-hashes", "--no-header", "--output-file", str(wanted))
    _run_uv("pip", "sync", "--require-hashes", "--python", pair.interpreter, str(wanted))


def _run_uv(*arguments: str) -> None:
    subprocess.run([*_UV, *arguments, "--quiet"], cwd=ROOT, check=True)


def run_tests(pair: Pair, arguments: Sequence[str]) -> bool:
    """``arguments`` are pytest's."""
    command = [pair.interpreter, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def look(pair: Pair) -> bool:
    data = pair.folder / "data"
    shutil.rmtree(data, ignore_errors=True)
    needed = ("REALTIMEKIT_ACCOUNT_ID", "REALTIMEKIT_APP_ID", "REALTIMEKIT_API_TOKEN", "DJANGO_SECRET_KEY")
    given = {"ROLLCALL_DATA_DIR": str(data), **dict.fromkeys(needed, "for-a-look-at-an-empty-database-alone")}
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
    } | given
    return all(
        subprocess.run(
            [pair.interpreter, "-W", "error", "manage.py", *command], cwd=ROOT, env=environment, check=False
        ).returncode
        == 0
        for command in _LOOK
    )


def judge(pair: Pair, options: argparse.Namespace) -> Result:
    python = find_python(pair.python)
    if python is None:
        return Result(pair, Outcome.MISSING, f"no Python {pair.python} on this machine")
    began = time.monotonic()
    print(f"\n=== {pair}: preparing", flush=True)
    try:
        prepare(pair, python)
    except subprocess.CalledProcessError:
        return Result(pair, Outcome.FAILED, "its packages can't be installed together")
    names = subprocess.run(
        [pair.interpreter, "-c", _NAMES], capture_output=True, text=True, check=True
    ).stdout.strip()
    print(f"=== {pair}: {names}", flush=True)
    held = look(pair) if options.look else run_tests(pair, options.pytest)
    return Result(pair, Outcome.PASSED if held else Outcome.FAILED, f"{names}, {time.monotonic() - began:.0f} s")


def read_options(arguments: Sequence[str], pairs: Sequence[Pair]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help=f"pairs by commas, of {', '.join(map(str, pairs))}")
    parser.add_argument(
        "--look", action="store_true", help="check and migrate an empty database instead of the tests"
    )
    parser.add_argument("--here", action="store_true", help="pairs that are not here don't fail the command")
    parser.add_argument("pytest", nargs="*", help="after --, what pytest is given; without, the whole suite")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    pairs = list_pairs()
    options = read_options(arguments, pairs)
    named = [name.strip() for name in options.only.split(",") if name.strip()]
    if unknown := set(named) - {str(pair) for pair in pairs}:
        print(f"{', '.join(sorted(unknown))}: no such pair. They are {', '.join(map(str, pairs))}.", file=sys.stderr)
        return 2
    results = [judge(pair, options) for pair in pairs if not named or str(pair) in named]
    return tell(results, forgive_missing=options.here)


def tell(results: Sequence[Result], *, forgive_missing: bool) -> int:
    """The table, and the exit status."""
    print("\nPython-Django")
    for result in results:
        print(f"  {result.pair!s:<9} {result.outcome.value:<9} {result.told}")
    missing = [str(result.pair) for result in results if result.outcome is Outcome.MISSING]
    if missing:
        print(f"NOT TRIED, since this machine has no such Python: {', '.join(missing)}")
    failed = any(result.outcome is Outcome.FAILED for result in results)
    return 1 if failed or (missing and not forgive_missing) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
