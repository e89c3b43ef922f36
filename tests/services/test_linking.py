"""Guests who turn out to be users: linked by a verified e-mail address, or merged by staff."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from participants.errors import EmailMissing, EmailTaken, MergeRefused, PersonMerged
from participants.models import Actor, Event, EventKind, Meeting, Participant, Person, VerifiedEmail
from participants.sandbox import Sandbox
from participants.services import enrolment, joining, linking, passes, people
from participants.states import Source, VerifiedBy
from tests.factories import (
    AdminFactory,
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    ParticipantFactory,
    PersonFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)
MAIL = "bob@example.org"


@pytest.fixture
def bob() -> User:
    user: User = UserFactory(username="bob", first_name="Bob", last_name="Baker", email="Bob@Example.org")
    return user


@pytest.fixture
def guest() -> Person:
    person: Person = GuestFactory(display_name="B.", email=MAIL)
    return person


def sign_in(user: User) -> Client:
    client = Client()
    answer = client.post("/accounts/login/", {"username": user.username, "password": "secret-pass-1"})
    assert answer.status_code == 302
    return client


def verify(user: User) -> None:
    VerifiedEmail.objects.create(
        user=user, email=user.email.lower(), source=VerifiedBy.STAFF, verified_at="2027-01-01T00:00:00Z"
    )


def test_a_guest_is_linked_when_the_user_of_the_verified_address_signs_in(bob: User, guest: Person) -> None:
    row = EnrolledFactory(person=guest)
    verify(bob)
    sign_in(bob)
    guest.refresh_from_db()
    row.refresh_from_db()
    assert (guest.user, guest.display_name) == (bob, "Bob Baker")
    assert (row.person, row.state, row.custom_participant_id) == (guest, "enrolled", guest.custom_participant_id)
    assert Event.objects.filter(kind=EventKind.LINKED, person=guest).count() == 1


def test_an_address_that_nobody_verified_links_nothing(bob: User, guest: Person) -> None:
    sign_in(bob)
    guest.refresh_from_db()
    assert guest.user is None


def test_an_address_verified_before_it_changed_links_nothing(bob: User) -> None:
    verify(bob)
    bob.email = "other@example.org"
    bob.save()
    for mail in (MAIL, "other@example.org"):
        guest = GuestFactory(email=mail)
        sign_in(bob)
        guest.refresh_from_db()
        assert guest.user is None
    assert not linking.is_verified(bob)


def test_an_address_verified_as_somebody_elses_links_nothing(bob: User, guest: Person) -> None:
    verify(UserFactory(email=MAIL))
    sign_in(bob)
    guest.refresh_from_db()
    assert guest.user is None


def test_verifying_links_at_once(bob: User, guest: Person) -> None:
    boss = Actor(via="admin", user=AdminFactory())
    assert linking.note_verified(bob, MAIL, VerifiedBy.STAFF, by=boss) == guest
    mark = VerifiedEmail.objects.get()
    assert (mark.user, mark.email, mark.verified_by) == (bob, MAIL, boss.user)
    assert linking.note_verified(bob, MAIL, VerifiedBy.STAFF, by=boss) is None
    assert Event.objects.filter(kind=EventKind.EMAIL_VERIFIED).count() == 1


def test_a_sign_in_package_needs_one_call_without_an_actor(bob: User, guest: Person) -> None:
    assert linking.note_verified(bob, " BOB@example.org ") == guest
    assert VerifiedEmail.objects.get().source == "provider"


def test_a_provider_that_verified_another_address_of_the_user_links_nothing_by_it(bob: User) -> None:
    guest = GuestFactory(email="second@example.org")
    assert linking.note_verified(bob, "second@example.org") is None
    guest.refresh_from_db()
    assert guest.user is None


def test_an_address_is_verified_for_one_user_at_a_time(bob: User) -> None:
    first = UserFactory(email=MAIL)
    linking.note_verified(first, MAIL)
    with pytest.raises(EmailTaken):
        linking.note_verified(bob, MAIL)
    User.objects.filter(pk=first.pk).update(email="moved@example.org")
    linking.note_verified(bob, MAIL)
    assert VerifiedEmail.objects.get().user == bob


def test_an_empty_address_can_not_be_verified() -> None:
    with pytest.raises(EmailMissing):
        linking.note_verified(UserFactory(email=""), "")


def test_a_withdrawn_mark_links_no_more_and_unlinks_nothing(bob: User, guest: Person, by: Actor) -> None:
    linking.note_verified(bob, MAIL)
    assert linking.withdraw(bob, by=by)
    assert not linking.withdraw(bob, by=by)
    guest.refresh_from_db()
    assert guest.user == bob
    assert not linking.is_verified(bob)


def test_somebody_who_has_a_person_is_not_linked_but_offered_a_merger(bob: User, guest: Person, by: Actor) -> None:
    own = people.person_of(bob, by)
    linking.note_verified(bob, MAIL)
    guest.refresh_from_db()
    assert guest.user is None
    assert linking.find_guests(bob) == [guest]
    assert linking.plan_merger(guest, own).obstacle == ""


def test_a_blocked_guest_stays_blocked_when_linked(bob: User) -> None:
    guest = GuestFactory(email=MAIL, blocked_at="2027-01-01T00:00:00Z")
    linking.note_verified(bob, MAIL)
    guest.refresh_from_db()
    assert (guest.user, guest.is_active) == (bob, False)


def test_a_deactivated_user_is_not_linked(bob: User, guest: Person) -> None:
    User.objects.update(is_active=False)
    bob.refresh_from_db()
    assert linking.note_verified(bob, MAIL) is None


def test_joining_works_right_after_the_first_sign_in(
    sandbox: Sandbox, meeting: Meeting, bob: User, by: Actor
) -> None:
    guest = people.guest(name="B.", email=MAIL, by=by)
    enrolment.enrol(meeting=meeting, person=guest, preset=None, source=Source.BULK, by=by)
    verify(bob)
    answer = sign_in(bob).post(reverse("api:join", args=[meeting.pk]), {}, content_type="application/json")
    assert answer.status_code == 200
    assert answer.json()["participant"]["custom_participant_id"] == guest.custom_participant_id
    passes.converge(by=by)
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert (remote.name, remote.custom_participant_id) == ("Bob Baker", guest.custom_participant_id)


def test_two_sign_ins_at_once_link_once(bob: User, guest: Person) -> None:
    verify(bob)

    def run() -> None:
        try:
            linking.link_at_sign_in(bob)
        finally:
            connection.close()

    run_at_once(run, run, run, run)
    guest.refresh_from_db()
    assert guest.user == bob
    assert Event.objects.filter(kind=EventKind.LINKED).count() == 1


def test_a_sign_in_and_a_first_join_at_once_leave_the_user_one_person(bob: User, guest: Person, by: Actor) -> None:
    verify(bob)

    def link() -> None:
        try:
            linking.link_at_sign_in(bob)
        finally:
            connection.close()

    def make() -> None:
        try:
            people.person_of(bob, by)
        finally:
            connection.close()

    run_at_once(link, make, link, make)
    assert Person.objects.filter(user=bob).count() == 1


def run_at_once(*works: Callable[[], None]) -> None:
    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(work) for work in works]:
            future.result(timeout=60)


def test_a_sign_in_of_somebody_without_a_mark_costs_one_query_more(bob: User, guest: Person) -> None:
    with CaptureQueriesContext(connection) as seen:
        linking.link_at_sign_in(bob)
    assert len([query for query in seen if "SAVEPOINT" not in query["sql"] and "SELECT" in query["sql"]]) == 1


def test_merging_moves_enrolments_and_keeps_their_ids(bob: User, guest: Person, by: Actor) -> None:
    own = people.person_of(bob, by)
    row = EnrolledFactory(person=guest, token="a token", token_expires_at="2099-01-01T00:00:00Z")
    linking.note_verified(bob, MAIL)
    merger = linking.merge(guest, own, by=by)
    row.refresh_from_db()
    guest.refresh_from_db()
    assert (row.person, row.state, row.token) == (own, "enrolled", "a token")
    assert row.custom_participant_id == guest.custom_participant_id != own.custom_participant_id
    assert (guest.merged_into, guest.email, guest.user) == (own, "", None)
    assert [item.pk for item in merger.moving] == [row.pk]
    assert Event.objects.filter(kind=EventKind.MERGED).count() == 2
    assert Event.objects.filter(kind=EventKind.MOVED, participant=row, person=own).count() == 1


def test_where_both_are_enrolled_the_users_row_is_kept(
    sandbox: Sandbox, meeting: Meeting, bob: User, guest: Person, by: Actor
) -> None:
    own = people.person_of(bob, by)
    kept = enrolment.enrol(meeting=meeting, person=own, preset=None, source=Source.ADMIN, by=by).participant
    gone = enrolment.enrol(meeting=meeting, person=guest, preset=None, source=Source.ADMIN, by=by).participant
    linking.note_verified(bob, MAIL)
    assert [(row.pk, own_row.pk) for row, own_row in linking.merge(guest, own, by=by).staying] == [(gone.pk, kept.pk)]
    gone.refresh_from_db()
    assert (gone.state, gone.removal_cause, gone.person) == ("removing", "merged", guest)
    passes.converge(by=by)
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert remote.id == kept.realtimekit_id


def test_a_merged_enrolment_is_joined_by_the_user_under_the_guests_id(
    sandbox: Sandbox, meeting: Meeting, bob: User, guest: Person, by: Actor
) -> None:
    row = enrolment.enrol(meeting=meeting, person=guest, preset=None, source=Source.ADMIN, by=by).participant
    own = people.person_of(bob, by)
    linking.note_verified(bob, MAIL)
    linking.merge(guest, own, by=by)
    assert joining.join(meeting_id=meeting.pk, user=bob, by=by).participant.pk == row.pk
    passes.converge(by=by)
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert (remote.name, remote.custom_participant_id) == ("Bob Baker", guest.custom_participant_id)


def test_a_merged_guest_is_enrolled_and_merged_no_more(bob: User, guest: Person, by: Actor) -> None:
    own = people.person_of(bob, by)
    linking.note_verified(bob, MAIL)
    stale = EnrolledFactory(
        person=guest, state="removed", realtimekit_id=None, meeting=ParticipantFactory(person=own).meeting
    )
    linking.merge(guest, own, by=by)
    with pytest.raises(MergeRefused):
        linking.merge(guest, own, by=by)
    with pytest.raises(PersonMerged):
        enrolment.store(meeting=MadeMeetingFactory(), person=guest, preset=None, source=Source.API, by=by)
    with pytest.raises(PersonMerged):
        enrolment.restore(stale, by=by)
    assert people.guest(name="Bob", email=MAIL, by=by) != guest


def test_a_row_that_slipped_in_for_a_merged_guest_is_removed_by_the_next_pass(
    bob: User, guest: Person, by: Actor
) -> None:
    own = people.person_of(bob, by)
    Person.objects.filter(pk=guest.pk).update(merged_into=own)
    row = ParticipantFactory(person=guest)
    assert passes.tick(by=by).withdrawn == 1
    row.refresh_from_db()
    assert row.state in ("removing", "removed")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda guest, own: VerifiedEmail.objects.all().delete(),
        lambda guest, own: Person.objects.filter(pk=guest.pk).update(email="else@example.org"),
        lambda guest, own: Person.objects.filter(pk=guest.pk).update(blocked_at="2027-01-01T00:00:00Z"),
        lambda guest, own: Person.objects.filter(pk=own.pk).update(blocked_at="2027-01-01T00:00:00Z"),
        lambda guest, own: User.objects.update(is_active=False),
        lambda guest, own: User.objects.update(email="else@example.org"),
        lambda guest, own: Person.objects.filter(pk=guest.pk).update(user=UserFactory()),
    ],
    ids=["unverified", "other-mail", "guest-blocked", "user-blocked", "inactive", "mail-changed", "linked"],
)
def test_what_stands_in_the_way_of_a_merger_is_looked_at_under_the_lock(
    bob: User, guest: Person, by: Actor, spoil: Callable[[Person, Person], object]
) -> None:
    own = people.person_of(bob, by)
    linking.note_verified(bob, MAIL)
    row = EnrolledFactory(person=guest)
    spoil(guest, own)
    with pytest.raises(MergeRefused):
        linking.merge(guest, own, by=by)
    row.refresh_from_db()
    assert row.person == guest


def test_two_mergers_and_an_enrolment_at_once_move_everything_once(bob: User, guest: Person, by: Actor) -> None:
    own = people.person_of(bob, by)
    linking.note_verified(bob, MAIL)
    rows = [EnrolledFactory(person=guest) for _ in range(5)]

    def merge() -> None:
        try:
            linking.merge(guest, own, by=by)
        except MergeRefused:
            pass
        finally:
            connection.close()

    def enrol() -> None:
        try:
            for row in rows:
                enrolment.store(meeting=row.meeting, person=own, preset=None, source=Source.API, by=by)
        finally:
            connection.close()

    run_at_once(merge, merge, enrol)
    assert Participant.objects.filter(person=own).occupying().count() == 5
    assert not Participant.objects.filter(person=guest).occupying().exists()
    assert Event.objects.filter(kind=EventKind.MERGED, person=guest).count() == 1


def test_a_users_person_of_the_same_address_as_a_guest_is_no_conflict(bob: User, guest: Person, by: Actor) -> None:
    own = people.person_of(UserFactory(email="early@example.org"), by)
    assert own.user is not None
    own.user.email = MAIL
    own.user.save()
    own.refresh_from_db()
    assert own.email == MAIL == guest.email
    assert linking.find_guests(own.user) == [guest]


def test_deleting_a_user_deletes_the_marks_and_keeps_the_person(bob: User, guest: Person) -> None:
    linking.note_verified(bob, MAIL)
    bob.delete()
    guest.refresh_from_db()
    assert (guest.user, guest.email, guest.is_active) == (None, "", False)
    assert not VerifiedEmail.objects.exists()


def test_no_event_holds_an_address(bob: User, guest: Person, by: Actor) -> None:
    own = PersonFactory(user=bob, email="early@example.org")
    linking.note_verified(bob, MAIL)
    people.follow_user(bob, by=by)
    linking.merge(guest, own, by=by)
    linking.withdraw(bob, by=by)
    assert "@" not in str(list(Event.objects.values_list("data", flat=True)))
