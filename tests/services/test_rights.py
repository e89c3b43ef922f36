"""Who may do what, as a table."""

import pytest
from django.contrib.auth.models import AnonymousUser, User

from participants.models import Meeting, Participant
from participants.services import rights
from participants.services.rights import SCOPE_RIGHTS
from participants.states import KeyScope
from tests.factories import (
    AdminFactory,
    ApiKeyFactory,
    EnrolledFactory,
    MadeMeetingFactory,
    PresenceFactory,
    StaffFactory,
    UserFactory,
)

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


@pytest.mark.parametrize("scope", KeyScope, ids=str)
def test_a_scope_gives_a_key_its_rights_and_no_other(meeting: Meeting, scope: KeyScope) -> None:
    given = SCOPE_RIGHTS[scope]
    wide = ApiKeyFactory(scopes=[scope])
    narrow = ApiKeyFactory(scopes=[scope], all_meetings=False, meetings=[meeting])
    other = MadeMeetingFactory()
    for right in {*ALL, rights.MODERATE}:
        assert rights.may(wide, right, other) is (right in given)
        assert rights.may(narrow, right, meeting) is (right in given)
        assert rights.may(narrow, right, other) is (right in given and right == "view_connection")


@pytest.mark.parametrize("scope", KeyScope, ids=str)
def test_a_key_lists_what_it_may_touch(meeting: Meeting, scope: KeyScope) -> None:
    mine, other = PresenceFactory(session__meeting=meeting), PresenceFactory()
    key = ApiKeyFactory(scopes=[scope], all_meetings=False, meetings=[meeting])
    for right in SCOPE_RIGHTS[scope] - {"view_connection"}:
        assert list(rights.list_meetings(key, right)) == [meeting]
        assert list(rights.list_participants(key, right)) == [mine.participant]
        assert list(rights.list_sessions(key, right)) == [mine.session]
        assert list(rights.list_presences(key, right)) == [mine]
    assert not rights.list_presences(key, "block_person").exists()
    assert other.participant.meeting != meeting


def test_moderating_takes_of_people_the_right_to_remove(meeting: Meeting) -> None:
    manager, staff = UserFactory(), StaffFactory(permissions=["remove_participant"])
    meeting.managers.add(manager)
    for user in (manager, staff):
        assert rights.may(user, rights.MODERATE, meeting)
        assert rights.may_grant(user, [KeyScope.SESSIONS_MODERATE], [meeting])
    assert set(rights.list_meetings(manager, rights.MODERATE)) == {meeting}
    assert not rights.may_grant(manager, [KeyScope.SESSIONS_MODERATE], None)
    assert not rights.may_grant(StaffFactory(permissions=["view_session"]), [KeyScope.SESSIONS_MODERATE], [meeting])


@pytest.mark.parametrize("missing", ["view_session", "view_presence", "export_data"])
def test_nobody_hands_out_reports_who_could_not_take_them_away(meeting: Meeting, missing: str) -> None:
    held = {"view_session", "view_presence", "export_data"}
    assert rights.may_grant(StaffFactory(permissions=sorted(held)), [KeyScope.REPORTS_READ], None)
    user = StaffFactory(permissions=sorted(held - {missing}))
    assert not rights.may_grant(user, [KeyScope.REPORTS_READ], [meeting])


def test_a_manager_named_twice_sees_the_meeting_once(meeting: Meeting) -> None:
    manager = UserFactory()
    meeting.managers.add(manager, UserFactory(), UserFactory())
    assert list(rights.list_meetings(manager)) == [meeting]
