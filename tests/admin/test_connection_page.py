import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from participants.models import Event, EventKind, Meeting, Participant, Preset
from participants.models.budget import FAILURES_TO_OPEN, Ledger, Limits
from participants.sandbox import Sandbox
from participants.services import chores
from tests.admin.conftest import make_with_token, sign_in
from tests.factories import MadeMeetingFactory, ParticipantFactory, PresetFactory

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/admin/connection/"
CLOSED = "http://127.0.0.1:1/client/v4"


def diagnose(staff: Client) -> tuple[str | None, str]:
    """The key of the step that failed, if one did, and the page."""
    html = staff.post(URL).content.decode()
    steps = dict(re.findall(r'data-step="(\w+)" data-state="(\w+)"', html))
    assert len(steps) == 9
    return next((key for key, state in steps.items() if state == "failed"), None), html


def test_looking_asks_nobody(staff: Client, sandbox: Sandbox) -> None:
    html = staff.get(URL).content.decode()
    assert sandbox.base_url in html
    assert sandbox.requests.count() == 0


def test_all_is_well(staff: Client, meeting: Meeting) -> None:
    fault, html = diagnose(staff)
    assert fault is None
    assert "Rollcall can work with RealtimeKit" in html


@pytest.mark.parametrize("name", ["REALTIMEKIT_ACCOUNT_ID", "REALTIMEKIT_APP_ID", "REALTIMEKIT_API_TOKEN"])
def test_a_missing_setting_is_named(staff: Client, settings: LazySettings, name: str) -> None:
    setattr(settings, name, "")
    fault, html = diagnose(staff)
    assert fault == "settings"
    assert f"{name} is not set" in html


def test_a_refused_connection_is_the_network(staff: Client, sandbox: Sandbox, settings: LazySettings) -> None:
    settings.REALTIMEKIT_BASE_URL = CLOSED
    fault, html = diagnose(staff)
    assert fault == "network"
    assert "refused the connection" in html


def test_an_unknown_host_is_the_network(staff: Client, sandbox: Sandbox, settings: LazySettings) -> None:
    settings.REALTIMEKIT_BASE_URL = "http://nowhere.invalid/client/v4"
    fault, html = diagnose(staff)
    assert fault == "network"
    assert "REALTIMEKIT_BASE_URL" in html


def test_a_wrong_token_is_the_token(staff: Client, sandbox: Sandbox, settings: LazySettings) -> None:
    settings.REALTIMEKIT_API_TOKEN = "wrong-token-that-must-not-be-shown"
    fault, html = diagnose(staff)
    assert fault == "token"
    assert "Create a new API token" in html
    assert "wrong-token" not in html


