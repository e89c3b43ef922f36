"""Sessions and their users are found by compiled queries, and are those that Django finds."""

from datetime import timedelta

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from participants.signin.backends import LocalBackend
from participants.signin.sessions import SessionStore
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


def test_a_session_that_ran_out_is_none(user: User) -> None:
    key = sign_in(user)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert ask(key) in {401, 403}
    store = SessionStore(key)
    assert store.load() == {}
    assert store.session_key is None


@pytest.mark.parametrize("key", ["nobody-has-this-key", "' OR 1=1 --", "ü" * 40])
def test_a_key_that_nobody_has_opens_nothing(user: User, key: str) -> None:
    sign_in(user)
    assert SessionStore(key).load() == {}


def test_a_session_of_somebody_deactivated_or_deleted_is_nobody_s(user: User) -> None:
    key = sign_in(user)
    User.objects.update(is_active=False)
    assert ask(key) in {401, 403}
    User.objects.update(is_active=True)
    assert ask(key) == 200
    User.objects.all().delete()
    assert ask(key) in {401, 403}


def test_a_changed_password_ends_the_session(user: User) -> None:
    key = sign_in(user)
    user.set_password("another one, as good as the first")
    user.save()
    assert ask(key) in {401, 403}
