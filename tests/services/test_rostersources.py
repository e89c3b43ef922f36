"""Lists taken from groups, other meetings and filters: who is on them, and who may use them."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from participants.errors import NobodyFound, RosterTooLong, SourceForbidden, UnknownGroup, UnknownMeeting
from participants.models import Actor, Meeting, Participant
from participants.services import batches, rosters, rostersources
from participants.services.rosters import Entry, parse_text
from participants.services.rostersources import UserFilter
from participants.states import ParticipantState
from tests.factories import (
    AdminFactory,
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    ParticipantFactory,
    PersonFactory,
    PresetFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def group() -> Group:
    group = Group.objects.create(name="Class 7b")
    for name in ("carl", "ada", "gone"):
        UserFactory(username=name, email="shared@example.org", is_active=name != "gone").groups.add(group)
    return group


def look(meeting: Meeting, entries: list[Entry]) -> list[tuple[str, str]]:
    result = batches.preview(meeting, entries, preset=None, pre_enrol=True)
    return [(item.entry.text, item.prospect.value) for item in result.forecasts]


def test_members_of_a_group_are_themselves_though_they_share_an_address(group: Group) -> None:
    found = look(MadeMeetingFactory(), rostersources.from_group(group))
    assert found == [("ada", "will_enrol"), ("carl", "will_enrol"), ("gone", "deactivated")]


def test_a_user_whose_name_is_another_users_address_is_not_mistaken() -> None:
    group = Group.objects.create(name="Odd")
    wanted = UserFactory(username="b@example.org", email="")
    wanted.groups.add(group)
    UserFactory(username="bob", email="b@example.org")
    (entry,) = rostersources.from_group(group)
    assert entry.user_id == wanted.pk
    assert look(MadeMeetingFactory(), [entry]) == [("b@example.org", "will_enrol")]


def test_everybody_of_a_meeting_comes_along_guests_and_presets_too(by: Actor) -> None:
    source, target = MadeMeetingFactory(), MadeMeetingFactory()
    host = PresetFactory(name="group_call_host")
    ada = EnrolledFactory(meeting=source, person__user__username="ada", preset=host)
    guest = ParticipantFactory(
        meeting=source, person=GuestFactory(display_name="Love, lace", email="love@example.org"), preset=host
    )
    for state in (ParticipantState.REMOVED, ParticipantState.REMOVING, ParticipantState.FAILED):
        EnrolledFactory(meeting=source, state=state)
    entries = rostersources.from_meeting(source, with_presets=True)
    assert [entry.text for entry in entries] == ["ada", '"Love, lace" <love@example.org>']
    assert [entry.preset for entry in rostersources.from_meeting(source, with_presets=False)] == ["", ""]
    batches.start(meeting=target, entries=entries, preset=None, pre_enrol=False, by=by)
    rows = Participant.objects.filter(meeting=target)
    assert {(row.person_id, row.preset_id) for row in rows} == {(ada.person_id, host.pk), (guest.person_id, host.pk)}


def test_a_guest_without_an_address_comes_along(by: Actor) -> None:
    row = EnrolledFactory(person=GuestFactory(display_name="Bob", email=""))
    entries = rostersources.from_meeting(row.meeting, with_presets=False)
    assert [entry.text for entry in entries] == ["Bob"]
    assert look(MadeMeetingFactory(), entries) == [("Bob", "will_enrol")]
    assert look(row.meeting, entries) == [("Bob", "already_enrolled")]


def test_whoever_is_named_by_id_and_by_text_is_there_twice() -> None:
    guest, person = GuestFactory(email="g@example.org"), PersonFactory(user__username="ada")
    entries = [
        Entry(1, "g", person_id=guest.pk),
        *parse_text("g@example.org\nada"),
        Entry(4, "a", person_id=person.pk),
    ]
    entries.append(Entry(5, "a", user_id=person.user_id))
    outcomes = [outcome for _, outcome in look(MadeMeetingFactory(), entries)]
    assert outcomes == ["will_enrol", "duplicate", "will_enrol", "duplicate", "duplicate"]


def test_somebody_deleted_since_is_not_found() -> None:
    user = UserFactory()
    entry = Entry(1, "ada", user_id=user.pk)
    user.delete()
    assert look(MadeMeetingFactory(), [entry]) == [("ada", "not_found")]


def test_the_look_at_ids_asks_as_often_for_500_people_as_for_one() -> None:
    meeting, group = MadeMeetingFactory(), Group.objects.create(name="Big")
    asked = []
    for size in (1, 499):
        group.user_set.add(*UserFactory.create_batch(size))
        entries = rostersources.from_group(group)
        with CaptureQueriesContext(connection) as seen:
            look(meeting, entries)
        asked.append(len(seen))
    assert asked[0] == asked[1] <= 11


@pytest.fixture
def pupils() -> list[User]:
    made: list[User] = [
        UserFactory(username="ada", first_name="Ada", last_name="Lovelace", email="ada@north.example.org"),
        UserFactory(username="bob", first_name="Bob", last_name="Love", email="bob@south.example.org"),
        UserFactory(
            username="eve", first_name="Eve", last_name="Gone", email="eve@north.example.org", is_active=False
        ),
    ]
    joined = [datetime(2027, 1, 10, 23, 59, tzinfo=UTC), datetime(2027, 1, 11, 0, 0, tzinfo=UTC)]
    for user, moment in zip(made, [joined[0], joined[1], joined[1]], strict=True):
        User.objects.filter(pk=user.pk).update(date_joined=moment)
    return made


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (UserFilter("love"), ["ada", "bob"]),
        (UserFilter("LOVE north"), ["ada"]),
        (UserFilter("example", is_active=True), ["ada", "bob"]),
        (UserFilter(is_active=False), ["eve"]),
        (UserFilter(joined_since=date(2027, 1, 11)), ["bob", "eve"]),
        (UserFilter("100%"), []),
        (UserFilter("a\0"), []),
        (UserFilter("\ud800"), []),
    ],
)
def test_a_filter_finds_those_to_whom_all_of_it_applies(
    pupils: list[User], wanted: UserFilter, names: list[str]
) -> None:
    found = rostersources.find_users(wanted).order_by("username")
    assert [user.username for user in found] == names


def test_a_filter_by_group_names_nobody_twice(group: Group) -> None:
    found = rostersources.from_users(AdminFactory(), UserFilter("a", group=group))
    assert [entry.text for entry in found] == ["ada", "carl", "gone"][: len(found)]
    assert len({entry.user_id for entry in found}) == len(found)


def test_nobody_is_an_answer_of_its_own() -> None:
    with pytest.raises(NobodyFound):
        rostersources.from_group(Group.objects.create(name="Empty"))
    with pytest.raises(NobodyFound):
        rostersources.from_meeting(MadeMeetingFactory(), with_presets=False)
    with pytest.raises(NobodyFound):
        rostersources.from_users(AdminFactory(), UserFilter("nobody at all"))


def test_more_people_than_a_list_may_hold_are_refused() -> None:
    group = Group.objects.create(name="City")
    users = User.objects.bulk_create(User(username=f"p{n}") for n in range(rosters.ROWS + 1))
    group.user_set.through.objects.bulk_create(group.user_set.through(user=user, group=group) for user in users)
    with pytest.raises(RosterTooLong):
        rostersources.from_group(group)


def test_each_source_needs_the_right_to_see_who_is_on_it(group: Group) -> None:
    sees_users, sees_both = (
        StaffFactory(permissions=["view_user"]),
        StaffFactory(permissions=["view_user", "view_group"]),
    )
    sees_groups = StaffFactory(permissions=["view_group"])
    assert rostersources.find_group(sees_both, group.pk) == rostersources.find_group(sees_both, "Class 7b") == group
    for user in (sees_users, sees_groups):
        with pytest.raises(SourceForbidden):
            rostersources.find_group(user, "no such group")
        assert not rostersources.list_groups(user).exists()
    assert rostersources.from_users(sees_users, UserFilter("ada"))
    with pytest.raises(SourceForbidden):
        rostersources.from_users(sees_users, UserFilter(group=group))
    with pytest.raises(SourceForbidden):
        rostersources.from_users(sees_groups, UserFilter("ada"))


@pytest.mark.parametrize("value", [0, -1, 2**40, "class 7B", "", "a\0", "\ud800"])
def test_an_unknown_group_says_so(group: Group, value: int | str) -> None:
    with pytest.raises(UnknownGroup):
        rostersources.find_group(AdminFactory(), value)


def test_people_are_taken_only_from_meetings_whose_participants_one_may_see() -> None:
    meeting, manager = MadeMeetingFactory(), UserFactory()
    meeting.managers.add(manager)
    for user in (manager, StaffFactory(permissions=["view_participant"])):
        assert rostersources.find_meeting(user, meeting.pk) == meeting
    with pytest.raises(SourceForbidden):
        rostersources.find_meeting(StaffFactory(permissions=["view_meeting"]), meeting.pk)
    with pytest.raises(UnknownMeeting):
        rostersources.find_meeting(UserFactory(), meeting.pk)
