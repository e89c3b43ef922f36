"""Staff show a second factor at every sign-in, whichever door they come through, over real HTTP."""

import base64
from datetime import timedelta
from typing import Any

import pytest
import requests
import time_machine
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.urls import get_resolver
from django.utils import timezone

from participants.models import Actor, Event, EventKind
from participants.services import linking
from participants.states import VerifiedBy
from tests.factories import UserFactory
from tests.signin.apps import App, set_up
from tests.signin.browsing import Surfer
from tests.signin.provider import Provider

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("staff_mfa")]
CODE_PAGE, SET_UP_PAGE = "/accounts/2fa/code/", "/accounts/2fa/set-up/"
MANAGE = "/api/v1/manage/meetings/"


def read_code(surfer: Surfer, path: str) -> str:
    body = surfer.session.get(f"{surfer.base}{path}", timeout=20).json()
    return str(body.get("code", ""))


def test_without_the_setting_nobody_is_asked_for_anything(surfer: Surfer, boss: User, settings: LazySettings) -> None:
    settings.STAFF_MFA = "off"
    assert surfer.sign_in("boss", next="/admin/") == "/admin/"
    for path in ("/accounts/2fa/", SET_UP_PAGE, CODE_PAGE, "/accounts/2fa/recovery-codes/", "/accounts/confirm/"):
        assert surfer.open(path).status_code == 404, path


def test_people_who_manage_nothing_are_not_concerned(surfer: Surfer) -> None:
    UserFactory(username="ada")
    assert surfer.sign_in("ada") == "/"
    assert surfer.username == "ada"
    assert surfer.open(SET_UP_PAGE).status_code == 404


def test_staff_without_one_set_it_up_before_the_admin_opens(surfer: Surfer, boss: User) -> None:
    surfer.sign_in("boss", next="/admin/participants/meeting/")
    assert surfer.path.startswith(f"{SET_UP_PAGE}?next=")
    assert read_code(surfer, MANAGE) == "second_factor_required"
    assert surfer.open("/").status_code == 200  # an attendee's page is not the admin
    surfer.open(SET_UP_PAGE)
    app, codes = set_up(surfer)
    assert surfer.path == "/accounts/2fa/recovery-codes/"
    assert len(codes) == 10
    assert surfer.open("/admin/participants/meeting/").status_code == 200
    assert surfer.path == "/admin/participants/meeting/"
    assert surfer.session.get(f"{surfer.base}{MANAGE}", timeout=20).status_code == 200
    assert Event.objects.filter(kind=EventKind.FACTOR_ADDED, actor=boss).count() == 1
    assert app.secret not in str(Authenticator.objects.values_list("data"))


def test_a_wrong_code_sets_nothing_up(surfer: Surfer, boss: User) -> None:
    surfer.sign_in("boss", next="/admin/")
    surfer.send(SET_UP_PAGE, code="000000")
    assert 'role="alert"' in surfer.page.text
    assert not Authenticator.objects.exists()
    set_up(surfer)  # the secret on the page is the same
    assert Authenticator.objects.count() == 2


def test_the_qr_code_is_an_image_of_the_page_s_own(surfer: Surfer, boss: User) -> None:
    surfer.sign_in("boss", next="/admin/")
    image = surfer.page.text.partition('src="data:image/svg+xml;base64,')[2].partition('"')[0]
    assert b"<svg" in base64.b64decode(image)
    assert "img-src 'self' data:" in surfer.page.headers["Content-Security-Policy"]
    assert "no-store" in surfer.page.headers["Cache-Control"]


@pytest.mark.parametrize("door", ["/accounts/login/", "/admin/login/"])
def test_whoever_has_one_is_asked_at_every_sign_in(door: str, fresh: Surfer, app: App) -> None:
    fresh.sign_in("boss", door=door, next="/admin/")
    assert fresh.path == f"{CODE_PAGE}?next=/admin/"
    assert fresh.screen == "second_factor"
    before = fresh.session.cookies["sessionid"]
    fresh.send(fresh.path, code=app.show(1))
    assert (fresh.page.status_code, fresh.path) == (200, "/admin/")
    assert fresh.session.cookies["sessionid"] != before


