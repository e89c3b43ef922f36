"""A question that is misspelt is refused, rather than answered as if it had not been asked."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client, RequestFactory
from django.urls import resolve, reverse

from participants.api.parameters import list_known
from participants.api.urls import v1
from participants.states import ParticipantState
from tests.api.conftest import sign_in
from tests.api.matrixcast import become, build_scene
from tests.api.test_matrix import list_routes
from tests.api.test_openapi import Document, document, list_operations
from tests.factories import AdminFactory, BatchFactory

__all__ = ["document"]
pytestmark = pytest.mark.django_db
ASKED = sorted(name for method, name in list_routes(v1) if method == "GET" and name.startswith("manage-"))
FILES = {"manage-attendance-export", "manage-meeting-attendance-export"}


def find_path(name: str) -> str:
    scene = build_scene(ParticipantState.ENROLLED)
    return reverse(f"api:{name}", kwargs=scene.find_arguments(name))


@pytest.mark.parametrize("name", ASKED)
def test_an_unknown_parameter_is_named_beside_those_that_are_known(name: str) -> None:
    answer = sign_in(AdminFactory()).get(find_path(name), {"limit": "5", "stat": "x"})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (400, "unknown_parameter")
    assert answer["Content-Type"] == "application/problem+json"
    assert [(item["field"], item["code"]) for item in body["errors"]] == [
        ("limit", "unknown_parameter"),
        ("stat", "unknown_parameter"),
    ]
    assert ("fields" in body["known"]) == (name not in FILES)
    assert all(known in body["detail"] for known in body["known"])


def test_the_known_ones_are_those_of_the_list() -> None:
    answer = sign_in(AdminFactory()).get(reverse("api:manage-meetings"), {"titel": "Algebra"})
    assert answer.json()["known"] == ["cursor", "fields", "page_size", "search", "state", "status"]
    assert "There is no parameter 'titel' here." in answer.json()["detail"]


@pytest.mark.parametrize("name", ASKED)
def test_every_parameter_that_is_documented_is_known_and_no_other(name: str, document: Document) -> None:
    address = find_path(name)
    view = resolve(address).func.view_class()  # type: ignore[attr-defined]  # every route of ours is a class
    view.setup(RequestFactory().get(address))
    (listed,) = [
        {item["name"] for item in operation.get("parameters", []) if item["in"] == "query"}
        for method, path, operation in list_operations(document)
        if method == "GET" and _is_of(path, address)
    ]
    assert set(list_known(view)) == listed


def _is_of(path: str, address: str) -> bool:
    pieces = zip(path.split("/"), address.split("/"), strict=False)
    return path.count("/") == address.count("/") and all(a == b or a.startswith("{") for a, b in pieces)


@pytest.mark.parametrize("name", ASKED)
def test_nobody_without_the_right_to_ask_learns_what_is_known(name: str) -> None:
    scene = build_scene(ParticipantState.ENROLLED)
    address = reverse(f"api:{name}", kwargs=scene.find_arguments(name))
    for caller, status in (("anonymous", 401), ("plain", 403)):
        client: Any = become(caller, scene)
        assert client.get(address, {"limit": 5}).status_code == status


def test_the_rows_of_a_batch_take_a_page_size_and_no_limit() -> None:
    client = sign_in(AdminFactory())
    address = reverse("api:manage-batch-rows", args=[BatchFactory().pk])
    assert client.get(address, {"limit": 5}).status_code == 400
    assert client.get(address, {"page_size": "5", "outcome": "skipped"}).status_code == 200


def test_calls_that_change_things_are_not_asked_what_follows_the_question_mark(settings: LazySettings) -> None:
    settings.REALTIMEKIT_API_TOKEN = ""
    scene = build_scene(ParticipantState.ENROLLED)
    client: Client = sign_in(AdminFactory())
    address = reverse("api:manage-meeting", args=[scene.meeting.pk])
    answer = client.patch(f"{address}?utm=x", {"capacity": 30}, content_type="application/json")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "name", sorted({name for _, name in list_routes(v1) if name.startswith("manage-")} - set(ASKED))
)
def test_reading_what_only_takes_orders_is_405(name: str) -> None:
    answer = sign_in(AdminFactory()).get(find_path(name), {"stat": "x"})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" not in answer["Allow"]


def test_a_field_that_no_item_has_is_refused_on_an_empty_list_too() -> None:
    client: Client = sign_in(AdminFactory())
    answer = client.get(reverse("api:manage-meetings"), {"fields": "id,colour"})
    problem = answer.json()["errors"][0]
    assert (answer.status_code, problem["field"], problem["code"]) == (400, "fields", "unknown_field")
    assert problem["detail"].startswith("There is no field 'colour' here. Known are id, ")
