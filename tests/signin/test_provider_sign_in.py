"""Signing in by a provider, over real HTTP on both sides."""

from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.cache import cache
from pytest_django.live_server_helper import LiveServer

from participants.models import Actor, Event, EventKind, Person
from participants.services import linking
from participants.states import VerifiedBy
from tests.factories import EnrolledFactory, StaffFactory, UserFactory
from tests.signin.browsing import Surfer
from tests.signin.provider import Provider

pytestmark = pytest.mark.django_db(transaction=True)
BY = Actor(via="tests")
MEETING_PAGE = "/m/0b0b0b0b-0000-4000-8000-000000000001/"


def test_without_a_provider_there_is_no_button_and_no_door(surfer: Surfer) -> None:
    assert "provider" not in surfer.open("/accounts/login/").text
    assert "provider" not in surfer.open("/admin/login/").text
    assert surfer.open("/accounts/provider/").status_code == 404
    assert surfer.send("/accounts/provider/").status_code == 404
    assert surfer.open("/accounts/provider/callback/?code=a&state=b").status_code == 404


@pytest.mark.parametrize("door", ["/accounts/login/", "/admin/login/"])
def test_both_doors_show_the_button(door: str, surfer: Surfer, provider: Provider) -> None:
    assert "Sign in with Example School" in surfer.open(door).text


def test_somebody_new_is_signed_in_and_known_by_their_subject(surfer: Surfer, provider: Provider) -> None:
    assert surfer.sign_in_by_provider() == "/"
    user = User.objects.get()
    assert (user.first_name, user.last_name, user.email) == ("Ada", "Byron", "ada@example.org")
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (False, False, False)
    assert surfer.username == user.username
    assert linking.is_verified(user)
    account = SocialAccount.objects.get()
    assert (account.provider, account.uid, account.extra_data) == (provider.issuer, "s-1", {})
    assert not SocialToken.objects.exists()


def test_the_flow_has_a_state_a_nonce_and_a_challenge_that_differ_each_time(
    surfer: Surfer, provider: Provider
) -> None:
    surfer.sign_in_by_provider()
    Surfer(surfer.base).sign_in_by_provider()
    first, second = provider.asked("/authorize")
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 16
        assert first[name] != second[name]
    assert provider.asked("/token")[0]["code_verifier"]
    assert set(first["scope"].split()) == {"openid", "profile", "email"}


def test_the_same_subject_is_the_same_user_whatever_else_changes(surfer: Surfer, provider: Provider) -> None:
    surfer.sign_in_by_provider()
    provider.person |= {"email": "lovelace@example.org", "name": "Ada Lovelace"}
    Surfer(surfer.base).sign_in_by_provider()
    user = User.objects.get()
    assert (user.last_name, user.email) == ("Lovelace", "lovelace@example.org")
    assert linking.is_verified(user)


def test_another_issuer_s_subject_is_somebody_else(
    surfer: Surfer, provider: Provider, settings: LazySettings
) -> None:
    surfer.sign_in_by_provider()
    provider.person |= {"email": "other@example.org"}
    provider.manners.discovery = {"issuer": "http://other.example"}
    provider.manners.spoil = lambda claims: claims.update(iss="http://other.example")
    settings.OIDC_ISSUER = "http://other.example"
    cache.clear()
    assert Surfer(surfer.base).sign_in_by_provider() == "/"
    assert User.objects.count() == 2


def test_signing_in_comes_back_to_where_it_was_asked_for(surfer: Surfer, provider: Provider) -> None:
    assert surfer.sign_in_by_provider(next=MEETING_PAGE) == MEETING_PAGE


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "http:evil"]
)
def test_signing_in_leads_nowhere_but_to_this_site(elsewhere: str, surfer: Surfer, provider: Provider) -> None:
    assert surfer.sign_in_by_provider(next=elsewhere) == "/"
    assert surfer.username


def test_a_guest_of_a_verified_address_becomes_the_user(surfer: Surfer, provider: Provider) -> None:
    guest = Person.objects.create(email="ada@example.org", display_name="Ada")
    row = EnrolledFactory(person=guest)
    surfer.sign_in_by_provider()
    guest.refresh_from_db()
    row.refresh_from_db()
    assert guest.user == User.objects.get()
    assert row.person == guest


@pytest.mark.parametrize("verified", [False, None, "true", "false", 1], ids=repr)
def test_an_address_that_is_not_verified_counts_for_nothing(
    verified: Any, surfer: Surfer, provider: Provider
) -> None:
    guest = Person.objects.create(email="ada@example.org", display_name="Ada")
    provider.person |= {"email_verified": verified}
    assert surfer.sign_in_by_provider() == "/"
    user = User.objects.get()
    guest.refresh_from_db()
    assert (user.email, guest.user, linking.is_verified(user)) == ("", None, False)