def list_pages() -> list[str]:
    """Every page without arguments, whatever its name."""

    def walk(patterns: Any, before: str) -> list[str]:
        found: list[str] = []
        for item in patterns:
            place = before + str(item.pattern)
            found += walk(item.url_patterns, place) if hasattr(item, "url_patterns") else [place]
        return found

    places = walk(get_resolver().url_patterns, "")
    return sorted({f"/{place}" for place in places if not set(place) & set("<(^$?")})


def test_a_session_that_owes_its_second_factor_opens_nothing(fresh: Surfer, app: App) -> None:
    fresh.sign_in("boss")
    open_ = {CODE_PAGE, "/accounts/logout/", "/admin/logout/", "/admin/jsi18n/", "/healthz/", "/readyz/", "/metrics"}
    open_.add("/api/")  # nothing is there, for anybody
    public = ("/api/schema/", "/api/docs/")  # say the same to everybody
    pages = list_pages()
    assert len(pages) > 30
    for path in sorted(set(pages) - open_):
        for method in ("GET", "POST"):
            answer = ask(fresh, method, path)
            if not path.startswith("/api/"):
                assert answer.status_code == 302, (method, path, answer.status_code)
                assert answer.headers["Location"].startswith(CODE_PAGE), (method, path)
            elif not path.startswith(public):
                assert answer.status_code == 403, (method, path, answer.status_code)
                assert answer.json()["code"] == "second_factor_required", (method, path)
    assert fresh.username is None


def ask(surfer: Surfer, method: str, path: str) -> requests.Response:
    token = surfer.session.cookies["csrftoken"]
    body: dict[str, Any] = {"json": {}} if path.startswith("/api/") else {"data": {"csrfmiddlewaretoken": token}}
    return surfer.session.request(
        method, f"{surfer.base}{path}", headers={"X-CSRFToken": token}, allow_redirects=False, timeout=20, **body
    )


ATTENDEES = {"me", "my-attendance", "my-meetings", "my-meeting", "join", "admission", "access", "redeem"} | {
    "schema",
    "docs",
}
"""Routes of the API that managing does not go through: open to staff who have no second factor yet."""


def test_every_route_of_the_api_but_an_attendee_s_waits_for_the_set_up(surfer: Surfer, boss: User) -> None:
    surfer.sign_in("boss", next="/admin/")
    api: Any = next(item for item in get_resolver().url_patterns if str(item.pattern) == "api/")
    open_: set[str] = set()

    def walk(patterns: Any, before: str) -> None:
        for item in patterns:
            place = before + str(item.pattern)
            if hasattr(item, "url_patterns"):
                walk(item.url_patterns, place)
            elif item.name:
                path = place.replace("<uuid:", "0b0b0b0b-0000-4000-8000-000000000001<").replace(">", "<")
                path = "".join(path.split("<")[::2])
                if read_answer(surfer, f"/{path}") != "second_factor_required":
                    open_.add(item.name)

    walk(api.url_patterns, "api/")
    assert open_ == ATTENDEES


def read_answer(surfer: Surfer, path: str) -> str:
    answer = surfer.session.get(f"{surfer.base}{path}", timeout=20)
    return str(answer.json().get("code", "")) if "json" in answer.headers["Content-Type"] else ""


def test_a_session_from_before_the_setting_is_asked_too(
    surfer: Surfer, fresh: Surfer, app: App, settings: LazySettings
) -> None:
    settings.STAFF_MFA = "off"
    assert fresh.sign_in("boss", next="/admin/") == "/admin/"
    settings.STAFF_MFA = "required"
    fresh.open("/admin/")
    assert fresh.path == f"{CODE_PAGE}?next=/admin/"


def test_the_password_again_is_no_way_past_the_code(fresh: Surfer, app: App) -> None:
    fresh.sign_in("boss")
    fresh.send("/accounts/confirm/", password="secret-pass-1")
    assert fresh.path == CODE_PAGE
    fresh.send("/accounts/2fa/remove/")
    assert fresh.path == CODE_PAGE
    assert Authenticator.objects.count() == 2
    assert fresh.username is None


def test_who_has_a_second_factor_confirms_by_it_alone(surfer: Surfer, app: App) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        surfer.open("/accounts/2fa/remove/")
        assert surfer.path.startswith(CODE_PAGE)
        surfer.send(surfer.path, code=app.show())
        assert surfer.screen == "second_factor_remove"


