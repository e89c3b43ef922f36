"""Erasing a person: gone from every meeting, and from every column of the whole database."""

import io

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from participants.errors import EraseRefused
from participants.models import (
    Actor,
    Attendance,
    Batch,
    BatchRow,
    Delivery,
    Event,
    EventKind,
    Meeting,
    Message,
    Participant,
    Person,
    Presence,
    Session,
)
from participants.models.appendonly import forgetting
from participants.models.event import record
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import blanking, erasing, mirror, personaldata, reports
from participants.services.mirror import PeerNews, SessionNews
from participants.services.scrubbing import ERASED, Scrubber
from participants.states import KnownBy, MessageState, ParticipantState
from tests.factories import (
    AdminFactory,
    AttendanceFactory,
    EnrolledFactory,
    GuestFactory,
    PersonFactory,
    PresenceFactory,
    SessionFactory,
    UserFactory,
)
from tests.services.conftest import enrol_user
from tests.services.everywhere import EMAIL, MARK, NAME, find_left, mark_everything, seed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def zelda(meeting: Meeting, by: Actor) -> Participant:
    """Enrolled at the sandbox too, and named wherever anybody can be."""
    user = UserFactory(username="zelda.zqxmarker", first_name="Zelda", last_name="Zqxmarker", email=EMAIL)
    return enrol_user(meeting, user, by)


@pytest.fixture
def zelda_everywhere(zelda: Participant) -> Participant:
    seed(zelda)
    assert mark_everything() == []
    return zelda


def test_nothing_in_the_whole_database_names_them_any_more(zelda_everywhere: Participant, by: Actor) -> None:
    client = Client()
    client.force_login(User.objects.get(username="zelda.zqxmarker"))
    assert len(find_left()) > 40
    outcome = erasing.erase(zelda_everywhere.person, by=by, deadline=Deadline.after(60))
    assert outcome.finished
    assert find_left() == []


def test_what_is_left_out_of_the_search_exists(db: None) -> None:
    """A column that was renamed must not stay exempt under its old name."""
    models = {model._meta.label: model for model in apps.get_models()}
    for label, columns in personaldata.OPAQUE.items():
        assert columns <= {column.name for column in personaldata.list_texts(models[label])}, label


def test_they_are_deleted_at_realtimekit_and_refused(zelda: Participant, sandbox: Sandbox, by: Actor) -> None:
    outcome = erasing.erase(zelda.person, by=by)
    zelda.refresh_from_db()
    assert (zelda.state, len(outcome.removal.done)) == (ParticipantState.REMOVED, 1)
    assert (
        not any(MARK in str(each).lower() for each in sandbox.world.dump()) if hasattr(sandbox.world, "dump") else 1
    )


def test_counts_of_reports_stay(zelda: Participant, by: Actor) -> None:
    session = SessionFactory(meeting=zelda.meeting)
    PresenceFactory(session=session, participant=zelda, joined=0)
    boss = AdminFactory()
    before = reports.total(reports.SUBJECTS["attendance"], Presence.objects.all())
    erasing.erase(zelda.person, by=by)
    assert reports.total(reports.SUBJECTS["attendance"], Presence.objects.all()) == before
    assert boss.is_active
    (row,) = Presence.objects.select_related("participant__person")
    assert row.participant.effective_name == ERASED


def test_erasing_twice_changes_nothing_more(zelda_everywhere: Participant, by: Actor) -> None:
    erasing.erase(zelda_everywhere.person, by=by, deadline=Deadline.after(60))
    events = Event.objects.count()
    again = erasing.erase(zelda_everywhere.person, by=by, deadline=Deadline.after(60))
    assert (again.finished, again.changed, Event.objects.count()) == (True, 0, events)
    assert Event.objects.filter(kind=EventKind.ERASED).count() == 1


def test_what_was_cut_short_is_finished_by_a_worker(zelda_everywhere: Participant, by: Actor) -> None:
    cut = erasing.erase(zelda_everywhere.person, by=by, deadline=Deadline.after(0))
    assert not cut.finished
    assert find_left() != []
    assert erasing.finish_all(by=by, deadline=Deadline.after(60)) == 1
    assert find_left() == []