def test_an_account_of_the_same_address_is_not_taken_over(surfer: Surfer, provider: Provider) -> None:
    UserFactory(username="ada", email="Ada@example.org")
    surfer.sign_in_by_provider()
    assert (surfer.page.status_code, surfer.screen) == (409, "sign_in_email_in_use")
    assert "nobody has confirmed that it is yours" in surfer.page.text
    assert 'href="/accounts/login/"' in surfer.page.text
    assert (surfer.username, SocialAccount.objects.count(), User.objects.count()) == (None, 0, 1)


def test_an_address_verified_on_both_sides_joins_the_two(surfer: Surfer, provider: Provider) -> None:
    user = UserFactory(username="ada", email="Ada@example.org", first_name="A.", last_name="B.")
    linking.note_verified(user, user.email, VerifiedBy.STAFF, by=BY)
    assert surfer.sign_in_by_provider() == "/"
    user.refresh_from_db()
    assert surfer.username == "ada"
    assert (user.first_name, user.has_usable_password()) == ("A.", True)
    assert Event.objects.filter(kind=EventKind.PROVIDER_JOINED, data__user="ada").count() == 1
    assert surfer.sign_in_by_provider() == "/"
    assert User.objects.count() == 1


def test_an_address_verified_here_alone_joins_nobody(surfer: Surfer, provider: Provider) -> None:
    user = UserFactory(username="ada", email="ada@example.org")
    linking.note_verified(user, user.email, VerifiedBy.STAFF, by=BY)
    provider.person |= {"email_verified": False}
    surfer.sign_in_by_provider()
    assert surfer.username not in (None, "ada")


def test_a_deactivated_user_is_refused(surfer: Surfer, provider: Provider) -> None:
    surfer.sign_in_by_provider()
    User.objects.update(is_active=False)
    again = Surfer(surfer.base)
    again.sign_in_by_provider()
    assert (again.page.status_code, again.screen, again.username) == (403, "sign_in_inactive", None)


def test_a_username_of_the_provider_is_used_only_where_the_setting_says_so(
    surfer: Surfer, provider: Provider, settings: LazySettings
) -> None:
    provider.person |= {"preferred_username": "ada"}
    surfer.sign_in_by_provider()
    assert User.objects.get().username.startswith("idp-")
    settings.OIDC_USERNAME_CLAIM = "preferred_username"
    provider.person |= {"sub": "s-2", "email": "two@example.org"}
    Surfer(surfer.base).sign_in_by_provider()
    provider.person |= {"sub": "s-3", "email": "three@example.org", "preferred_username": "ADA"}
    Surfer(surfer.base).sign_in_by_provider()
    names = [account.user.username for account in SocialAccount.objects.order_by("uid")]
    assert names[1] == "ada"
    assert names[2].startswith("idp-")


def test_a_provider_makes_nobody_staff(surfer: Surfer, provider: Provider) -> None:
    provider.person |= {"is_staff": True, "groups": ["admin"], "roles": ["admin"], "is_superuser": True}
    surfer.sign_in_by_provider()
    assert not User.objects.filter(is_staff=True).exists()


def test_signing_out_ends_the_session_here(surfer: Surfer, provider: Provider) -> None:
    surfer.sign_in_by_provider()
    surfer.send("/accounts/logout/")
    assert surfer.username is None


def test_the_session_s_key_changes_at_the_sign_in(surfer: Surfer, provider: Provider) -> None:
    address = surfer.begin()
    before = surfer.session.cookies["sessionid"]
    surfer.session.get(address, timeout=20)
    assert surfer.session.cookies["sessionid"] != before


def test_somebody_signed_in_as_another_becomes_who_the_provider_says(surfer: Surfer, provider: Provider) -> None:
    UserFactory(username="bob")
    surfer.sign_in("bob")
    surfer.sign_in_by_provider()
    assert surfer.username not in (None, "bob")


def test_the_button_is_refused_without_a_csrf_token(live_server: LiveServer, provider: Provider) -> None:
    surfer = Surfer(live_server.url)
    surfer.open("/accounts/login/")
    assert surfer.send("/accounts/provider/", csrfmiddlewaretoken="").status_code == 403
    # Nor does a link begin anything.
    surfer.open("/accounts/provider/?next=/")
    assert surfer.path == "/accounts/login/"
    assert provider.asked("/authorize") == []


@pytest.mark.parametrize(
    "wish", ["process=connect", "process=redirect", "scope=offline_access", "auth_params=prompt%3Dnone"]
)
def test_no_wish_in_the_address_changes_the_flow(wish: str, surfer: Surfer, provider: Provider) -> None:
    surfer.open("/accounts/login/")
    surfer.send(f"/accounts/provider/?{wish}")
    assert "prompt=none" not in surfer.page.text
    assert "offline_access" not in surfer.page.text
    assert "sign_in" not in surfer.screen


def test_staff_who_sign_in_by_the_provider_reach_the_admin(surfer: Surfer, provider: Provider) -> None:
    user = StaffFactory(username="ada", email="ada@example.org")
    linking.note_verified(user, user.email, VerifiedBy.STAFF, by=BY)
    assert surfer.sign_in_by_provider(next="/admin/") == "/admin/"
    assert surfer.page.status_code == 200
