"""Who is let in where: every page of the admin site against every kind of caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.db import connection
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from tests.admin.pagecallers import OUTSIDERS, REST, STAFF, Cast
from tests.admin.pagerows import GROUPS, MATRIX, Row
from tests.admin.pagescene import Scene, find_arguments
from tests.undoing import undone

pytestmark = pytest.mark.django_db

SIGN_IN = "sign in"
OPEN_TO_ALL = {"login", "logout"}
"""The pages to sign in and out, which the tests of signing in are about."""


@pytest.fixture(autouse=True)
def _no_provider(settings: LazySettings) -> None:
    # Rights are settled before RealtimeKit is asked; a page tells of its absence, at once.
    settings.REALTIMEKIT_API_TOKEN = ""
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, "https://rollcall.example.org"


def list_routes(patterns: list[URLPattern | URLResolver]) -> Iterator[tuple[str, set[str]]]:
    """Names, with the parameters of their addresses."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from list_routes(pattern.url_patterns)
        elif pattern.name:
            yield pattern.name, {*pattern.pattern.converters, *pattern.pattern.regex.groupindex}


def list_unnamed(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """Those that lead on to a row's page, and the one that finds nothing."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from list_unnamed(pattern.url_patterns, f"{before}{pattern.pattern}")
        elif not pattern.name:
            yield f"{before}{pattern.pattern}"


ROUTES = dict(list_routes(admin.site.urls[0]))


def split(key: str) -> tuple[str, str]:
    """The method and the name of the route."""
    method, _, name = key.rpartition(" ")
    return method or "GET", name


def list_callers(row: Row) -> list[str]:
    """Of combined permissions each alone as well: it takes them all."""
    alone = (right for caller in row.allowed for right in caller.split("+"))
    return list(dict.fromkeys((*OUTSIDERS, *STAFF, REST, *row.callers, *alone)))


def find_expected(row: Row, caller: str) -> int | str:
    if caller in OUTSIDERS:
        return SIGN_IN
    if caller in row.allowed:
        return row.status
    if caller in row.blind:
        return 404
    return 403 if caller in row.barred else row.refusal


def make_address(scene: Scene, name: str) -> str:
    address = reverse(f"admin:{name}", kwargs=find_arguments(scene, name, ROUTES[name]))
    users = "?app_label=participants&model_name=person&field_name=user" if name == "autocomplete" else ""
    return address + users


def send(client: Client, method: str, address: str) -> int | str:
    return read_answer(client.post(address) if method == "POST" else client.get(address))


@contextmanager
def watched() -> Iterator[list[str]]:
    """The statements inside that change a row; of sessions they may."""
    written: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) and "django_session" not in sql:
            written.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield written


def read_answer(answer: HttpResponseBase) -> int | str:
    if answer.status_code == 302 and answer["Location"].startswith(reverse("admin:login")):
        return SIGN_IN
    return answer.status_code


def test_the_matrix_has_a_row_for_every_page() -> None:
    assert {split(key)[1] for key in MATRIX} == set(ROUTES) - OPEN_TO_ALL


@pytest.mark.parametrize("group", GROUPS)
def test_each_caller_meets_what_the_matrix_says_and_whoever_is_refused_changes_nothing(group: str) -> None:
    scene = Scene()
    cast, wrong = Cast(scene), []
    for key, row in GROUPS[group].items():
        (method, name), callers = split(key), list_callers(row)
        address = make_address(scene, name)
        for caller in callers:
            client, told = cast.call(caller, row.rights), find_expected(row, caller)
            with undone(), watched() as written:
                seen = [send(client, method, address)]
                if caller not in row.allowed:  # to the page, then neither may they post to it
                    seen.append(send(client, "POST", address))
            may_meet = {told} if caller in OUTSIDERS else {told, 403, 405}
            if seen[0] != told or not {*seen[1:]} <= may_meet or (written and caller not in row.allowed):
                wrong.append((key, caller, told, seen, written))
    assert wrong == []


def test_a_route_without_a_name_only_leads_on() -> None:
    """To the page of a row, whether there is one or not, or nowhere."""
    cast, unnamed = Cast(Scene()), list(list_unnamed(admin.site.urls[0]))
    assert len(unnamed) == len(admin.site._registry) + 1
    for route in unnamed:
        address = reverse("admin:index") + route.replace("<path:object_id>", "1").replace("(?P<url>.*)$", "nothing")
        for caller in OUTSIDERS:
            assert read_answer(cast.call(caller, set()).get(address)) == SIGN_IN
        for caller in ("staff", "superuser"):
            answer = cast.call(caller, set()).get(address)
            assert (answer.status_code, answer.get("Location")) in ((302, f"{address}change/"), (404, None))
