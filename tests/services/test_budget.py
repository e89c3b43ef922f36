"""The shared budget at work: what a row, a pass and a diagnosis make of it."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from participants import gateway
from participants.errors import HeldBack
from participants.models import Actor, Meeting, Participant
from participants.models.budget import FAILURES_TO_OPEN, Ledger, Limits
from participants.realtimekit import Deadline, NotDelivered, RealtimeKitError
from participants.sandbox import Sandbox
from participants.services import budget, meetings, passes, sync
from participants.services import connection as diagnosis
from tests.factories import MeetingFactory, ParticipantFactory
from tests.services.conftest import enrol

pytestmark = pytest.mark.django_db(transaction=True)

LEDGER = Ledger(Limits(30_000, 300.0))
TIGHT = Limits(60, 3.0)
"""Few enough that any machine can use them up."""
PATIENCE = 2.0
"""Seconds for which somebody at the door waits for the budget, and then is told to come again."""


@pytest.fixture
def tight(settings: LazySettings) -> Iterator[Sandbox]:
    """A sandbox that allows seven sixths of the budget, as Cloudflare does."""
    settings.REALTIMEKIT_BUDGET = (TIGHT.calls, TIGHT.seconds)
    with Sandbox(limit=(TIGHT.calls * 7 // 6, TIGHT.seconds)) as running:
        settings.REALTIMEKIT_BASE_URL = running.base_url
        settings.REALTIMEKIT_ACCOUNT_ID = running.account_id
        settings.REALTIMEKIT_APP_ID = running.app_id
        settings.REALTIMEKIT_API_TOKEN = running.api_token
        yield running
        gateway.close_client()


def ask(seconds: float = 10.0) -> None:
    gateway.get_client().presets.list(deadline=Deadline.after(seconds))


def pause(seconds: float) -> None:
    LEDGER.take(background=False)
    LEDGER.pause(seconds)


def break_down() -> None:
    LEDGER.take(background=False)
    for _ in range(FAILURES_TO_OPEN):
        LEDGER.note_failure()


def test_a_call_costs_one_update_and_nothing_more(sandbox: Sandbox) -> None:
    ask()
    with CaptureQueriesContext(connection) as seen:
        ask()
    (query,) = seen.captured_queries
    assert query["sql"].lstrip().startswith("UPDATE participants_budget")


def test_every_attempt_is_counted_and_not_only_every_call(sandbox: Sandbox) -> None:
    sandbox.faults.add("server_error", times=2)
    ask()
    assert sandbox.requests.count() == 3
    assert budget.read_state().used == 3
    assert budget.read_state().failures == 0


def hammer(until: Callable[[], bool]) -> int:
    """Background calls until then: how many were made."""
    made = 0
    try:
        with gateway.background():
            while not until():
                ask()
                made += 1
    finally:
        connections.close_all()
    return made


def test_hammering_within_the_budget_meets_no_429_and_uses_what_there_is(tight: Sandbox) -> None:
    with ThreadPoolExecutor(4) as pool:
        began = time.monotonic()
        hammers = [pool.submit(hammer, lambda: time.monotonic() - began > 2) for _ in range(4)]
        made = sum(one.result() for one in hammers)
        took = time.monotonic() - began
    statuses = [request.status for request in tight.requests.all()]
    assert set(statuses) == {200}
    assert made == len(statuses)
    rate = 1 / TIGHT.cost
    assert 0.7 * rate * took <= made <= TIGHT.burst - TIGHT.reserve + rate * took + 1


def test_a_hammer_in_the_background_does_not_keep_anybody_at_the_door(tight: Sandbox) -> None:
    over = threading.Event()
    waits = []
    with ThreadPoolExecutor(3) as pool:
        hammers = [pool.submit(hammer, over.is_set) for _ in range(3)]
        try:
            for _ in range(5):
                began = time.monotonic()
                ask(5)
                waits.append(time.monotonic() - began)
                over.wait(3 * TIGHT.cost)
        finally:
            over.set()
        assert sum(one.result() for one in hammers) > 0
    assert max(waits) < PATIENCE


def test_a_429_keeps_everybody_from_calling_until_it_is_over(sandbox: Sandbox) -> None:
    sandbox.faults.add("rate_limited", times=1, retry_after=120)
    with pytest.raises(NotDelivered) as caught:
        ask()
    assert caught.value.code == "rate_limited"
    seen = sandbox.requests.count()
    for _ in range(3):
        with pytest.raises(NotDelivered) as caught:
            ask()
        assert caught.value.code == "paused"
        assert caught.value.retry_after == pytest.approx(120, abs=5)
    assert sandbox.requests.count() == seen


def test_an_outage_opens_the_breaker_and_the_probe_after_it_closes_it(
    sandbox: Sandbox, settings: LazySettings
) -> None:
    sandbox.faults.down()
    for _ in range(4):
        with pytest.raises(RealtimeKitError):
            ask()
    assert budget.read_state().breaker == "open"
    seen = sandbox.requests.count()
    with pytest.raises(NotDelivered) as caught:
        ask()
    assert caught.value.code == "breaker_open"
    assert sandbox.requests.count() == seen
    sandbox.faults.up()
    assert budget.read_state().probe_in < 5
    with gateway.background():  # which waits for the breaker
        ask(20)
    assert budget.read_state().breaker == "closed"


def test_a_row_that_was_held_back_lost_no_attempt_and_is_due_when_the_wait_is_over(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    row = ParticipantFactory(meeting=meeting, attempts=3)
    pause(120)
    sandbox.requests.clear()
    outcome = passes.converge(by=by)
    row.refresh_from_db()
    assert (outcome.settled, outcome.waiting) == (0, 1)
    assert (row.state, row.attempts, row.outcome_unknown) == ("pending", 3, False)
    assert (row.last_error_code, row.lease_id) == ("paused", None)
    assert row.next_attempt_at is not None
    assert timedelta(seconds=100) < row.next_attempt_at - timezone.now() < timedelta(seconds=121)
    assert sandbox.requests.all() == []


def test_a_pass_ends_at_the_first_row_when_nobody_may_call(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    ParticipantFactory.create_batch(5, meeting=meeting)
    pause(120)
    outcome = passes.converge(by=by)
    assert outcome.waiting == 1
    assert "wait" in outcome.trouble
    assert Participant.objects.exclude(last_error_code="").count() == 1


def test_passes_and_syncs_leave_the_reserve_alone(sandbox: Sandbox, by: Actor, settings: LazySettings) -> None:
    settings.REALTIMEKIT_BUDGET = (10, 86_400)
    ask()  # one and a half calls are left, and background work must leave one and a quarter
    sandbox.requests.clear()
    with pytest.raises(HeldBack):
        sync.pull(by=by)
    assert sandbox.requests.all() == []
    ask()
    assert sandbox.requests.count() == 1


def test_the_wish_of_the_inner_block_ends_with_it() -> None:
    with gateway.background():
        with gateway.probing():
            pass
        assert gateway._urgency.get().value == "background"
    assert gateway._urgency.get().value == "interactive"


def test_a_diagnosis_sees_the_fault_behind_an_open_breaker(sandbox: Sandbox, settings: LazySettings) -> None:
    break_down()
    settings.REALTIMEKIT_BASE_URL = "http://127.0.0.1:1/client/v4"
    failed = [step.key for step in diagnosis.diagnose() if step.state is diagnosis.StepState.FAILED]
    assert failed == ["network"]


def test_a_diagnosis_during_a_pause_says_so(sandbox: Sandbox) -> None:
    pause(60)
    (step,) = [step for step in diagnosis.diagnose() if step.state is diagnosis.StepState.FAILED]
    assert step.key == "service"
    assert "asked everybody to wait" in step.finding


def test_a_call_inside_a_transaction_is_refused_before_the_budget_is_touched(sandbox: Sandbox) -> None:
    ask()
    with transaction.atomic(), pytest.raises(gateway.RemoteCallInTransaction):
        ask()
    assert budget.read_state().used == 1


def test_a_lost_creation_stays_in_doubt_when_nobody_may_ask_what_became_of_it(
    sandbox: Sandbox, by: Actor, settings: LazySettings
) -> None:
    meeting = MeetingFactory()
    settings.REALTIMEKIT_BUDGET = (10, 86_400)
    ask()  # leaves one call: for the creation, and none for the list
    sandbox.faults.add("lose_answer", "meetings.create")
    assert meetings.try_now(meeting, by=by) is not None
    meeting.refresh_from_db()
    assert (meeting.state, meeting.outcome_unknown) == ("pending", True)
    settings.REALTIMEKIT_BUDGET = (30_000, 300)
    ask()
    passes.converge(by=by)
    meeting.refresh_from_db()
    assert meeting.state == "created"
    assert sandbox.requests.count("meetings.create") == 1


def test_a_lost_addition_stays_in_doubt_when_nobody_may_ask_what_became_of_it(
    sandbox: Sandbox, meeting: Meeting, by: Actor, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_BUDGET = (10, 86_400)
    ask()
    sandbox.faults.lose_next_answer()
    row = enrol(meeting, by)
    assert (row.state, row.outcome_unknown) == ("pending", True)
    settings.REALTIMEKIT_BUDGET = (30_000, 300)
    passes.converge(by=by)
    row.refresh_from_db()
    assert row.state == "enrolled"
    assert len(sandbox.world.participants(str(meeting.realtimekit_id))) == 1
    assert sandbox.requests.count("participants.add") == 1
