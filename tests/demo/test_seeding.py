import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

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
from participants.services import admission, batches, groups, hooks, hooksending, linking, outbox, rights
from participants.states import HookKind, HookMessageState, HookOff

pytestmark = pytest.mark.django_db(transaction=True)


def seed() -> None:
    call_command("seed_demo", verbosity=0)


def state_of(username: str, room: cast.Room) -> str | None:
    row = Participant.objects.filter(meeting=room.id, person__user__username=username).first()
    return row.state if row else None


def count_everything() -> dict[str, int]:
    models = (User, Person, Meeting, Participant, Batch, Event, Invitation, Message, Hook, HookMessage)
    return {model.__name__: model.objects.count() for model in models}


def test_everybody_and_every_meeting_is_there_and_known_to_realtimekit(sandbox: Sandbox) -> None:
    seed()
    assert set(User.objects.values_list("username", flat=True)) == {a.username for a in cast.ACCOUNTS}
    assert set(Meeting.objects.values_list("title", flat=True)) == {room.title for room in cast.ROOMS}
    assert not Meeting.objects.exclude(state="created").exists()
    assert not Participant.objects.filter(state__in=("pending", "removing")).exists()


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


def test_ada_is_left_for_the_visitor_to_enrol(sandbox: Sandbox) -> None:
    seed()
    assert state_of("ada", cast.ALGEBRA) is None
    assert state_of("ada", cast.PHYSICS) == "enrolled"


def test_the_lists_have_something_of_everything_to_show(sandbox: Sandbox) -> None:
    seed()
    assert state_of("farid", cast.PHYSICS) == "removed"
    assert state_of("heidi", cast.PHYSICS) == "removed"
    assert Person.objects.get(user__username="heidi").blocked_at is not None
    failed = Participant.objects.get(person__user__username="greta", meeting=cast.PHYSICS.id)
    assert (failed.state, failed.preset.name) == ("failed", cast.RETIRED_PRESET)
    assert failed.last_error_code
    assert failed.preset.gone_at is not None


def test_a_meeting_follows_a_group_and_leaves_out_who_is_blocked(sandbox: Sandbox) -> None:
    seed()
    club = Meeting.objects.get(pk=cast.MATHS.id)
    assert state_of("jun", cast.MATHS) == "enrolled"
    left, count = groups.list_left_out(club, limit=10)
    assert [(item.user.get_username(), item.reason) for item in left] == [("heidi", "blocked")]
    assert count == 1


def test_a_list_was_enrolled_as_a_batch_and_some_of_it_was_skipped(sandbox: Sandbox) -> None:
    seed()
    progress = batches.measure(Batch.objects.get(meeting=cast.LECTURE.id))
    assert (progress.state.value, progress.counts["enrolled"], progress.counts["skipped"]) == ("done", 5, 4)


def test_a_guest_may_be_the_same_person_as_a_user(sandbox: Sandbox) -> None:
    seed()
    assert [guest.display_name for guest in linking.find_guests(User.objects.get(username="kofi"))] == ["Kofi M."]


def test_one_invitation_was_opened_and_one_was_revoked(sandbox: Sandbox) -> None:
    seed()
    rows = Invitation.objects.all()
    found = {row.participant.effective_name: (row.decide_state(timezone.now()).value, row.uses) for row in rows}
    assert found == {"Noor Haddad": ("opened", 1), "Kofi M.": ("revoked", 0)}


def test_where_mail_is_set_up_invitations_are_mailed_but_for_the_revoked_one(
    sandbox: Sandbox, settings: LazySettings, by: Actor
) -> None:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, "https://rollcall.example.org"
    seed()
    outbox.work(by=by)
    assert [sent.to for sent in mail.outbox] == [["noor@guest.example"]]


def test_a_webhook_has_a_log_and_is_off_so_that_nothing_leaves_the_machine(sandbox: Sandbox) -> None:
    seed()
    hook = Hook.objects.get()
    assert (hook.is_active, hook.off_reason, hook.succeeded_at is not None) == (False, HookOff.STAFF, True)
    log = HookMessage.objects.order_by("created_at").values_list("kind", "state")
    assert list(log) == [
        (HookKind.ENROLLED, HookMessageState.FAILED),
        (HookKind.ENROLLED, HookMessageState.DELIVERED),
        (HookKind.REMOVED, HookMessageState.WAITING),
    ]
    assert hooksending.find_due(limit=5) == []


def test_a_webhook_that_staff_deleted_stays_away(sandbox: Sandbox, by: Actor) -> None:
    seed()
    hooks.delete(Hook.objects.get(), by=by)
    seed()
    assert not Hook.objects.exists()


def test_each_verdict_of_the_demo_text_can_be_seen(sandbox: Sandbox) -> None:
    seed()
    rows = Participant.objects.with_relations().filter(person__user__username__in=("ada", "farid", "greta"))
    seen = {admission.judge_row(row, timezone.now()).code for row in rows}
    assert {"ok", "too_early", "closed", "meeting_inactive", "removed", "enrolment_failed"} <= seen


def test_staff_with_few_rights_may_enrol_but_not_remove(sandbox: Sandbox) -> None:
    seed()
    sam, mia = (User.objects.get(username=name) for name in ("sam", "mia"))
    algebra, physics = (Meeting.objects.get(pk=room.id) for room in (cast.ALGEBRA, cast.PHYSICS))
    assert rights.may(sam, "add_participant", physics)
    assert not rights.may(sam, "remove_participant", physics)
    assert rights.may(mia, "remove_participant", algebra)
    assert not rights.may(mia, "view_participant", physics)


@pytest.mark.parametrize(
    "address", ["https://api.cloudflare.com/client/v4", "http://rollcall-sandbox.example.org:8787/client/v4"]
)
def test_accounts_with_a_published_password_are_made_nowhere_else(settings: LazySettings, address: str) -> None:
    settings.REALTIMEKIT_BASE_URL = address
    with pytest.raises(CommandError, match="published password"):
        seed()
    assert not User.objects.exists()
