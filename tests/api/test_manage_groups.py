"""The groups of a meeting, by the API: who may see and choose them, and what that does."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from rest_framework.test import APIClient

from participants.models import Meeting, Participant
from tests.api.conftest import sign_in
from tests.factories import AdminFactory, MadeMeetingFactory, PresetFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
MEETINGS = "/api/v1/manage/meetings/"


@pytest.fixture
def pupils() -> Group:
    group = Group.objects.create(name="7b")
    group.user_set.add(*UserFactory.create_batch(2))
    return group


@pytest.fixture
def meeting() -> Meeting:
    made: Meeting = MadeMeetingFactory()
    return made


@pytest.fixture
def staff() -> APIClient:
    return sign_in(AdminFactory())


def let_see_groups(user: User) -> User:
    user.user_permissions.add(Permission.objects.get(codename="view_group", content_type__app_label="auth"))
    return user


def change(client: APIClient, meeting: Meeting, **body: Any) -> Any:
    return client.patch(f"{MEETINGS}{meeting.pk}/", body, format="json")


def test_choosing_groups_enrols_and_dropping_them_removes(staff: APIClient, meeting: Meeting, pupils: Group) -> None:
    answer = change(staff, meeting, groups=["7b"])
    assert (answer.status_code, answer.json()["groups"]) == (200, ["7b"])
    assert answer.json()["counts"]["pending"] == 2
    answer = change(staff, meeting, groups=[])
    assert (answer.json()["groups"], answer.json()["counts"]["pending"]) == ([], 0)
    assert set(Participant.objects.values_list("removal_cause", flat=True)) == {"group"}


def test_a_meeting_is_created_with_its_groups(staff: APIClient, pupils: Group) -> None:
    PresetFactory()
    body = {"title": "Geometry", "default_preset": "group_call_participant", "groups": ["7b"]}
    answer = staff.post(MEETINGS, body, format="json")
    assert (answer.status_code, answer.json()["counts"]["pending"]) == (201, 2)


def test_groups_without_a_default_preset_are_refused_by_the_field(staff: APIClient, pupils: Group) -> None:
    answer = staff.post(MEETINGS, {"title": "Geometry", "groups": ["7b"]}, format="json")
    (problem,) = answer.json()["errors"]
    assert (answer.status_code, problem["field"], problem["code"]) == (400, "default_preset", "default_preset_needed")


def test_the_default_preset_of_a_meeting_with_groups_can_not_be_taken_away(
    staff: APIClient, meeting: Meeting, pupils: Group
) -> None:
    meeting.groups.add(pupils)
    assert change(staff, meeting, default_preset=None).status_code == 400
    assert change(staff, meeting, default_preset=None, groups=[]).status_code == 200


def test_an_unknown_group_changes_nothing(staff: APIClient, meeting: Meeting, pupils: Group) -> None:
    answer = change(staff, meeting, title="New", groups=["7b", "7B"])
    (problem,) = answer.json()["errors"]
    assert (problem["field"], problem["code"]) == ("groups", "unknown_group")
    meeting.refresh_from_db()
    assert meeting.title != "New"
    assert not meeting.groups.exists()


@pytest.mark.parametrize("names", ["7b", [7], [""], ["\0"], ["x" * 200], None])
def test_what_is_no_list_of_names_is_refused(staff: APIClient, meeting: Meeting, names: Any) -> None:
    assert change(staff, meeting, groups=names).status_code == 400


def test_a_manager_without_the_right_neither_sees_nor_chooses_groups(meeting: Meeting, pupils: Group) -> None:
    manager = UserFactory()
    meeting.managers.add(manager)
    meeting.groups.add(pupils)
    client = sign_in(manager)
    assert client.get(f"{MEETINGS}{meeting.pk}/").json()["groups"] is None
    assert client.get(MEETINGS).json()["results"][0]["groups"] is None
    assert change(client, meeting, groups=[]).status_code == 403
    assert change(client, meeting, title="Mine").status_code == 200
    assert meeting.groups.count() == 1


def test_a_manager_with_the_right_to_see_groups_chooses_them(meeting: Meeting, pupils: Group) -> None:
    manager = let_see_groups(UserFactory())
    meeting.managers.add(manager)
    assert change(sign_in(manager), meeting, groups=["7b"]).json()["groups"] == ["7b"]


@pytest.mark.parametrize("lacking", ["add_participant", "remove_participant", "view_group"])
def test_choosing_groups_needs_the_rights_to_what_it_does(meeting: Meeting, pupils: Group, lacking: str) -> None:
    rights = {"change_meeting", "view_meeting", "add_participant", "remove_participant", "view_group"}
    client = sign_in(StaffFactory(permissions=sorted(rights - {lacking})))
    assert change(client, meeting, groups=["7b"]).status_code == 403
    assert not Participant.objects.exists()
