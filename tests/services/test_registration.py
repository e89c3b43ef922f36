"""Our registration for deliveries: made, corrected, left alone where all is well."""

from io import StringIO

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from participants.errors import Busy, Misconfigured
from participants.models import Actor, Event, EventKind
from participants.sandbox import Sandbox
from participants.sandbox.records import Webhook
from participants.services import registration
from participants.services.registration import EVENTS, State

pytestmark = pytest.mark.django_db(transaction=True)
SITE = "https://rollcall.example.org"
URL = f"{SITE}/webhooks/realtimekit/"


def list_registered(sandbox: Sandbox) -> list[Webhook]:
    return sandbox.world.webhook_rows.all()


def register(sandbox: Sandbox, url: str = URL, events: tuple[str, ...] = EVENTS, enabled: bool = True) -> Webhook:
    row = Webhook(**sandbox.world.fresh(), name="by hand", url=url, events=[*events], enabled=enabled)
    return sandbox.world.webhook_rows.put(row)


def test_an_app_without_any_is_told_as_missing(sandbox: Sandbox) -> None:
    assert registration.look(URL).state is State.MISSING
    sandbox.faults.add("refuse", "webhooks.list", status=404, message="Not found")
    assert registration.look(URL).state is State.MISSING
    assert list_registered(sandbox) == []


def test_registering_makes_one_for_the_events_we_use(sandbox: Sandbox, by: Actor) -> None:
    found = registration.repair(URL, by=by)
    assert (found.state, found.url) == (State.REGISTERED, URL)
    made = list_registered(sandbox)
    assert [(row.url, tuple(row.events), row.enabled) for row in made] == [(URL, EVENTS, True)]
    assert Event.objects.get(kind=EventKind.WEBHOOK_REGISTERED).data == {"url": URL}


def test_registering_twice_makes_one(sandbox: Sandbox, by: Actor) -> None:
    registration.repair(URL, by=by)
    registration.repair(URL, by=by)
    assert len(list_registered(sandbox)) == 1
    assert sandbox.requests.count("webhooks.create") == 1
    assert not Event.objects.filter(kind=EventKind.WEBHOOK_REPAIRED).exists()


def test_missing_events_are_added_and_others_kept(sandbox: Sandbox, by: Actor) -> None:
    register(sandbox, events=("meeting.started", "meeting.transcript"))
    assert registration.look(URL).lacking == EVENTS[1:]
    assert registration.repair(URL, by=by).state is State.REGISTERED
    (row,) = list_registered(sandbox)
    assert set(row.events) == {*EVENTS, "meeting.transcript"}
    assert Event.objects.get(kind=EventKind.WEBHOOK_REPAIRED).data["events"] == [*EVENTS[1:]]


def test_one_that_is_switched_off_is_switched_on(sandbox: Sandbox, by: Actor) -> None:
    register(sandbox, enabled=False)
    assert registration.look(URL).state is State.WRONG
    registration.repair(URL, by=by)
    assert [row.enabled for row in list_registered(sandbox)] == [True]


def test_registrations_of_others_are_named_and_never_touched(sandbox: Sandbox, by: Actor) -> None:
    other = register(sandbox, url="https://school.example/hooks", events=("meeting.ended",))
    found = registration.repair(URL, by=by)
    assert found.others == ("https://school.example/hooks",)
    assert sandbox.world.webhook_rows.get(other.id) == other
    assert len(list_registered(sandbox)) == 2


@pytest.mark.parametrize("url", [URL.rstrip("/"), URL.replace("rollcall", "Rollcall")])
def test_the_same_address_in_another_spelling_is_ours(sandbox: Sandbox, by: Actor, url: str) -> None:
    register(sandbox, url=url)
    assert registration.repair(URL, by=by).state is State.REGISTERED
    assert len(list_registered(sandbox)) == 1


def test_of_two_for_our_address_the_better_one_counts(sandbox: Sandbox) -> None:
    register(sandbox, enabled=False)
    register(sandbox)
    assert registration.look(URL).state is State.REGISTERED


def test_a_lost_answer_makes_no_second_one(sandbox: Sandbox, by: Actor) -> None:
    sandbox.faults.lose_next_answer("webhooks.create")
    assert registration.repair(URL, by=by).state is State.REGISTERED
    assert len(list_registered(sandbox)) == 1


def test_trouble_is_told_in_our_words(sandbox: Sandbox, by: Actor, settings: LazySettings) -> None:
    sandbox.faults.add("server_error", "webhooks.create", times=None)
    with pytest.raises(Busy):
        registration.repair(URL, by=by)
    sandbox.faults.clear()
    settings.REALTIMEKIT_API_TOKEN = "wrong"
    with pytest.raises(Misconfigured):
        registration.look(URL)
    assert not Event.objects.exists()


def test_our_address_is_below_the_public_one_or_else_where_we_are_asked(settings: LazySettings) -> None:
    assert registration.find_url("https://here.example/") == "https://here.example/webhooks/realtimekit/"
    assert registration.find_url() == ""
    settings.ROLLCALL_PUBLIC_URL = SITE
    assert registration.find_url("https://here.example/") == URL


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("webhook", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_the_command_tells_how_things_stand_and_changes_nothing(sandbox: Sandbox) -> None:
    said = run("--url", SITE)
    assert f"{URL} is not registered" in said
    assert "Last delivery: never; 0 waiting, 0 failed." in said
    assert list_registered(sandbox) == []


def test_the_command_registers_and_corrects(sandbox: Sandbox, settings: LazySettings) -> None:
    settings.ROLLCALL_PUBLIC_URL = SITE
    assert f"{URL} is registered for meeting.started" in run("--register")
    row = list_registered(sandbox)[0]
    sandbox.world.webhook_rows.put(Webhook(**{**vars(row), "events": ["meeting.ended"], "enabled": False}))
    assert "registered, but wrongly: meeting.started" in run()
    assert "is registered for" in run("--register")


def test_the_command_needs_an_address_and_tells_of_trouble(sandbox: Sandbox) -> None:
    with pytest.raises(CommandError, match="ROLLCALL_PUBLIC_URL"):
        run()
    sandbox.faults.down()
    with pytest.raises(CommandError, match="can't be reached"):
        run("--url", SITE)
