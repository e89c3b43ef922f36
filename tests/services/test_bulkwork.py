"""Batches worked on outside of the request: by passes, by several workers, through deadlines and deaths."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from participants.models import Actor, Batch, BatchRow, Event, EventKind, Meeting, Participant
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import batches, bulkwork, passes
from participants.services.rosters import parse_text
from participants.services.waking import work_left
from participants.states import BatchState, BatchTask, ParticipantState
from tests.factories import AdminFactory, GuestFactory, MadeMeetingFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def over() -> Deadline:
    return Deadline.after(0)


def one_chunk() -> Deadline:
    """Over after one chunk, whatever the machine's speed: it is looked at four times until then."""
    return looks(4)


def looks(number: int) -> Deadline:
    ticks = itertools.count()
    return Deadline(number, lambda: float(next(ticks)))


def begin(text: str, by: Actor, meeting: Meeting | None = None, **more: Any) -> Batch:
    """Stored, and nothing worked on yet."""
    meeting = meeting or MadeMeetingFactory()
    entries = parse_text(text)
    return batches.start(
        meeting=meeting, entries=entries, preset=None, pre_enrol=True, by=by, deadline=over(), **more
    )


def finish(by: Actor) -> int:
    return bulkwork.advance(by=by, deadline=Deadline.after(300))


def name_pupils(count: int) -> str:
    return "\n".join(f"pupil{n}@example.org" for n in range(count))


def count(batch: Batch) -> dict[str, int]:
    return {name: n for name, n in batches.measure(batch).counts.items() if n}


