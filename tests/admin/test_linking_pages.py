"""Verifying a user's e-mail address and merging a guest into a user, as staff do it."""

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from participants.models import Event, EventKind, Person, VerifiedEmail
from participants.services import linking
from tests.admin.conftest import sign_in
from tests.factories import EnrolledFactory, GuestFactory, ParticipantFactory, PersonFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
USERS = "/admin/auth/user/"
PEOPLE = "/admin/participants/person/"
MAIL = "bob@example.org"


@pytest.fixture
def bob() -> User:
    user: User = UserFactory(username="bob", first_name="Bob", email=MAIL)
    return user


@pytest.fixture
def guest() -> Person:
    person: Person = GuestFactory(display_name="Bobby Tables", email=MAIL)
    return person


def choose(*users: User, **more: str) -> dict[str, object]:
    return {"action": "verify_chosen", ACTION_CHECKBOX_NAME: [user.pk for user in users], **more}


def read(client: Client, url: str) -> str:
    return client.get(url, follow=True).content.decode()


def test_the_list_of_users_offers_to_verify_and_asks_first(staff: Client, bob: User, guest: Person) -> None:
    assert "Mark e-mail addresses as verified…" in read(staff, USERS)
    html = staff.post(USERS, choose(bob)).content.decode()
    assert "Guest “Bobby Tables” becomes this user" in html
    assert not VerifiedEmail.objects.exists()


def test_once_agreed_the_address_is_verified_and_the_guest_linked(
    staff: Client, boss: User, bob: User, guest: Person
) -> None:
    html = staff.post(USERS, choose(bob, post="yes"), follow=True).content.decode()
    assert "1 e-mail address marked as verified. 1 guest was linked" in html
    guest.refresh_from_db()
    assert guest.user == bob
    assert Event.objects.get(kind=EventKind.EMAIL_VERIFIED).actor == boss


def test_each_user_is_told_apart(staff: Client, bob: User, guest: Person) -> None:
    PersonFactory(user=bob)
    without, rival = UserFactory(email=""), UserFactory(email=MAIL.upper())
    done = UserFactory()
    linking.note_verified(done, done.email)
    html = staff.post(USERS, choose(bob, without, done)).content.decode()
    assert "merging is offered afterwards" in html
    assert "Has no e-mail address" in html
    assert "Verified already" in html
    html = staff.post(USERS, choose(bob, without, done, post="yes"), follow=True).content.decode()
    assert "1 e-mail address marked as verified." in html
    assert "may be the same person" in html
    assert "Verified as another user's" in staff.post(USERS, choose(rival)).content.decode()
    html = staff.post(USERS, choose(rival, post="yes"), follow=True).content.decode()
    assert "verified as another user" in html
    assert VerifiedEmail.objects.filter(email=MAIL).get().user == bob


def test_too_many_at_once_are_refused(staff: Client) -> None:
    users = User.objects.bulk_create(User(username=f"u{n}", email=f"u{n}@example.org") for n in range(201))
    assert "at most 200 users" in staff.post(USERS, choose(*users, post="yes"), follow=True).content.decode()
    assert not VerifiedEmail.objects.exists()


def test_a_users_page_and_a_persons_page_verify_and_withdraw(staff: Client, bob: User) -> None:
    person = PersonFactory(user=bob)
    verify, withdraw = (reverse(f"admin:auth_user_{name}_email", args=[bob.pk]) for name in ("verify", "withdraw"))
    for page in (f"{USERS}{bob.pk}/change/", f"{PEOPLE}{person.pk}/change/"):
        assert verify in read(staff, page)
    assert "No guest has this address" in read(staff, verify)
    assert "Verified" in staff.post(verify, follow=True).content.decode()
    for page in (f"{USERS}{bob.pk}/change/", f"{PEOPLE}{person.pk}/change/"):
        assert withdraw in read(staff, page)
    assert "What was linked or merged before stays so." in read(staff, withdraw)
    assert "no longer counts as verified" in staff.post(withdraw, follow=True).content.decode()
    assert "was not verified" in staff.post(withdraw, follow=True).content.decode()
    assert not VerifiedEmail.objects.exists()


def test_a_new_address_of_the_user_is_shown_as_not_verified(staff: Client, bob: User) -> None:
    person = PersonFactory(user=bob)
    linking.note_verified(bob, MAIL)
    bob.email = "new@example.org"
    bob.save()
    html = read(staff, f"{PEOPLE}{person.pk}/change/")
    assert "Not verified" in html


