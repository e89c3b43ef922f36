"""RealtimeKit is away for long. An hour is scaled to seconds, and so is what is left of the tokens' lives."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from participants.models import Actor, Batch, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import batches, enrolment, people
from participants.services.tokencache import USABLE_MARGIN
from participants.states import ParticipantState, Source
from tests.factories import AdminFactory
from tests.faults import invariants
from tests.faults.attendees import Attendees, Guest
from tests.faults.conftest import MakeStack, make_users
from tests.faults.stack import Stack
from tests.processes.conftest import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

AWAY = 10.0
"""Seconds that stand for an hour."""
BUDGET = (240, 8.0)
NEW = 120


def enrol(user: User, meeting: Meeting, by: Actor) -> Guest:
    """Somebody who holds a token."""
    person = people.person_of(user, by)
    enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    return Guest(user.username, sign_in(user), warm=True)


def shorten(user: User, left: timedelta) -> None:
    """Their token lives for so long; a worker has just tried to renew it, and does not before the outage."""
    now = timezone.now()
    Participant.objects.filter(person__user=user).update(token_expires_at=now + left, refresh_tried_at=now)


def wait_for(stack: Stack, condition: Callable[[], bool], seconds: float) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        stack.supervise()
        assert time.monotonic() < limit, "timed out"
        time.sleep(0.1)


def test_tokens_are_served_and_new_enrolments_wait_while_realtimekit_is_away(
    sandbox: Sandbox, meeting: Meeting, by: Actor, make_stack: MakeStack
) -> None:
    stack = make_stack(servers=1, workers=2, budget=BUDGET)
    names = [user.username for user in make_users(NEW, "pupil")]
    users = make_users(3, "early")
    stack.start()
    fresh, usable, ending = (enrol(user, meeting, by) for user in users)
    shorten(users[1], USABLE_MARGIN + timedelta(minutes=5))
    attendees = Attendees(stack.addresses, str(meeting.pk), seed=1, pause=0.05)
    attendees.invite(fresh, usable)
    staff = sign_in(AdminFactory())
    sandbox.requests.clear()

    sandbox.faults.down()
    attendees.start()
    answer = staff.post(
        f"{stack.addresses[0]}/api/v1/manage/meetings/{meeting.pk}/enrolments/", json={"people": names}, timeout=60
    )
    assert answer.status_code == 202, answer.text
    batch = Batch.objects.get(pk=answer.json()["id"])
    # Only now, since a busy machine may take long over what came before.
    shorten(users[2], USABLE_MARGIN + timedelta(seconds=AWAY / 2))
    shortened = time.monotonic()
    first = attendees.join(ending, stack.addresses[0])
    assert first is not None
    assert first.status_code == 200
    wait_for(stack, lambda: time.monotonic() - shortened > AWAY, AWAY + 60)
    cold = Guest(ending.name, ending.session, warm=False)
    last = attendees.join(cold, stack.addresses[0])
    assert last is not None
    assert last.status_code == 503
    assert Participant.objects.filter(batch=batch, state=ParticipantState.PENDING).count() == NEW
    assert batches.measure(batch).counts["pending"] == NEW
    assert attendees.codes[200] > 20

    sandbox.faults.up()
    wait_for(stack, lambda: batches.measure(batch).counts["enrolled"] == NEW, 240)
    again = attendees.join(ending, stack.addresses[0])
    assert again is not None
    assert again.status_code == 200
    attendees.stop()
    stack.stop_workers()
    assert attendees.complaints == []
    invariants.check_budget(sandbox, *BUDGET)
    assert not [entry for entry in sandbox.requests.all() if entry.status == 429]
    invariants.check_rows(sandbox, meeting)
    intended = list(Participant.objects.values_list("custom_participant_id", flat=True))
    invariants.check_remote_side(sandbox, meeting, intended)
    assert batches.measure(batch).counts["enrolled"] == NEW
