"""Bulk removals and bulk preset changes through the API."""

from typing import Any

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from participants.models import Actor, Batch, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import passes
from participants.states import ParticipantState
from tests.api.conftest import sign_in
from tests.factories import AdminFactory, EnrolledFactory, GuestFactory, MadeMeetingFactory, PresetFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss() -> APIClient:
    return sign_in(AdminFactory(username="boss"))


@pytest.fixture
def school(transactional_db: None) -> Meeting:
    made: Meeting = MadeMeetingFactory()
    for name in ("a", "b", "c"):
        EnrolledFactory(meeting=made, person=GuestFactory(email=f"{name}@example.org"))
    return made


def post(client: APIClient, name: str, key: object, body: Any = None) -> Any:
    return client.post(reverse(f"api:{name}", args=[key]), body, format="json")


def test_a_dry_run_answers_what_would_happen_and_writes_nothing(boss: APIClient, school: Meeting) -> None:
    people = ["a@example.org", "nobody", "a@example.org"]
    answer = post(boss, "manage-removals", school.pk, {"people": people, "dry_run": True})
    assert answer.status_code == 200
    assert answer.json()["counts"] == {"will_remove": 1, "not_found": 1, "duplicate": 1}
    assert [row["outcome"] for row in answer.json()["rows"]] == ["will_remove", "not_found", "duplicate"]
    assert not Batch.objects.exists()


def test_a_removal_is_followed_and_undone_as_a_batch(boss: APIClient, school: Meeting) -> None:
    body = post(boss, "manage-removals", school.pk, {"people": ["a@example.org", "b@example.org", "x"]}).json()
    assert (body["kind"], body["meeting"], body["state"]) == ("remove", str(school.pk), "running")
    assert body["counts"] == {"pending": 2, "enrolled": 0, "failed": 0, "skipped": 1}
    assert (body["working"], body["waiting_for"]) == (False, None)
    Participant.objects.filter(state=ParticipantState.REMOVING).update(
        state=ParticipantState.REMOVED, realtimekit_id=None
    )
    followed = boss.get(reverse("api:manage-batch", args=[body["id"]])).json()
    assert (followed["state"], followed["counts"]["enrolled"]) == ("done", 2)
    assert post(boss, "manage-batch-undo", body["id"]).json()["state"] == "undone"
    assert Participant.objects.filter(state=ParticipantState.PENDING).count() == 2
    rows = boss.get(reverse("api:manage-batch-rows", args=[body["id"]]), {"reason": "undone"}).json()["results"]
    assert [row["line"] for row in rows] == [1, 2]


def test_all_that_match_a_filter_are_meant_by_all(boss: APIClient, school: Meeting) -> None:
    EnrolledFactory()  # of another meeting
    body = {"all": True, "filter": {"search": "B@EXAMPLE"}}
    seen = post(boss, "manage-removals", school.pk, {**body, "dry_run": True}).json()
    assert seen["counts"] == {"will_remove": 1}
    assert post(boss, "manage-removals", school.pk, body).json()["total"] == 1
    assert Participant.objects.get(state=ParticipantState.REMOVING).person.email == "b@example.org"
    assert post(boss, "manage-removals", school.pk, {"all": True}).json()["total"] == 3


def test_a_preset_is_changed_by_ids_and_told_to_realtimekit(
    boss: APIClient, sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    body = {"participants": [str(ada.pk), str(meeting.pk)], "preset": "group_call_host"}
    seen = post(boss, "manage-preset-changes", meeting.pk, {**body, "dry_run": True}).json()
    assert seen["counts"] == {"will_change": 1, "not_found": 1}
    batch = post(boss, "manage-preset-changes", meeting.pk, body).json()
    assert (batch["kind"], batch["preset"], batch["counts"]["pending"]) == ("preset", "group_call_host", 1)
    passes.tick(by=by)
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert remote.preset_name == "group_call_host"
    followed = boss.get(reverse("api:manage-batch", args=[batch["id"]])).json()
    assert (followed["state"], followed["counts"]["enrolled"]) == ("done", 1)


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("manage-removals", {}, "people"),
        ("manage-removals", {"people": []}, "people"),
        ("manage-removals", {"people": ["a"], "all": True}, "people"),
        ("manage-removals", {"people": ["a"], "filter": {"state": "enrolled"}}, "filter"),
        ("manage-removals", {"all": True, "filter": {"state": "lost"}}, "filter"),
        ("manage-removals", {"all": True, "filter": {"colour": "red"}}, "filter"),
        ("manage-removals", {"participants": ["ada"]}, "participants"),
        ("manage-removals", {"people": ["a"], "preset": "group_call_host"}, "preset"),
        ("manage-removals", {"people": ["a"] * 20_001}, "people"),
        ("manage-preset-changes", {"all": True}, "preset"),
        ("manage-preset-changes", {"all": True, "preset": "no such preset"}, "preset"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_whole(
    boss: APIClient, sandbox: Sandbox, school: Meeting, name: str, body: dict[str, Any], field: str
) -> None:
    answer = post(boss, name, school.pk, body)
    assert answer.status_code == 400
    assert any(error["field"].startswith(field) for error in answer.json()["errors"])
    assert not Batch.objects.exists()


def test_a_batch_of_several_meetings_names_none(boss: APIClient) -> None:
    preset = PresetFactory(name="group_call_host")
    batch = Batch.objects.create(kind="preset", preset=preset, via="tests")
    assert boss.get(reverse("api:manage-batch", args=[batch.pk])).json()["meeting"] is None
