"""Who may do what, as a table."""

import pytest
from django.contrib.auth.models import AnonymousUser, User

from participants.models import Meeting, Participant
from participants.services import rights
from tests.factories import AdminFactory, EnrolledFactory, MadeMeetingFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db
ALL = sorted({*rights.MANAGER_RIGHTS, "add_meeting", "issue_token", "block_person", "view_connection"})
IMPLIED = {
    "view_meeting",
    "change_meeting",
    "view_participant",
    "add_participant",
    "change_participant",
    "remove_participant",
    "restore_participant",
    "view_session",
    "view_presence",
    "correct_presence",
    "export_data",
    "view_invitation",
    "send_invitation",
    "revoke_invitation",
    "view_message",
    "retry_message",
    "view_accessrequest",
    "decide_accessrequest",
}


@pytest.fixture
def meeting() -> Meeting:
    made: Meeting = MadeMeetingFactory()
    return made


def list_rights(user: User | AnonymousUser, meeting: Meeting) -> set[str]:
    return {right for right in ALL if rights.may(user, right, meeting)}


def test_managing_implies_neither_issuing_tokens_nor_creating_nor_blocking(meeting: Meeting) -> None:
    manager = UserFactory()
    meeting.managers.add(manager)
    assert list_rights(manager, meeting) == IMPLIED == set(rights.MANAGER_RIGHTS)
    assert not any(rights.holds(manager, right) for right in ALL)


def test_managing_one_meeting_gives_nothing_at_another(meeting: Meeting) -> None:
    manager = UserFactory()
    MadeMeetingFactory().managers.add(manager)
    assert list_rights(manager, meeting) == set()


@pytest.mark.parametrize("right", ALL)
def test_a_permission_gives_that_right_and_no_other(meeting: Meeting, right: str) -> None:
    assert list_rights(StaffFactory(permissions=[right]), meeting) == {right}


@pytest.mark.parametrize("right", ALL)
def test_a_permission_without_being_staff_gives_nothing(meeting: Meeting, right: str) -> None:
    assert list_rights(UserFactory(permissions=[right]), meeting) == set()


def test_superusers_may_all_and_deactivated_users_and_nobody_nothing(meeting: Meeting) -> None:
    assert list_rights(AdminFactory(), meeting) == set(ALL)
    gone = AdminFactory(is_active=False)
    meeting.managers.add(gone)
    assert list_rights(gone, meeting) == set()
    assert list_rights(AnonymousUser(), meeting) == set()
    assert not rights.list_meetings(gone).exists()
    assert not rights.list_participants(AnonymousUser()).exists()


@pytest.mark.parametrize("right", sorted(IMPLIED))
def test_lists_hold_exactly_what_may_be_touched(meeting: Meeting, right: str) -> None:
    mine, other = EnrolledFactory(meeting=meeting), EnrolledFactory()
    manager, staff = UserFactory(), StaffFactory(permissions=[right])
    meeting.managers.add(manager)
    for user in (manager, staff, UserFactory(), StaffFactory()):
        seen = {one for one in (meeting, other.meeting) if rights.may(user, right, one)}
        assert set(rights.list_meetings(user, right)) == seen
        assert set(rights.list_participants(user, right)) == {r for r in (mine, other) if r.meeting in seen}


def test_nobody_lists_participants_by_managing_for_a_right_not_implied(meeting: Meeting) -> None:
    EnrolledFactory(meeting=meeting)
    manager = UserFactory()
    meeting.managers.add(manager)
    assert not rights.list_participants(manager, "issue_token").exists()
    assert Participant.objects.count() == 1


def test_a_manager_named_twice_sees_the_meeting_once(meeting: Meeting) -> None:
    manager = UserFactory()
    meeting.managers.add(manager, UserFactory(), UserFactory())
    assert list(rights.list_meetings(manager)) == [meeting]
