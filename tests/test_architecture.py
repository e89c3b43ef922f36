"""The import arrows and the sizes that keep the tree readable, checked by parsing it."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
OURS = ("participants", "config", "tests")
LINES = 400
FUNCTION_LINES = 60
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}

# A module may import from its own part and from the parts named here, nothing else of ours. Names are as long as
# they need to be: the longest that fits a module decides.
ARROWS: dict[str, set[str]] = {
    "participants.states": set(),
    "participants.errors": set(),
    "participants.conf": set(),
    "participants.realtimekit": set(),
    "participants.posting": {"realtimekit"},
    "participants.sandbox": set(),
    "participants.demo": set(),
    "participants.models": {"conf", "states", "errors"},
    "participants.watch": {"config"},
    "participants.gateway": {"conf", "errors", "realtimekit", "models", "posting", "watch"},
    "participants.services": {"conf", "states", "errors", "models", "gateway", "realtimekit", "posting", "watch"},
    "participants.signin": {"states", "errors", "conf", "models", "services"},
    "participants.api": {"states", "errors", "models", "services", "realtimekit", "signin", "config", "watch"},
    "participants.admin": {"states", "errors", "conf", "models", "services", "realtimekit", "config"},
    "participants.webhooks": {"services", "watch"},
    "participants.pages": {"states", "errors", "conf", "models", "services", "signin", "config"},
    "participants.probes": {"services", "api", "watch"},
    "participants.tasks": {"models", "services"},
    "participants.workers": {"gateway", "models", "realtimekit", "services", "tasks", "watch"},
    "participants.management": {
        *("states", "errors", "conf", "models", "services", "realtimekit", "demo", "sandbox", "workers"),
    },
    "participants.signals": {"states", "errors", "models", "services", "signin"},
    "participants.checks": {"conf", "models"},
    "participants.apps": {"checks", "signals", "tasks", "watch"},
    "participants.migrations": {"models"},
    "config": set(),
    "config.urls": {"api", "admin", "pages", "probes", "signin", "webhooks"},
}
# Imports at the top but for these: what waits for Django to be ready, and what is heavy and seldom needed.
LATE = {
    "participants.apps.ready",
    "participants.services.calendars._write",
    "participants.services.exporting._write",
    "participants.services.spreadsheets._read_sheet",
    "participants.workers.engines.make",
}
# From these parts only these names may be taken, by the importers named.
PUBLIC: dict[tuple[str, str], set[str]] = {
    ("participants.posting", "participants.realtimekit"): {
        f"participants.realtimekit.Bounded{kind}" for kind in ("Adapter", "HTTPConnection", "HTTPSConnection")
    },
    ("participants.api", "participants.realtimekit"): {"participants.realtimekit.Deadline"},
    ("participants.admin", "participants.realtimekit"): {"participants.realtimekit.Deadline"},
    ("participants.management", "participants.realtimekit"): {"participants.realtimekit.Deadline"},
}
OUTSIDE: dict[str, set[str]] = {
    "participants.realtimekit": {"cryptography", "requests", "urllib3"},
    "participants.posting": {"requests", "standardwebhooks", "urllib3"},
    "participants.sandbox": {"cryptography"},
    "participants.demo": {"requests", "playwright"},
}
"""Packages that the parts free of Django may use beside the standard library."""


@dataclass(frozen=True)
class Import:
    """One imported name: ``from a.b import c`` is a.b.c."""

    module: str
    name: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name}"


def list_files(*roots: str) -> Iterator[Path]:
    for root in roots:
        yield from sorted((PROJECT / root).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def list_imports(path: Path) -> Iterator[Import]:
    module = name_of(path)
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (Import(module, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}:{node.lineno} imports relatively"
            yield from (Import(module, f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


@cache
def read_imports() -> list[Import]:
    return [found for path in list_files("participants", "config") for found in list_imports(path)]


def part_of(name: str) -> str | None:
    """The longest part that a dotted name belongs to; None for what is not ours."""
    fitting = [part for part in ARROWS if name == part or name.startswith(f"{part}.")]
    return max(fitting, key=len, default=None)


def allowed_for(part: str) -> set[str]:
    return {part} | {name if name == "config" else f"participants.{name}" for name in ARROWS[part]}


def test_every_module_belongs_to_a_part() -> None:
    modules = [name_of(path) for path in list_files("participants", "config")]
    assert [module for module in modules if part_of(module) is None] == ["participants"]


def test_imports_follow_the_arrows() -> None:
    broken = []
    for found in read_imports():
        if not found.name.startswith(OURS):
            continue
        target, part = part_of(found.name), part_of(found.module)
        # "from participants import conf" names the module behind it, which part_of has found.
        if part is None or target is None or target not in allowed_for(part):
            broken.append(str(found))
    assert broken == []


def test_only_public_names_cross_where_the_arrow_says_so() -> None:
    broken = [
        str(found)
        for found in read_imports()
        for (importer, part), names in PUBLIC.items()
        if part_of(found.module) == importer and part_of(found.name) == part and found.name not in names
    ]
    assert broken == []


def test_services_and_gateway_know_the_client_by_its_public_names_alone() -> None:
    deep = [
        str(found)
        for found in read_imports()
        if found.name.startswith("participants.realtimekit.")
        and not found.module.startswith("participants.realtimekit")
        and (found.name.count(".") > 2 or found.name.rpartition(".")[2].islower())
        and found.name != "participants.realtimekit.read_expiry"
    ]
    assert deep == []


@pytest.mark.parametrize("part", OUTSIDE)
def test_the_parts_free_of_django_use_little_beside_the_standard_library(part: str) -> None:
    known = sys.stdlib_module_names | OUTSIDE[part] | {"participants"}
    used = [found for found in read_imports() if part_of(found.module) == part]
    assert [str(found) for found in used if found.name.split(".")[0] not in known] == []


def test_only_the_sandbox_command_starts_the_sandbox() -> None:
    importers = {
        found.module
        for found in read_imports()
        if part_of(found.name) == "participants.sandbox" and part_of(found.module) != "participants.sandbox"
    }
    assert importers == {"participants.management.commands.sandbox"}


def test_states_are_pure_data() -> None:
    names = {found.name for found in read_imports() if found.module == "participants.states"}
    assert names == {"django.db.models.TextChoices"}


def test_nothing_of_the_product_imports_the_tests() -> None:
    assert [str(found) for found in read_imports() if found.name.split(".")[0] == "tests"] == []


@pytest.mark.parametrize("root", ["participants", "config", "tests"])
def test_no_file_is_longer_than_anybody_reads(root: str) -> None:
    files = [path for path in list_files(root) if path.parent.name != "migrations"]  # written by Django
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {module: lines for module, lines in lengths.items() if lines > LINES} == {}


def list_functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name_of(path)}.{function.name}"
        for path in list_files("participants", "config")
        for function in list_functions(path)
        if (function.end_lineno or 0) - function.lineno >= FUNCTION_LINES
    ]
    assert long == []


def test_no_module_is_a_drawer() -> None:
    modules = [name_of(path) for path in list_files(*OURS)]
    assert [module for module in modules if DRAWERS & set(module.split("."))] == []


def test_imports_stand_at_the_top() -> None:
    hidden = {
        f"{name_of(path)}.{function.name}"
        for path in list_files("participants", "config")
        for function in list_functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert hidden == LATE
