"""A meeting's page: choosing groups says what it will do, asks, does it, and says what it did."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from participants.models import Actor, Meeting, Participant, Preset
from participants.services import people
from tests.admin.conftest import sign_in
from tests.admin.test_meeting_pages import LIST, fill_in
from tests.factories import PresetFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
TIES = ("change_meeting", "view_meeting", "add_participant", "remove_participant", "view_participant", "view_group")


@pytest.fixture
def pupils() -> Group:
    group = Group.objects.create(name="Class 7b")
    for name in ("Ada", "Bob"):
        group.user_set.add(UserFactory(username=name.lower(), first_name=name))
    return group


def save(staff: Client, meeting: Meeting, *chosen: Group, agreed: str = "", **changed: object) -> str:
    form = fill_in(meeting, groups=[group.pk for group in chosen], groups_agreed=agreed, **changed)
    form["_continue"] = "on"
    return staff.post(f"{LIST}{meeting.pk}/change/", form, follow=True).content.decode()


def test_tying_a_group_is_told_and_asked_before_it_is_done(staff: Client, meeting: Meeting, pupils: Group) -> None:
    html = save(staff, meeting, pupils)
    assert "Saving will enrol 2 people." in html
    assert f'value="{pupils.pk}"' in html
    assert "Yes, enrol 2 people" in html
    assert not meeting.groups.exists()


def test_once_agreed_it_is_done_and_told(staff: Client, boss: User, meeting: Meeting, pupils: Group) -> None:
    html = save(staff, meeting, pupils, agreed=str(pupils.pk))
    assert "By its groups: 2 enrolled." in html
    assert "2 active members" in html
    assert set(Participant.objects.values_list("source", "enrolled_by")) == {("group", boss.pk)}


def test_untying_names_who_is_removed_and_asks(staff: Client, meeting: Meeting, pupils: Group) -> None:
    meeting.groups.add(pupils)
    html = save(staff, meeting)
    assert "Saving will remove 2 people." in html
    assert "Removed, since none of these groups holds them: Ada Example, Bob Example." in html
    assert Participant.objects.occupying().count() == 2
    assert "By its groups: 2 removed." in save(staff, meeting, agreed="none")
    assert not Participant.objects.occupying().exists()


def test_agreeing_to_one_choice_is_no_agreement_to_another(staff: Client, meeting: Meeting, pupils: Group) -> None:
    choir = Group.objects.create(name="Choir")
    choir.user_set.add(UserFactory())
    assert "Saving will enrol 3 people." in save(staff, meeting, pupils, choir, agreed=str(pupils.pk))
    assert not meeting.groups.exists()


def test_what_finds_no_place_is_said_beforehand(staff: Client, meeting: Meeting, pupils: Group) -> None:
    html = save(staff, meeting, pupils, capacity="1")
    assert "Saving will enrol 1 person (1 more find no place)." in html
    html = save(staff, meeting, pupils, capacity="1", agreed=str(pupils.pk))
    assert "No place left; taken in when one is free" in html


def test_a_group_without_anybody_to_enrol_needs_no_agreement(staff: Client, meeting: Meeting) -> None:
    save(staff, meeting, Group.objects.create(name="Empty"))
    assert meeting.groups.count() == 1


def test_other_fields_are_saved_without_being_asked(staff: Client, meeting: Meeting, pupils: Group) -> None:
    meeting.groups.add(pupils)
    save(staff, meeting, pupils, title="Topology")
    meeting.refresh_from_db()
    assert meeting.title == "Topology"


def test_groups_need_a_default_preset(staff: Client, meeting: Meeting, pupils: Group) -> None:
    html = save(staff, meeting, pupils, agreed=str(pupils.pk), default_preset="")
    assert "Following groups needs a default preset" in html
    assert not meeting.groups.exists()


def test_a_new_meeting_asks_too(staff: Client, preset: Preset, pupils: Group) -> None:
    form = fill_in(title="Geometry", default_preset=preset.pk, groups=[pupils.pk])
    assert "Saving will enrol 2 people." in staff.post(LIST + "add/", form).content.decode()
    assert not Meeting.objects.exists()
    staff.post(LIST + "add/", {**form, "groups_agreed": str(pupils.pk)})
    assert Participant.objects.filter(meeting__title="Geometry").count() == 2


def test_members_left_out_are_shown_with_the_reason(
    staff: Client, meeting: Meeting, pupils: Group, by: Actor
) -> None:
    blocked = people.person_of(User.objects.get(username="bob"), by=by)
    people.block(blocked, reason="", by=by)
    meeting.groups.add(pupils)
    html = staff.get(f"{LIST}{meeting.pk}/change/").content.decode()
    assert "Bob Example" in html
    assert "Blocked" in html
    Meeting.objects.update(default_preset=PresetFactory(name="old", gone_at="2027-01-01T00:00:00Z"))
    User.objects.get(username="ada").groups.clear()
    pupils.user_set.add(UserFactory())
    html = staff.get(f"{LIST}{meeting.pk}/change/").content.decode()
    assert "The meeting has no usable default preset" in html


def test_staff_with_just_the_rights_it_takes_choose_groups(meeting: Meeting, pupils: Group) -> None:
    save(sign_in(*TIES), meeting, pupils, agreed=str(pupils.pk))
    assert meeting.groups.count() == 1


@pytest.mark.parametrize("lacking", ["view_group", "add_participant", "remove_participant"])
def test_without_one_of_the_rights_the_field_is_missing_and_what_is_sent_ignored(
    meeting: Meeting, pupils: Group, lacking: str
) -> None:
    desk = sign_in(*(right for right in TIES if right != lacking))
    assert 'name="groups"' not in desk.get(f"{LIST}{meeting.pk}/change/").content.decode()
    save(desk, meeting, pupils, agreed=str(pupils.pk))
    assert not meeting.groups.exists()


def test_a_manager_without_the_right_saves_the_meeting_and_keeps_its_groups(meeting: Meeting, pupils: Group) -> None:
    meeting.groups.add(pupils)
    manager, desk = StaffFactory(), Client()
    meeting.managers.add(manager)
    desk.force_login(manager)
    html = desk.get(f"{LIST}{meeting.pk}/change/").content.decode()
    assert "Class 7b" not in html
    save(desk, meeting, title="Topology")
    assert (meeting.groups.count(), Participant.objects.occupying().count()) == (1, 2)


@pytest.mark.parametrize("odd", ["x", "99999", "-1", "9" * 40])
def test_an_odd_choice_of_groups_is_a_form_error(staff: Client, meeting: Meeting, odd: str) -> None:
    answer = staff.post(f"{LIST}{meeting.pk}/change/", fill_in(meeting, groups=[odd]))
    assert answer.status_code == 200
    assert not meeting.groups.exists()
