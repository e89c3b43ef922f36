"""A provider that lies, breaks or is gone signs nobody in and breaks no page, over real HTTP on both sides."""

import logging
import time
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.cache import cache

from tests.factories import UserFactory
from tests.signin import provider as standin
from tests.signin.browsing import Surfer
from tests.signin.provider import Claims, Provider

pytestmark = pytest.mark.django_db(transaction=True)


def begin_anew(surfer: Surfer) -> str:
    """The address at the provider; nothing of what was fetched on the way there is kept."""
    address = surfer.begin()
    cache.clear()
    return address


EXPIRED = int(time.time()) - 3600
SPOILT: dict[str, Any] = {
    "another audience": lambda claims: claims.update(aud="somebody-else"),
    "no audience": lambda claims: claims.pop("aud"),
    "several audiences": lambda claims: claims.update(aud=["rollcall", "other"], azp="other"),
    "another issuer": lambda claims: claims.update(iss="https://evil.example"),
    "expired": lambda claims: claims.update(exp=EXPIRED),
    "no expiry": lambda claims: claims.pop("exp"),
    "of the future": lambda claims: claims.update(nbf=claims["iat"] + 3600),
    "another nonce": lambda claims: claims.update(nonce="x" * 32),
    "no nonce": lambda claims: claims.pop("nonce"),
    "an odd nonce": lambda claims: claims.update(nonce=["x"]),
    "no subject": lambda claims: claims.pop("sub"),
    "a blank subject": lambda claims: claims.update(sub=""),
    "a long subject": lambda claims: claims.update(sub="x" * 300),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_token_with_a_wrong_claim_signs_nobody_in(spoil: Any, surfer: Surfer, provider: Provider) -> None:
    provider.manners.spoil = spoil
    surfer.sign_in_by_provider()
    assert (surfer.page.status_code, surfer.screen) == (502, "sign_in_untrusted")
    assert (surfer.username, User.objects.count()) == (None, 0)


SIGNED = {
    "another key": standin.sign_with_another_key,
    "an unlisted key": standin.sign_with_an_unlisted_key,
    "none": standin.sign_with_nothing,
    "the client's secret": standin.sign_with_the_client_secret,
    "nonsense": lambda claims: "not.a.token",
    "nothing": lambda claims: "",
}


@pytest.mark.parametrize("sign", SIGNED.values(), ids=SIGNED)
def test_a_token_signed_otherwise_signs_nobody_in(sign: Any, surfer: Surfer, provider: Provider) -> None:
    provider.manners.sign = sign
    surfer.sign_in_by_provider()
    assert (surfer.page.status_code, surfer.screen) == (502, "sign_in_untrusted")
    assert (surfer.username, User.objects.count()) == (None, 0)


def test_what_the_token_does_not_say_is_asked_of_userinfo(surfer: Surfer, provider: Provider) -> None:
    def hide(claims: Claims) -> None:
        for name in ("email", "email_verified", "name"):
            claims.pop(name)

    provider.manners.spoil = hide
    surfer.sign_in_by_provider()
    assert User.objects.get().email == "ada@example.org"


def test_userinfo_of_somebody_else_signs_nobody_in(surfer: Surfer, provider: Provider) -> None:
    provider.manners.spoil = lambda claims: claims.pop("email")
    provider.manners.userinfo = {"sub": "s-2"}
    surfer.sign_in_by_provider()
    assert (surfer.screen, User.objects.count()) == ("sign_in_untrusted", 0)


def test_an_answer_is_good_for_the_browser_that_asked_alone(surfer: Surfer, provider: Provider) -> None:
    address = begin_anew(surfer)
    back = surfer.session.get(address, allow_redirects=False, timeout=20).headers["Location"]
    other = Surfer(surfer.base)
    assert other.open(back).status_code == 400
    assert (other.screen, other.username) == ("sign_in_stale", None)
    assert surfer.open(back).status_code == 200
    assert surfer.open(back).status_code == 400  # and once
    assert surfer.screen == "sign_in_stale"


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x", "?code=x&state=x", "?error=access_denied", "?code=%00&state=%00"]
)
def test_an_answer_that_nobody_asked_for_is_told_as_such(query: str, surfer: Surfer, provider: Provider) -> None:
    surfer.begin()
    assert surfer.open(f"/accounts/provider/callback/{query}").status_code == 400
    assert surfer.screen == "sign_in_stale"


@pytest.mark.parametrize(
    ("refusal", "status", "screen"),
    [("access_denied", 403, "sign_in_cancelled"), ("server_error", 502, "sign_in_refused")],
)
def test_a_refusal_of_the_provider_is_told_with_a_way_back(
    refusal: str, status: int, screen: str, surfer: Surfer, provider: Provider
) -> None:
    provider.manners.refuses = refusal
    surfer.sign_in_by_provider()
    assert (surfer.page.status_code, surfer.screen) == (status, screen)
    assert 'href="/accounts/login/"' in surfer.page.text


