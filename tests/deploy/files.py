"""What operators are given, read as their machines read it: command lines, secrets, settings."""

import json
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
UNITS = DEPLOY / "systemd"
SECRETS = "/run/secrets/"
_HOME = "/opt/rollcall/current/.venv/bin/"


@cache
def read_compose() -> dict[str, Any]:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def read_containerfile() -> list[tuple[str, str]]:
    """Its instructions in order, such as ("USER", "10001:10001"); lines that are continued are joined."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def image_command() -> list[str]:
    """What a container of the image runs unless compose.yaml says otherwise."""
    (text,) = (rest for instruction, rest in read_containerfile() if instruction == "CMD")
    return list(json.loads(text))


def compose_command(service: str) -> list[str]:
    return list(read_compose()["services"][service].get("command") or image_command())


def unit_command(name: str, *, instance: str = "") -> list[str]:
    """The command line of a unit, with the name of the instance put in; programs by their bare names."""
    text = (UNITS / name).read_text(encoding="utf-8")
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    return [part.removeprefix(_HOME) for part in shlex.split(line.replace("%i", instance))]
