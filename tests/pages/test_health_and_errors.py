from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.views.defaults import permission_denied, server_error
from pytest_django import DjangoAssertNumQueries

from tests.factories import StaffFactory


@pytest.mark.django_db
def test_the_health_probe_answers_without_database_or_session(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(StaffFactory())
    with django_assert_num_queries(0):
        answer = client.get("/healthz/")
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_the_health_probe_keeps_people_away_from_a_process_that_is_about_to_stop(
    client: Client, settings: LazySettings, tmp_path: Path
) -> None:
    settings.DRAINING_FILE = str(tmp_path / "draining")
    assert client.get("/healthz/").status_code == 200
    (tmp_path / "draining").touch()
    answer = client.get("/healthz/")
    assert (answer.status_code, answer.content) == (503, b"draining")


def test_the_health_probe_only_reads(client: Client) -> None:
    assert client.post("/healthz/").status_code == 405


@pytest.mark.django_db
def test_an_unknown_address_is_answered_in_plain_words(client: Client) -> None:
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()


def test_a_refused_page_says_so(rf: RequestFactory) -> None:
    answer = permission_denied(rf.get("/"), PermissionError("a secret reason"))
    assert answer.status_code == 403
    assert "You may not open this page" in answer.content.decode()
    assert "a secret reason" not in answer.content.decode()


def test_a_broken_page_is_rendered_without_any_context(rf: RequestFactory) -> None:
    answer = server_error(rf.get("/"))
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.content.decode()


def test_an_error_page_keeps_somebody_signed_in_oriented() -> None:
    user = User(username="ada", first_name="Ada")
    assert "Sign out" in render_to_string("404.html", {"user": user})
