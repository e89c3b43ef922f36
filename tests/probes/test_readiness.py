"""Ready is more than alive: the probe names what is missing by a code, and tells no secret."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from participants.services import readiness
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(settings: LazySettings, tmp_path: Path) -> Iterator[None]:
    """Static files that were collected, and no answer kept from another test."""
    (tmp_path / "staticfiles.json").write_text('{"version": "1.1", "paths": {}, "hash": ""}', encoding="utf-8")
    settings.STATIC_ROOT = tmp_path
    readiness.forget()
    yield
    readiness.forget()


def ask(client: Client) -> tuple[int, dict[str, Any]]:
    readiness.forget()
    answer = client.get("/readyz/")
    return answer.status_code, answer.json() if answer.status_code != 200 else {}


def list_codes(client: Client) -> list[str]:
    status, body = ask(client)
    assert (status, body["code"]) == (503, "not_ready")
    return [each["code"] for each in body["missing"]]


def test_a_process_that_lacks_nothing_is_ready(client: Client) -> None:
    answer = client.get("/readyz/")
    assert (answer.status_code, answer.content) == (200, b"ready")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_process_that_was_asked_to_stop_is_not_ready_from_that_moment(
    client: Client, settings: LazySettings, tmp_path: Path
) -> None:
    assert ask(client)[0] == 200
    stopping = tmp_path / "draining"
    settings.DRAINING_FILE = str(stopping)
    stopping.touch()
    # Asked at once, within the second for which the answer is kept.
    answer = client.get("/readyz/")
    assert (answer.status_code, [each["code"] for each in answer.json()["missing"]]) == (503, ["draining"])
    stopping.unlink()
    assert client.get("/readyz/").status_code == 200


def test_neither_session_nor_cookie_is_touched(client: Client) -> None:
    client.force_login(StaffFactory())
    answer = client.get("/readyz/")
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_many_questions_at_once_cost_one_look(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.get("/readyz/")
    with django_assert_num_queries(0):
        assert client.get("/readyz/").status_code == 200


def test_a_database_older_than_the_code_is_not_ready(client: Client) -> None:
    MigrationRecorder.Migration.objects.filter(app="participants").order_by("-id").first().delete()  # type: ignore[union-attr]
    assert list_codes(client) == ["migrations_pending"]


def test_a_database_that_is_away_is_named_by_its_code_alone(client: Client, settings: LazySettings) -> None:
    class Away:
        """As a connection behaves whose server is gone."""

        def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            execute("SELECT nothing_of_the_kind", None, False, context)

    settings.REALTIMEKIT_APP_ID = ""
    with connection.execute_wrapper(Away()):
        status, body = ask(client)
    assert status == 503
    assert [each["code"] for each in body["missing"]] == ["database_unreachable", "credentials_missing"]
    assert "nothing_of_the_kind" not in str(body)


def test_a_shared_cache_that_is_away_is_named(client: Client, settings: LazySettings) -> None:
    address = "redis://:hunter2@127.0.0.1:9/0"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": address}}
    status, body = ask(client)
    assert [each["code"] for each in body["missing"]] == ["cache_unreachable"]
    assert "hunter2" not in str(body)
    assert status == 503


def test_a_shared_cache_that_answers_is_fine(client: Client, settings: LazySettings, valkey: str) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": valkey}}
    assert ask(client)[0] == 200


def test_static_files_that_were_not_collected_are_named(
    client: Client, settings: LazySettings, tmp_path: Path
) -> None:
    (tmp_path / "staticfiles.json").unlink()
    assert list_codes(client) == ["static_missing"]


@pytest.mark.parametrize("name", ["REALTIMEKIT_ACCOUNT_ID", "REALTIMEKIT_APP_ID", "REALTIMEKIT_API_TOKEN"])
def test_a_setting_that_is_missing_is_named_and_the_others_are_not_told(
    client: Client, settings: LazySettings, name: str
) -> None:
    setattr(settings, name, "")
    status, body = ask(client)
    assert (status, body["missing"]) == (503, [{"code": "credentials_missing", "detail": f"{name} not set."}])


def test_the_probe_only_reads(client: Client) -> None:
    assert client.post("/readyz/").status_code == 405
    assert client.head("/readyz/").status_code == 200


def test_being_alive_asks_for_nothing_of_this(client: Client, settings: LazySettings, tmp_path: Path) -> None:
    (tmp_path / "staticfiles.json").unlink()
    settings.REALTIMEKIT_API_TOKEN = ""
    assert client.get("/healthz/").status_code == 200
