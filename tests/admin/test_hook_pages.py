"""Outgoing webhooks on their pages: added, tested, rotated, switched, deleted; their messages read and sent again."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.utils import timezone

from participants.models import Event, EventKind, Hook, HookMessage
from participants.states import HookMessageState, HookOff
from tests.admin.conftest import sign_in
from tests.factories import HookFactory, HookMessageFactory, MadeMeetingFactory
from tests.hooks.receiver import Manner, Receiver

pytestmark = pytest.mark.django_db(transaction=True)
LIST, LOG = "/admin/participants/hook/", "/admin/participants/hookmessage/"


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Receiver]:
    settings.HOOKS_ALLOW_HTTP = settings.HOOKS_ALLOW_PRIVATE = True
    with Receiver() as running:
        yield running


def fill(**more: Any) -> dict[str, Any]:
    return {"name": "Timetable", "url": "https://example.org/rollcall", "kinds": ["attendance.joined"], **more}


def read(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_secret_is_on_the_page_that_follows_and_on_no_other(staff: Client) -> None:
    answer = staff.post(f"{LIST}add/", fill())
    assert "no-store" in answer["Cache-Control"]
    (secret,) = re.findall(r"whsec_[\w+/=]+", read(answer))
    hook = Hook.objects.get()
    assert (hook.secret, hook.kinds, hook.created_by.username if hook.created_by else "") == (
        secret,
        ["attendance.joined"],
        "boss",
    )
    for page in (f"{LIST}{hook.pk}/change/", LIST, "/admin/participants/event/"):
        assert "whsec_" not in read(staff.get(page))


def test_sending_the_form_again_adds_no_second_one(staff: Client) -> None:
    staff.post(f"{LIST}add/", fill())
    assert "already exists" in read(staff.post(f"{LIST}add/", fill()))
    assert Hook.objects.count() == 1


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"url": "http://example.org/"}, "has to begin with https://"),
        ({"url": "https://10.0.0.1/"}, "not a public one"),
        ({"kinds": []}, "This field is required"),
        ({"kinds": ["test.ping"]}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(staff: Client, more: dict[str, Any], says: str) -> None:
    assert says in read(staff.post(f"{LIST}add/", fill(**more)))
    assert not Hook.objects.exists()


def test_it_is_changed_and_narrowed_to_meetings(staff: Client) -> None:
    hook, meeting = HookFactory(), MadeMeetingFactory()
    answer = staff.post(f"{LIST}{hook.pk}/change/", fill(name="Register", meetings=[str(meeting.pk)]))
    assert answer.status_code == 302
    hook.refresh_from_db()
    assert (hook.name, hook.url, list(hook.meetings.all())) == ("Register", "https://example.org/rollcall", [meeting])
    assert hook.secret  # untouched
    assert Event.objects.get(kind=EventKind.HOOK_CHANGED).actor_name == "boss"


def test_a_test_shows_what_the_receiver_made_of_it(staff: Client, receiver: Receiver) -> None:
    hook = HookFactory(url=receiver.url)
    assert "The receiver took it." in read(staff.post(f"{LIST}{hook.pk}/test/"))
    receiver.next.append(Manner(500, body=b"<b>out of order</b>"))
    html = read(staff.post(f"{LIST}{hook.pk}/test/"))
    assert "The receiver answered 500" in html
    assert "&lt;b&gt;out of order&lt;/b&gt;" in html
    assert len(receiver.received) == 2
    assert staff.get(f"{LIST}{hook.pk}/test/").status_code == 302
    assert len(receiver.received) == 2


def test_a_new_secret_is_asked_for_first_and_shown_once(staff: Client) -> None:
    hook = HookFactory()
    old = hook.secret
    assert "whsec_" not in read(staff.get(f"{LIST}{hook.pk}/rotate/"))
    html = read(staff.post(f"{LIST}{hook.pk}/rotate/"))
    hook.refresh_from_db()
    assert str(hook.secret) in html
    assert hook.previous_secret == old != hook.secret
    assert "signs too until" in read(staff.get(f"{LIST}{hook.pk}/change/"))


def test_it_is_switched_off_and_on(staff: Client) -> None:
    hook = HookFactory()
    staff.post(f"{LIST}{hook.pk}/switch/")
    hook.refresh_from_db()
    assert hook.off_reason == HookOff.STAFF
    assert "Switch on" in read(staff.get(f"{LIST}{hook.pk}/change/"))
    staff.post(f"{LIST}{hook.pk}/switch/", {"on": "1"})
    hook.refresh_from_db()
    assert hook.is_active


def test_who_fails_or_was_switched_off_for_it_is_seen_on_the_overview(staff: Client) -> None:
    assert "Webhooks failing" not in read(staff.get("/admin/"))
    since = timezone.now() - timedelta(hours=3)
    failing = HookFactory(failing_since=since, failures=4)
    gone = HookFactory(off_at=since, off_reason=HookOff.GONE)
    HookFactory(off_at=since, off_reason=HookOff.STAFF)
    assert re.search(r"Webhooks failing</span><span class=\"rc-number\">2<", read(staff.get("/admin/")))
    assert "Failing since" in read(staff.get(f"{LIST}{failing.pk}/change/"))
    assert "410 Gone" in read(staff.get(f"{LIST}{gone.pk}/change/"))
    assert "Webhooks failing" not in read(sign_in("view_meeting").get("/admin/"))


def test_deleting_asks_first_and_takes_the_log_along(staff: Client) -> None:
    message = HookMessageFactory()
    url = f"{LIST}{message.hook_id}/remove/"
    assert "with its log" in read(staff.get(url))
    assert Hook.objects.exists()
    staff.post(url)
    assert not Hook.objects.exists()
    assert not HookMessage.objects.exists()
    assert staff.get(f"{LIST}{message.hook_id}/change/").status_code == 404


def test_the_log_is_filtered_and_found_by_id(staff: Client) -> None:
    one = HookMessageFactory(state=HookMessageState.FAILED, last_error_code="timeout", attempts=10)
    HookMessageFactory(kind="session.ended")

    def count(query: str) -> int:
        return read(staff.get(LOG + query)).count('name="_selected_action"')

    assert count("") == 2
    assert count("?state__exact=failed") == 1
    assert count("?kind__exact=session.ended") == 1
    assert count(f"?hook__id__exact={one.hook_id}") == 1
    assert count(f"?q={one.webhook_id}") == 1
    assert count("?q=msg_nothing") == 0


def test_a_message_shows_payload_and_answer_without_their_markup(staff: Client) -> None:
    row = HookMessageFactory(
        payload={"type": "x", "data": {"title": "<i>Algebra</i>"}}, excerpt="<b>no</b>", status=500
    )
    html = read(staff.get(f"{LOG}{row.pk}/change/"))
    assert "&lt;i&gt;Algebra&lt;/i&gt;" in html
    assert "&lt;b&gt;no&lt;/b&gt;" in html
    assert staff.post(f"{LOG}{row.pk}/change/", {"state": "delivered"}).status_code == 403


def replay(client: Client, *rows: HookMessage, **more: str) -> Any:
    chosen = {ACTION_CHECKBOX_NAME: [str(row.pk) for row in rows], "action": "replay", "index": "0", **more}
    return client.post(LOG, chosen, follow=True)


def test_messages_are_sent_again_after_asking(staff: Client) -> None:
    rows = [HookMessageFactory(state=HookMessageState.FAILED, attempts=10) for _ in range(2)]
    assert "Send 2 messages again?" in read(replay(staff, *rows))
    assert not HookMessage.objects.filter(state=HookMessageState.WAITING).exists()
    assert "2 messages are sent again" in read(replay(staff, *rows, post="yes"))
    assert HookMessage.objects.filter(state=HookMessageState.WAITING, attempts=0).count() == 2


@pytest.mark.parametrize("right", ["view_delivery", "change_meeting", "view_event"])
def test_other_rights_open_none_of_this(right: str) -> None:
    message = HookMessageFactory()
    client = sign_in(right)
    for page in (LIST, LOG, f"{LIST}add/", f"{LIST}{message.hook_id}/change/", f"{LOG}{message.pk}/change/"):
        assert client.get(page).status_code == 403, page
    for name in ("test", "rotate", "switch", "remove"):
        assert client.post(f"{LIST}{message.hook_id}/{name}/").status_code == 403, name
    assert Hook.objects.get().is_active


def test_the_right_alone_is_enough() -> None:
    client = sign_in("manage_hooks")
    assert client.get(LIST).status_code == 200
    assert client.get(LOG).status_code == 200
    assert "whsec_" in read(client.post(f"{LIST}add/", fill()))
