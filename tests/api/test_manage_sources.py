"""Bulk enrolment through the API from a group, another meeting or a filter."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from rest_framework.test import APIClient

from participants.models import Meeting, Participant
from tests.api.conftest import sign_in
from tests.factories import (
    AdminFactory,
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    PresetFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss() -> APIClient:
    return sign_in(AdminFactory(username="boss"))


@pytest.fixture
def group() -> Group:
    group = Group.objects.create(name="Class 7b")
    for name in ("ada", "bob"):
        UserFactory(username=name).groups.add(group)
    return group


def post(client: APIClient, meeting: Meeting, body: Any) -> Any:
    url = reverse("api:manage-enrolments", args=[meeting.pk])
    return client.post(url, json.dumps(body), content_type="application/json")


def list_names(answer: Any) -> list[tuple[int, str, str]]:
    assert answer.status_code == 200
    return [(row["line"], row["input"], row["outcome"]) for row in answer.json()["rows"]]


def test_a_group_is_named_by_id_or_by_name(boss: APIClient, group: Group) -> None:
    for name in (group.pk, "Class 7b"):
        answer = post(boss, MadeMeetingFactory(), {"from_group": name, "dry_run": True})
        assert list_names(answer) == [(1, "ada", "will_enrol"), (2, "bob", "will_enrol")]


def test_another_meetings_people_come_with_their_presets_if_asked(boss: APIClient) -> None:
    source, target = MadeMeetingFactory(), MadeMeetingFactory()
    EnrolledFactory(meeting=source, person=GuestFactory(), preset=PresetFactory(name="group_call_host"))
    EnrolledFactory(meeting=source)
    answer = post(boss, target, {"from_meeting": str(source.pk), "with_presets": True})
    assert (answer.status_code, answer.json()["total"]) == (202, 2)
    presets = Participant.objects.filter(meeting=target).values_list("preset__name", flat=True)
    assert set(presets) <= {"group_call_host", "group_call_participant"}


def test_users_are_found_by_a_filter(boss: APIClient, group: Group) -> None:
    UserFactory(username="adam", is_active=False)
    wanted = {"search": "ada", "is_active": True, "group": "Class 7b", "joined_since": "2020-01-01"}
    answer = post(boss, MadeMeetingFactory(), {"from_users": wanted, "dry_run": True})
    assert list_names(answer) == [(1, "ada", "will_enrol")]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"people": ["ada"], "from_group": "Class 7b"}, 400, "one_source", "non_field_errors"),
        ({"people": ["ada"], "with_presets": True}, 400, "invalid", "with_presets"),
        ({"from_group": "No such"}, 400, "unknown_group", "from_group"),
        ({"from_group": True}, 400, "invalid", "from_group"),
        ({"from_group": "\ud800"}, 400, "invalid", "from_group"),
        ({"from_meeting": "0190a3a0-1111-7000-8000-000000000001"}, 400, "unknown_meeting", "from_meeting"),
        ({"from_meeting": "nonsense"}, 400, "invalid", "from_meeting"),
        ({"from_users": {}}, 400, "required", "from_users.non_field_errors"),
        ({"from_users": {"colour": "red"}}, 400, "unknown_field", "from_users.colour"),
        ({"from_users": {"group": 7_000_000}}, 400, "unknown_group", "from_group"),
        ({"from_users": {"joined_since": "soon"}}, 400, "invalid", "from_users.joined_since"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused_whole(
    boss: APIClient, group: Group, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = post(boss, MadeMeetingFactory(), body)
    assert answer.status_code == status
    assert (field, code) in [(error["field"], error["code"]) for error in answer.json()["errors"]]
    assert not Participant.objects.exists()


@pytest.mark.parametrize("wanted", [{"search": "nobody at all"}, {"search": "a\u200b"}])
def test_nobody_found_is_told_apart_from_a_wrong_request(boss: APIClient, wanted: dict[str, Any]) -> None:
    answer = post(boss, MadeMeetingFactory(), {"from_users": wanted})
    assert (answer.status_code, answer.json()["code"]) == (409, "nobody_found")


def test_managers_use_only_sources_that_they_may_view(group: Group) -> None:
    own, managed, other = MadeMeetingFactory(), MadeMeetingFactory(), EnrolledFactory().meeting
    EnrolledFactory(meeting=managed)
    manager = UserFactory()
    for meeting in (own, managed):
        meeting.managers.add(manager)
    client = sign_in(manager)
    sources: list[dict[str, Any]] = [
        {"from_group": "Class 7b"},
        {"from_group": "No such"},
        {"from_users": {"search": "a"}},
        {"from_meeting": str(other.pk)},
        {"from_meeting": str(managed.pk)},
    ]
    answers = [post(client, own, {**source, "dry_run": True}) for source in sources]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 400, 200]
    assert {answer.json()["code"] for answer in answers[:3]} == {"permission_denied"}


def test_a_right_opens_the_source_that_it_names(group: Group) -> None:
    meeting, other = MadeMeetingFactory(), EnrolledFactory().meeting
    rights = ["add_participant", "view_meeting", "view_user"]
    client = sign_in(StaffFactory(permissions=rights))
    bodies: list[dict[str, Any]] = [
        {"from_users": {"search": "ada"}},
        {"from_users": {"group": "Class 7b"}},
        {"from_group": "Class 7b"},
        {"from_meeting": str(other.pk)},
    ]
    assert [post(client, meeting, {**body, "dry_run": True}).status_code for body in bodies] == [200, 403, 403, 403]
