"""The settings of a fresh process: safe by default, and dead at start when wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent
SHOW = """
import json
from config import settings
print(json.dumps({name: value for name, value in vars(settings).items() if name.isupper()}, default=str))
"""


def start(program: str, folder: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """A process that has nothing in its environment but what is given."""
    environment = {"PATH": os.environ["PATH"], "ROLLCALL_DATA_DIR": str(folder), **given}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def defaults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = start(SHOW, tmp_path_factory.mktemp("data"), DJANGO_SECRET_KEY="s" * 50)
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", False),
        ("ALLOWED_HOSTS", []),
        ("CSRF_TRUSTED_ORIGINS", []),
        ("CORS_ALLOWED_ORIGINS", []),
        ("TRUSTED_PROXIES", []),
        ("SECURE_SSL_REDIRECT", True),
        ("SECURE_HSTS_SECONDS", 31_536_000),
        ("SESSION_COOKIE_SECURE", True),
        ("CSRF_COOKIE_SECURE", True),
        ("X_FRAME_OPTIONS", "DENY"),
        ("TIME_ZONE", "UTC"),
        ("USE_TZ", True),
        ("REALTIMEKIT_BASE_URL", "https://api.cloudflare.com/client/v4"),
        ("REALTIMEKIT_ACCOUNT_ID", ""),
        ("REALTIMEKIT_APP_ID", ""),
        ("REALTIMEKIT_API_TOKEN", ""),
        ("REALTIMEKIT_CONNECT_TIMEOUT", 3),
        ("REALTIMEKIT_READ_TIMEOUT", 10),
        ("REALTIMEKIT_BUDGET", [3000, 300]),
        ("REALTIMEKIT_TOKEN_LIFETIME", 8_640_000),
        ("TOKEN_MIN_REMAINING", 86_400),
        ("TOKEN_ENCRYPTION_KEYS", []),
        ("JOIN_RATE", [300, 60]),
    ],
)
def test_a_default_is_safe_and_as_documented(defaults: dict[str, Any], name: str, value: Any) -> None:
    assert defaults[name] == value


def test_the_default_database_is_a_file_that_writers_queue_for(defaults: dict[str, Any]) -> None:
    database = defaults["DATABASES"]["default"]
    assert database["ENGINE"].endswith("sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]
    assert "ATOMIC_REQUESTS" not in database or not database["ATOMIC_REQUESTS"]


def test_the_default_policy_allows_nothing_inline(defaults: dict[str, Any]) -> None:
    directives = defaults["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]
    assert "unsafe" not in json.dumps(directives)
    assert directives["script-src"] == ["'self'"]


def test_postgresql_connections_are_kept_and_checked(tmp_path: Path) -> None:
    done = start(SHOW, tmp_path, DJANGO_SECRET_KEY="s" * 50, DATABASE_URL="postgres://app:pw@db:5432/rollcall")
    database = json.loads(done.stdout)["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"], database["CONN_HEALTH_CHECKS"]) == ("db", 5432, True)
    assert database["CONN_MAX_AGE"] > 0
    assert database["OPTIONS"] == {"prepare_threshold": 0}


def test_connections_to_sqlite_are_kept_for_to_open_one_takes_longer_than_a_join(tmp_path: Path) -> None:
    done = start(SHOW, tmp_path, DJANGO_SECRET_KEY="s" * 50)
    assert json.loads(done.stdout)["DATABASES"]["default"]["CONN_MAX_AGE"] > 0


def test_a_pooler_that_knows_no_prepared_statements_is_spared_them(tmp_path: Path) -> None:
    environment = {"DATABASE_URL": "postgres://app:pw@db:5432/rollcall", "DATABASE_PREPARE": "false"}
    done = start(SHOW, tmp_path, DJANGO_SECRET_KEY="s" * 50, **environment)
    assert "prepare_threshold" not in json.loads(done.stdout)["DATABASES"]["default"].get("OPTIONS", {})


def test_without_a_secret_key_nothing_starts_and_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    done = start("import config.settings", tmp_path)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "ImproperlyConfigured: DJANGO_SECRET_KEY is not set" in last
    assert "token_urlsafe" in last


def test_the_secret_key_may_be_a_mounted_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("$" + "s" * 50 + "\n", encoding="utf-8")
    done = start(SHOW, tmp_path, DJANGO_SECRET_KEY_FILE=str(tmp_path / "key"))
    assert json.loads(done.stdout)["SECRET_KEY"] == "$" + "s" * 50


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DJANGO_DEBUG", "perhaps"),
        ("DJANGO_SECURE_SSL_REDIRECT", "perhaps"),
        ("DJANGO_CSRF_TRUSTED_ORIGINS", "app.example.org"),
        ("DJANGO_TRUSTED_PROXIES", "the-proxy"),
        ("DATABASE_URL", "oracle://db"),
        ("CACHE_URL", "locmem"),
        ("REALTIMEKIT_BASE_URL", "api.cloudflare.com"),
        ("REALTIMEKIT_READ_TIMEOUT", "ten"),
        ("REALTIMEKIT_API_TOKEN_FILE", "/nowhere/at/all"),
        ("TOKEN_ENCRYPTION_KEYS", "password"),
        ("JOIN_RATE", "often"),
        ("WEB_THREADS", "1"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("METRICS_PORT", "-1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("SENTRY_DSN", "https://errors.example.org/1"),
        ("PROMETHEUS_MULTIPROC_DIR", "/dev/null/metrics"),
        ("PROMETHEUS_MULTIPROC_DIR", "metrics"),
    ],
)
def test_a_wrong_setting_stops_the_process_with_its_name(tmp_path: Path, name: str, value: str) -> None:
    done = start("import config.settings", tmp_path, DJANGO_SECRET_KEY="s" * 50, **{name: value})
    assert done.returncode != 0
    assert f"ImproperlyConfigured: {name}" in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("given", "formatter", "access"),
    [
        ({}, "line", "WARNING"),
        ({"LOG_ACCESS": "true"}, "line", "INFO"),
        ({"LOG_FORMAT": "json"}, "json", "INFO"),
        ({"LOG_FORMAT": "json", "LOG_ACCESS": "false"}, "json", "WARNING"),
    ],
    ids=["default", "with-access", "json", "json-without-access"],
)
def test_lines_are_as_asked_for(tmp_path: Path, given: dict[str, str], formatter: str, access: str) -> None:
    done = start(SHOW, tmp_path, DJANGO_SECRET_KEY="s" * 50, **given)
    logging = json.loads(done.stdout)["LOGGING"]
    assert logging["handlers"]["console"]["formatter"] == formatter
    assert logging["loggers"]["participants.access"]["level"] == access


COUNT = """
import os
os.chdir(os.environ["ROLLCALL_DATA_DIR"])
import django
django.setup()
from participants.watch import metrics
print(type(metrics.PROCESS).__name__)
"""


def test_a_blank_folder_of_metrics_leaves_no_files_where_the_process_was_started(tmp_path: Path) -> None:
    given = {"DJANGO_SECRET_KEY": "s" * 50, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(PROJECT)}
    done = start(COUNT, tmp_path, PROMETHEUS_MULTIPROC_DIR="", **given)
    assert done.stdout.strip() == "CollectorRegistry", done.stderr
    assert list(tmp_path.glob("*.db")) == []


LOADED = """
import sys
import django
django.setup()
import participants.workers.crew
print(sorted({"django_rq", "icalendar", "openpyxl", "redis"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("given", "loaded"),
    [({}, []), ({"TASKS_BACKEND": "rq", "TASKS_URL": "redis://127.0.0.1:6379"}, ["django_rq", "redis"])],
    ids=["database", "rq"],
)
def test_a_process_starts_without_what_it_may_never_need(
    tmp_path: Path, given: dict[str, str], loaded: list[str]
) -> None:
    done = start(LOADED, tmp_path, DJANGO_SECRET_KEY="s" * 50, DJANGO_SETTINGS_MODULE="config.settings", **given)
    assert done.stdout.strip() == str(loaded), done.stderr
