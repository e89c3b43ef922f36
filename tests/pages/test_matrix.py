"""Who is let in where: every route that is neither the API's nor a page of the admin site.

Those have matrices of their own, in tests/api and tests/admin. Together they are about all that has an address.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import LazySettings
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse

from participants.models import Actor
from participants.services import linking
from participants.states import VerifiedBy
from tests.admin.pagecallers import become
from tests.admin.pagescene import Scene
from tests.factories import AdminFactory, UserFactory
from tests.signin.apps import App
from tests.signin.provider import CLIENT_ID, CLIENT_SECRET, Provider

pytestmark = pytest.mark.django_db

NOBODY = ("anonymous", "deactivated", "key", "guest")
SIGNED_IN = ("plain", "unstaffed")
STAFF = ("manager", "other_manager", "staff", "superuser")
"""Those of the admin's matrix."""
SECRET = "JBSWY3DPEHPK3PXP"

SIGN_IN, HOME, ADMIN, CODE, SET_UP = "login", "home", "admin:index", "mfa_reauthenticate", "mfa_activate_totp"
MAIL, PASSWORD, CODES, FACTOR = (
    "send_email_link",
    "account_reauthenticate",
    "mfa_view_recovery_codes",
    "mfa_index",
)
"""Routes that lead to one of these are written by its name, others by the status of their answer."""
Told = int | str

# What is as good as not there while its setting is off, even for those who are signed in.
_OFF = (SIGN_IN, 404, 404)
SHIPPED: dict[str, tuple[Told, Told, Told]] = {
    # The columns are NOBODY, SIGNED_IN and STAFF.
    "GET home": (200, 200, 200),
    "POST home": (405, 405, 405),
    "GET meeting": (200, 200, 200),
    "POST meeting": (405, 405, 405),
    "GET set_language": (HOME, HOME, HOME),
    "POST set_language": (HOME, HOME, HOME),
    "GET texts": (200, 200, 200),
    "POST texts": (405, 405, 405),
    "GET healthz": (200, 200, 200),
    "POST healthz": (405, 405, 405),
    "GET readyz": (200, 200, 200),
    "POST readyz": (405, 405, 405),
    # METRICS_TOKEN is not set.
    "GET metrics": (404, 404, 404),
    "POST metrics": (405, 405, 405),
    "GET schema": (200, 200, 200),
    "POST schema": (405, 405, 405),
    "GET docs": (200, 200, 200),
    "POST docs": (405, 405, 405),
    "GET api/": (404, 404, 404),
    "POST api/": (404, 404, 404),
    # A delivery that nobody signed, whoever sends it.
    "GET webhook": (405, 405, 405),
    "POST webhook": (401, 401, 401),
    "GET webhooks/^realtimekit$": (405, 405, 405),
    "POST webhooks/^realtimekit$": (401, 401, 401),
    "GET login": (200, HOME, HOME),
    "POST login": (200, HOME, HOME),
    "GET account_login": (200, HOME, HOME),
    "POST account_login": (200, HOME, HOME),
    "GET logout": (405, 405, 405),
    "POST logout": (HOME, HOME, HOME),
    # Others than staff may want to sign in as somebody else.
    "GET admin:login": (200, 200, ADMIN),
    "POST admin:login": (200, 200, 200),
    "GET admin:logout": (ADMIN, ADMIN, 405),
    "POST admin:logout": (ADMIN, ADMIN, HOME),
    "GET oidc_begin": (404, 404, 404),
    "POST oidc_begin": (404, 404, 404),
    "GET oidc_callback": (404, 404, 404),
    "POST oidc_callback": (405, 405, 405),
    "GET send_email_link": _OFF,
    "POST send_email_link": _OFF,
    "GET confirm_email": _OFF,
    "POST confirm_email": _OFF,
    "GET account_reauthenticate": _OFF,
    "POST account_reauthenticate": _OFF,
    "GET mfa_index": _OFF,
    "POST mfa_index": _OFF,
    "GET mfa_reauthenticate": _OFF,
    "POST mfa_reauthenticate": _OFF,
    "GET mfa_activate_totp": _OFF,
    "POST mfa_activate_totp": _OFF,
    "GET mfa_deactivate_totp": _OFF,
    "POST mfa_deactivate_totp": _OFF,
    "GET mfa_view_recovery_codes": _OFF,
    "POST mfa_view_recovery_codes": _OFF,
    "GET mfa_generate_recovery_codes": _OFF,
    "POST mfa_generate_recovery_codes": _OFF,
}
"""With the settings that Rollcall comes with."""

