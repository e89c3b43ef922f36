"""Sessions and their users are found by compiled queries, and are those that Django finds."""

from datetime import timedelta

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from participants.signin import sessions
from participants.signin.backends import LocalBackend
from participants.signin.sessions import SessionStore, UserMiddleware
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    made: User = UserFactory(first_name="Ada")
    return made


def sign_in(user: User) -> str:
    """By Django's own store; the session's key."""
    store = db.SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "participants.signin.backends.LocalBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    assert store.session_key is not None
    return store.session_key


def ask(key: str) -> int:
    client = Client()
    client.cookies["sessionid"] = key
    return client.get("/api/v1/me/").status_code


def find_user(key: str) -> User | AnonymousUser:
    """As a request finds it that comes with this session."""
    request = HttpRequest()
    request.session = SessionStore(key)
    UserMiddleware(lambda _: HttpResponse()).process_request(request)
    assert bool(request.user.pk) is request.user.is_authenticated  # found at the first need
    return request.user


def test_a_session_of_django_s_own_store_is_good(user: User) -> None:
    assert ask(sign_in(user)) == 200


def test_session_and_user_take_a_query_each(user: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    key = sign_in(user)
    with django_assert_num_queries(2):
        store = SessionStore(key)
        found = LocalBackend().get_user(int(store[SESSION_KEY]))
    assert found == user
    assert found is not None
    assert vars(found) | {"_state": None} == vars(User.objects.get(pk=user.pk)) | {"_state": None}
    assert not found._state.adding


def test_session_and_user_take_one_query_once_the_session_was_seen(
    user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key = sign_in(user)
    with django_assert_num_queries(2):
        assert find_user(key) == user
    User.objects.update(first_name="Augusta")
    for _ in range(2):
        with django_assert_num_queries(1):
            found = find_user(key)
            assert found.pk == user.pk
            assert isinstance(found, User)
            assert found.first_name == "Augusta"
    stored = User.objects.get(pk=user.pk)
    assert {name: getattr(found, name) for name in vars(stored) if name != "_state"} == (
        {name: value for name, value in vars(stored).items() if name != "_state"}
    )


def test_a_session_that_has_become_somebody_else_s_is_theirs_at_once(user: User) -> None:
    key, other = sign_in(user), UserFactory()
    assert find_user(key) == user
    Session.objects.filter(pk=key).update(session_data=Session.objects.get(pk=sign_in(other)).session_data)
    assert find_user(key) == other
    assert find_user(key) == other


def test_a_session_seen_before_is_nobody_s_once_it_is_over(user: User) -> None:
    key = sign_in(user)
    assert find_user(key) == user
    Session.objects.all().delete()
    store = SessionStore(key)
    assert store.load() == {}
    assert store.session_key is None
    assert find_user(key).is_anonymous


def test_a_user_read_beside_their_session_is_handed_out_to_its_own_request_alone(
    user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key = sign_in(user)
    find_user(key)
    store = SessionStore(key)
    with django_assert_num_queries(2):
        assert store[SESSION_KEY] == str(user.pk)
        assert LocalBackend().get_user(user.pk) == user


def test_no_more_sessions_are_remembered_than_there_is_room_for(
    user: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(sessions, "_GUESSES", 2)
    monkeypatch.setattr(sessions, "_guesses", {})
    keys = [sign_in(user) for _ in range(3)]
    for key in keys:
        assert find_user(key) == user
    assert len(sessions._guesses) <= 2
    with django_assert_num_queries(1):
        assert find_user(keys[2]) == user


def test_a_session_that_ran_out_is_none(user: User) -> None:
    key = sign_in(user)
    assert ask(key) == 200
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert ask(key) in {401, 403}
    store = SessionStore(key)
    assert store.load() == {}
    assert store.session_key is None


@pytest.mark.parametrize("key", ["nobody-has-this-key", "' OR 1=1 --", "ü" * 40])
def test_a_key_that_nobody_has_opens_nothing(user: User, key: str) -> None:
    sign_in(user)
    assert SessionStore(key).load() == {}


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_session_of_somebody_deactivated_or_deleted_is_nobody_s(user: User, seen_before: bool) -> None:
    key = sign_in(user)
    if seen_before:
        assert ask(key) == 200
    User.objects.update(is_active=False)
    assert ask(key) in {401, 403}
    User.objects.update(is_active=True)
    assert ask(key) == 200
    User.objects.all().delete()
    assert ask(key) in {401, 403}


def test_a_changed_password_ends_the_session(user: User) -> None:
    key = sign_in(user)
    assert ask(key) == 200
    user.set_password("another one, as good as the first")
    user.save()
    assert ask(key) in {401, 403}
