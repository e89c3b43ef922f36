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


def test_mail_whose_links_lead_nowhere_is_a_warning(settings: LazySettings) -> None:
    settings.MAIL_ENABLED = True
    found = list_found()
    assert list(found) == ["participants.W006"]
    assert "ROLLCALL_PUBLIC_URL" in found["participants.W006"].msg
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
