"""System checks: each misconfiguration has an id and a hint."""

import pytest
from django.conf import LazySettings
from django.core.checks import CheckMessage, run_checks

from tests.factories import ParticipantFactory


def list_found(*, deploy: bool = False, databases: list[str] | None = None) -> dict[str, CheckMessage]:
    found = run_checks(include_deployment_checks=deploy, databases=databases)
    return {str(message.id): message for message in found if str(message.id).startswith("participants.")}


@pytest.fixture(autouse=True)
def _in_order(settings: LazySettings) -> None:
    settings.REALTIMEKIT_BASE_URL = "https://api.cloudflare.com/client/v4"


def test_settings_in_order_have_no_findings() -> None:
    assert list_found(deploy=True) == {}


@pytest.mark.parametrize(
    ("name", "value", "identifier", "is_error"),
    [
        ("REALTIMEKIT_ACCOUNT_ID", "", "participants.E001", True),
        ("REALTIMEKIT_APP_ID", "", "participants.E002", True),
        ("REALTIMEKIT_API_TOKEN", "", "participants.E003", True),
        ("DEBUG", True, "participants.E004", True),
        ("REALTIMEKIT_WEBHOOK_KEY_URL", "http://keys.example/webhooks.json", "participants.W005", False),
        ("REALTIMEKIT_BASE_URL", "http://127.0.0.1:8787/client/v4", "participants.W001", False),
        ("REALTIMEKIT_BASE_URL", "https://localhost/client/v4", "participants.W001", False),
        ("REALTIMEKIT_BASE_URL", "http://[::1]:8787/client/v4", "participants.W001", False),
        ("REALTIMEKIT_BASE_URL", "http://rtk.example.org/client/v4", "participants.W002", False),
        ("TOKEN_ENCRYPTION_KEYS", [], "participants.W003", False),
        ("HOOKS_ALLOW_HTTP", True, "participants.W010", False),
        ("OIDC_ISSUER", "https://id.example.org", "participants.E006", True),
        ("OIDC_CLIENT_SECRET", "secret", "participants.E006", True),
        ("METRICS_TOKEN", "a-token", "participants.W020", False),
        ("OIDC_SERVER_URL", "http://id.example.org", "participants.W011", False),
    ],
)
def test_a_misconfiguration_has_its_id_a_hint_and_names_the_variable(
    settings: LazySettings, name: str, value: object, identifier: str, is_error: bool
) -> None:
    setattr(settings, name, value)
    found = list_found(deploy=True)
    assert list(found) == [identifier]
    message = found[identifier]
    assert name in message.msg
    assert message.hint
    assert message.is_serious() is is_error


IDENTITY = {
    "JWT_ISSUER": "https://login.example.org/",
    "JWT_AUDIENCE": ["rollcall"],
    "JWT_JWKS_URL": "https://login.example.org/jwks",
}


def test_an_identity_provider_that_is_set_whole_has_no_findings(settings: LazySettings) -> None:
    for name, value in IDENTITY.items():
        setattr(settings, name, value)
    assert list_found(deploy=True) == {}
    settings.JWT_JWKS_URL, settings.JWT_PUBLIC_KEY = "", "a key in PEM"
    assert list_found(deploy=True) == {}


@pytest.mark.parametrize("name", IDENTITY)
@pytest.mark.parametrize("alone", [True, False], ids=["only", "all but"])
def test_one_that_is_set_in_part_is_an_error(settings: LazySettings, name: str, alone: bool) -> None:
    for other, value in IDENTITY.items():
        if (other == name) is alone:
            setattr(settings, other, value)
    (message,) = list_found().values()
    assert (message.id, message.is_serious()) == ("participants.E005", True)
    assert all(other in str(message.hint) for other in IDENTITY)


@pytest.mark.parametrize(("host", "warned"), [("login.example.org", True), ("127.0.0.1:8080", False)])
def test_its_keys_over_plain_http_are_a_warning(settings: LazySettings, host: str, warned: bool) -> None:
    for name, value in {**IDENTITY, "JWT_JWKS_URL": f"http://{host}/jwks"}.items():
        setattr(settings, name, value)
    found = list_found()
    assert list(found) == (["participants.W006"] if warned else [])
    assert all("JWT_JWKS_URL" in message.msg and message.hint for message in found.values())


def test_mail_whose_links_lead_nowhere_is_a_warning(settings: LazySettings) -> None:
    settings.MAIL_ENABLED = True
    found = list_found()
    assert list(found) == ["participants.W012"]
    assert "ROLLCALL_PUBLIC_URL" in found["participants.W012"].msg
    settings.ROLLCALL_PUBLIC_URL = "https://rollcall.example.org"
    assert list_found() == {}


def test_debugging_is_an_error_only_where_it_is_deployed(settings: LazySettings) -> None:
    settings.DEBUG = True
    assert list_found() == {}


@pytest.mark.django_db
def test_tokens_that_no_key_decrypts_are_counted(settings: LazySettings) -> None:
    ParticipantFactory(token="readable")
    settings.TOKEN_ENCRYPTION_KEYS = ["YSBrZXkgb2YgdGhpcnR5LXR3byBieXRlcywgZXhhY3Q="]
    ParticipantFactory(token="another")
    assert list_found() == {}  # the database is asked only when it is named
    (message,) = list_found(databases=["default"]).values()
    assert message.id == "participants.W004"
    assert message.msg.startswith("1 stored token")
    assert message.hint


def test_no_finding_shows_a_secret(settings: LazySettings) -> None:
    settings.REALTIMEKIT_BASE_URL = "http://rtk.example.org/client/v4"
    settings.REALTIMEKIT_ACCOUNT_ID = ""
    for message in list_found(deploy=True).values():
        assert settings.REALTIMEKIT_API_TOKEN not in f"{message.msg}{message.hint}"
