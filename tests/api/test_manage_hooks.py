"""Outgoing webhooks by the API: made, changed, rotated, tested, looked into and sent again."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from rest_framework.test import APIClient

from participants.models import Event, EventKind, Hook, HookMessage
from participants.realtimekit import Deadline
from participants.services import hooksending
from participants.states import HookMessageState
from tests.api.conftest import sign_in
from tests.factories import HookFactory, HookMessageFactory, MadeMeetingFactory, StaffFactory
from tests.hooks.receiver import Manner, Receiver

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/manage/hooks/"


@pytest.fixture
def integrator() -> APIClient:
    return sign_in(StaffFactory(username="grace", permissions=["manage_hooks"]))


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Receiver]:
    settings.HOOKS_ALLOW_HTTP = settings.HOOKS_ALLOW_PRIVATE = True
    with Receiver() as running:
        yield running


def ask(**more: Any) -> dict[str, Any]:
    return {"name": "Timetable", "url": "https://example.org/rollcall", "kinds": ["attendance.joined"], **more}


def test_the_secret_is_shown_when_it_is_made_and_never_again(integrator: APIClient) -> None:
    answer = integrator.post(URL, ask())
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    secret = body.pop("secret")
    assert secret.startswith("whsec_")
    assert Hook.objects.get().secret == secret
    assert integrator.get(f"{URL}{body['id']}/").json() == body
    assert integrator.get(URL).json()["results"] == [body]
    event = Event.objects.get(kind=EventKind.HOOK_ADDED)
    assert (event.actor_name, event.data["host"]) == ("grace", "example.org")
    assert secret not in str(event.data)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.org/", "https://"),
        ("ftp://example.org/", "https://"),
        ("https://user:pass@example.org/", "password"),
        ("https://example.org/#x", "fragment"),
        ("https://127.0.0.1/", "public"),
        ("https://[::1]/", "public"),
        ("https://169.254.169.254/latest/", "public"),
        ("https://localhost/", "public"),
        ("https://exa mple.org/", "address"),
        ("https://", "address"),
        ("https://[::1/", "read"),
        ("https://example.org:99999/", "read"),
        ("https://exämple.org/", "ASCII"),
    ],
)
def test_an_address_that_may_not_be_called_is_refused_by_its_field(
    integrator: APIClient, url: str, says: str
) -> None:
    answer = integrator.post(URL, ask(url=url))
    assert answer.status_code == 400
    (problem,) = answer.json()["errors"]
    assert (problem["field"], problem["code"]) == ("url", "hook_refused")
    assert says in problem["detail"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"kinds": []}, "kinds"),
        ({"kinds": ["participant.sneezed"]}, "kinds.0"),
        ({"kinds": ["test.ping"]}, "kinds.0"),
        ({"name": " "}, "name"),
        ({"meetings": ["0190a3a0-0000-4000-8000-000000000000"]}, "meetings"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_what_is_wrong_is_named(integrator: APIClient, more: dict[str, Any], field: str) -> None:
    answer = integrator.post(URL, ask(**more))
    assert answer.status_code == 400
    assert field in [problem["field"] for problem in answer.json()["errors"]]


def test_two_of_one_name_are_refused(integrator: APIClient) -> None:
    integrator.post(URL, ask())
    answer = integrator.post(URL, ask())
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "name")


def test_it_is_changed_narrowed_to_meetings_and_switched_off_and_on(integrator: APIClient) -> None:
    meeting = MadeMeetingFactory()
    key = integrator.post(URL, ask()).json()["id"]
    changed = integrator.patch(f"{URL}{key}/", {"meetings": [str(meeting.pk)], "name": "Register"}).json()
    assert (changed["meetings"], changed["name"], changed["kinds"]) == (
        [str(meeting.pk)],
        "Register",
        ["attendance.joined"],
    )
    off = integrator.patch(f"{URL}{key}/", {"active": False}).json()
    assert (off["active"], off["off_reason"]) == (False, "staff")
    assert integrator.patch(f"{URL}{key}/", {"active": True}).json()["off_at"] is None
    kinds = Event.objects.filter(kind__startswith="hook.").values_list("kind", flat=True)
    assert sorted(kinds) == ["hook.added", "hook.changed", "hook.switched_off", "hook.switched_on"]


def test_a_rotation_shows_the_new_secret_and_until_when_the_old_one_signs(integrator: APIClient) -> None:
    made = integrator.post(URL, ask()).json()
    rotated = integrator.post(f"{URL}{made['id']}/rotate/")
    assert rotated["Cache-Control"] == "no-store"
    assert rotated.json()["secret"] != made["secret"]
    assert rotated.json()["previous_secret_until"].endswith("Z")
    assert Hook.objects.get().previous_secret == made["secret"]


def test_a_test_answers_with_what_came_of_it(integrator: APIClient, receiver: Receiver) -> None:
    made = integrator.post(URL, ask(url=receiver.url)).json()
    told = integrator.post(f"{URL}{made['id']}/test/").json()
    assert (told["kind"], told["state"], told["status"]) == ("test.ping", "delivered", 204)
    assert receiver.received[0].verify(made["secret"])["type"] == "test.ping"
    receiver.next.append(Manner(500, body=b"out of order"))
    told = integrator.post(f"{URL}{made['id']}/test/").json()
    assert (told["state"], told["error"], told["answer"]) == ("failed", "status_500", "out of order")


def test_the_log_is_filtered_by_state_and_kind(integrator: APIClient) -> None:
    hook = HookFactory()
    failed = HookMessageFactory(hook=hook, state=HookMessageState.FAILED)
    HookMessageFactory(hook=hook, kind="session.ended")
    HookMessageFactory()

    def look(query: str = "") -> list[str]:
        return [row["id"] for row in integrator.get(f"{URL}{hook.pk}/messages/{query}").json()["results"]]

    assert len(look()) == 2
    assert look("?state=failed") == [str(failed.pk)]
    assert look("?kind=participant.enrolled") == [str(failed.pk)]
    assert integrator.get(f"{URL}{hook.pk}/messages/?state=lost").status_code == 400
    told = integrator.get(f"/api/v1/manage/hook-messages/{failed.pk}/").json()
    assert (told["payload"], told["webhook_id"]) == (failed.payload, failed.webhook_id)


def test_what_was_given_up_is_sent_again_and_nothing_of_another_hook(
    integrator: APIClient, receiver: Receiver
) -> None:
    hook = HookFactory(url=receiver.url)
    rows = [HookMessageFactory(hook=hook, state=HookMessageState.FAILED, attempts=10) for _ in range(3)]
    other = HookMessageFactory(state=HookMessageState.FAILED)
    one = integrator.post(f"{URL}{hook.pk}/replay/", {"messages": [str(rows[0].pk), str(other.pk)]})
    assert (one.status_code, one.json()) == (202, {"replayed": 1})
    assert integrator.post(f"{URL}{hook.pk}/replay/", {"state": "failed"}).json() == {"replayed": 2}
    hooksending.work(deadline=Deadline.after(20))
    assert {got.webhook_id for got in receiver.received} == {row.webhook_id for row in rows}
    other.refresh_from_db()
    assert other.state == HookMessageState.FAILED


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"state": "waiting"}, {"since": "2027-01-01T00:00:00Z"}])
def test_a_replay_says_which(integrator: APIClient, body: dict[str, Any]) -> None:
    assert integrator.post(f"{URL}{HookFactory().pk}/replay/", body).status_code == 400


def test_deleting_takes_the_log_along(integrator: APIClient) -> None:
    message = HookMessageFactory()
    assert integrator.delete(f"{URL}{message.hook_id}/").status_code == 204
    assert not HookMessage.objects.exists()
    assert integrator.get(f"{URL}{message.hook_id}/").status_code == 404
    assert Event.objects.get(kind=EventKind.HOOK_DELETED).data["name"] == message.hook.name