def test_what_a_request_has_no_time_for_is_pending_and_done_by_the_next_pass(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    batch = begin(name_pupils(5), by, meeting)
    progress = batches.measure(batch)
    assert (progress.state, progress.working, progress.counts["pending"]) == (BatchState.RUNNING, True, 5)
    assert not Participant.objects.exists()
    passes.tick(by=by)
    batch.refresh_from_db()
    assert (count(batch), batch.task, batch.lease_id) == ({"enrolled": 5}, "", None)


def test_rows_forget_what_was_read_once_they_are_worked_on(by: Actor) -> None:
    begin("a@example.org\nnobody\na@example.org", by)
    assert not BatchRow.objects.filter(entry__isnull=True).exists()
    finish(by)
    assert not BatchRow.objects.filter(entry__isnull=False).exists()


def test_storing_a_list_takes_few_statements_whatever_its_length(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    with CaptureQueriesContext(connection) as seen:
        begin(name_pupils(3000), by, meeting)
    assert len(seen) < 60


def test_work_that_a_deadline_interrupts_goes_on_where_it_ended(by: Actor) -> None:
    batch = begin(name_pupils(1200), by)
    assert bulkwork.advance(by=by, deadline=one_chunk()) == 500
    assert Participant.objects.count() == 500
    rest = 0
    while worked := bulkwork.advance(by=by, deadline=one_chunk()):
        rest += worked
    assert rest == 700
    assert count(batch) == {"pending": 1200}
    assert Participant.objects.count() == BatchRow.objects.filter(code="").count() == 1200
    assert Event.objects.filter(kind=EventKind.ENROLLED).count() == 1200


def test_somebody_named_twice_is_enrolled_once_though_the_memory_died_between(by: Actor) -> None:
    UserFactory(username="ada", email="ada@example.org")
    batch = begin("ada\n" + name_pupils(600) + "\nada@example.org", by)
    bulkwork.advance(by=by, deadline=one_chunk())
    finish(by)
    assert batches.list_rows(batch).get(position=601).read_reason() == "duplicate"
    assert Participant.objects.count() == 601


def test_a_dead_workers_batch_is_taken_over_when_its_lease_ends_and_not_before(by: Actor) -> None:
    batch = begin(name_pupils(3), by)
    dead = Batch.objects.unfinished().claim(batch.pk, seconds=60)
    assert finish(by) == 0
    Batch.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert finish(by) == 3
    assert bulkwork.work_on(batch.pk, by=by, deadline=Deadline.after(60), lease=dead) == 0
    assert count(batch) == {"pending": 3}


def test_whoever_lost_the_lease_meanwhile_writes_nothing(by: Actor) -> None:
    batch = begin(name_pupils(3), by)
    old = Batch.objects.unfinished().claim(batch.pk, seconds=-1)
    new = Batch.objects.unfinished().claim(batch.pk, seconds=60)
    assert bulkwork.work_on(batch.pk, by=by, deadline=Deadline.after(60), lease=old) == 0
    assert Batch.objects.get().lease_id == new
    assert not Participant.objects.exists()


def test_workers_at_the_same_time_store_each_row_once(by: Actor) -> None:
    made = [begin(name_pupils(1200), by), begin(name_pupils(700), by)]

    def work(_: int) -> int:
        try:
            return sum(bulkwork.advance(by=by, deadline=looks(8)) for _ in range(20))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        worked = sum(pool.map(work, range(4)))
    assert worked + finish(by) == 1900
    assert [count(batch) for batch in made] == [{"pending": 1200}, {"pending": 700}]
    assert Participant.objects.count() == 1900
    assert Event.objects.filter(kind=EventKind.ENROLLED).count() == 1900


def test_a_pass_enrols_in_the_name_of_whoever_started_it(by: Actor) -> None:
    boss = AdminFactory(username="boss")
    begin(name_pupils(1), Actor(via="admin", user=boss))
    finish(by)
    event = Event.objects.get(kind=EventKind.ENROLLED)
    assert (event.actor_name, event.via) == ("boss", "admin")
    assert Participant.objects.get().enrolled_by == boss


@pytest.mark.parametrize(("withdraw", "code"), [(batches.stop, "stopped"), (batches.undo, "undone")])
def test_a_batch_stopped_or_undone_before_it_is_stored_stores_nothing(withdraw: Any, code: str, by: Actor) -> None:
    batch = begin(name_pupils(4), by)
    withdraw(batch, by=by)
    finish(by)
    assert count(batch) == {"skipped": 4}
    assert set(BatchRow.objects.values_list("code", flat=True)) == {code}
    assert not Participant.objects.exists()


@pytest.mark.parametrize("withdraw", [batches.stop, batches.undo])
def test_a_batch_stopped_or_undone_while_it_is_stored_withdraws_what_was_stored(withdraw: Any, by: Actor) -> None:
    batch = begin(name_pupils(1100), by)
    bulkwork.advance(by=by, deadline=one_chunk())
    withdraw(batch, by=by, deadline=over())
    assert batches.measure(batch).working
    finish(by)
    assert count(batch) == {"skipped": 1100}
    assert set(Participant.objects.values_list("state", flat=True)) == {"removing"}
    assert Participant.objects.count() == 500


def test_an_undo_that_a_request_has_no_time_for_says_how_many_and_is_finished_by_passes(by: Actor) -> None:
    batch = begin(name_pupils(600), by)
    finish(by)
    assert batches.undo(batch, by=by, deadline=over()) == 600
    progress = batches.measure(batch)
    assert (progress.state, progress.is_moving) == (BatchState.UNDONE, True)
    assert bulkwork.advance(by=by, deadline=one_chunk()) == 500
    finish(by)
    assert Participant.objects.filter(state=ParticipantState.REMOVING).count() == 600
    batch.refresh_from_db()
    assert not batches.measure(batch).is_moving


def test_retrying_a_batch_that_is_still_being_stored_stores_the_rest_too(by: Actor) -> None:
    batch = begin(name_pupils(600), by)
    bulkwork.advance(by=by, deadline=one_chunk())
    Participant.objects.filter(person__email="pupil1@example.org").update(state=ParticipantState.FAILED)
    assert batches.retry(batch, by=by) == 1
    batch.refresh_from_db()
    assert batch.task == BatchTask.WORK
    finish(by)
    assert count(batch) == {"pending": 600}


def test_a_row_that_fails_again_during_a_retry_is_not_retried_for_ever(by: Actor) -> None:
    batch = begin(name_pupils(2), by)
    finish(by)
    Participant.objects.update(state=ParticipantState.FAILED)
    batches.retry(batch, by=by, deadline=over())
    later = timezone.now() + timedelta(seconds=5)
    Participant.objects.filter(person__email="pupil0@example.org").update(updated_at=later)
    finish(by)
    assert count(batch) == {"failed": 1, "pending": 1}


def test_workers_are_woken_when_something_was_left(by: Actor) -> None:
    woken: list[object] = []

    def note(sender: object, **_: object) -> None:
        woken.append(sender)

    work_left.connect(note)
    try:
        batch = begin(name_pupils(1), by)
        batches.retry(batch, by=by)
        batches.stop(batch, by=by)
        batches.undo(batch, by=by)
    finally:
        work_left.disconnect(note)
    assert len(woken) == 5  # a start wakes them twice: when its first rows are there, and when it leaves the rest


def test_a_batch_that_cannot_be_worked_on_stops_no_other(by: Actor, caplog: pytest.LogCaptureFixture) -> None:
    broken, sound = begin("a@example.org", by), begin("b@example.org", by)
    clash = GuestFactory(email="a@example.org")
    for row in _make_clashes(broken, clash.custom_participant_id):
        row.save()
    assert finish(by) == 1
    assert count(sound) == {"pending": 1}
    assert "could not be worked on" in caplog.text
    broken.refresh_from_db()
    assert (broken.task, broken.lease_id) == ("work", None)


def _make_clashes(batch: Batch, custom_id: str) -> Iterator[Participant]:
    """Somebody else of the meeting carries the custom id: the unique constraint refuses the chunk."""
    assert batch.meeting is not None
    preset = batch.meeting.default_preset
    assert preset is not None
    yield Participant(
        meeting=batch.meeting, person=GuestFactory(), custom_participant_id=custom_id, preset=preset, source="sync"
    )