def test_the_refusal_holds_before_anything_else_is_done(zelda: Participant, sandbox: Sandbox, by: Actor) -> None:
    sandbox.faults.down()
    outcome = erasing.erase(zelda.person, by=by, deadline=Deadline.after(0))
    zelda.refresh_from_db()
    assert (zelda.state, len(outcome.removal.waiting), outcome.finished) == (ParticipantState.REMOVING, 1, False)
    assert Person.objects.get(pk=zelda.person_id).is_active is False


def test_a_namesake_keeps_their_name(zelda: Participant, by: Actor) -> None:
    other = GuestFactory(display_name=NAME, email="another@example.org")
    row = EnrolledFactory(person=other, name=NAME)
    AttendanceFactory(session=SessionFactory(meeting=row.meeting), participant=row, name=NAME)
    body = {"participant": {"customParticipantId": row.custom_participant_id, "userDisplayName": NAME}}
    delivery = Delivery.objects.create(body_hash="c" * 64, received_at=timezone.now(), body=body)
    erasing.erase(zelda.person, by=by)
    for kept in (other, row, delivery):
        kept.refresh_from_db()
    assert (other.display_name, row.name, delivery.body) == (NAME, NAME, body)
    assert Attendance.objects.get(participant=row).name == NAME


def test_staff_are_not_erased(by: Actor) -> None:
    person = PersonFactory(user=AdminFactory())
    with pytest.raises(EraseRefused):
        erasing.erase(person, by=by)
    assert Person.objects.get().erased_at is None


def test_merged_guests_go_with_their_person_and_not_alone(zelda: Participant, by: Actor) -> None:
    guest = GuestFactory(display_name=NAME, email="", merged_into=zelda.person)
    with pytest.raises(EraseRefused):
        erasing.erase(guest, by=by)
    erasing.erase(zelda.person, by=by)
    assert find_left() == []
    assert Person.objects.exclude(erased_at=None).count() == 2


def test_their_account_is_closed_and_emptied(zelda: Participant, by: Actor) -> None:
    erasing.erase(zelda.person, by=by)
    assert zelda.person.user
    user = User.objects.get(pk=zelda.person.user.pk)
    assert (user.is_active, user.email, user.get_full_name(), user.username) == (False, "", "", f"erased-{user.pk}")
    assert not user.has_usable_password()


def test_where_they_tried_to_sign_in_from_goes_however_they_spelled_their_name(zelda: Participant, by: Actor) -> None:
    user = zelda.person.user
    assert user is not None
    browser = {"ip_address": "203.0.113.7", "user_agent": "a browser", "failures_since_start": 1}
    for name in (user.username, user.username.upper(), user.email):
        AccessAttempt.objects.create(username=name, **browser)
    AccessAttempt.objects.create(username="somebody-else", **browser)
    erasing.erase(zelda.person, by=by)
    assert [row.username for row in AccessAttempt.objects.all()] == ["somebody-else"]


def test_a_guest_who_tried_to_sign_in_twice_is_erased_too(zelda: Participant, by: Actor, meeting: Meeting) -> None:
    for mail in ("guest.zq@example.org", "Guest.Zq@example.org"):
        AccessAttempt.objects.create(username=mail, ip_address="203.0.113.7", failures_since_start=1)
    guest = EnrolledFactory(meeting=meeting, person=GuestFactory(email="guest.zq@example.org")).person
    erasing.erase(guest, by=by)
    assert not AccessAttempt.objects.filter(username__icontains="guest.zq").exists()
    assert AccessAttempt.objects.count() == 2


def test_from_where_a_guest_came_goes(by: Actor, meeting: Meeting) -> None:
    guest = EnrolledFactory(meeting=meeting, person=GuestFactory(email="guest.zq@example.org")).person
    record(EventKind.CONSENTED, Actor(via="join"), person=guest)
    with forgetting():
        Event.objects.filter(person=guest).update(address="198.51.100.0/24")
    erasing.erase(guest, by=by)
    assert not Event.objects.filter(address="198.51.100.0/24").exists()


def test_mails_that_wait_are_not_sent(zelda_everywhere: Participant, by: Actor) -> None:
    erasing.erase(zelda_everywhere.person, by=by, deadline=Deadline.after(60))
    assert not Message.objects.filter(state=MessageState.WAITING).exists()
    assert set(Message.objects.filter(state=MessageState.DROPPED).values_list("last_error_code", flat=True)) == {
        "erased"
    }


