"""The connection page's card of the webhook: how it is registered, what came in, with which key."""

import re
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from participants.models import Delivery, Event, EventKind, WebhookKey
from participants.sandbox import Sandbox
from participants.services import webhookkeys
from participants.states import DeliveryState
from tests.admin.conftest import sign_in

pytestmark = pytest.mark.django_db(transaction=True)
PAGE, CARD = "/admin/connection/", "/admin/connection/webhook/"
URL = "http://testserver/webhooks/realtimekit/"


def read(client: Client, *, register: bool = False) -> str:
    return client.post(CARD, {"register": "1"} if register else {}).content.decode()


def test_before_anybody_asks_the_card_tells_what_is_known_here(staff: Client, sandbox: Sandbox) -> None:
    html = staff.get(PAGE).content.decode()
    assert URL in html
    assert "Not asked yet" in html
    assert "None yet" in html
    assert sandbox.requests.all() == []


def test_checking_tells_and_changes_nothing(staff: Client, sandbox: Sandbox) -> None:
    html = read(staff)
    assert re.search(r"<dt>Registered</dt><dd><span[^>]*>No</span>", html)
    assert ">Register</button>" in html
    assert sandbox.world.webhook_rows.all() == []


def test_registering_registers_where_we_are_and_is_audited(staff: Client, sandbox: Sandbox) -> None:
    html = read(staff, register=True)
    assert re.search(r"<dt>Registered</dt><dd><span[^>]*>Yes</span>", html)
    assert "meeting.participantLeft" in html
    assert [row.url for row in sandbox.world.webhook_rows.all()] == [URL]
    assert Event.objects.get(kind=EventKind.WEBHOOK_REGISTERED).actor_name == "boss"


def test_the_public_address_is_preferred(staff: Client, sandbox: Sandbox, settings: LazySettings) -> None:
    settings.ROLLCALL_PUBLIC_URL = "https://rollcall.example.org"
    read(staff, register=True)
    assert sandbox.world.webhook_rows.all()[0].url == "https://rollcall.example.org/webhooks/realtimekit/"


def test_what_is_wrong_is_named_and_repaired(staff: Client, sandbox: Sandbox) -> None:
    read(staff, register=True)
    row = sandbox.world.webhook_rows.all()[0]
    sandbox.world.webhook_rows.put(type(row)(**{**vars(row), "events": ["meeting.started"]}))
    html = read(staff)
    assert "lacks meeting.ended, meeting.participantJoined, meeting.participantLeft" in html
    assert ">Repair</button>" in html
    assert "Repair" not in read(staff, register=True)


def test_trouble_is_told_and_nothing_lost(staff: Client, sandbox: Sandbox) -> None:
    sandbox.faults.down()
    html = staff.post(CARD, follow=True).content.decode()
    assert "RealtimeKit could not be asked." in html
    assert sandbox.api_token not in html


def test_traffic_and_key_are_told(staff: Client, sandbox: Sandbox) -> None:
    now = timezone.now()
    for number, state in enumerate([DeliveryState.NEW, DeliveryState.FAILED, DeliveryState.DONE]):
        Delivery.objects.create(body_hash=str(number), received_at=now - timedelta(hours=number + 3), state=state)
    webhookkeys.fetch()
    html = staff.get(PAGE).content.decode()
    assert "3\xa0hours ago" in html
    assert "1 waiting" in html
    assert "1 failed" in html
    assert WebhookKey.objects.get().fingerprint[:16] in html


def test_a_pinned_key_is_told_as_such(staff: Client, sandbox: Sandbox, settings: LazySettings) -> None:
    settings.REALTIMEKIT_WEBHOOK_PUBLIC_KEY = sandbox.world.webhook_key.public_pem
    assert "pinned" in staff.get(PAGE).content.decode()


def test_registering_needs_its_own_right(sandbox: Sandbox) -> None:
    assert sign_in("view_meeting").post(CARD).status_code == 403
    viewer = sign_in("view_connection")
    assert viewer.post(CARD, {"register": "1"}).status_code == 403
    assert "Register</button>" not in read(viewer)
    assert sandbox.world.webhook_rows.all() == []
    assert "Yes" in read(sign_in("view_connection", "register_webhook"), register=True)
    assert sign_in("view_connection").get(CARD).status_code == 302
