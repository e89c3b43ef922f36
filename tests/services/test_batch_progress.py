"""What a batch says of itself while RealtimeKit keeps it waiting."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from participants import conf
from participants.models import Actor, Batch, Participant
from participants.models.budget import FAILURES_TO_OPEN, Ledger, Limits
from participants.services import batches
from participants.services.rosters import parse_text
from participants.states import BatchState, Hold, ParticipantState
from tests.factories import MadeMeetingFactory

pytestmark = pytest.mark.django_db(transaction=True)


def begin(by: Actor, people: int = 3) -> Batch:
    text = "\n".join(f"pupil{n}@example.org" for n in range(people))
    return batches.start(meeting=MadeMeetingFactory(), entries=parse_text(text), preset=None, pre_enrol=True, by=by)


def find_ledger() -> Ledger:
    ledger = Ledger(Limits(*conf.read_budget()))
    ledger.take(background=False)  # makes the row
    return ledger


def test_a_pause_asked_for_by_a_429_is_waited_for_until_its_end(by: Actor) -> None:
    batch = begin(by)
    find_ledger().pause(30)
    progress = batches.measure(batch)
    assert (progress.state, progress.hold) == (BatchState.WAITING, Hold.PAUSED)
    assert progress.waiting_until is not None
    assert timedelta(seconds=25) < progress.waiting_until - timezone.now() < timedelta(seconds=35)
    assert progress.expected_end is not None
    assert progress.expected_end >= progress.waiting_until


def test_while_the_breaker_is_open_a_batch_waits_for_the_next_probe(by: Actor) -> None:
    batch, ledger = begin(by), find_ledger()
    for _ in range(FAILURES_TO_OPEN):
        ledger.note_failure()
    progress = batches.measure(batch)
    assert (progress.state, progress.hold) == (BatchState.WAITING, Hold.BREAKER)


def test_an_empty_bucket_is_waited_for_when_that_takes_longer_than_its_pace(
    by: Actor, settings: LazySettings
) -> None:
    batch = begin(by)
    settings.REALTIMEKIT_BUDGET = (30, 300.0)
    ledger = find_ledger()
    while ledger.take(background=False) is not None:
        pass
    progress = batches.measure(batch)
    assert (progress.state, progress.hold) == (BatchState.WAITING, Hold.BUDGET)


def test_pacing_of_a_moment_is_running_at_the_budgets_rate(by: Actor) -> None:
    batch, ledger = begin(by), find_ledger()
    while ledger.take(background=True) is not None:
        pass
    assert batches.measure(batch).state == BatchState.RUNNING


def test_a_batch_that_is_done_waits_for_nothing(by: Actor) -> None:
    batch = begin(by, 1)
    Participant.objects.update(state=ParticipantState.FAILED)
    find_ledger().pause(30)
    progress = batches.measure(batch)
    assert (progress.state, progress.waiting_until, progress.hold) == (BatchState.DONE, None, None)


def test_the_end_is_expected_no_sooner_than_the_budget_allows(by: Actor, settings: LazySettings) -> None:
    batch = begin(by, 40)
    settings.REALTIMEKIT_BUDGET = (60, 300.0)
    for number, row in enumerate(Participant.objects.all()[:30]):
        Participant.objects.filter(pk=row.pk).update(
            state=ParticipantState.ENROLLED, realtimekit_id=f"r{number}", updated_at=timezone.now()
        )
    end = batches.measure(batch).expected_end
    assert end is not None
    assert end - timezone.now() > timedelta(seconds=50)


def test_a_batch_that_has_not_moved_for_a_while_promises_no_end(by: Actor) -> None:
    batch = begin(by)
    Batch.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    batch.refresh_from_db()
    assert batches.measure(batch).expected_end is None


def test_progress_takes_two_queries(by: Actor) -> None:
    batch = begin(by, 50)
    find_ledger()
    with CaptureQueriesContext(connection) as seen:
        batches.measure(batch)
    assert len(seen) == 2
