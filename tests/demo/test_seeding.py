import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command

from participants.demo import cast
from participants.models import (
    Actor,
    Batch,
    Event,
    Hook,
    HookMessage,
    Invitation,
    Meeting,
    Message,
    Participant,
    Person,
)
from participants.sandbox import Sandbox
from participants.services import hooks, outbox

pytestmark = pytest.mark.django_db(transaction=True)


def seed() -> None:
    call_command("seed_demo", verbosity=0)


def state_of(username: str, room: cast.Room) -> str | None:
    row = Participant.objects.filter(meeting=room.id, person__user__username=username).first()
    return row.state if row else None


def count_everything() -> dict[str, int]:
    models = (User, Person, Meeting, Participant, Batch, Event, Invitation, Message, Hook, HookMessage)
    return {model.__name__: model.objects.count() for model in models}


def test_the_webhook_is_registered_at_the_demos_own_address_once(sandbox: Sandbox, settings: LazySettings) -> None:
    settings.ROLLCALL_PUBLIC_URL = "http://127.0.0.1:8000"
    seed()
    seed()
    urls = [row.url for row in sandbox.world.webhook_rows.all()]
    assert urls == ["http://127.0.0.1:8000/webhooks/realtimekit/"]


def test_a_second_seeding_changes_nothing(sandbox: Sandbox) -> None:
    seed()
    before, calls = count_everything(), sandbox.requests.count("participants.add")
    seed()
    assert count_everything() == before
    assert sandbox.requests.count("participants.add") == calls


def test_a_restart_keeps_what_staff_did_meanwhile(sandbox: Sandbox) -> None:
    seed()
    Meeting.objects.filter(pk=cast.ALGEBRA.id).update(title="Geometry")
    heidi = Person.objects.get(user__username="heidi")
    Person.objects.filter(pk=heidi.pk).update(blocked_at=None)
    before = count_everything()
    seed()
    assert Meeting.objects.get(pk=cast.ALGEBRA.id).title == "Geometry"
    assert Person.objects.get(pk=heidi.pk).blocked_at is None
    assert count_everything() == before


def test_an_interrupted_seeding_is_completed(sandbox: Sandbox) -> None:
    sandbox.faults.add("server_error", "participants.add", times=None)
    seed()
    assert Participant.objects.filter(state="pending").exists()
    sandbox.faults.clear()
    seed()
    call_command("converge", verbosity=0)
    assert not Participant.objects.filter(state="pending").exists()
    assert state_of("bob", cast.ALGEBRA) == "enrolled"


def test_where_mail_is_set_up_invitations_are_mailed_but_for_the_revoked_one(
    sandbox: Sandbox, settings: LazySettings, by: Actor
) -> None:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, "https://rollcall.example.org"
    seed()
    outbox.work(by=by)
    assert [sent.to for sent in mail.outbox] == [["noor@guest.example"]]


def test_a_webhook_that_staff_deleted_stays_away(sandbox: Sandbox, by: Actor) -> None:
    seed()
    hooks.delete(Hook.objects.get(), by=by)
    seed()
    assert not Hook.objects.exists()


@pytest.mark.parametrize(
    "address", ["https://api.cloudflare.com/client/v4", "http://rollcall-sandbox.example.org:8787/client/v4"]
)
def test_accounts_with_a_published_password_are_made_nowhere_else(settings: LazySettings, address: str) -> None:
    settings.REALTIMEKIT_BASE_URL = address
    with pytest.raises(CommandError, match="published password"):
        seed()
    assert not User.objects.exists()
