"""Asking to be let in, and what staff decide."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.conf import LazySettings
from django.core import mail

from participants.errors import AlreadyDecided, AlreadyEnrolled, AskedLately, NotAdmitted, RequestsClosed
from participants.models import AccessRequest, Actor, Event, EventKind, Meeting, Message, Participant
from participants.services import accessrequests, outbox, people, removal
from participants.states import MessageKind, RequestState, Source
from tests.factories import NOW, EnrolledFactory, MadeMeetingFactory, PersonFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _mail(settings: LazySettings) -> None:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, "https://rollcall.example.org"
    settings.REALTIMEKIT_API_TOKEN = ""


@pytest.fixture
def meeting(db: None) -> Meeting:
    made: Meeting = MadeMeetingFactory(title="Algebra", takes_requests=True)
    return made


def ask(meeting: Meeting, by: Actor, message: str = "", user: object = None) -> AccessRequest:
    return accessrequests.ask(meeting_id=meeting.pk, user=user or UserFactory(), message=message, by=by)[0]  # type: ignore[arg-type]


def test_asking_makes_a_person_and_one_open_request(meeting: Meeting, by: Actor) -> None:
    user = UserFactory()
    first, is_new = accessrequests.ask(meeting_id=meeting.pk, user=user, message="  Please.\n\n ", by=by)
    again, is_newer = accessrequests.ask(meeting_id=meeting.pk, user=user, message="Hurry", by=by)
    assert (first, is_new, is_newer) == (again, True, False)
    assert (first.person.user, first.message, first.state) == (user, "Please.", RequestState.OPEN)
    assert Event.objects.filter(kind=EventKind.ACCESS_ASKED).count() == 1


def test_a_meeting_takes_requests_only_where_it_says_so(by: Actor) -> None:
    with pytest.raises(RequestsClosed):
        ask(MadeMeetingFactory(), by)


def test_somebody_enrolled_or_let_in_anyway_need_not_ask(meeting: Meeting, by: Actor) -> None:
    row = EnrolledFactory(meeting=meeting)
    with pytest.raises(AlreadyEnrolled):
        ask(meeting, by, user=row.person.user)
    meeting.admission = "signed_in"
    meeting.save()
    with pytest.raises(AlreadyEnrolled):
        ask(meeting, by)


def test_somebody_removed_or_blocked_can_not_ask(meeting: Meeting, by: Actor) -> None:
    row = EnrolledFactory(meeting=meeting)
    removal.mark_all_of(row.person, by=by)
    blocked = PersonFactory()
    people.block(blocked, reason="", by=by)
    for user, code in ((row.person.user, "removed"), (blocked.user, "blocked")):
        with pytest.raises(NotAdmitted) as told:
            ask(meeting, by, user=user)
        assert told.value.code == code


def test_there_is_nothing_to_ask_of_a_meeting_that_is_not_there(by: Actor, db: None) -> None:
    with pytest.raises(NotAdmitted) as told:
        accessrequests.ask(meeting_id=uuid.uuid4(), user=UserFactory(), message="", by=by)
    assert told.value.code == "not_found"


def test_approving_enrols_by_request_and_tells_them(meeting: Meeting, by: Actor) -> None:
    request = ask(meeting, by)
    (decision,) = accessrequests.approve([request], by=by, answer="See you.")
    row = Participant.objects.get(person=request.person)
    assert (decision.done, row.source, decision.request.participant) == (True, Source.REQUEST, row)
    outbox.work(by=by)
    (sent,) = mail.outbox
    assert (sent.subject, sent.to) == ("You are let in: Algebra", [request.person.email])
    assert "See you." in str(sent.body)
    assert Event.objects.filter(kind=EventKind.ACCESS_APPROVED, participant=row).count() == 1


def test_denying_enrols_nobody_and_tells_them_why(meeting: Meeting, by: Actor) -> None:
    request = ask(meeting, by)
    (decision,) = accessrequests.deny([request], by=by, answer="The group is complete.")
    assert (decision.done, decision.request.state) == (True, RequestState.DENIED)
    assert not Participant.objects.exists()
    outbox.work(by=by)
    assert "The group is complete." in str(mail.outbox[0].body)
    assert Event.objects.filter(kind=EventKind.ACCESS_DENIED, person=request.person).count() == 1


def test_somebody_without_an_address_is_told_on_the_page_alone(meeting: Meeting, by: Actor) -> None:
    request = ask(meeting, by, user=UserFactory(email=""))
    accessrequests.deny([request], by=by, answer="Sorry.")
    assert not Message.objects.exists()
    assert accessrequests.find_standing(meeting, request.person).latest.answer == "Sorry."  # type: ignore[union-attr]


def test_of_two_who_decide_the_second_is_told(meeting: Meeting, by: Actor) -> None:
    request = ask(meeting, by)
    stale = AccessRequest.objects.select_related("meeting", "person").get(pk=request.pk)
    accessrequests.deny([request], by=by)
    (decision,) = accessrequests.approve([stale], by=by)
    assert isinstance(decision.trouble, AlreadyDecided)
    assert not Participant.objects.exists()


def test_what_stops_one_stops_no_other(meeting: Meeting, by: Actor) -> None:
    blocked, fine = ask(meeting, by), ask(meeting, by)
    people.block(blocked.person, reason="", by=by)
    first, second = accessrequests.approve([blocked, fine], by=by)
    assert (first.done, second.done) == (False, True)
    blocked.refresh_from_db()
    assert blocked.state == RequestState.OPEN


def test_a_full_meeting_leaves_the_request_open(meeting: Meeting, by: Actor) -> None:
    meeting.capacity = 1
    meeting.save()
    EnrolledFactory(meeting=meeting)
    (decision,) = accessrequests.approve([ask(meeting, by)], by=by)
    assert decision.trouble is not None
    assert decision.trouble.code == "full"
    assert AccessRequest.objects.get().state == RequestState.OPEN


def test_somebody_denied_may_ask_again_a_day_later(meeting: Meeting, by: Actor) -> None:
    user = UserFactory()
    with time_machine.travel(NOW, tick=False) as clock:
        accessrequests.deny([ask(meeting, by, user=user)], by=by)
        clock.shift(timedelta(hours=23))
        with pytest.raises(AskedLately) as told:
            ask(meeting, by, user=user)
        assert told.value.data["retry_after"] == 3600
        assert not accessrequests.find_standing(meeting, people.person_of(user, by)).may_ask
        clock.shift(timedelta(hours=1))
        assert ask(meeting, by, user=user).state == RequestState.OPEN


def test_an_approval_is_one_mail_though_the_meeting_sends_notices(meeting: Meeting, by: Actor) -> None:
    meeting.sends_notices = True
    meeting.save()
    accessrequests.approve([ask(meeting, by)], by=by)
    assert list(Message.objects.values_list("kind", flat=True)) == [MessageKind.APPROVED]
