"""Which language a page speaks, and who decides."""

import pytest
from django.conf import LazySettings
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation
from django.views.defaults import permission_denied, server_error

from config.middleware import LanguageMiddleware
from participants.errors import SignInFailed
from participants.signin.refusals import render_refusal
from tests.factories import AdminFactory, UserFactory

pytestmark = pytest.mark.django_db
GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


def read(client: Client, path: str, **headers: str) -> str:
    return client.get(path, headers=headers).content.decode()


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [("", "en-gb"), ("en-US,en;q=0.9", "en-gb"), ("de", "de"), ("de-CH,fr;q=0.9", "de"), ("fr-FR,fr;q=0.9", "en-gb")],
)
def test_a_page_speaks_the_language_the_browser_asks_for(client: Client, asked: str, spoken: str) -> None:
    answer = client.get("/", headers={"Accept-Language": asked})
    assert f'<html lang="{spoken}">' in answer.content.decode()
    assert answer.headers["Content-Language"] == spoken
    assert {"Accept-Language", "Cookie"} <= set(answer.headers["Vary"].split(", "))


def test_a_choice_is_remembered_and_outranks_the_browser(client: Client) -> None:
    answer = client.post(
        reverse("set_language"),
        {"language": "de"},
        headers={"Referer": "http://testserver/accounts/login/?next=/m/x/"},
    )
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("/accounts/login/?next=/m/x/")
    cookie = answer.cookies["django_language"]
    assert (cookie["max-age"], cookie["httponly"], cookie["samesite"]) == (365 * 86_400, True, "Lax")
    assert '<html lang="de">' in read(client, "/", **{"Accept-Language": "en"})


def test_the_page_to_confirm_an_address_lets_its_reader_choose(client: Client, settings: LazySettings) -> None:
    settings.EMAIL_VERIFICATION = "required"
    client.force_login(UserFactory())
    assert '<html lang="en-gb">' in read(client, reverse("send_email_link"))
    client.post(reverse("set_language"), {"language": "de"})
    assert '<html lang="de">' in read(client, reverse("send_email_link"))


def test_a_choice_leads_to_no_other_site(client: Client) -> None:
    answer = client.post(reverse("set_language"), {"language": "de"}, headers={"Referer": "https://evil.example/"})
    assert answer.headers["Location"] == "/"


def test_an_unknown_language_changes_nothing(client: Client) -> None:
    assert "django_language" not in client.post(reverse("set_language"), {"language": "tlh"}).cookies


def test_signing_in_is_translated_with_its_errors(client: Client) -> None:
    page = client.post(reverse("login"), {"username": "", "password": ""}, headers=GERMAN).content.decode()
    assert "<h1>Anmelden</h1>" in page
    assert "Benutzername: Dieses Feld ist zwingend erforderlich." in page


def test_lockout_is_translated(client: Client, settings: LazySettings) -> None:
    settings.AXES_FAILURE_LIMIT = 1
    UserFactory(username="ada")
    wrong = {"username": "ada", "password": "wrong"}
    answer = client.post(reverse("login"), wrong, headers=GERMAN)
    assert answer.status_code == 429
    assert "Zu viele Versuche" in answer.content.decode()


def test_errors_are_translated(client: Client, rf: RequestFactory) -> None:
    assert "Unter dieser Adresse gibt es nichts" in read(client, "/nowhere/", **GERMAN)
    strict = Client(enforce_csrf_checks=True)
    assert "Diese Seite war veraltet" in strict.post(reverse("login"), {}, headers=GERMAN).content.decode()
    with translation.override("de"):
        assert (
            "Sie dürfen diese Seite nicht öffnen"
            in permission_denied(rf.get("/"), PermissionError()).content.decode()
        )
        assert "Bei uns ist etwas schiefgegangen" in server_error(rf.get("/")).content.decode()


@pytest.mark.parametrize(
    "path",
    ["/admin/", "/admin/participants/meeting/", "/admin/nowhere/", "/api/v1/me/", "/accounts/2fa/"],
)
def test_what_staff_and_programs_read_is_english_in_any_language(client: Client, path: str) -> None:
    english = Client()
    admin = AdminFactory()
    for one in (client, english):
        one.force_login(admin)
    assert "Content-Language" not in client.get(path, headers=GERMAN).headers
    german, plain = read(client, path, **GERMAN), read(english, path)
    assert ('lang="en-gb"' in german) == ('lang="en-gb"' in plain)
    assert "Abmelden" not in german


@pytest.mark.parametrize(
    ("code", "title"),
    [("sign_in_cancelled", "Anmeldung abgebrochen"), ("sign_in_refused", "Sie konnten nicht angemeldet werden")],
)
def test_why_a_sign_in_failed_is_translated(rf: RequestFactory, code: str, title: str) -> None:
    with translation.override("de"):
        page = render_refusal(rf.get("/"), SignInFailed(code, "The sign-in was cancelled.", status=403))
    assert page.status_code == 403
    for words in (f"<h1>{title}</h1>", "Die Anmeldung wurde abgebrochen.", "Zurück zur Anmeldung", code):
        assert words in page.content.decode()


def test_the_mail_that_confirms_an_address_is_translated(client: Client, settings: LazySettings) -> None:
    settings.EMAIL_VERIFICATION = "required"
    client.force_login(UserFactory(first_name="Ada", last_name="Example", email="ada@example.org"))
    page = client.post(reverse("send_email_link"), headers=GERMAN).content.decode()
    assert "ist unterwegs an <strong>ada@example.org</strong>" in page
    assert mail.outbox[0].subject == "Bestätigen Sie Ihre E-Mail-Adresse"
    assert "Guten Tag Ada Example," in str(mail.outbox[0].body)


def test_a_page_that_opens_invitations_has_its_words(client: Client) -> None:
    assert "/texts/de.js" in read(client, "/m/0b0b0b0b-0000-4000-8000-000000000001/", **GERMAN)


def test_an_api_error_is_the_same_in_any_language(client: Client) -> None:
    answers = [client.get("/api/v1/me/", headers=headers).json() for headers in (GERMAN, {})]
    assert answers[0] == answers[1]


def test_a_request_leaves_its_language_to_nobody(rf: RequestFactory) -> None:
    seen = []

    def note(request: HttpRequest) -> HttpResponse:
        seen.append(translation.get_language())
        return HttpResponse()

    serve = LanguageMiddleware(note)
    for headers in (GERMAN, {}):
        serve(rf.get("/", headers=headers))
    assert seen == ["de", "en-gb"]
    assert translation.get_language() == "en-gb"


def test_the_scripts_words_come_in_the_pages_language(client: Client) -> None:
    client.force_login(UserFactory())
    assert 'src="/texts/de.js"' in read(client, "/", **GERMAN)
    german = client.get("/texts/de.js")
    assert german.headers["Content-Type"].startswith("text/javascript")
    assert "Beitreten" in german.content.decode()
    assert "Beitreten" not in read(client, "/texts/en-gb.js", **GERMAN)
    assert client.get("/texts/tlh.js").status_code == 404


def test_the_scripts_words_are_asked_for_again_and_sent_only_when_changed(client: Client) -> None:
    first = client.get("/texts/de.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get("/texts/de.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