STRICT: dict[str, tuple[Told, Told, Told, Told, Told, Told]] = {
    # The columns are NOBODY, then users whose address is unverified and verified, then staff who have no second
    # factor, who have one and have not shown it yet, and who have shown it.
    "GET home": (200, MAIL, 200, 200, CODE, 200),
    "POST home": (405, MAIL, 405, 405, CODE, 405),
    "GET meeting": (200, MAIL, 200, 200, CODE, 200),
    "POST meeting": (405, MAIL, 405, 405, CODE, 405),
    "GET set_language": (HOME, HOME, HOME, HOME, CODE, HOME),
    "POST set_language": (HOME, HOME, HOME, HOME, CODE, HOME),
    "GET texts": (200, MAIL, 200, 200, CODE, 200),
    "POST texts": (405, MAIL, 405, 405, CODE, 405),
    "GET healthz": (200, 200, 200, 200, 200, 200),
    "POST healthz": (405, 405, 405, 405, 405, 405),
    "GET readyz": (200, 200, 200, 200, 200, 200),
    "POST readyz": (405, 405, 405, 405, 405, 405),
    # METRICS_TOKEN is set, and nobody shows it.
    "GET metrics": (401, 401, 401, 401, 401, 401),
    "POST metrics": (405, 405, 405, 405, 405, 405),
    "GET schema": (200, 200, 200, 200, 200, 200),
    "POST schema": (405, 405, 405, 405, 405, 405),
    "GET docs": (200, 200, 200, 200, 200, 200),
    "POST docs": (405, 405, 405, 405, 405, 405),
    "GET api/": (404, 404, 404, 404, 404, 404),
    "POST api/": (404, 404, 404, 404, 404, 404),
    "GET webhook": (405, MAIL, 405, 405, CODE, 405),
    "POST webhook": (401, MAIL, 401, 401, CODE, 401),
    "GET webhooks/^realtimekit$": (405, MAIL, 405, 405, CODE, 405),
    "POST webhooks/^realtimekit$": (401, MAIL, 401, 401, CODE, 401),
    "GET login": (200, MAIL, HOME, HOME, CODE, HOME),
    "POST login": (200, MAIL, HOME, HOME, CODE, HOME),
    "GET account_login": (200, MAIL, HOME, HOME, CODE, HOME),
    "POST account_login": (200, MAIL, HOME, HOME, CODE, HOME),
    "GET logout": (405, 405, 405, 405, 405, 405),
    "POST logout": (HOME, HOME, HOME, HOME, HOME, HOME),
    "GET admin:login": (200, MAIL, 200, SET_UP, CODE, ADMIN),
    "POST admin:login": (200, MAIL, 200, SET_UP, CODE, 200),
    "GET admin:logout": (ADMIN, ADMIN, ADMIN, 405, 405, 405),
    "POST admin:logout": (ADMIN, ADMIN, ADMIN, HOME, HOME, HOME),
    "GET oidc_begin": (SIGN_IN, MAIL, SIGN_IN, SIGN_IN, CODE, SIGN_IN),
    "POST oidc_begin": (200, MAIL, 200, 200, CODE, 200),
    # An answer of the provider that nobody has asked for.
    "GET oidc_callback": (400, MAIL, 400, 400, CODE, 400),
    "POST oidc_callback": (405, MAIL, 405, 405, CODE, 405),
    "GET send_email_link": (SIGN_IN, 200, HOME, HOME, CODE, HOME),
    "POST send_email_link": (SIGN_IN, 200, HOME, HOME, CODE, HOME),
    # The link is broken, which is told to whom confirms it.
    "GET confirm_email": (SIGN_IN, 200, 200, 200, CODE, 200),
    "POST confirm_email": (SIGN_IN, 409, 409, 409, CODE, 409),
    "GET account_reauthenticate": (SIGN_IN, MAIL, 404, 200, CODE, CODE),
    "POST account_reauthenticate": (SIGN_IN, MAIL, 404, 200, CODE, CODE),
    "GET mfa_index": (SIGN_IN, MAIL, 404, 200, CODE, 200),
    "POST mfa_index": (SIGN_IN, MAIL, 404, 405, CODE, 405),
    "GET mfa_reauthenticate": (SIGN_IN, 404, 404, PASSWORD, 200, 200),
    "POST mfa_reauthenticate": (SIGN_IN, 404, 404, PASSWORD, 200, 200),
    "GET mfa_activate_totp": (SIGN_IN, MAIL, 404, 200, CODE, "mfa_deactivate_totp"),
    "POST mfa_activate_totp": (SIGN_IN, MAIL, 404, 200, CODE, "mfa_deactivate_totp"),
    "GET mfa_deactivate_totp": (SIGN_IN, MAIL, 404, 404, CODE, 200),
    "POST mfa_deactivate_totp": (SIGN_IN, MAIL, 404, 404, CODE, FACTOR),
    # Here nobody has had codes made yet, and none can be made before there is a factor.
    "GET mfa_view_recovery_codes": (SIGN_IN, MAIL, 404, 404, CODE, 404),
    "POST mfa_view_recovery_codes": (SIGN_IN, MAIL, 404, 405, CODE, 405),
    "GET mfa_generate_recovery_codes": (SIGN_IN, MAIL, 404, 200, CODE, 200),
    "POST mfa_generate_recovery_codes": (SIGN_IN, MAIL, 404, 200, CODE, CODES),
}
"""With ``STAFF_MFA=required``, ``EMAIL_VERIFICATION=required`` and a provider."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def strict(settings: LazySettings, provider: Provider) -> None:
    settings.STAFF_MFA = settings.EMAIL_VERIFICATION = "required"
    settings.OIDC_ISSUER = settings.OIDC_SERVER_URL = provider.issuer
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
    settings.METRICS_TOKEN = "a token that no caller of the matrix has"


def list_routes(patterns: list[URLPattern | URLResolver], space: str = "", before: str = "") -> Iterator[str]:
    """By the name, or by the address of those without one."""
    for pattern in patterns:
        place = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            inside = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from list_routes(pattern.url_patterns, inside, place)
        else:
            yield f"{space}{pattern.name or place}"


def sign_in_strictly(standing: str) -> Client:
    client = Client()
    # Superusers may vouch for addresses, so that nobody asks for theirs.
    user = UserFactory() if standing in ("unverified", "verified") else AdminFactory()
    if standing == "verified":
        linking.note_verified(user, user.email, VerifiedBy.STAFF, by=Actor(via="tests"))
    if standing in ("asked", "shown"):
        TOTP.activate(user, SECRET)
    client.force_login(user)
    if standing == "shown":
        assert read_answer(client.post(reverse(CODE), {"code": App(SECRET).show()})) == HOME
    return client


def send(client: Client, key: str, scene: Scene) -> Told:
    method, name = key.split()
    arguments: dict[str, list[object]] = {"meeting": [scene.meeting.pk], "texts": ["de"], "confirm_email": ["no-key"]}
    plain = {"api/": "/api/nothing/", "webhooks/^realtimekit$": "/webhooks/realtimekit"}
    address = plain[name] if name in plain else reverse(name, args=arguments.get(name))
    return read_answer(client.post(address) if method == "POST" else client.get(address))


def read_answer(answer: HttpResponseBase) -> Told:
    if answer.status_code == 302:
        return resolve(urlsplit(answer.headers["Location"]).path).view_name
    return answer.status_code


def test_every_route_has_a_row_in_one_of_the_matrices() -> None:
    routes = set(list_routes(get_resolver().url_patterns))
    doors = {"admin:login", "admin:logout"}
    here = {route for route in routes if not route.startswith(("api:", "admin:"))} | doors
    rows = {f"{method} {route}" for method in ("GET", "POST") for route in here}
    assert set(SHIPPED) == set(STRICT) == rows
    assert len(routes) > 200


@pytest.mark.parametrize("key", SHIPPED)
def test_each_caller_meets_what_the_matrix_says(key: str) -> None:
    scene = Scene()
    callers = {**dict.fromkeys(NOBODY, 0), **dict.fromkeys(SIGNED_IN, 1), **dict.fromkeys(STAFF, 2)}
    seen = {caller: send(become(caller, scene, set()), key, scene) for caller in callers}
    assert seen == {caller: SHIPPED[key][column] for caller, column in callers.items()}


@pytest.mark.parametrize("key", STRICT)
@pytest.mark.usefixtures("strict")
def test_where_steps_are_asked_for_each_caller_is_led_to_theirs(key: str) -> None:
    scene = Scene()
    seen = [send(become(caller, scene, set()), key, scene) for caller in NOBODY]
    assert seen == [STRICT[key][0]] * len(NOBODY)
    standings = ("unverified", "verified", "missing", "asked", "shown")
    met = {standing: send(sign_in_strictly(standing), key, scene) for standing in standings}
    assert met == dict(zip(standings, STRICT[key][1:], strict=True))