def test_a_wrong_client_secret_is_told_and_logged_without_it(
    surfer: Surfer, provider: Provider, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.OIDC_CLIENT_SECRET = "a wrong secret"
    with caplog.at_level(logging.WARNING):
        surfer.sign_in_by_provider()
    assert (surfer.page.status_code, surfer.screen) == (502, "sign_in_refused")
    assert "invalid_client" in caplog.text
    assert "a wrong secret" not in caplog.text


def test_a_provider_that_is_down_is_told_with_a_way_back(surfer: Surfer, provider: Provider) -> None:
    address = begin_anew(surfer)
    provider.close()
    surfer.send("/accounts/provider/")
    assert (surfer.page.status_code, surfer.screen) == (503, "sign_in_provider_away")
    assert surfer.page.headers["Retry-After"]
    state = address.partition("state=")[2].partition("&")[0]
    surfer.open(f"/accounts/provider/callback/?code=x&state={state}")
    assert (surfer.page.status_code, surfer.screen) == (503, "sign_in_provider_away")
    assert 'href="/accounts/login/"' in surfer.page.text
    UserFactory(username="bob")
    assert surfer.sign_in("bob") == "/"  # the password's door stays open


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
def test_a_provider_that_never_answers_is_not_waited_for_long(
    path: str, surfer: Surfer, provider: Provider, settings: LazySettings
) -> None:
    settings.SOCIALACCOUNT_REQUESTS_TIMEOUT = 0.5
    address = begin_anew(surfer)
    provider.manners.silent = {path}
    surfer.page = surfer.session.get(address, timeout=20)
    assert (surfer.page.status_code, surfer.screen) == (503, "sign_in_provider_away")


ODD = (
    b"",
    b"<html>",
    b"[]",
    b"null",
    b'"x"',
    b'{"keys": 7}',
    b'{"access_token": 7, "expires_in": "soon"}',
    b"\xff" * 9,
)


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys", "/userinfo"])
def test_no_odd_answer_of_the_provider_breaks_a_page(
    path: str, body: bytes, surfer: Surfer, provider: Provider
) -> None:
    provider.manners.spoil = lambda claims: claims.pop("email")  # has userinfo asked
    address = begin_anew(surfer)
    provider.manners.answers = {path: (200, body)}
    surfer.page = surfer.session.get(address, timeout=20)
    assert surfer.page.status_code in (502, 503)
    assert surfer.screen.startswith("sign_in_")
    assert User.objects.count() == 0


@pytest.mark.parametrize("status", [404, 500])
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
def test_no_error_of_the_provider_breaks_a_page(path: str, status: int, surfer: Surfer, provider: Provider) -> None:
    address = begin_anew(surfer)
    provider.manners.answers = {path: (status, b"{}")}
    surfer.page = surfer.session.get(address, timeout=20)
    assert surfer.page.status_code in (502, 503)
    assert surfer.username is None


@pytest.mark.parametrize(
    "spoilt",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": None},
        {"jwks_uri": 7},
    ],
    ids=str,
)
def test_a_discovery_document_that_makes_no_sense_is_not_followed(
    spoilt: Claims, surfer: Surfer, provider: Provider
) -> None:
    provider.manners.discovery = spoilt
    surfer.open("/accounts/login/")
    surfer.send("/accounts/provider/")
    assert (surfer.page.status_code, surfer.screen) == (502, "sign_in_untrusted")


def test_an_authorisation_address_with_a_query_keeps_it(surfer: Surfer, provider: Provider) -> None:
    provider.manners.discovery = {"authorization_endpoint": f"{provider.issuer}/authorize?policy=b2c"}
    assert surfer.sign_in_by_provider() == "/"
    assert provider.asked("/authorize")[0]["policy"] == "b2c"


def test_nothing_of_the_provider_s_answers_is_logged(
    surfer: Surfer, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="participants"):
        surfer.sign_in_by_provider()
        provider.manners.sign = standin.sign_with_another_key
        surfer.sign_in_by_provider()
    assert "ada@example.org" not in caplog.text
    assert "eyJ" not in caplog.text


def test_a_provider_is_asked_for_its_documents_once_in_a_while(surfer: Surfer, provider: Provider) -> None:
    for _ in range(3):
        Surfer(surfer.base).sign_in_by_provider()
    assert len(provider.asked("/.well-known/openid-configuration")) == 1
    assert len(provider.asked("/keys")) == 1


def test_a_new_key_is_found_at_once(surfer: Surfer, provider: Provider) -> None:
    surfer.sign_in_by_provider()
    provider.manners.sign = standin.sign_with_an_unlisted_key
    provider.manners.lists_second = True
    surfer.send("/accounts/logout/")
    surfer.sign_in_by_provider()
    assert surfer.username
    assert len(provider.asked("/keys")) == 2


def test_a_provider_that_is_away_is_left_alone_for_a_moment(surfer: Surfer, provider: Provider) -> None:
    provider.manners.answers = {"/.well-known/openid-configuration": (500, b"")}
    surfer.open("/accounts/login/")
    for _ in range(3):
        surfer.send("/accounts/provider/")
        assert (surfer.page.status_code, surfer.screen) == (503, "sign_in_provider_away")
    assert len(provider.asked("/.well-known/openid-configuration")) == 1
