"""What the demo shows, once it is seeded."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from participants import gateway
from participants.demo import cast
from participants.models import (
    Batch,
    Hook,
    HookMessage,
    Invitation,
    Meeting,
    Participant,
    Person,
)
from participants.sandbox import Sandbox
from participants.services import admission, batches, groups, hooksending, linking, rights
from participants.states import HookKind, HookMessageState, HookOff
from tests.adjusting import QUICK, point_at
from tests.emptying import empty

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("seeded")]


@pytest.fixture(scope="module")
def seeded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), Sandbox() as sandbox, override_settings(**point_at(sandbox), **QUICK):
        call_command("seed_demo", verbosity=0)
        gateway.close_client()
        yield
        empty()


def state_of(username: str, room: cast.Room) -> str | None:
    row = Participant.objects.filter(meeting=room.id, person__user__username=username).first()
    return row.state if row else None


def test_everybody_and_every_meeting_is_there_and_known_to_realtimekit() -> None:
    assert set(User.objects.values_list("username", flat=True)) == {a.username for a in cast.ACCOUNTS}
    assert set(Meeting.objects.values_list("title", flat=True)) == {room.title for room in cast.ROOMS}
    assert not Meeting.objects.exclude(state="created").exists()
    assert not Participant.objects.filter(state__in=("pending", "removing")).exists()


def test_ada_is_left_for_the_visitor_to_enrol() -> None:
    assert state_of("ada", cast.ALGEBRA) is None
    assert state_of("ada", cast.PHYSICS) == "enrolled"


def test_the_lists_have_something_of_everything_to_show() -> None:
    assert state_of("farid", cast.PHYSICS) == "removed"
    assert state_of("heidi", cast.PHYSICS) == "removed"
    assert Person.objects.get(user__username="heidi").blocked_at is not None
    failed = Participant.objects.get(person__user__username="greta", meeting=cast.PHYSICS.id)
    assert (failed.state, failed.preset.name) == ("failed", cast.RETIRED_PRESET)
    assert failed.last_error_code
    assert failed.preset.gone_at is not None


def test_a_meeting_follows_a_group_and_leaves_out_who_is_blocked() -> None:
    club = Meeting.objects.get(pk=cast.MATHS.id)
    assert state_of("jun", cast.MATHS) == "enrolled"
    left, count = groups.list_left_out(club, limit=10)
    assert [(item.user.get_username(), item.reason) for item in left] == [("heidi", "blocked")]
    assert count == 1


def test_a_list_was_enrolled_as_a_batch_and_some_of_it_was_skipped() -> None:
    progress = batches.measure(Batch.objects.get(meeting=cast.LECTURE.id))
    assert (progress.state.value, progress.counts["enrolled"], progress.counts["skipped"]) == ("done", 5, 4)


def test_a_guest_may_be_the_same_person_as_a_user() -> None:
    assert [guest.display_name for guest in linking.find_guests(User.objects.get(username="kofi"))] == ["Kofi M."]


def test_one_invitation_was_opened_and_one_was_revoked() -> None:
    rows = Invitation.objects.all()
    found = {row.participant.effective_name: (row.decide_state(timezone.now()).value, row.uses) for row in rows}
    assert found == {"Noor Haddad": ("opened", 1), "Kofi M.": ("revoked", 0)}


def test_a_webhook_has_a_log_and_is_off_so_that_nothing_leaves_the_machine() -> None:
    hook = Hook.objects.get()
    assert (hook.is_active, hook.off_reason, hook.succeeded_at is not None) == (False, HookOff.STAFF, True)
    log = HookMessage.objects.order_by("created_at").values_list("kind", "state")
    assert list(log) == [
        (HookKind.ENROLLED, HookMessageState.FAILED),
        (HookKind.ENROLLED, HookMessageState.DELIVERED),
        (HookKind.REMOVED, HookMessageState.WAITING),
    ]
    assert hooksending.find_due(limit=5) == []


def test_each_verdict_of_the_demo_text_can_be_seen() -> None:
    rows = Participant.objects.with_relations().filter(person__user__username__in=("ada", "farid", "greta"))
    seen = {admission.judge_row(row, timezone.now()).code for row in rows}
    assert {"ok", "too_early", "closed", "meeting_inactive", "removed", "enrolment_failed"} <= seen


def test_staff_with_few_rights_may_enrol_but_not_remove() -> None:
    sam, mia = (User.objects.get(username=name) for name in ("sam", "mia"))
    algebra, physics = (Meeting.objects.get(pk=room.id) for room in (cast.ALGEBRA, cast.PHYSICS))
    assert rights.may(sam, "add_participant", physics)
    assert not rights.may(sam, "remove_participant", physics)
    assert rights.may(mia, "remove_participant", algebra)
    assert not rights.may(mia, "view_participant", physics)
