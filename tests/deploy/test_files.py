"""What operators are given fits together: the image, compose.yaml, the systemd units and the secrets they mount."""

import json
import os
import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.deploy import files

SECRETS = {
    *("database_url", "django_secret_key", "metrics_token"),
    *("postgres_password", "realtimekit_api_token", "token_encryption_keys"),
}
OURS = ("migrate", "web-1", "web-2", "worker-1", "worker-2", "scheduler")
UNITS = sorted(path.name for path in files.UNITS.glob("*.service"))
PAIRS = {
    "web-1": "rollcall-web@.service",
    "worker-1": "rollcall-worker@.service",
    "scheduler": "rollcall-scheduler.service",
    "migrate": "rollcall-migrate.service",
}


def make_secrets(folder: Path) -> None:
    command = [str(files.DEPLOY / "make-secrets"), str(folder), "db.example.org"]
    subprocess.run(command, input="from-cloudflare\n", text=True, check=True, stdout=subprocess.DEVNULL)


def test_what_runs_is_not_root_and_has_no_build_tools() -> None:
    instructions = files.read_containerfile()
    last = instructions[max(i for i, (word, _) in enumerate(instructions) if word == "FROM") :]
    assert last[0][1].endswith("-slim-bookworm")
    assert [rest for word, rest in last if word == "USER"] == ["10001:10001"]
    assert "pip --no-cache-dir uninstall --yes pip" in " ".join(rest for word, rest in last if word == "RUN")
    assert [word for word, _ in last].count("HEALTHCHECK") == 1


def test_web_servers_are_watched_as_the_image_says_and_nothing_else_is() -> None:
    (of_image,) = (rest for word, rest in files.read_containerfile() if word == "HEALTHCHECK")
    options, command = of_image.split("CMD", maxsplit=1)
    told = dict(re.findall(r"--([\w-]+)=(\w+)", options))
    for service in OURS:
        watched = files.read_compose()["services"][service]["healthcheck"]
        if not service.startswith("web"):
            assert watched == {"disable": True}
            continue
        assert watched["test"] == ["CMD", *json.loads(command)]
        assert {name.replace("_", "-"): str(value) for name, value in watched.items() if name != "test"} == told


def test_the_proxy_may_finish_what_it_has_in_hand() -> None:
    (grace,) = re.findall(r"grace_period (\d+)s", (files.DEPLOY / "Caddyfile").read_text())
    given = files.read_compose()["services"]["proxy"]["stop_grace_period"]
    assert int(given.removesuffix("s")) > int(grace)


def test_the_image_takes_packages_by_their_hashes_alone() -> None:
    installs = [rest for word, rest in files.read_containerfile() if word == "RUN" and "install " in rest]
    assert any("--require-hashes" in rest and "-r requirements.lock" in rest for rest in installs)
    assert any(rest.startswith("npm ci --ignore-scripts") for _, rest in files.read_containerfile())


def test_no_file_names_a_host_but_those_of_examples() -> None:
    given = [path for path in files.DEPLOY.rglob("*") if path.is_file() and path.parent.name != "secrets"]
    text = "".join(path.read_text() for path in given)
    hosts = {host for host in re.findall(r"https?://([^/\s'\"]+)", text) if "127.0.0.1" not in host}
    assert hosts <= {"rollcall.example.org"}


@pytest.mark.parametrize(("service", "unit"), PAIRS.items())
def test_containers_and_units_run_the_same_command(service: str, unit: str) -> None:
    """But for the address: in its container each web process has one of its own."""
    compose = ["127.0.0.1" if part == "0.0.0.0" else part for part in files.compose_command(service)]
    assert files.unit_command(unit, instance="8000") == compose


