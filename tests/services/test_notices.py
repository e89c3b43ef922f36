"""Notices by mail: sent where a meeting says so, and only of what is so in the end."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.auth.models import Group
from django.core import mail

from participants.models import Actor, Meeting, Message, Participant
from participants.services import batches, enrolment, groups, invitations, meetings, outbox, people, removal, rosters
from participants.states import MessageKind, MessageState, Source
from tests.factories import (
    NOW,
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    PersonFactory,
    PresetFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
LATER = timedelta(seconds=61)


@pytest.fixture(autouse=True)
def _mail(settings: LazySettings) -> None:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, "https://rollcall.example.org"
    settings.REALTIMEKIT_API_TOKEN = ""


@pytest.fixture
def meeting(db: None) -> Meeting:
    made: Meeting = MadeMeetingFactory(title="Algebra", sends_notices=True)
    return made


def enrol(meeting: Meeting, by: Actor, **more: Any) -> Participant:
    person = more.pop("person", None) or GuestFactory()
    return enrolment.store(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by, **more)[0]


def list_kinds(state: MessageState = MessageState.WAITING) -> list[str]:
    return list(Message.objects.filter(state=state).order_by("created_at").values_list("kind", flat=True))


def list_subjects() -> list[str]:
    return [str(message.subject) for message in mail.outbox]


def test_nothing_is_sent_unless_the_meeting_says_so(by: Actor) -> None:
    row = enrol(MadeMeetingFactory(), by)
    enrolment.change(row, name="Another", by=by)
    removal.mark_all_of(row.person, by=by)
    assert not Message.objects.exists()


def test_somebody_enrolled_is_told_after_a_moment(meeting: Meeting, by: Actor) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        enrol(meeting, by)
        outbox.work(by=by)
        assert mail.outbox == []
        clock.shift(LATER)
        outbox.work(by=by)
    assert list_subjects() == ["You are enrolled: Algebra"]
    assert f"https://rollcall.example.org/m/{meeting.pk}/" in str(mail.outbox[0].body)


def test_enrolling_and_removing_at_once_tells_nobody(meeting: Meeting, by: Actor) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        row = enrol(meeting, by)
        removal.mark_all_of(row.person, by=by)
        clock.shift(LATER)
        outbox.work(by=by)
    assert mail.outbox == []
    assert list_kinds(MessageState.DROPPED) == [MessageKind.ENROLLED]


def test_removing_and_restoring_at_once_tells_nobody(meeting: Meeting, by: Actor) -> None:
    row = EnrolledFactory(meeting=meeting, person=GuestFactory())
    removal.mark_all_of(row.person, by=by)
    removal.mark_restored(row, by=by)
    assert list_kinds() == []
    assert list_kinds(MessageState.DROPPED) == [MessageKind.REMOVED]


def test_somebody_removed_is_told(meeting: Meeting, by: Actor) -> None:
    row = EnrolledFactory(meeting=meeting, person=GuestFactory())
    with time_machine.travel(NOW, tick=False) as clock:
        removal.mark_all_of(row.person, by=by)
        clock.shift(LATER)
        outbox.work(by=by)
    assert list_subjects() == ["You were removed: Algebra"]


def test_several_changes_are_one_mail_of_how_things_are_then(meeting: Meeting, by: Actor) -> None:
    row = EnrolledFactory(meeting=meeting, person=GuestFactory())
    with time_machine.travel(NOW, tick=False) as clock:
        enrolment.change(row, preset=PresetFactory(name="group_call_host"), by=by)
        enrolment.change(row, name="Bob", by=by)
        clock.shift(LATER)
        outbox.work(by=by)
    assert list_subjects() == ["Changed: Algebra"]
    assert str(mail.outbox[0].body).startswith("Hello Bob,")


def test_a_change_right_after_enrolling_is_no_second_mail(meeting: Meeting, by: Actor) -> None:
    row = enrol(meeting, by)
    enrolment.change(row, name="Bob", by=by)
    assert list_kinds() == [MessageKind.ENROLLED]


def test_a_mail_that_was_sent_is_followed_by_the_next(meeting: Meeting, by: Actor) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        row = enrol(meeting, by)
        clock.shift(LATER)
        outbox.work(by=by)
        removal.mark_all_of(row.person, by=by)
        clock.shift(LATER)
        outbox.work(by=by)
    assert list_subjects() == ["You are enrolled: Algebra", "You were removed: Algebra"]


def test_a_mail_just_being_sent_does_not_pass_for_never_sent(meeting: Meeting, by: Actor) -> None:
    row = enrol(meeting, by)
    message = Message.objects.get()
    assert Message.objects.waiting().claim(message.pk, seconds=60)
    removal.mark_all_of(row.person, by=by)
    assert list_kinds() == [MessageKind.ENROLLED, MessageKind.REMOVED]


def test_who_joined_by_themselves_or_was_invited_is_not_told_of_it(meeting: Meeting, by: Actor) -> None:
    for source in (Source.SIGNED_IN, Source.INVITE, Source.REQUEST):
        enrolment.store(meeting=meeting, person=GuestFactory(), preset=None, source=source, by=by)
    assert not Message.objects.exists()


def test_removing_before_the_invitation_went_out_sends_neither(meeting: Meeting, by: Actor) -> None:
    invited = invitations.invite(meeting=meeting, person=GuestFactory(), preset=None, by=by, mail=True)
    removal.mark_all_of(invited.invitation.participant.person, by=by)
    assert list_kinds() == []
    assert list_kinds(MessageState.DROPPED) == [MessageKind.INVITATION]


def test_people_without_an_address_get_none(meeting: Meeting, by: Actor) -> None:
    enrol(meeting, by, person=GuestFactory(email=""))
    enrol(meeting, by, person=PersonFactory(user__email="", email=""))
    assert not Message.objects.exists()


def test_another_time_is_told_to_everybody_enrolled(meeting: Meeting, by: Actor) -> None:
    for _ in range(3):
        EnrolledFactory(meeting=meeting, person=GuestFactory())
    EnrolledFactory(meeting=meeting, person=GuestFactory(), state="removed")
    meeting.opens_at = NOW
    meetings.store(meeting, by=by, changed=["opens_at"])
    assert list_kinds() == [MessageKind.CHANGED] * 3
    assert {str(message.data["change"]) for message in Message.objects.all()} == {"the time"}


def test_another_capacity_is_told_to_nobody(meeting: Meeting, by: Actor) -> None:
    EnrolledFactory(meeting=meeting, person=GuestFactory())
    meeting.capacity = 30
    meetings.store(meeting, by=by, changed=["capacity"])
    assert not Message.objects.exists()


def test_a_bulk_enrolment_queues_its_notices_in_few_statements(
    meeting: Meeting, by: Actor, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    entries = rosters.parse_items([f"guest{number}@example.com" for number in range(400)])
    with django_assert_max_num_queries(90):
        batch = batches.start(meeting=meeting, entries=entries, preset=None, pre_enrol=True, by=by)
    assert list_kinds() == [MessageKind.ENROLLED] * 400
    batches.undo(batch, by=by)
    assert list_kinds() == []


def test_a_batch_that_invites_mails_links_and_no_notices(meeting: Meeting, by: Actor) -> None:
    entries = rosters.parse_items(["Ada Example <ada@example.com>", "bob@example.com"])
    batches.start(meeting=meeting, entries=entries, preset=None, pre_enrol=True, invites=True, by=by)
    assert list_kinds() == [MessageKind.INVITATION] * 2
    assert set(Participant.objects.values_list("source", flat=True)) == {Source.INVITE}
    outbox.work(by=by)
    assert sorted(message.to[0] for message in mail.outbox) == ["ada@example.com", "bob@example.com"]
    assert len({line for message in mail.outbox for line in str(message.body).split() if "#rci_" in line}) == 2


def test_undoing_a_batch_that_invites_before_it_is_sent_sends_nothing(meeting: Meeting, by: Actor) -> None:
    entries = rosters.parse_items(["ada@example.com"])
    batch = batches.start(meeting=meeting, entries=entries, preset=None, pre_enrol=True, invites=True, by=by)
    batches.undo(batch, by=by)
    outbox.work(by=by)
    assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_members_of_a_group_are_told_too(meeting: Meeting, by: Actor) -> None:
    group, user = Group.objects.create(name="7b"), UserFactory()
    meeting.groups.add(group)
    user.groups.add(group)
    groups.follow(by=by)
    assert list_kinds() == [MessageKind.ENROLLED]
    user.groups.remove(group)
    groups.follow(by=by)
    assert list_kinds() == []


def test_a_merged_guest_is_not_told_of_a_removal(meeting: Meeting, by: Actor) -> None:
    row = EnrolledFactory(meeting=meeting, person=GuestFactory())
    removal.mark_many(Participant.objects.filter(pk=row.pk), by=by, limit=1, cause="merged")
    assert not Message.objects.exists()


def test_a_user_follows_with_their_address_as_it_is(meeting: Meeting, by: Actor) -> None:
    user = UserFactory(email="Ada@Example.org")
    enrol(meeting, by, person=people.person_of(user, by))
    assert Message.objects.get().address == "ada@example.org"
