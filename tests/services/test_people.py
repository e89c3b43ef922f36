"""Finding users from what was typed, and making people on first use."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from participants.errors import AmbiguousUser, InactiveUser, UnknownUser
from participants.models import Actor, Event, EventKind, Meeting, Participant, Person
from participants.sandbox import Sandbox
from participants.services import enrolment, passes, people
from tests.factories import AdminFactory, EnrolledFactory, GuestFactory, PersonFactory, UserFactory
from tests.services.conftest import enrol

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(username="ada", email="ada@example.org")
    return user


@pytest.mark.parametrize("text", ["ada", "ADA", " ada ", "ada@example.org", "ADA@example.ORG"])
def test_a_string_is_a_username_or_an_email_in_any_case(ada: User, text: str) -> None:
    assert people.find_user(text) == ada


def test_a_number_is_an_id(ada: User) -> None:
    assert people.find_user(ada.pk) == ada


def test_a_string_of_digits_is_a_username_and_never_an_id(ada: User) -> None:
    with pytest.raises(UnknownUser):
        people.find_user(str(ada.pk))
    pupil = UserFactory(username=str(ada.pk))
    assert people.find_user(str(ada.pk)) == pupil


@pytest.mark.parametrize("value", ["", " ", "nobody", "a\0b", "%", "_da", 0, -1, 2**31, 2**63, 10**40], ids=repr)
def test_what_matches_nobody_is_unknown(ada: User, value: str | int) -> None:
    with pytest.raises(UnknownUser):
        people.find_user(value)


def test_nobody_is_found_by_an_empty_email() -> None:
    UserFactory(email="")
    with pytest.raises(UnknownUser):
        people.find_user("")


def test_an_email_of_two_users_is_ambiguous(ada: User) -> None:
    UserFactory(email="Ada@example.org")
    with pytest.raises(AmbiguousUser):
        people.find_user("ada@example.org")
    assert people.find_user("ada") == ada


def test_a_username_that_is_another_users_email_is_ambiguous(ada: User) -> None:
    UserFactory(username="ada@example.org", email="other@example.org")
    with pytest.raises(AmbiguousUser):
        people.find_user("ada@example.org")


def test_a_username_that_is_its_own_email_is_one_user() -> None:
    user = UserFactory(username="me@example.org", email="me@example.org")
    assert people.find_user("me@example.org") == user


def test_of_usernames_that_differ_in_case_the_exact_one_is_meant(ada: User) -> None:
    other = UserFactory(username="Ada")
    assert people.find_user("ada") == ada
    assert people.find_user("Ada") == other
    with pytest.raises(AmbiguousUser):
        people.find_user("ADA")


def test_a_deactivated_user_is_told_apart_from_an_unknown_one() -> None:
    user = UserFactory(username="gone", is_active=False)
    for value in ("gone", user.pk):
        with pytest.raises(InactiveUser):
            people.find_user(value)


def test_a_person_is_made_on_first_use_and_kept(ada: User, by: Actor) -> None:
    person = people.person_of(ada, by)
    assert (person.display_name, person.email) == (ada.get_full_name(), "ada@example.org")
    assert people.person_of(ada, by) == person
    assert Event.objects.filter(kind=EventKind.PERSON_MADE, person=person).count() == 1


def test_a_user_without_a_name_is_called_by_username(by: Actor) -> None:
    user = UserFactory(username="nameless", first_name="", last_name="")
    assert people.person_of(user, by).display_name == "nameless"


def test_a_guest_is_made_once_by_email_and_keeps_the_first_name(by: Actor) -> None:
    guest = people.guest(name="  Bob   Guest ", email=" Bob@Example.org ", by=by)
    assert (guest.display_name, guest.email, guest.user) == ("Bob Guest", "bob@example.org", None)
    assert people.guest(name="Robert", email="bob@example.org", by=by) == guest
    assert Person.objects.count() == 1


def test_a_guest_of_a_users_email_is_another_person(ada: User, by: Actor) -> None:
    person = people.person_of(ada, by)
    assert people.guest(name="Ada", email="ada@example.org", by=by) != person


def test_name_and_email_follow_the_user(ada: User, by: Actor) -> None:
    person = people.person_of(ada, by)
    ada.first_name, ada.last_name, ada.email = "Augusta", "King", "King@example.org"
    ada.save()
    person.refresh_from_db()
    assert (person.display_name, person.email) == ("Augusta King", "king@example.org")


@pytest.mark.django_db(transaction=True)
def test_a_new_name_reaches_realtimekit_unless_the_enrolment_has_its_own(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    plain, named = enrol(meeting, by), enrol(meeting, by, "bob")
    enrolment.change(named, name="The moderator", by=by)
    for row in (plain, named):
        assert row.person.user is not None
        row.person.user.first_name = "Augusta"
        row.person.user.save()
    passes.tick(by=by)
    remote = {item.id: item.name for item in sandbox.world.participants(str(meeting.realtimekit_id))}
    plain.refresh_from_db()
    assert remote[str(plain.realtimekit_id)] == "Augusta Example"
    assert remote[str(named.realtimekit_id)] == "The moderator"
    assert Event.objects.filter(kind=EventKind.PERSON_CHANGED).count() == 2


@pytest.mark.django_db(transaction=True)
def test_names_changed_in_bulk_are_followed_by_the_next_tick(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    row = enrol(meeting, by)
    User.objects.update(first_name="Augusta", email="KING@example.org")
    passes.tick(by=by)
    row.refresh_from_db()
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert (row.person.display_name, row.person.email, remote.name) == (
        "Augusta Example",
        "king@example.org",
        "Augusta Example",
    )


@pytest.mark.parametrize(
    "names",
    [
        {"first_name": "", "last_name": ""},
        {"first_name": "", "last_name": "King"},
        {"first_name": "Augusta", "last_name": ""},
        {"first_name": "A" * 150, "last_name": "B" * 150},
        {"first_name": " Augusta  Ada ", "last_name": "King"},
        {"first_name": "Åsa", "last_name": "Ödegård", "email": "ÅSA@example.org"},
        {"first_name": "", "last_name": "", "username": "x" * 150},
    ],
    ids=str,
)
def test_every_name_is_followed_once(ada: User, by: Actor, names: dict[str, str]) -> None:
    people.person_of(ada, by)
    User.objects.update(**names)
    assert people.follow_users(by=by) == 1
    assert people.follow_users(by=by) == 0
    ada.refresh_from_db()
    person = Person.objects.get()
    assert {"display_name": person.display_name, "email": person.email} == people.describe(ada)


def test_odd_names_do_not_keep_others_from_being_followed(by: Actor) -> None:
    for user in UserFactory.create_batch(3, first_name="Two  spaces"):
        people.person_of(user, by)
    last = PersonFactory()
    User.objects.filter(pk=last.user.pk).update(first_name="Zoe")
    assert people.follow_users(by=by) == 1
    last.refresh_from_db()
    assert last.display_name == "Zoe Example"


def test_with_nothing_to_do_following_users_costs_one_query(by: Actor) -> None:
    PersonFactory.create_batch(5)
    GuestFactory.create_batch(5)
    with CaptureQueriesContext(connection) as seen:
        assert people.follow_users(by=by) == 0
    assert len(seen) == 1


def test_odd_names_cost_no_query_each(by: Actor) -> None:
    for user in UserFactory.create_batch(5, first_name="Two  spaces"):
        people.person_of(user, by)
    with CaptureQueriesContext(connection) as seen:
        assert people.follow_users(by=by) == 0
    assert len(seen) == 1


def test_an_erased_person_does_not_follow(ada: User, by: Actor) -> None:
    person = PersonFactory(user=ada, display_name="", email="", erased_at="2027-01-01T00:00:00Z")
    ada.first_name = "Augusta"
    ada.save()
    person.refresh_from_db()
    assert person.display_name == ""


def test_signing_in_does_not_touch_the_person(ada: User, by: Actor) -> None:
    person = people.person_of(ada, by)
    before = person.updated_at
    ada.save(update_fields=["last_login"])
    person.refresh_from_db()
    assert person.updated_at == before


@pytest.mark.django_db(transaction=True)
def test_a_block_removes_everywhere_once_and_unblocking_restores_nothing(by: Actor) -> None:
    person = PersonFactory()
    for _ in range(2):
        EnrolledFactory(person=person, realtimekit_id=None, state="pending")
    boss = Actor(via="tests", user=AdminFactory())
    assert len(people.block(person, reason="rude", by=boss).done) == 2
    assert len(people.block(person, reason="again", by=boss).done) == 0
    person.refresh_from_db()
    assert person.block_reason == "rude"
    assert set(Participant.objects.values_list("state", flat=True)) == {"removed"}
    assert people.unblock(person, by=by)
    assert not people.unblock(person, by=by)
    assert set(Participant.objects.values_list("state", flat=True)) == {"removed"}
    kinds = Event.objects.filter(person=person, participant=None).order_by("created_at")
    assert list(kinds.values_list("kind", flat=True)) == [EventKind.BLOCKED, EventKind.UNBLOCKED]


def test_a_guest_has_no_user_to_be_deactivated_by() -> None:
    assert GuestFactory().is_active