def test_a_name_that_realtimekit_tells_later_is_not_taken_in(zelda: Participant, by: Actor) -> None:
    erasing.erase(zelda.person, by=by)
    session = SessionFactory(meeting=zelda.meeting)
    peer = PeerNews(peer_id="late", custom_participant_id=zelda.custom_participant_id, name=NAME)
    mirror.merge_peer(
        SessionNews(str(session.realtimekit_id), str(zelda.meeting.realtimekit_id)), peer, known_by=KnownBy.PULLED
    )
    assert Attendance.objects.get(peer_id="late").name == ERASED


def test_a_delivery_that_comes_late_is_blanked_by_the_next_round(zelda: Participant, by: Actor) -> None:
    erasing.erase(zelda.person, by=by)
    body = {"participant": {"customParticipantId": zelda.custom_participant_id, "userDisplayName": NAME}}
    Delivery.objects.create(body_hash="d" * 64, received_at=timezone.now(), body=body)
    erasing.finish_all(by=by, deadline=Deadline.after(60))
    assert find_left() == []


def test_titles_that_name_them_are_changed_at_realtimekit_too(zelda: Participant, by: Actor) -> None:
    Meeting.objects.update(title=f"Talk with {NAME}", applied_title=f"Talk with {NAME}")
    erasing.erase(zelda.person, by=by)
    (meeting,) = Meeting.objects.all()
    assert (meeting.title, meeting.find_drift(timezone.now())) == (
        f"Talk with {ERASED}",
        {"title": f"Talk with {ERASED}"},
    )


@pytest.mark.parametrize("name", ["Zoë Zqxmärker", 'Zelda "Zed" Zqxmarker', "O'Zelda Zqx-Marker"])
def test_names_of_all_letters_are_found_in_json(by: Actor, name: str) -> None:
    person = GuestFactory(display_name=name, email=EMAIL)
    row = Delivery.objects.create(
        body_hash="e" * 64, received_at=timezone.now(), body={"value": f"told {name.upper()} so", "n": 1}
    )
    erasing.erase(person, by=by)
    row.refresh_from_db()
    assert row.body == {"value": f"told {ERASED} so", "n": 1}


def test_a_single_word_is_taken_out_only_where_it_stands_alone() -> None:
    scrubber = Scrubber(emails=frozenset({"may@example.org"}), names=frozenset({"may", "May Day"}))
    assert scrubber.scrub("It may rain on may@example.org") == f"It may rain on {ERASED}"
    assert scrubber.scrub({"user": "May", "note": "may day, may day"}) == {
        "user": ERASED,
        "note": f"{ERASED}, {ERASED}",
    }
    assert scrubber.scrub("dismay@example.org, May Daylight") == "dismay@example.org, May Daylight"


def test_a_pasted_list_enrols_nobody_anew(zelda: Participant, by: Actor, meeting: Meeting) -> None:
    batch = Batch.objects.create(meeting=meeting, via="admin", total=1)
    entry = {"email": EMAIL, "name": NAME}
    BatchRow.objects.create(batch=batch, position=1, line=1, input=EMAIL, code=BatchRow.UNWORKED, entry=entry)
    erasing.erase(zelda.person, by=by)
    (row,) = BatchRow.objects.all()
    assert (row.input, row.entry, row.code) == (ERASED, None, "blocked")


def test_the_command_says_what_would_happen_and_does_it_only_when_told(zelda: Participant) -> None:
    out = io.StringIO()
    call_command("erase_person", EMAIL, stdout=out)
    assert "removed from 1 meetings" in out.getvalue()
    assert Person.objects.get().erased_at is None
    call_command("erase_person", str(zelda.person_id), "--yes", stdout=out)
    assert find_left() == []
    assert MARK not in out.getvalue().lower()
    with pytest.raises(CommandError, match="no person"):
        call_command("erase_person", EMAIL)


def test_the_history_keeps_what_happened_but_not_to_whom(zelda: Participant, by: Actor) -> None:
    kinds = set(Event.objects.values_list("kind", flat=True))
    erasing.erase(zelda.person, by=by)
    assert kinds <= set(Event.objects.values_list("kind", flat=True))
    assert blanking.blank_rows(personaldata.identify(Person.objects.select_related("user").get())) == 0
    assert Session.objects.count() == 0
