"""Bulk enrolment through the API."""

from typing import Any

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from participants.models import Actor, Batch, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import passes
from tests.api.conftest import sign_in
from tests.factories import AdminFactory, MadeMeetingFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE: list[Any] = ["ada", "bob@example.org", {"email": "c@example.org", "name": "C"}, "nobody", 7]


@pytest.fixture
def boss() -> APIClient:
    UserFactory(username="ada")
    return sign_in(AdminFactory(username="boss"))


def post(client: APIClient, name: str, key: object, body: Any = None) -> Any:
    return client.post(reverse(f"api:{name}", args=[key]), body, format="json")


def begin(client: APIClient, meeting: Meeting, **more: Any) -> Any:
    return post(client, "manage-enrolments", meeting.pk, {"people": PEOPLE, "pre_enrol": True, **more})


def test_a_dry_run_answers_what_would_happen_and_writes_nothing(boss: APIClient) -> None:
    answer = begin(boss, MadeMeetingFactory(), dry_run=True)
    body = answer.json()
    assert answer.status_code == 200
    assert body["counts"] == {"will_enrol": 1, "will_pre_enrol": 2, "not_found": 1, "malformed": 1}
    assert [(row["line"], row["input"], row["outcome"]) for row in body["rows"]][:2] == [
        (1, "ada", "will_enrol"),
        (2, "bob@example.org", "will_pre_enrol"),
    ]
    assert body["rows"][4]["detail"]
    assert not Batch.objects.exists()


def test_a_batch_is_answered_at_once_and_followed_until_it_is_done(
    boss: APIClient, sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    answer = begin(boss, meeting)
    started = answer.json()
    assert answer.status_code == 202
    assert (started["state"], started["total"], started["started_by"]) == ("running", 5, "boss")
    assert started["counts"] == {"pending": 3, "enrolled": 0, "failed": 0, "skipped": 2}
    assert sandbox.requests.count("participants.add") == 0
    passes.tick(by=by)
    body = boss.get(reverse("api:manage-batch", args=[started["id"]])).json()
    assert (body["state"], body["counts"]["enrolled"], body["waiting_until"]) == ("done", 3, None)


def test_rows_come_by_cursor_in_the_order_of_the_list(boss: APIClient) -> None:
    key = begin(boss, MadeMeetingFactory()).json()["id"]
    first = boss.get(reverse("api:manage-batch-rows", args=[key]), {"page_size": 2}).json()
    second = boss.get(first["next"]).json()
    assert [row["line"] for row in first["results"] + second["results"]] == [1, 2, 3, 4]
    assert first["previous"] is None


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ({"outcome": "skipped"}, [4, 5]),
        ({"reason": "not_found"}, [4]),
        ({"outcome": "pending"}, [1, 2, 3]),
        ({"outcome": "pending", "reason": "not_found"}, []),
    ],
)
def test_rows_are_filtered_by_outcome_and_by_reason(boss: APIClient, query: dict[str, str], lines: list[int]) -> None:
    key = begin(boss, MadeMeetingFactory()).json()["id"]
    rows = boss.get(reverse("api:manage-batch-rows", args=[key]), query).json()["results"]
    assert [row["line"] for row in rows] == lines


def test_an_unknown_outcome_to_filter_by_is_refused(boss: APIClient) -> None:
    key = begin(boss, MadeMeetingFactory()).json()["id"]
    answer = boss.get(reverse("api:manage-batch-rows", args=[key]), {"outcome": "lost"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "outcome")


def test_a_row_refused_by_realtimekit_says_why_and_can_be_retried(
    boss: APIClient, sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    sandbox.faults.add("refuse", operation="participants.add", times=1)
    key = begin(boss, meeting).json()["id"]
    passes.tick(by=by)
    (row,) = boss.get(reverse("api:manage-batch-rows", args=[key]), {"outcome": "failed"}).json()["results"]
    assert row["reason"]
    assert row["detail"]
    assert post(boss, "manage-batch-retry", key).json()["counts"]["pending"] == 1
    passes.tick(by=by)
    assert boss.get(reverse("api:manage-batch", args=[key])).json()["counts"]["enrolled"] == 3


def test_stopping_and_undoing_answer_the_batch_as_it_is_then(boss: APIClient) -> None:
    key = begin(boss, MadeMeetingFactory()).json()["id"]
    stopped = post(boss, "manage-batch-stop", key).json()
    assert (stopped["state"], stopped["counts"]["skipped"], stopped["counts"]["pending"]) == ("stopped", 5, 0)
    key = begin(boss, Meeting.objects.get()).json()["id"]
    undone = post(boss, "manage-batch-undo", key).json()
    assert (undone["state"], undone["counts"]["skipped"]) == ("undone", 5)
    again = post(boss, "manage-batch-retry", key)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"people": []}, "people"),
        ({}, "people"),
        ({"people": "ada"}, "people"),
        ({"people": ["ada"], "preset": "no such preset"}, "preset"),
        ({"people": [{"email": "c@example.org", "preset": "no such preset"}]}, "preset"),
        ({"people": ["ada"], "colour": "red"}, "colour"),
        ({"people": ["a"] * 20_001}, "people"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_whole(
    boss: APIClient, meeting: Meeting, body: dict[str, Any], field: str
) -> None:
    answer = post(boss, "manage-enrolments", meeting.pk, {"pre_enrol": True, **body})
    assert answer.status_code == 400
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert not Participant.objects.exists()
