import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
MEETING_PAGE = "/m/0b0b0b0b-0000-4000-8000-000000000001/"


def test_signing_in_leads_to_my_meetings(client: Client) -> None:
    UserFactory(username="ada")
    answer = client.post(reverse("login"), {"username": "ada", "password": "secret-pass-1"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_signing_in_comes_back_to_the_meeting_whose_link_was_followed(client: Client) -> None:
    UserFactory(username="ada")
    prompt = client.get(MEETING_PAGE)
    address = f"{reverse('login')}?next={MEETING_PAGE}"
    assert address in prompt.content.decode()
    form = client.get(address)
    assert f'name="next" value="{MEETING_PAGE}"' in form.content.decode()
    answer = client.post(address, {"username": "ada", "password": "secret-pass-1", "next": MEETING_PAGE})
    assert answer.headers["Location"] == MEETING_PAGE


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_signing_in_never_leads_to_another_site(client: Client, elsewhere: str) -> None:
    UserFactory(username="ada")
    fields = {"username": "ada", "password": "secret-pass-1", "next": elsewhere}
    assert client.post(reverse("login"), fields).headers["Location"] == "/"


def test_somebody_signed_in_does_not_see_the_form_again(client: Client) -> None:
    client.force_login(UserFactory())
    answer = client.get(reverse("login"), {"next": MEETING_PAGE})
    assert (answer.status_code, answer.headers["Location"]) == (302, MEETING_PAGE)


def test_a_wrong_password_is_explained_and_the_username_kept(client: Client) -> None:
    UserFactory(username="ada")
    page = client.post(reverse("login"), {"username": "ada", "password": "wrong"}).content.decode()
    assert 'role="alert"' in page
    assert "correct username and password" in page
    assert 'value="ada"' in page
    assert "wrong" not in page


def test_a_missing_field_is_named(client: Client) -> None:
    page = client.post(reverse("login"), {"username": "", "password": ""}).content.decode()
    assert "Username: This field is required." in page
    assert "Password: This field is required." in page


def test_after_too_many_wrong_passwords_the_page_says_wait(client: Client) -> None:
    UserFactory(username="ada")
    answers = [client.post(reverse("login"), {"username": "ada", "password": "wrong"}) for _ in range(11)]
    assert answers[-1].status_code == 429
    assert "Too many attempts" in answers[-1].content.decode()


def test_the_form_is_refused_without_a_csrf_token() -> None:
    UserFactory(username="ada")
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(reverse("login"), {"username": "ada", "password": "secret-pass-1"})
    assert answer.status_code == 403
    assert "This page was out of date" in answer.content.decode()


def test_signing_out_needs_a_post_and_ends_the_session(client: Client) -> None:
    client.force_login(UserFactory())
    assert client.get(reverse("logout")).status_code == 405
    assert client.post(reverse("logout")).headers["Location"] == "/"
    assert "_auth_user_id" not in client.session