@pytest.mark.parametrize("name", ["verify", "withdraw"])
def test_without_the_right_nobody_verifies(bob: User, name: str) -> None:
    desk = sign_in("view_person", "block_person", "merge_person")
    url = reverse(f"admin:auth_user_{name}_email", args=[bob.pk])
    assert desk.get(url).status_code == 403
    assert desk.post(url).status_code == 403
    assert reverse("admin:auth_user_verify_email", args=[bob.pk]) not in read(
        desk, f"{PEOPLE}{PersonFactory(user=bob).pk}/change/"
    )
    assert not VerifiedEmail.objects.exists()


def test_staff_who_see_users_without_the_right_are_offered_no_action(bob: User) -> None:
    desk = sign_in("view_user")
    assert "as verified" not in read(desk, USERS)
    desk.post(USERS, choose(bob, post="yes"))
    assert not VerifiedEmail.objects.exists()


def test_staff_who_may_only_verify_get_by_with_that(bob: User) -> None:
    desk = sign_in("verify_email")
    answer = desk.post(reverse("admin:auth_user_verify_email", args=[bob.pk]), follow=True)
    assert "1 e-mail address marked as verified." in answer.content.decode()


def test_verifying_an_unknown_user_is_not_found(staff: Client) -> None:
    assert staff.get(f"{USERS}99999999999/verify-email/").status_code == 404


def test_both_pages_say_who_may_be_the_same_person(staff: Client, bob: User, guest: Person) -> None:
    own = PersonFactory(user=bob)
    for person in (own, guest):
        html = read(staff, f"{PEOPLE}{person.pk}/change/")
        assert "These may be the same person" in html
        assert "The user&#x27;s e-mail address is not verified." in html
    linking.note_verified(bob, MAIL)
    merge = reverse("admin:participants_person_merge", args=[own.pk, guest.pk])
    for person in (own, guest):
        assert merge in read(staff, f"{PEOPLE}{person.pk}/change/")
    assert "These may be the same person" not in read(staff, f"{PEOPLE}{GuestFactory().pk}/change/")


def test_merging_says_what_moves_asks_and_says_what_it_did(staff: Client, bob: User, guest: Person) -> None:
    own = PersonFactory(user=bob)
    linking.note_verified(bob, MAIL)
    moving = EnrolledFactory(person=guest, meeting__title="Geometry")
    staying = EnrolledFactory(person=guest, meeting__title="Algebra")
    ParticipantFactory(person=own, meeting=staying.meeting)
    url = reverse("admin:participants_person_merge", args=[own.pk, guest.pk])
    html = read(staff, url)
    assert "1 enrolment moves, each with its own id" in html
    assert "Geometry" in html
    assert "the user's, kept: Pending" in html
    html = staff.post(url, follow=True).content.decode()
    assert "1 enrolment moved, 1 of the guest" in html
    moving.refresh_from_db()
    assert moving.person == own
    assert "Nothing was merged. One of them was merged already." in staff.post(url, follow=True).content.decode()


def test_a_merged_guest_is_not_listed_and_their_page_says_where_they_went(
    staff: Client, bob: User, guest: Person
) -> None:
    own = PersonFactory(user=bob)
    Person.objects.filter(pk=guest.pk).update(merged_into=own, email="")
    assert "Bobby Tables" not in read(staff, PEOPLE)
    html = read(staff, f"{PEOPLE}{guest.pk}/change/")
    assert "This guest was merged into" in html
    assert reverse("admin:participants_person_block", args=[guest.pk]) not in html


def test_without_the_right_nobody_merges(bob: User, guest: Person) -> None:
    own = PersonFactory(user=bob)
    linking.note_verified(bob, MAIL)
    desk = sign_in("view_person", "verify_email")
    url = reverse("admin:participants_person_merge", args=[own.pk, guest.pk])
    assert url not in read(desk, f"{PEOPLE}{own.pk}/change/")
    assert desk.post(url).status_code == 403
    guest.refresh_from_db()
    assert guest.merged_into is None


def test_people_who_may_not_be_merged_show_why(staff: Client, bob: User) -> None:
    own, other = PersonFactory(user=bob), GuestFactory(email="else@example.org")
    html = read(staff, reverse("admin:participants_person_merge", args=[own.pk, other.pk]))
    assert "They don&#x27;t have the same e-mail address." in html
    assert ">Merge</button>" not in html


def test_the_rights_to_verify_and_merge_can_be_given() -> None:
    found = Permission.objects.filter(codename__in=["verify_email", "merge_person"])
    assert found.count() == 2
