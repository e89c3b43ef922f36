"""Undoing a bulk enrolment over HTTP: exactly those it enrolled leave RealtimeKit, and nobody else."""

import time
from collections.abc import Callable

import pytest
import requests

from participants.models import Batch, Meeting, Participant
from participants.sandbox import Sandbox
from participants.states import ParticipantState
from tests.factories import AdminFactory
from tests.faults import invariants
from tests.faults.conftest import MakeStack, make_users
from tests.faults.stack import Stack
from tests.processes.conftest import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

ROWS, BEFORE = 500, 40
BUDGET = (30_000, 60.0)


@pytest.fixture
def stack(make_stack: MakeStack) -> Stack:
    made = make_stack(servers=1, workers=1, budget=BUDGET)
    made.start()
    return made


def wait_for(stack: Stack, condition: Callable[[], bool], seconds: float = 300.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        stack.supervise()
        assert time.monotonic() < limit, "timed out"
        time.sleep(0.1)


def enrol(stack: Stack, staff: requests.Session, meeting: Meeting, names: list[str]) -> Batch:
    """Enrol them in one batch and wait until RealtimeKit knows them all."""
    where = f"{stack.addresses[0]}/api/v1/manage/meetings/{meeting.pk}/enrolments/"
    answer = staff.post(where, json={"people": names}, timeout=60)
    assert answer.status_code == 202, answer.text
    wanted = Participant.objects.filter(meeting=meeting, person__user__username__in=names)
    wait_for(stack, lambda: wanted.filter(state=ParticipantState.ENROLLED).count() == len(names))
    return Batch.objects.get(pk=answer.json()["id"])


def test_undo_of_500_of_whom_40_were_there_before_removes_exactly_460(
    sandbox: Sandbox, meeting: Meeting, stack: Stack
) -> None:
    staff = sign_in(AdminFactory())
    names = [user.username for user in make_users(ROWS, "pupil")]
    before = names[::12][:BEFORE]
    first = enrol(stack, staff, meeting, before)
    stayed = set(Participant.objects.values_list("custom_participant_id", flat=True))
    batch = enrol(stack, staff, meeting, names)
    assert len(sandbox.world.participants(str(meeting.realtimekit_id))) == ROWS

    answer = staff.post(f"{stack.addresses[0]}/api/v1/manage/batches/{batch.pk}/undo/", timeout=60)
    assert (answer.status_code, answer.json()["state"]) == (200, "undone")
    wait_for(stack, lambda: not Participant.objects.filter(state=ParticipantState.REMOVING).exists())

    stack.stop_workers()
    assert Participant.objects.filter(batch=batch, state=ParticipantState.REMOVED).count() == ROWS - BEFORE
    assert len(stayed) == BEFORE
    invariants.check_remote_side(sandbox, meeting, stayed)
    invariants.check_rows(sandbox, meeting)
    assert invariants.check_tokens(sandbox, meeting) == []
    assert invariants.check_counts(first)["enrolled"] == BEFORE
    assert invariants.check_counts(batch) == {"pending": 0, "enrolled": 0, "failed": 0, "skipped": ROWS}
    deleted = [entry for entry in sandbox.requests.of("participants.delete") if entry.status == 200]
    assert len(deleted) == ROWS - BEFORE