def test_a_code_counts_once(fresh: Surfer, app: App) -> None:
    code = app.show(1)
    fresh.sign_in("boss")
    fresh.send(CODE_PAGE, code=code)
    assert fresh.username == "boss"
    other = Surfer(fresh.base)
    other.sign_in("boss")
    other.send(CODE_PAGE, code=code)
    assert "wrong or was used already" in other.page.text
    other.send(CODE_PAGE, code=app.show())  # older than the last one
    assert other.username is None


def test_codes_are_guessed_five_times_whatever_the_browser(fresh: Surfer, app: App) -> None:
    for _ in range(5):
        other = Surfer(fresh.base)
        other.sign_in("boss")
        other.send(CODE_PAGE, code="000000")
    fresh.sign_in("boss")
    fresh.send(CODE_PAGE, code=app.show(1))
    assert "Too many wrong codes" in fresh.page.text
    assert fresh.username is None


@pytest.mark.parametrize("code", ["", " ", "0" * 500, "１２３４５６", "\x00", "null", "-1", "12345"], ids=range(8))
def test_no_code_breaks_the_page(code: str, fresh: Surfer, app: App) -> None:
    fresh.sign_in("boss")
    assert fresh.send(CODE_PAGE, code=code).status_code == 200
    assert fresh.screen == "second_factor"
    assert fresh.username is None


def test_the_lockout_of_passwords_goes_first(fresh: Surfer, app: App) -> None:
    for _ in range(10):
        fresh.sign_in("boss", "wrong")
    fresh.sign_in("boss")
    assert (fresh.page.status_code, fresh.screen) == (429, "locked_out")


def test_confirming_a_password_is_locked_like_signing_in(surfer: Surfer, boss: User, settings: LazySettings) -> None:
    surfer.sign_in("boss", next="/admin/")
    settings.AXES_FAILURE_LIMIT = 3
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        surfer.open(SET_UP_PAGE)
        assert surfer.path.startswith("/accounts/confirm/")
        for _ in range(3):
            surfer.send("/accounts/confirm/", password="wrong")
        surfer.send("/accounts/confirm/", password="secret-pass-1")
    assert surfer.page.status_code == 429


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_a_code_leads_nowhere_but_to_this_site(elsewhere: str, fresh: Surfer, app: App) -> None:
    fresh.sign_in("boss")
    fresh.send(f"{CODE_PAGE}?next={elsewhere}", code=app.show(1), next=elsewhere)
    assert fresh.path == "/"


def join(provider: Provider, user: User) -> None:
    linking.note_verified(user, user.email, VerifiedBy.STAFF, by=Actor(via="tests"))
    provider.person |= {"email": user.email}


def test_the_provider_s_door_asks_as_well(fresh: Surfer, boss: User, app: App, provider: Provider) -> None:
    join(provider, boss)
    fresh.sign_in_by_provider(next="/admin/")
    assert fresh.path == f"{CODE_PAGE}?next=/admin/"
    fresh.send(fresh.path, code=app.show(1))
    assert fresh.path == "/admin/"


def test_the_provider_s_own_second_factor_counts_where_the_setting_says_so(
    fresh: Surfer, boss: User, app: App, provider: Provider, settings: LazySettings
) -> None:
    settings.OIDC_SECOND_FACTOR = True
    join(provider, boss)
    assert fresh.sign_in_by_provider(next="/admin/") == "/admin/"
    fresh.send("/accounts/logout/")
    fresh.sign_in("boss", next="/admin/")
    assert fresh.path == f"{CODE_PAGE}?next=/admin/"  # not for the password's door


def test_staff_of_the_provider_alone_set_one_up_too(fresh: Surfer, provider: Provider) -> None:
    fresh.sign_in_by_provider()
    User.objects.update(is_staff=True)
    fresh.sign_in_by_provider(next="/admin/")
    assert fresh.path.startswith(SET_UP_PAGE)
    set_up(fresh)
    assert fresh.open("/admin/").status_code == 200
    assert fresh.path == "/admin/"


def test_signing_out_is_open_to_who_owes_a_code(fresh: Surfer, app: App) -> None:
    fresh.sign_in("boss")
    fresh.send("/accounts/logout/")
    fresh.open("/accounts/login/")
    assert fresh.screen == "sign_in"
