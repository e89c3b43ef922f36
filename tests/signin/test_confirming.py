"""Where the setting says so, people confirm their e-mail address before they go on."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.utils import timezone

from participants.models import Actor, Person, VerifiedEmail
from participants.services import linking
from participants.states import VerifiedBy
from tests.factories import AdminFactory, UserFactory
from tests.mailserver import use_mail_server
from tests.signin.browsing import Surfer

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/accounts/email/"


@pytest.fixture(autouse=True)
def _required(settings: LazySettings) -> None:
    settings.EMAIL_VERIFICATION = "required"


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(username="ada", email="Ada@example.org")
    return user


def read_link() -> str:
    found = re.search(r"(/accounts/email/\S+/)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def test_without_the_setting_nobody_is_asked(surfer: Surfer, ada: User, settings: LazySettings) -> None:
    settings.EMAIL_VERIFICATION = "off"
    assert surfer.sign_in("ada") == "/"
    assert surfer.username == "ada"
    assert surfer.open(PAGE).status_code == 404


def test_a_link_in_the_mail_confirms_and_links_the_guest(surfer: Surfer, ada: User) -> None:
    guest = Person.objects.create(email="ada@example.org", display_name="Ada")
    surfer.sign_in("ada", next="/m/0b0b0b0b-0000-4000-8000-000000000001/")
    assert surfer.path.startswith(f"{PAGE}?next=")
    assert read_code(surfer) == "email_unverified"
    surfer.send(PAGE)
    assert mail.outbox[0].to == ["Ada@example.org"]
    surfer.open(read_link())
    assert not VerifiedEmail.objects.exists()  # opened, as a mail program might
    surfer.send(read_link())
    assert (surfer.path, surfer.username) == ("/", "ada")
    assert VerifiedEmail.objects.get().source == VerifiedBy.MAIL
    guest.refresh_from_db()
    assert guest.user == ada


def read_code(surfer: Surfer) -> str:
    return str(surfer.session.get(f"{surfer.base}/api/v1/me/", timeout=20).json().get("code", ""))


def test_the_link_is_good_for_the_account_it_was_sent_for_alone(surfer: Surfer, ada: User) -> None:
    surfer.sign_in("ada")
    surfer.send(PAGE)
    UserFactory(username="bob", email="bob@example.org")
    other = Surfer(surfer.base)
    other.sign_in("bob")
    assert other.send(read_link()).status_code == 409
    assert "for another account" in other.page.text
    nobody = Surfer(surfer.base)
    nobody.open(read_link())
    assert nobody.path.startswith("/accounts/login/")
    assert not VerifiedEmail.objects.exists()


def test_a_link_lapses(surfer: Surfer, ada: User) -> None:
    surfer.sign_in("ada")
    surfer.send(PAGE)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert surfer.send(read_link()).status_code == 409
    User.objects.update(email="new@example.org")
    assert surfer.send(read_link()).status_code == 409
    assert surfer.send(f"{PAGE}nonsense/").status_code == 409
    assert not VerifiedEmail.objects.exists()


def test_an_address_that_is_somebody_else_s_by_now_is_told(surfer: Surfer, ada: User) -> None:
    surfer.sign_in("ada")
    surfer.send(PAGE)
    twin = UserFactory(email="ada@example.org")
    linking.note_verified(twin, twin.email, VerifiedBy.STAFF, by=Actor(via="tests"))
    assert surfer.send(read_link()).status_code == 409
    assert "verified as another user" in surfer.page.text


def test_mails_are_sent_once_a_minute(surfer: Surfer, ada: User) -> None:
    surfer.sign_in("ada")
    surfer.send(PAGE)
    surfer.send(PAGE)
    assert len(mail.outbox) == 1
    assert "less than a minute ago" in surfer.page.text


def test_a_mail_server_that_is_down_is_told(surfer: Surfer, ada: User, settings: LazySettings) -> None:
    use_mail_server(settings, "smtp://127.0.0.1:9")
    surfer.sign_in("ada")
    assert surfer.send(PAGE).status_code == 503
    assert "can&#x27;t be sent" in surfer.page.text
    use_mail_server(settings, "memorymail://")
    assert surfer.send(PAGE).status_code == 200  # at once: nothing was sent
    cache.clear()


@pytest.mark.parametrize("who", ["verified", "without an address", "may vouch"])
def test_who_is_not_asked(who: str, surfer: Surfer) -> None:
    if who == "may vouch":
        user = AdminFactory(username="ada", email="ada@example.org")
    else:
        user = UserFactory(username="ada", email="ada@example.org" if who == "verified" else "")
    if who == "verified":
        linking.note_verified(user, user.email, VerifiedBy.STAFF, by=Actor(via="tests"))
    assert surfer.sign_in("ada") == "/"
    assert surfer.username == "ada"
