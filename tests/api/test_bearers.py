"""Bearer tokens of the customer's identity provider, whose keys are served over real HTTP."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from jwt.utils import base64url_encode

from participants.models import Actor, ExternalIdentity, Meeting, Participant, VerifiedEmail
from participants.services import enrolment, people, provisioning
from participants.services.provisioning import Subject
from participants.states import Source
from tests.factories import GuestFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
ISSUER, AUDIENCE, ME = "https://login.example.org/", "rollcall", "/api/v1/me/"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PEM = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def describe(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}


@dataclass
class Provider:
    keys: list[dict[str, Any]] = field(default_factory=lambda: [describe(RSA_KEY, "r"), describe(EC_KEY, "e")])
    status: int = 200
    padding: int = 0
    asked: int = 0
    url: str = ""


@pytest.fixture
def provider(settings: LazySettings) -> Iterator[Provider]:
    told = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked += 1
            body = json.dumps({"keys": told.keys, "more": "x" * told.padding}).encode()
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        told.url = f"http://127.0.0.1:{server.server_address[1]}/jwks"
        settings.JWT_ISSUER, settings.JWT_AUDIENCE, settings.JWT_JWKS_URL = ISSUER, [AUDIENCE], told.url
        yield told
        server.shutdown()


def sign(key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "r", **claims: Any) -> str:
    """A good token; a claim given as None is left out."""
    now = int(time.time())
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada-1", "iat": now, "exp": now + 300, **claims}
    body = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(body, key, algorithm, headers={"kid": kid} if kid else None)


def ask(token: str, path: str = ME) -> Any:
    return Client(enforce_csrf_checks=True).get(path, headers={"Authorization": f"Bearer {token}"})


def test_a_user_is_made_on_first_sight_and_found_again(provider: Provider) -> None:
    told = {"given_name": "Ada", "family_name": "Example"}
    first, again = ask(sign(**told)), ask(sign(EC_KEY, "ES256", "e", **told))
    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.json()["id"], first.json()["name"]) == (again.json()["id"], "Ada Example")
    user = User.objects.get()
    assert user.username.startswith("idp-")
    assert not user.has_usable_password()
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert provider.asked == 1


def test_the_sign_in_page_and_the_bearer_token_lead_to_one_user(provider: Provider) -> None:
    account = provisioning.admit(Subject(issuer=ISSUER.rstrip("/"), sub="u-1"))
    assert ask(sign(sub="u-1")).status_code == 200
    assert ExternalIdentity.objects.get().user == account.user
    assert ask(sign(sub="u-2")).status_code == 200
    second = ExternalIdentity.objects.get(subject="u-2").user
    assert provisioning.admit(Subject(issuer=ISSUER.rstrip("/"), sub="u-2")).user == second
    assert User.objects.count() == 2


def test_neither_cookie_nor_session_is_made(provider: Provider) -> None:
    answer = ask(sign())
    assert not answer.cookies
    assert answer.json()["csrf_token"] == ""
    assert not Session.objects.exists()


def test_they_join_without_csrf_by_the_same_judge(provider: Provider, meeting: Meeting, by: Actor) -> None:
    client: Any = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {sign()}"})
    path = reverse("api:join", args=[meeting.pk])
    assert client.post(path, {}, content_type="application/json").json()["code"] == "not_enrolled"
    person = people.person_of(User.objects.get(), by)
    enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    answer = client.post(path, {}, content_type="application/json")
    assert (answer.status_code, bool(answer.json()["token"])) == (200, True)


def _hmac_with_the_public_key() -> str:
    # By hand: PyJWT itself refuses to sign with a PEM as a shared secret.
    head = base64url_encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "r"}).encode())
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada-1", "exp": int(time.time()) + 300}
    signed = head + b"." + base64url_encode(json.dumps(told).encode())
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    return (signed + b"." + base64url_encode(algorithm.sign(signed, PEM))).decode()


BAD: dict[str, Any] = {
    "alg none": lambda: sign(None, "none"),
    "public key as a shared secret": _hmac_with_the_public_key,
    "another issuer": lambda: sign(iss="https://evil.example.org/"),
    "another audience": lambda: sign(aud="other"),
    "no audience": lambda: sign(aud=None),
    "no expiry": lambda: sign(exp=None),
    "no subject": lambda: sign(sub=None),
    "an empty subject": lambda: sign(sub=""),
    "a number as subject": lambda: sign(sub=7),
    "a subject too long": lambda: sign(sub="x" * 256),
    "a subject with NUL": lambda: sign(sub="a\0b"),
    "expired": lambda: sign(exp=int(time.time()) - 31),
    "not yet valid": lambda: sign(nbf=int(time.time()) + 60),
    "signed by another": lambda: sign(OTHER_KEY),
    "of an unknown key": lambda: sign(OTHER_KEY, kid="x"),
    "an algorithm that is not set": lambda: sign(algorithm="RS512"),
    "of a key of another kind": lambda: sign(EC_KEY, "ES256", "r"),
    "cut": lambda: sign()[:-4],
    "no token": lambda: "a.b.c",
    "too long": lambda: sign(padding="x" * 9000),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_a_bad_token_is_401_makes_nobody_and_is_told_how(provider: Provider, make: Any) -> None:
    answer = ask(make())
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer ")
    assert not User.objects.exists()


@pytest.mark.parametrize("make", [_hmac_with_the_public_key, lambda: sign(OTHER_KEY), lambda: sign(EC_KEY, "ES256")])
def test_with_a_pinned_key_too(settings: LazySettings, provider: Provider, make: Any) -> None:
    settings.JWT_JWKS_URL, settings.JWT_PUBLIC_KEY = "", PEM.decode()
    assert ask(make()).status_code == 401
    assert ask(sign(kid=None)).status_code == 200
    assert provider.asked == 0


def test_half_a_minute_of_leeway(provider: Provider) -> None:
    with time_machine.travel(time.time(), tick=False):
        now = int(time.time())
        assert ask(sign(exp=now - 29)).status_code == 200
        assert ask(sign(nbf=now + 29)).status_code == 200


def test_off_unless_it_is_set(settings: LazySettings) -> None:
    assert not settings.JWT_ISSUER
    assert ask(sign()).status_code == 401


def test_a_deactivated_user_is_refused(provider: Provider) -> None:
    ask(sign())
    User.objects.update(is_active=False)
    answer = ask(sign())
    assert answer.status_code == 401
    assert "deactivated" in answer.json()["detail"]


def test_an_email_counts_only_when_the_token_says_that_it_is_verified(provider: Provider) -> None:
    guest = GuestFactory(email="ada@example.org")
    for claim in (None, False, "true", 1):
        assert ask(sign(email="Ada@Example.org", email_verified=claim)).status_code == 200
        assert User.objects.get().email == ""
    assert ExternalIdentity.objects.get().email == "ada@example.org"
    assert not VerifiedEmail.objects.exists()
    ask(sign(email="Ada@Example.org", email_verified=True))
    guest.refresh_from_db()
    user = User.objects.get()
    assert (user.email, guest.user) == ("ada@example.org", user)
    assert VerifiedEmail.objects.get().source == "provider"


def test_a_withdrawn_verification_stays_withdrawn(provider: Provider) -> None:
    token = sign(email="ada@example.org", email_verified=True)
    ask(token)
    VerifiedEmail.objects.all().delete()
    ask(token)
    assert not VerifiedEmail.objects.exists()


def test_an_address_verified_as_anothers_keeps_nobody_out(provider: Provider) -> None:
    ask(sign(email="ada@example.org", email_verified=True))
    assert ask(sign(sub="other", email="ada@example.org", email_verified=True)).status_code == 200
    assert VerifiedEmail.objects.get().user == User.objects.get(external_identities__subject="ada-1")


def test_an_account_of_the_same_address_is_not_taken_over(provider: Provider) -> None:
    local = UserFactory(email="ada@example.org", is_staff=True)
    assert ask(sign(email="ada@example.org", email_verified=True)).json()["id"] != local.pk


def test_a_new_key_is_fetched_at_most_once_a_minute(provider: Provider) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        assert ask(sign()).status_code == 200
        provider.keys.append(describe(OTHER_KEY, "new"))
        assert [ask(sign(OTHER_KEY, kid=f"x{n}")).status_code for n in range(5)] == [401] * 5
        assert provider.asked == 1
        clock.shift(61)
        assert ask(sign(OTHER_KEY, kid="new")).status_code == 200
        assert provider.asked == 2


@pytest.mark.parametrize(("status", "padding"), [(500, 0), (302, 0), (200, 300_000)])
def test_while_no_key_is_known_it_is_503_and_not_asked_by_each(provider: Provider, status: int, padding: int) -> None:
    provider.status, provider.padding = status, padding
    answers = [ask(sign()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503] * 3
    assert answers[0].json()["code"] == "identity_provider_unavailable"
    assert answers[0]["Retry-After"] == "5"
    assert provider.asked == 1


def test_keys_that_are_known_outlive_an_outage(provider: Provider) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        ask(sign())
        provider.status = 500
        clock.shift(61)
        # Whether there is such a key can't be told now: 401 would have the caller throw its token away.
        assert [ask(sign(OTHER_KEY, kid="x")).status_code for _ in range(3)] == [503] * 3
        assert ask(sign()).status_code == 200
        assert provider.asked == 2
        provider.status = 200
        clock.shift(61)
        assert ask(sign(OTHER_KEY, kid="x")).status_code == 401


def test_a_shared_secret_in_the_list_of_keys_is_no_key(provider: Provider, settings: LazySettings) -> None:
    secret = "s" * 32
    provider.keys = [{"kty": "oct", "k": base64url_encode(secret.encode()).decode(), "kid": "r", "alg": "HS256"}]
    assert ask(sign(secret, "HS256")).status_code == 401
    cache.clear()
    assert not Participant.objects.exists()