def test_a_token_without_permission_is_the_permission(staff: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add("refuse", times=None, status=403, message="Forbidden")
    fault, html = diagnose(staff)
    assert fault == "permission"
    assert "Realtime permission" in html


def test_a_wrong_account_is_the_account(staff: Client, sandbox: Sandbox, settings: LazySettings) -> None:
    settings.REALTIMEKIT_ACCOUNT_ID = "0" * 32
    fault, html = diagnose(staff)
    assert fault == "account"
    assert "REALTIMEKIT_ACCOUNT_ID" in html


def test_an_unknown_app_is_the_app_and_the_known_ones_are_named(
    staff: Client, sandbox: Sandbox, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_APP_ID = "99999999-0000-4000-8000-000000000009"
    fault, html = diagnose(staff)
    assert fault == "app"
    assert sandbox.app_id in html


@pytest.mark.parametrize("trouble", ["server_error", "malformed", "rate_limited"])
def test_an_ailing_service_is_the_service(staff: Client, sandbox: Sandbox, trouble: str) -> None:
    options: dict[str, Any] = {"retry_after": 30} if trouble == "rate_limited" else {}
    sandbox.faults.add(trouble, times=None, **options)
    assert diagnose(staff)[0] == "service"


def test_a_missing_preset_is_named_with_its_meetings(staff: Client, meeting: Meeting) -> None:
    MadeMeetingFactory(title="Board", default_preset=PresetFactory(name="retired_host"), gone_at=meeting.created_at)
    fault, html = diagnose(staff)
    assert fault == "presets"
    assert "no preset named retired_host" in html
    assert "“Board”" in html


def test_a_meeting_that_is_unknown_there_is_named(staff: Client, preset: Preset) -> None:
    MadeMeetingFactory(title="Lost room", default_preset=preset)
    fault, html = diagnose(staff)
    assert fault == "meetings"
    assert "“Lost room”" in html


def test_what_waits_and_what_no_key_decrypts_is_counted(staff: Client, settings: LazySettings) -> None:
    make_with_token()
    ParticipantFactory()
    settings.TOKEN_ENCRYPTION_KEYS = ["b3RoZXIga2V5IG9mIHRoaXJ0eS10d28gYnl0ZXMhISE="]
    html = staff.get(URL).content.decode()
    assert re.search(r"<dt>Undecryptable tokens</dt><dd><span[^>]*>1</span>", html)
    assert re.search(r"<dt>Participants</dt><dd>1</dd>", html)


def test_the_api_token_is_on_no_page(staff: Client, sandbox: Sandbox) -> None:
    pages = [
        staff.get(URL),
        staff.post(URL),
        staff.get("/admin/"),
        staff.post("/admin/connection/sync/", follow=True),
    ]
    for page in pages:
        assert sandbox.api_token not in page.content.decode()


def test_sync_pulls_presets_and_says_how_many(staff: Client, sandbox: Sandbox) -> None:
    html = staff.post("/admin/connection/sync/", follow=True).content.decode()
    assert "Synced 4 presets" in html
    assert Preset.objects.count() == 4
    assert Event.objects.get(kind=EventKind.SYNCED).actor_name == "boss"


def test_sync_tells_of_an_outage(staff: Client, sandbox: Sandbox) -> None:
    sandbox.faults.down()
    assert "Nothing was synced" in staff.post("/admin/connection/sync/", follow=True).content.decode()


def test_the_page_needs_its_right() -> None:
    assert sign_in("view_meeting").get(URL).status_code == 403
    assert sign_in("view_meeting").post(URL).status_code == 403
    assert sign_in("view_connection").post("/admin/connection/sync/").status_code == 403
    assert "Sync presets" not in sign_in("view_connection").get(URL).content.decode()
    assert not Participant.objects.exists()


def test_who_may_not_see_the_connection_is_not_linked_to_it() -> None:
    assert URL not in sign_in("view_meeting").get("/admin/").content.decode()
    assert URL in sign_in("view_connection").get("/admin/").content.decode()


def test_an_address_without_its_path_is_blamed_before_the_account(
    staff: Client, sandbox: Sandbox, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_BASE_URL = sandbox.base_url.removesuffix("/client/v4")
    fault, html = diagnose(staff)
    assert fault == "service"
    assert html.index("Check REALTIMEKIT_BASE_URL") < html.index("correct REALTIMEKIT_ACCOUNT_ID")


def test_another_web_server_is_not_taken_for_realtimekit(
    staff: Client, live_server: LiveServer, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_BASE_URL = f"{live_server.url}/nowhere"
    settings.REALTIMEKIT_ACCOUNT_ID, settings.REALTIMEKIT_APP_ID = "0" * 32, "any-app"
    settings.REALTIMEKIT_API_TOKEN = "any-token"
    fault, html = diagnose(staff)
    assert fault == "service"
    assert "This address is not RealtimeKit&#x27;s API." in html
    assert "it ends in /client/v4" in html


def test_a_refused_token_is_named_before_what_was_said(
    staff: Client, sandbox: Sandbox, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_API_TOKEN = "wrong"
    html = diagnose(staff)[1]
    assert html.index("RealtimeKit does not accept the API token.") < html.index("(token_invalid, HTTP")


def test_the_state_of_the_budget_is_on_the_page(staff: Client) -> None:
    html = staff.get(URL).content.decode()
    assert "0 of 30000 calls" in html
    assert re.search(r"<dt>Pause</dt><dd>None</dd>", html)
    assert re.search(r"<dt>Circuit breaker</dt><dd><span[^>]*>Closed</span>", html)


def test_a_pause_and_an_open_breaker_are_on_the_page(staff: Client) -> None:
    ledger = Ledger(Limits(30_000, 300.0))
    ledger.take(background=False)
    ledger.pause(60)
    for _ in range(FAILURES_TO_OPEN):
        ledger.note_failure()
    html = staff.get(URL).content.decode()
    assert "1 of 30000 calls" in html
    assert re.search(r"<dt>Pause</dt><dd><span[^>]*>Until \d\d:\d\d:\d\d UTC</span>", html)
    assert re.search(r"<dt>Circuit breaker</dt><dd><span[^>]*>Open</span>", html)
    assert "Nothing is lost" in html


def test_the_page_says_when_no_worker_runs_and_what_to_do(staff: Client) -> None:
    page = staff.get(URL).content.decode()
    assert "None running" in page
    assert "manage.py worker" in page
    chores.note_look()
    page = staff.get(URL).content.decode()
    assert "None running" not in page
    assert "last looked at" in page
