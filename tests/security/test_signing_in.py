"""Guessing passwords is slowed down per name and address; signing in leads nowhere but to this site."""

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PROXY = "10.0.0.1"


@pytest.fixture
def _proxy(settings: LazySettings) -> None:
    from ipaddress import ip_network

    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]


def sign_in(client: Client, name: str, password: str, **headers: str) -> int:
    form = {"username": name, "password": password}
    return client.post(reverse("login"), form, **headers).status_code  # type: ignore[arg-type]  # WSGI names


@pytest.mark.usefixtures("_proxy")
@pytest.mark.parametrize("written", ["203.0.113.7:{port}", "[2001:db8::7]:{port}"])
def test_a_proxy_that_writes_ports_does_not_undo_the_lockout(written: str) -> None:
    UserFactory(username="ada")
    client = Client(REMOTE_ADDR=PROXY)
    for port in range(10):
        sign_in(client, "ada", "wrong", HTTP_X_FORWARDED_FOR=written.format(port=4000 + port))
    forwarded = written.format(port=5000)
    assert sign_in(client, "ada", "secret-pass-1", HTTP_X_FORWARDED_FOR=forwarded) == 429
    assert sign_in(client, "ada", "secret-pass-1", HTTP_X_FORWARDED_FOR="203.0.113.8") == 302


@pytest.mark.usefixtures("_proxy")
@pytest.mark.parametrize("forwarded", ["unknown", "_hidden", "203.0.113.7.9", "💩", "::", ""])
def test_a_forwarded_address_that_is_none_breaks_nothing(forwarded: str) -> None:
    UserFactory(username="ada")
    client = Client(REMOTE_ADDR=PROXY, raise_request_exception=False)
    assert sign_in(client, "ada", "wrong", HTTP_X_FORWARDED_FOR=forwarded) == 200


@pytest.mark.usefixtures("_proxy")
def test_a_client_can_not_write_itself_another_address() -> None:
    UserFactory(username="ada")
    client = Client(REMOTE_ADDR=PROXY)
    for number in range(10):
        sign_in(client, "ada", "wrong", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}, 203.0.113.7")
    assert sign_in(client, "ada", "secret-pass-1", HTTP_X_FORWARDED_FOR="192.0.2.99, 203.0.113.7") == 429


def test_another_browser_name_does_not_undo_the_lockout() -> None:
    UserFactory(username="ada")
    client = Client()
    for number in range(10):
        sign_in(client, "ada", "wrong", HTTP_USER_AGENT=f"browser {number}")
    assert sign_in(client, "ada", "secret-pass-1", HTTP_USER_AGENT="fresh") == 429


def test_the_admin_door_is_shut_by_the_same_lock() -> None:
    UserFactory(username="ada", is_staff=True)
    client = Client()
    for _ in range(10):
        sign_in(client, "ada", "wrong")
    form = {"username": "ada", "password": "secret-pass-1"}
    assert client.post(reverse("admin:login"), form).status_code == 429


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        "http://testserver@evil.example/",
        "\t//evil.example",
    ],
)
@pytest.mark.parametrize("door", ["login", "admin:login"])
def test_signing_in_leads_nowhere_but_to_this_site(place: str, door: str) -> None:
    UserFactory(username="ada", is_staff=True)
    client = Client()
    form = {"username": "ada", "password": "secret-pass-1", "next": place}
    answer = client.post(f"{reverse(door)}?next={place}", form)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/")
    assert "evil" not in answer["Location"]
    # Signed in already, the page sends on at once.
    assert "evil" not in client.get(reverse(door), {"next": place}).headers.get("Location", "")
    assert "evil" not in client.post(f"{reverse('logout')}?next={place}").headers.get("Location", "")


def test_a_foreign_host_is_refused_everywhere() -> None:
    client = Client(headers={"host": "evil.example"})
    for path in ("/", "/accounts/login/", "/admin/", "/api/v1/me/"):
        assert client.get(path).status_code == 400, path