@pytest.mark.parametrize("service", OURS)
def test_our_containers_may_do_nothing_they_need_not(service: str) -> None:
    described = files.read_compose()["services"][service]
    assert described["read_only"]
    assert described["cap_drop"] == ["ALL"]
    assert described["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in described


def test_only_the_proxy_is_reached_from_outside() -> None:
    services = files.read_compose()["services"]
    assert [name for name, described in services.items() if "ports" in described] == ["proxy"]
    assert files.read_compose()["networks"]["back"] == {"internal": True}
    assert {name for name, described in services.items() if described["networks"] == ["back"]} == {
        "postgres",
        "valkey",
    }


def test_secrets_are_mounted_and_none_is_an_environment_variable() -> None:
    compose = files.read_compose()
    assert set(compose["secrets"]) == SECRETS
    for described in compose["services"].values():
        for name, value in (described.get("environment") or {}).items():
            assert not re.search(r"SECRET|TOKEN|PASSWORD|DATABASE_URL", name) or (
                name.endswith("_FILE") and value.removeprefix(files.SECRETS) in SECRETS
            )


def test_make_secrets_makes_what_is_mounted(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets")
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == SECRETS
    assert len(made["django_secret_key"]) > 50
    Fernet(made["token_encryption_keys"])
    assert made["database_url"] == f"postgres://rollcall:{made['postgres_password']}@db.example.org/rollcall"
    assert made["postgres_password"].isalnum()
    assert made["realtimekit_api_token"] == "from-cloudflare"
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_make_secrets_replaces_nothing(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    (tmp_path / "django_secret_key").unlink()
    make_secrets(tmp_path)
    after = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {name for name in SECRETS if before[name] != after[name]} == {"django_secret_key"}


def read_unit(path: Path) -> ConfigParser:
    unit = ConfigParser(interpolation=None, strict=False, delimiters=("=",), comment_prefixes=("#",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    unit.read(path)
    return unit


@pytest.mark.parametrize("name", UNITS)
def test_units_come_back_after_a_crash_and_stop_politely(name: str) -> None:
    unit = read_unit(files.UNITS / name)
    if name == "rollcall-migrate.service":
        assert unit["Service"]["Type"] == "oneshot"
        return
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["KillMode"] == "mixed"
    assert int(unit["Service"]["TimeoutStopSec"]) >= 40


def test_units_are_kept_from_the_machine_and_read_secrets_as_credentials() -> None:
    text = (files.UNITS / "rollcall-.service.d" / "common.conf").read_text()
    for line in ("User=rollcall", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n"):
        assert line in text
    loaded = set(re.findall(r"^LoadCredential=(\w+):", text, re.MULTILINE))
    assert loaded == SECRETS - {"postgres_password"}
    assert set(re.findall(r"_FILE=%d/(\w+)", text)) == loaded


def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    """With programs that exist; where systemd is not installed, the tests above have read the units."""
    folder = tmp_path / "units"
    shutil.copytree(files.UNITS, folder)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        text = re.sub(r"/opt/rollcall/current/\.venv/bin/\w+", "/bin/true", path.read_text())
        text = re.sub(r"^(User|Group)=.*", r"\1=root", text, flags=re.MULTILINE)
        path.with_name(path.name.replace("@.", "@8001.")).write_text(text)
    for path in folder.glob("*@.service"):
        path.unlink()
    if analyser := shutil.which("systemd-analyze"):
        units = sorted(str(path) for path in folder.iterdir() if path.is_file())
        done = subprocess.run(
            [analyser, "verify", "--man=no", *units],
            env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"},
            check=False,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_manage_runs_with_the_settings_and_secrets_of_the_units(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets")
    (tmp_path / "secrets" / "database_url").write_text("postgres://nobody@127.0.0.1:9/none")
    (tmp_path / "secrets" / "new-token").write_text("waits to be tried")
    (tmp_path / "secrets" / "database_url~").write_text("what an editor left")
    (tmp_path / "rollcall.env").write_text(
        "DJANGO_ALLOWED_HOSTS=rollcall.example.org\nREALTIMEKIT_APP_ID=the-app\n"
        "DEFAULT_FROM_EMAIL='Rollcall <rollcall@example.org>'\n"
    )
    done = subprocess.run(
        [str(files.DEPLOY / "manage"), "check", "--deploy", "--tag", "security"],
        env={"PATH": "/usr/bin:/bin", "ROLLCALL_CONFIG": str(tmp_path), "ROLLCALL_USER": str(os.getuid())},
        check=False,
        capture_output=True,
        text=True,
    )
    assert "participants.E001" in done.stderr  # the account was left out
    assert "participants.E002" not in done.stderr
    assert "participants.E003" not in done.stderr
    assert "participants.W003" not in done.stderr
