"""Sessions: cookies that scripts and other sites don't get, keys that change, and ends that hold."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db
Queries = Callable[[int], Any]
FORM = {"username": "ada", "password": "secret-pass-1"}


@pytest.fixture
def ada() -> User:
    user: User = StaffFactory(username="ada")
    return user


def is_signed_in(client: Client) -> bool:
    return client.get("/api/v1/me/").status_code == 200


def sign_in() -> Client:
    client = Client()
    assert client.post(reverse("login"), FORM).status_code == 302
    return client


@pytest.mark.parametrize("door", ["login", "admin:login"])
def test_the_session_s_cookie_is_out_of_reach(door: str, ada: User, settings: LazySettings) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    client = Client()
    client.get(reverse(door), secure=True)
    client.post(reverse(door), FORM, secure=True)
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
    assert (cookie["domain"], cookie["path"]) == ("", "/")
    # The page's own script reads this one (design 5); it is worth nothing without the session.
    token = client.cookies["csrftoken"]
    assert (token["httponly"], token["secure"], token["samesite"], token["domain"]) == ("", True, "Lax", "")


@pytest.mark.parametrize("door", ["login", "admin:login"])
def test_a_session_s_key_that_somebody_planted_is_worth_nothing(door: str, ada: User) -> None:
    thief = Client()
    thief.session.save()  # an anonymous one
    planted = str(thief.session.session_key)
    victim = Client()
    victim.cookies["sessionid"] = planted
    victim.post(reverse(door), FORM)
    assert victim.cookies["sessionid"].value != planted
    thief.cookies["sessionid"] = planted
    assert is_signed_in(victim)
    assert not is_signed_in(thief)


def test_a_made_up_key_is_not_taken_over(ada: User) -> None:
    client = Client()
    client.cookies["sessionid"] = "a" * 32
    client.post(reverse("login"), FORM)
    assert client.cookies["sessionid"].value != "a" * 32


def test_the_csrf_token_changes_at_the_sign_in(ada: User) -> None:
    client = Client()
    client.get(reverse("login"))
    before = client.cookies["csrftoken"].value
    client.post(reverse("login"), FORM)
    assert client.cookies["csrftoken"].value != before


@pytest.mark.parametrize("door", ["logout", "admin:logout"])
def test_a_signed_out_session_is_dead_for_whoever_kept_its_cookie(door: str, ada: User) -> None:
    client = sign_in()
    kept = Client()
    kept.cookies["sessionid"] = client.cookies["sessionid"].value
    assert is_signed_in(kept)
    client.post(reverse(door))
    assert not is_signed_in(kept)


def test_a_changed_password_ends_all_other_sessions(ada: User) -> None:
    here, elsewhere = sign_in(), sign_in()
    form = {"old_password": "secret-pass-1", "new_password1": "Quite-Another-1", "new_password2": "Quite-Another-1"}
    assert here.post(reverse("admin:password_change"), form).status_code == 302
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)


def test_a_password_set_by_staff_ends_all_sessions(ada: User) -> None:
    client = sign_in()
    ada.set_password("Quite-Another-1")
    ada.save()
    assert not is_signed_in(client)


def test_a_deactivated_user_s_sessions_are_dead(ada: User) -> None:
    client = sign_in()
    User.objects.update(is_active=False)
    assert not is_signed_in(client)


def test_a_session_ends_with_its_age(ada: User, settings: LazySettings) -> None:
    settings.SESSION_COOKIE_AGE = 3600
    client = sign_in()
    with time_machine.travel(timezone.now() + timedelta(minutes=59)):
        assert is_signed_in(client)
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert not is_signed_in(client)


def test_an_idle_session_ends_and_one_in_use_does_not(ada: User, settings: LazySettings) -> None:
    settings.SESSION_IDLE = 600
    client, start = sign_in(), timezone.now()
    for minutes in (0, 9, 18, 27):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            assert is_signed_in(client)
    with time_machine.travel(start + timedelta(minutes=38), tick=False):
        assert not is_signed_in(client)
    assert client.session.get("_auth_user_id") is None


def test_a_session_in_use_is_not_written_at_every_request(
    ada: User, settings: LazySettings, django_assert_num_queries: Queries
) -> None:
    settings.SESSION_IDLE = 600
    client = sign_in()
    with time_machine.travel(timezone.now(), tick=False):
        client.get("/api/v1/meetings/")
        with django_assert_num_queries(2):  # session with user, page
            assert client.get("/api/v1/meetings/").status_code == 200


def fail(name: str, **where: Any) -> None:
    Client().post(reverse("login"), {"username": name, "password": "wrong"}, **where)


@pytest.mark.parametrize("written", ["ada", " ada", "ada ", "\tada", "ａｄａ", "aｄa"], ids=range(6))
def test_another_way_to_write_a_name_does_not_undo_the_lockout(written: str, ada: User) -> None:
    for _ in range(10):
        fail(written)
    assert Client().post(reverse("login"), FORM).status_code == 429


def test_a_name_in_capitals_is_another_one_that_nobody_has(ada: User) -> None:
    assert Client().post(reverse("login"), {**FORM, "username": "ADA"}).status_code == 200


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP"]
)
def test_no_header_of_a_stranger_undoes_the_lockout(header: str, ada: User) -> None:
    for number in range(10):
        fail("ada", headers={header: f"192.0.2.{number}"})
    assert Client(headers={header: "192.0.2.99"}).post(reverse("login"), FORM).status_code == 429


def test_another_address_of_the_same_ipv6_network_does_not_undo_the_lockout(ada: User) -> None:
    for number in range(10):
        fail("ada", REMOTE_ADDR=f"2001:db8:0:7::{number:x}")
    assert Client(REMOTE_ADDR="2001:db8:0:7:ffff::1").post(reverse("login"), FORM).status_code == 429
    assert Client(REMOTE_ADDR="2001:db8:0:8::1").post(reverse("login"), FORM).status_code == 302


def test_an_ipv4_address_written_as_ipv6_is_the_same(ada: User) -> None:
    for _ in range(10):
        fail("ada", REMOTE_ADDR="::ffff:192.0.2.7")
    assert Client(REMOTE_ADDR="192.0.2.7").post(reverse("login"), FORM).status_code == 429
    assert Client(REMOTE_ADDR="192.0.2.8").post(reverse("login"), FORM).status_code == 302


def test_one_name_locked_leaves_the_others_of_an_address_alone(ada: User) -> None:
    UserFactory(username="bob")
    for _ in range(10):
        fail("ada")
    assert Client().post(reverse("login"), {**FORM, "username": "bob"}).status_code == 302


def test_the_lockout_ends_by_itself(ada: User) -> None:
    for _ in range(10):
        fail("ada")
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert Client().post(reverse("login"), FORM).status_code == 302
