"""Meetings follow their groups: members are enrolled, and removed again when they leave."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from participants.errors import RollcallError
from participants.models import Actor, Event, EventKind, Meeting, Participant
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import enrolment, groups, meetings, passes, people, removal
from participants.states import Source
from tests.factories import (
    AdminFactory,
    EnrolledFactory,
    MadeMeetingFactory,
    MeetingFactory,
    PersonFactory,
    PresetFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pupils() -> Group:
    return Group.objects.create(name="7b")


@pytest.fixture
def room(pupils: Group) -> Meeting:
    """Follows the pupils, of whom there are none yet."""
    meeting: Meeting = MadeMeetingFactory()
    meeting.groups.add(pupils)
    return meeting


def join(group: Group, count: int = 1) -> list[User]:
    users: list[User] = UserFactory.create_batch(count)
    group.user_set.add(*users)
    return users


def find(user: User, meeting: Meeting | None = None) -> Participant:
    rows = Participant.objects.filter(person__user=user)
    return rows.get() if meeting is None else rows.get(meeting=meeting)


def enrolled(meeting: Meeting) -> set[str]:
    rows = Participant.objects.filter(meeting=meeting).occupying()
    return set(rows.values_list("person__user__username", flat=True))


def test_a_member_is_enrolled_with_the_meetings_preset(room: Meeting, pupils: Group) -> None:
    user = UserFactory()
    user.groups.add(pupils)
    row = find(user)
    assert (row.state, row.source, row.preset) == ("pending", "group", room.default_preset)
    assert Event.objects.filter(kind=EventKind.ENROLLED, participant=row, via="signal").count() == 1


def test_tying_a_group_enrols_its_members(pupils: Group) -> None:
    users = join(pupils, 3)
    meeting = MadeMeetingFactory()
    meeting.groups.add(pupils)
    assert enrolled(meeting) == {user.username for user in users}


def test_a_member_of_two_groups_is_enrolled_once_and_stays_until_out_of_both(room: Meeting, pupils: Group) -> None:
    choir = Group.objects.create(name="choir")
    room.groups.add(choir)
    (user,) = join(pupils)
    user.groups.add(choir)
    pupils.user_set.remove(user)
    assert find(user).state == "pending"
    choir.user_set.clear()
    assert (find(user).state, find(user).removal_cause) == ("removing", "group")


def test_leaving_is_refused_here_and_deleted_there(
    sandbox: Sandbox, meeting: Meeting, pupils: Group, by: Actor
) -> None:
    meeting.groups.add(pupils)
    (user,) = join(pupils)
    passes.converge(by=by)
    assert find(user).state == "enrolled"
    user.groups.clear()
    assert find(user).token is None
    passes.converge(by=by)
    assert find(user).state == "removed"
    assert sandbox.world.participants(str(meeting.realtimekit_id)) == []


def test_untying_and_deleting_a_group_remove_its_members(room: Meeting, pupils: Group) -> None:
    (user,) = join(pupils)
    room.groups.remove(pupils)
    assert find(user).state == "removing"
    room.groups.add(pupils)
    assert find(user).state == "pending"
    pupils.delete()
    assert find(user).state == "removing"


def test_whoever_comes_back_is_restored_with_the_preset_they_had(room: Meeting, pupils: Group, by: Actor) -> None:
    (user,) = join(pupils)
    host = PresetFactory(name="group_call_host")
    Participant.objects.update(preset=host)
    pupils.user_set.remove(user)
    pupils.user_set.add(user)
    row = find(user)
    assert (row.state, row.preset, row.removal_cause, row.removed_at) == ("pending", host, "", None)
    assert Event.objects.filter(kind=EventKind.RESTORED, participant=row).count() == 1


def test_whoever_comes_back_gets_the_default_preset_where_theirs_is_gone(room: Meeting, pupils: Group) -> None:
    (user,) = join(pupils)
    Participant.objects.update(preset=PresetFactory(name="old", gone_at="2027-01-01T00:00:00Z"))
    pupils.user_set.remove(user)
    pupils.user_set.add(user)
    assert find(user).preset == room.default_preset


@pytest.mark.parametrize("source", [Source.ADMIN, Source.API, Source.BULK, Source.SIGNED_IN])
def test_people_enrolled_otherwise_are_not_removed_by_leaving(room: Meeting, pupils: Group, source: Source) -> None:
    row = EnrolledFactory(meeting=room, source=source)
    row.person.user.groups.add(pupils)
    row.person.user.groups.clear()
    row.refresh_from_db()
    assert (row.state, row.source) == ("enrolled", source)


def test_somebody_removed_by_hand_is_not_enrolled_again_by_the_group(room: Meeting, pupils: Group, by: Actor) -> None:
    (user,) = join(pupils)
    removal.remove(find(user), by=by, deadline=Deadline.after(0))
    assert not groups.follow(by=by)
    pupils.user_set.remove(user)
    pupils.user_set.add(user)
    assert find(user).removed_at is not None


def test_somebody_removed_by_hand_after_coming_back_stays_out(room: Meeting, pupils: Group, by: Actor) -> None:
    (user,) = join(pupils)
    pupils.user_set.remove(user)
    pupils.user_set.add(user)
    removal.remove(find(user), by=by, deadline=Deadline.after(0))
    assert not groups.follow(by=by)


def test_somebody_restored_by_hand_is_no_longer_the_groups(room: Meeting, pupils: Group, by: Actor) -> None:
    (user,) = join(pupils)
    pupils.user_set.remove(user)
    removal.mark_restored(find(user), by=by)
    assert not groups.follow(by=by)
    assert (find(user).state, find(user).source) == ("pending", "admin")


def test_a_blocked_member_stays_out_and_unblocking_restores_nothing(room: Meeting, pupils: Group, by: Actor) -> None:
    blocked = PersonFactory(blocked_at="2027-01-01T00:00:00Z")
    pupils.user_set.add(blocked.user)
    (user,) = join(pupils)
    people.block(find(user).person, reason="", by=by)
    people.unblock(find(user).person, by=by)
    assert not groups.follow(by=by)
    assert enrolled(room) == set()


def test_reactivating_restores_no_enrolment_that_the_deactivation_ended(
    room: Meeting, pupils: Group, by: Actor
) -> None:
    (user,) = join(pupils)
    user.is_active = False
    user.save()
    assert find(user).removal_cause == ""
    user.is_active = True
    user.save()
    assert not groups.follow(by=by)
    assert find(user).removed_at is not None


def test_a_member_who_was_inactive_when_tied_is_enrolled_once_active(room: Meeting, pupils: Group, by: Actor) -> None:
    user = UserFactory(is_active=False)
    user.groups.add(pupils)
    assert not Participant.objects.exists()
    User.objects.update(is_active=True)
    assert groups.follow(by=by).enrolled == 1


def test_bulk_changes_that_send_no_signal_are_caught_by_a_tick(
    sandbox: Sandbox, meeting: Meeting, pupils: Group, by: Actor
) -> None:
    users = UserFactory.create_batch(3)
    Membership, Tie = User.groups.through, Meeting.groups.through  # noqa: N806
    Tie.objects.create(meeting=meeting, group=pupils)
    Membership.objects.bulk_create(Membership(user=user, group=pupils) for user in users)
    passes.tick(by=by)
    assert enrolled(meeting) == {user.username for user in users}
    Membership.objects.filter(user=users[0])._raw_delete("default")
    User.objects.filter(pk=users[1].pk).update(is_active=False)
    passes.tick(by=by)
    assert enrolled(meeting) == {users[2].username}
    assert len(sandbox.world.participants(str(meeting.realtimekit_id))) == 1
    Tie.objects.all()._raw_delete("default")
    passes.tick(by=by)
    assert sandbox.world.participants(str(meeting.realtimekit_id)) == []


def test_setting_a_groups_members_enrols_and_removes_at_once(room: Meeting, pupils: Group) -> None:
    first, second = join(pupils, 2)
    third = UserFactory()
    pupils.user_set.set([second, third])
    assert enrolled(room) == {second.username, third.username}
    assert find(first).state == "removing"


def test_capacity_is_kept_and_a_place_that_becomes_free_is_taken(room: Meeting, pupils: Group, by: Actor) -> None:
    Meeting.objects.update(capacity=2)
    room.refresh_from_db()
    first, second, third = join(pupils, 3)
    assert enrolled(room) == {first.username, second.username}
    left, count = groups.list_left_out(room, limit=10)
    assert ([(item.user, item.reason) for item in left], count) == ([(third, "full")], 1)
    removal.remove(find(first), by=by, deadline=Deadline.after(0))
    groups.follow(by=by)
    assert enrolled(room) == {second.username, third.username}
    assert [(item.user, item.reason) for item in groups.list_left_out(room, limit=10)[0]] == [(first, "removed")]


def test_a_leavers_place_is_given_on_in_the_same_pass(room: Meeting, pupils: Group) -> None:
    Meeting.objects.update(capacity=1)
    first, second = join(pupils, 2)
    pupils.user_set.remove(first)
    assert groups.follow(room, by=Actor(via="tests")) == groups.Counts(enrolled=1)
    assert enrolled(room) == {second.username}


def test_raising_the_capacity_takes_in_who_was_left_out(room: Meeting, pupils: Group, by: Actor) -> None:
    Meeting.objects.update(capacity=1)
    join(pupils, 3)
    room.refresh_from_db()
    meetings.edit(room, by=by, capacity=None)
    assert len(enrolled(room)) == 3


@pytest.mark.parametrize("gone_at", [None, "2027-01-01T00:00:00Z"])
def test_without_a_usable_default_preset_nobody_is_enrolled_and_the_reason_is_told(
    room: Meeting, pupils: Group, gone_at: str | None, by: Actor
) -> None:
    preset = PresetFactory(name="old", gone_at=gone_at) if gone_at else None
    Meeting.objects.update(default_preset=preset)
    join(pupils)
    assert not groups.follow(by=by)
    room.refresh_from_db()
    assert [item.reason for item in groups.list_left_out(room, limit=5)[0]] == ["no_preset"]


def test_a_meeting_that_follows_groups_needs_a_default_preset(pupils: Group, room: Meeting, by: Actor) -> None:
    with pytest.raises(ValidationError) as refusal:
        meetings.create(by=by, title="Geometry", groups=[pupils])
    assert set(refusal.value.message_dict) == {"default_preset"}
    with pytest.raises(ValidationError):
        meetings.edit(room, by=by, default_preset=None)
    meetings.edit(room, by=by, default_preset=None, groups=[])


def test_a_preview_says_what_tying_would_do_and_writes_nothing(room: Meeting, pupils: Group) -> None:
    (user,) = join(pupils)
    choir = Group.objects.create(name="choir")
    for _ in range(4):
        UserFactory().groups.add(choir)
    UserFactory(is_active=False).groups.add(choir)
    plan = groups.preview(room, [choir], capacity=3)
    assert (plan.enrol, plan.left_out, [row.person.user_id for row in plan.leaving]) == (3, 1, [user.pk])
    assert not groups.preview(room, [pupils], capacity=None)
    assert Participant.objects.count() == 1


def test_a_preview_of_a_meeting_not_made_yet_counts_its_members(pupils: Group) -> None:
    join(pupils, 2)
    assert groups.preview(Meeting(title="New"), [pupils], capacity=None).enrol == 2


def test_a_big_group_is_enrolled_and_removed_in_few_statements(room: Meeting, pupils: Group, by: Actor) -> None:
    users = User.objects.bulk_create(User(username=f"pupil{n:04}") for n in range(1200))
    Membership = User.groups.through  # noqa: N806
    Membership.objects.bulk_create(Membership(user=user, group=pupils) for user in users)
    with CaptureQueriesContext(connection) as seen:
        assert groups.follow(by=by, deadline=Deadline.after(60)) == groups.Counts(enrolled=1200)
    assert len(seen) < 200  # on SQLite a statement holds some hundred values only
    assert Participant.objects.occupying().count() == 1200
    Membership.objects.all()._raw_delete("default")
    assert groups.follow(by=by, deadline=Deadline.after(60)) == groups.Counts(removed=1200)


def test_following_out_of_time_writes_nothing(room: Meeting, pupils: Group, by: Actor) -> None:
    Membership = User.groups.through  # noqa: N806
    Membership.objects.create(user=UserFactory(), group=pupils)
    assert not groups.follow(by=by, deadline=Deadline.after(0))
    assert not Participant.objects.exists()


def test_with_nothing_to_do_following_costs_two_queries(room: Meeting, pupils: Group, by: Actor) -> None:
    join(pupils, 20)
    MeetingFactory.create_batch(3)
    with CaptureQueriesContext(connection) as seen:
        assert not groups.follow(by=by)
    assert len(seen) == 2


def test_two_passes_at_once_enrol_everybody_once(room: Meeting, pupils: Group, by: Actor) -> None:
    users = User.objects.bulk_create(User(username=f"pupil{n:03}") for n in range(100))
    Membership = User.groups.through  # noqa: N806
    Membership.objects.bulk_create(Membership(user=user, group=pupils) for user in users)

    def follow() -> groups.Counts:
        try:
            return groups.follow(by=by, deadline=Deadline.after(60))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        counts = [future.result(timeout=60) for future in [pool.submit(follow) for _ in range(4)]]
    assert sum(count.enrolled for count in counts) == 100
    assert Participant.objects.occupying().count() == 100
    assert Event.objects.filter(kind=EventKind.PERSON_MADE).count() == 100


def repeat(work: Callable[[], object]) -> None:
    try:
        for _ in range(10):
            with suppress(RollcallError):  # the other one was first
                work()
    finally:
        connection.close()


def test_following_while_staff_enrol_and_block_the_same_people_ends_in_no_deadlock(
    room: Meeting, pupils: Group, by: Actor
) -> None:
    persons = PersonFactory.create_batch(6)
    users = [person.user for person in persons]

    def block() -> None:
        for person in persons[::-1]:
            people.unblock(person, by=by)
            people.block(person, reason="", by=by)

    def enrol() -> None:
        for person in persons:
            enrolment.store(meeting=room, person=person, preset=None, source=Source.ADMIN, by=by)

    def come_and_go() -> None:
        pupils.user_set.set(users)
        pupils.user_set.set(users[::2])

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(repeat, work) for work in (come_and_go, block, enrol)]:
            future.result(timeout=120)
    for person in persons:
        people.block(person, reason="", by=by)
    groups.follow(by=by)
    assert enrolled(room) == set()


def test_events_name_who_tied_the_group(pupils: Group, by: Actor) -> None:
    join(pupils)
    boss = Actor(via="admin", user=AdminFactory())
    meeting, _ = meetings.create(by=boss, title="Geometry", default_preset=PresetFactory(), groups=[pupils])
    assert Event.objects.get(kind=EventKind.ENROLLED).actor == boss.user
    assert Event.objects.get(kind=EventKind.MEETING_CREATED, meeting=meeting).data["groups"] == ["7b"]
