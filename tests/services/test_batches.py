"""Bulk enrolment: the dry run, the batch, stopping, retrying, undoing."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from participants.errors import PresetMissing, UnknownPreset, WrongState
from participants.models import Actor, Batch, BatchRow, Event, EventKind, Meeting, Participant, Person
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import batches, bulkwork, enrolment, passes, people, removal
from participants.services.rosters import parse_items, parse_text
from participants.states import BatchState, ParticipantState, Source
from tests.factories import (
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    MeetingFactory,
    ParticipantFactory,
    PersonFactory,
    PresetFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


def look(meeting: Meeting, text: str, *, pre_enrol: bool = False) -> list[str]:
    result = batches.preview(meeting, parse_text(text), preset=None, pre_enrol=pre_enrol)
    assert sum(result.counts.values()) == len(result.forecasts)
    return [item.prospect.value for item in result.forecasts]


def begin(meeting: Meeting, text: str, by: Actor, *, pre_enrol: bool = True) -> Batch:
    """Started, and all of its rows worked on, however slow the machine."""
    batch = batches.start(meeting=meeting, entries=parse_text(text), preset=None, pre_enrol=pre_enrol, by=by)
    bulkwork.advance(by=by, deadline=Deadline.after(300))
    return batch


def name_pupils(count: int, start: int = 0) -> str:
    return "\n".join(f"pupil{n}@example.org" for n in range(start, start + count))


def count(batch: Batch) -> dict[str, int]:
    return {name: n for name, n in batches.measure(batch).counts.items() if n}


def list_codes(batch: Batch) -> list[tuple[str, str]]:
    return [(row.read_outcome().value, row.code) for row in batches.list_rows(batch)]


def test_the_dry_run_gives_each_person_the_reason_that_applies() -> None:
    meeting = MadeMeetingFactory()
    UserFactory(username="ada", email="ada@example.org")
    for name in ("twin", "TWIN"):
        UserFactory(username=f"{name}-x", email="twin@example.org")
    UserFactory(username="gone", is_active=False)
    PersonFactory(user=UserFactory(username="rude"), blocked_at=timezone.now())
    EnrolledFactory(meeting=meeting, person__user__username="here")
    EnrolledFactory(meeting=meeting, person__user__username="out", state=ParticipantState.REMOVED)
    ParticipantFactory(meeting=meeting, person__user__username="again", state=ParticipantState.FAILED)
    GuestFactory(email="guest@example.org")
    expected = {
        "ada": "will_enrol",
        "ADA@example.org": "duplicate",
        "guest@example.org": "will_enrol",
        "again": "will_enrol",
        "new@example.org": "not_found",
        "nobody": "not_found",
        "twin@example.org": "several_match",
        "gone": "deactivated",
        "rude": "blocked",
        "here": "already_enrolled",
        "out": "removed",
        "nobody ": "duplicate",
        "a@b@c": "malformed",
        "Ada <>": "malformed",
    }
    assert look(meeting, "\n".join(expected)) == list(expected.values())
    assert look(meeting, "new@example.org", pre_enrol=True) == ["will_pre_enrol"]


def test_an_exact_username_wins_over_one_that_differs_in_case() -> None:
    meeting = MadeMeetingFactory()
    UserFactory(username="Sam", email="s1@example.org")
    UserFactory(username="sam", email="s2@example.org")
    assert look(meeting, "Sam\nsam\nSAM") == ["will_enrol", "will_enrol", "several_match"]


def test_places_are_given_in_the_order_of_the_list() -> None:
    meeting = MadeMeetingFactory(capacity=3)
    EnrolledFactory(meeting=meeting)
    found = look(meeting, name_pupils(3) + "\nnobody", pre_enrol=True)
    assert found == ["will_pre_enrol", "will_pre_enrol", "over_capacity", "not_found"]


def test_the_dry_run_writes_nothing() -> None:
    meeting = MadeMeetingFactory()
    with CaptureQueriesContext(connection) as seen:
        look(meeting, name_pupils(30), pre_enrol=True)
    assert all(query["sql"].startswith("SELECT") for query in seen.captured_queries)
    assert not Participant.objects.exists()
    assert not Event.objects.exists()


def test_the_dry_run_asks_the_database_as_often_for_500_people_as_for_one() -> None:
    meeting = MadeMeetingFactory(capacity=1000)
    asked = []
    for size in (1, 500, 1000):
        with CaptureQueriesContext(connection) as seen:
            look(meeting, name_pupils(size), pre_enrol=True)
        asked.append(len(seen))
    assert asked[0] == asked[1] <= 10
    assert asked[2] - asked[1] <= 7


def test_presets_are_named_per_row_and_an_unknown_one_refuses_the_list(sandbox: Sandbox, by: Actor) -> None:
    meeting, host = MadeMeetingFactory(), PresetFactory(name="group_call_host")
    items = [{"email": "a@example.org", "preset": "group_call_host"}, "b@example.org"]
    batch = batches.start(meeting=meeting, entries=parse_items(items), preset=None, pre_enrol=True, by=by)
    presets = batch.participants.order_by("person__email").values_list("preset__name", flat=True)
    assert list(presets) == [host.name, "group_call_participant"]
    wrong = parse_items([{"email": "c@example.org", "preset": "no such preset"}])
    with pytest.raises(UnknownPreset):
        batches.start(meeting=meeting, entries=wrong, preset=None, pre_enrol=True, by=by)
    assert Batch.objects.count() == 1


def test_without_any_preset_nothing_is_begun(by: Actor) -> None:
    with pytest.raises(PresetMissing):
        begin(MeetingFactory(default_preset=None), "a@example.org", by)
    assert not Batch.objects.exists()


def test_a_batch_stores_every_row_and_an_event_for_each_it_enrols(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    UserFactory(username="ada", first_name="Ada")
    batch = begin(meeting, "ada\nBob Example <bob@example.org>\nnobody\nada", by)
    assert list_codes(batch) == [("pending", ""), ("pending", ""), ("skipped", "not_found"), ("skipped", "duplicate")]
    assert count(batch) == {"pending": 2, "skipped": 2}
    rows = Participant.objects.filter(batch=batch).order_by("person__display_name")
    assert [row.effective_name for row in rows] == ["Ada Example", "Bob Example"]
    assert {
        (row.state, row.source, row.custom_participant_id == row.person.custom_participant_id) for row in rows
    } == {("pending", "bulk", True)}
    for kind in (EventKind.ENROLLED, EventKind.PERSON_MADE):
        assert Event.objects.filter(kind=kind).count() == 2
    assert Event.objects.filter(kind=EventKind.ENROLLED, participant__in=rows, meeting=meeting).count() == 2


def test_people_who_were_known_keep_their_names(by: Actor) -> None:
    GuestFactory(email="bob@example.org", display_name="Robert")
    begin(MadeMeetingFactory(), "Bob <bob@example.org>", by)
    assert Person.objects.get().display_name == "Robert"


def test_a_second_batch_of_the_same_list_enrols_nobody_again(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    first, second = begin(meeting, name_pupils(5), by), begin(meeting, name_pupils(5), by)
    assert (count(first), count(second)) == ({"pending": 5}, {"skipped": 5})
    assert batches.undo(second, by=by) == 0
    assert count(first) == {"pending": 5}


def test_passes_finish_a_batch_and_its_progress_says_so(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    batch = begin(meeting, name_pupils(6), by)
    assert batches.measure(batch).state == BatchState.RUNNING
    passes.tick(by=by)
    progress = batches.measure(batch)
    assert (progress.state, progress.settled, progress.total) == (BatchState.DONE, 6, 6)
    assert (progress.waiting_until, progress.expected_end) == (None, None)
    assert len(sandbox.world.participants(str(meeting.realtimekit_id))) == 6


def test_while_every_row_waits_for_a_later_try_the_batch_is_waiting(by: Actor) -> None:
    batch = begin(MadeMeetingFactory(), name_pupils(2), by)
    soon = timezone.now() + timedelta(seconds=40)
    Participant.objects.update(next_attempt_at=soon)
    progress = batches.measure(batch)
    assert (progress.state, progress.waiting_until) == (BatchState.WAITING, soon)


def test_the_rate_of_the_last_minute_tells_the_expected_end(by: Actor) -> None:
    batch = begin(MadeMeetingFactory(), name_pupils(40), by)
    Batch.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    done = list(Participant.objects.values_list("pk", flat=True)[:20])
    for number, key in enumerate(done):
        Participant.objects.filter(pk=key).update(
            state=ParticipantState.ENROLLED, realtimekit_id=f"r{number}", updated_at=timezone.now()
        )
    batch.refresh_from_db()
    progress = batches.measure(batch)
    assert progress.rate_per_minute == 20
    assert progress.expected_end is not None
    assert timedelta(seconds=50) < progress.expected_end - timezone.now() < timedelta(seconds=70)


def test_undoing_500_rows_of_whom_40_were_enrolled_before_removes_exactly_460(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    for n in range(40):
        GuestFactory(email=f"pupil{n}@example.org")
    before = begin(meeting, name_pupils(40), by)
    batch = begin(meeting, name_pupils(500), by)
    assert count(batch) == {"pending": 460, "skipped": 40}
    assert batches.count_undoable(batch) == 460
    assert batches.undo(batch, by=by) == 460
    assert batches.measure(batch).state == BatchState.UNDONE
    assert count(batch) == {"skipped": 500}
    assert count(before) == {"pending": 40}
    assert Participant.objects.filter(state=ParticipantState.REMOVING).count() == 460
    assert Event.objects.filter(kind=EventKind.REMOVING).count() == 460
    assert batches.undo(batch, by=by) == 0


def test_undoing_deletes_remotely_whom_the_batch_enrolled_and_nobody_else(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    batch = begin(meeting, "ada\n" + name_pupils(5), by)
    passes.tick(by=by)
    assert count(batch) == {"enrolled": 5, "skipped": 1}
    batches.undo(batch, by=by)
    passes.tick(by=by)
    (left,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert left.id == ada.realtimekit_id
    assert Participant.objects.filter(state=ParticipantState.REMOVED, token__isnull=True).count() == 5


def test_undoing_waits_for_an_add_in_flight_and_deletes_what_it_made(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    batch = begin(meeting, "a@example.org", by)
    row = Participant.objects.get(batch=batch)
    until = timezone.now() + timedelta(seconds=20)
    Participant.objects.update(outcome_unknown=True, lease_until=until, lease_id=row.pk)
    batches.undo(batch, by=by)
    row.refresh_from_db()
    assert (row.state, row.outcome_unknown, row.verify_after, row.lease_id) == ("removing", True, until, None)


def test_who_was_restored_since_is_not_removed_by_undoing(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    batch = begin(meeting, name_pupils(2), by)
    row = Participant.objects.filter(batch=batch)[0]
    with transaction.atomic():
        assert removal.mark_many(Participant.objects.filter(pk=row.pk), by=by, limit=1) == [row.pk]
    removal.mark_restored(row, by=by)
    assert batches.undo(batch, by=by) == 1
    row.refresh_from_db()
    assert row.state == "pending"


def test_stopping_withdraws_exactly_what_was_never_sent(meeting: Meeting, by: Actor) -> None:
    batch = begin(meeting, name_pupils(10), by)
    sent, doubtful, leased = Participant.objects.filter(batch=batch)[:3]
    Participant.objects.filter(pk=sent.pk).update(state=ParticipantState.ENROLLED, realtimekit_id="r1")
    Participant.objects.filter(pk=doubtful.pk).update(outcome_unknown=True)
    Participant.objects.filter(pk=leased.pk).update(lease_until=timezone.now() + timedelta(seconds=20))
    assert batches.stop(batch, by=by) == 7
    assert batches.measure(batch).state == BatchState.STOPPED
    assert count(batch) == {"pending": 2, "enrolled": 1, "skipped": 7}
    assert {code for _, code in list_codes(batch)} == {"", "stopped"}


def test_stopped_rows_never_reach_realtimekit(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    batch = begin(meeting, name_pupils(5), by)
    batches.stop(batch, by=by)
    passes.tick(by=by)
    assert sandbox.requests.count("participants.add") == 0
    assert set(Participant.objects.values_list("state", flat=True)) == {"removed"}


@pytest.mark.parametrize("withdraw", [batches.stop, batches.undo])
def test_a_list_that_was_stopped_or_undone_can_be_enrolled_again(
    withdraw: Any, sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    first = begin(meeting, name_pupils(4), by)
    withdraw(first, by=by)
    passes.tick(by=by)
    second = begin(meeting, name_pupils(4), by)
    assert (count(first), count(second)) == ({"skipped": 4}, {"pending": 4})
    passes.tick(by=by)
    assert count(second) == {"enrolled": 4}
    assert batches.undo(first, by=by) == 0
    assert batches.undo(second, by=by) == 4


def test_somebody_removed_by_hand_stays_removed_whatever_list_names_them(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    batch = begin(meeting, name_pupils(1), by)
    passes.tick(by=by)
    removal.remove(Participant.objects.get(), by=by)
    assert look(meeting, name_pupils(1)) == ["removed"]
    assert batches.undo(batch, by=by) == 0
    assert look(meeting, name_pupils(1)) == ["removed"]


def test_retrying_reopens_failed_rows_as_far_as_there_are_places(by: Actor) -> None:
    meeting = MadeMeetingFactory(capacity=5)
    batch = begin(meeting, name_pupils(5), by)
    Participant.objects.update(state=ParticipantState.FAILED, last_error_code="refused")
    blocked = Participant.objects.order_by("created_at", "pk")[0].person
    Person.objects.filter(pk=blocked.pk).update(blocked_at=timezone.now())
    EnrolledFactory.create_batch(2, meeting=meeting)
    assert batches.retry(batch, by=by) == 3
    assert count(batch) == {"pending": 3, "failed": 2}
    assert Event.objects.filter(kind=EventKind.RETRIED).count() == 3


def test_retrying_lets_waiting_rows_wait_no_longer(by: Actor) -> None:
    batch = begin(MadeMeetingFactory(), name_pupils(2), by)
    Participant.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=40))
    assert batches.retry(batch, by=by) == 0
    assert batches.measure(batch).state == BatchState.RUNNING


def test_an_undone_batch_is_neither_retried_nor_stopped(by: Actor) -> None:
    batch = begin(MadeMeetingFactory(), name_pupils(2), by)
    batches.undo(batch, by=by)
    for attempt in (batches.retry, batches.stop):
        with pytest.raises(WrongState):
            attempt(batch, by=by)


def test_somebody_blocked_after_the_start_is_withdrawn_by_the_next_pass(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    batch = begin(meeting, name_pupils(2), by)
    Person.objects.filter(email="pupil0@example.org").update(blocked_at=timezone.now())
    passes.tick(by=by)
    assert count(batch) == {"enrolled": 1, "skipped": 1}


def test_everybody_is_added_exactly_once_though_answers_are_lost_and_errors_come(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    sandbox.faults.add("lose_answer", operation="participants.add", times=None, probability=0.2, seed=7)
    sandbox.faults.add("server_error", operation="participants.add", times=None, probability=0.1, seed=11)
    batch = begin(meeting, name_pupils(300), by)
    for _ in range(20):
        Participant.objects.exclude(verify_after=None).update(verify_after=timezone.now() - timedelta(seconds=1))
        passes.converge(by=by)
        unverified = Participant.objects.exclude(verify_after=None).exists()
        if not batches.measure(batch).counts["pending"] and not unverified:
            break
    assert count(batch) == {"enrolled": 300}
    remote = sandbox.world.participants(str(meeting.realtimekit_id))
    rows = Participant.objects.filter(meeting=meeting)
    assert sorted(r.id for r in remote) == sorted(str(row.realtimekit_id) for row in rows)
    assert len({r.custom_participant_id for r in remote}) == len(remote) == 300


def test_an_enrolment_by_hand_meets_a_batchs_row_as_any_other(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    ada = people.person_of(UserFactory(username="ada"), by)
    begin(meeting, "ada", by)
    result = enrolment.enrol(meeting=meeting, person=ada, preset=None, source=Source.API, by=by)
    assert (result.created, result.participant.state, result.participant.source) == (False, "enrolled", "bulk")


def test_places_taken_while_a_long_list_is_being_stored_are_respected(by: Actor) -> None:
    meeting = MadeMeetingFactory(capacity=600)
    batch = begin(meeting, name_pupils(1200), by)
    assert count(batch) == {"pending": 600, "skipped": 600}
    assert {code for _, code in list_codes(batch)} == {"", "over_capacity"}


def test_a_batch_whose_storing_was_cut_off_counts_the_rest_as_skipped(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    batch = begin(meeting, name_pupils(6), by)
    BatchRow.objects.filter(position__gte=4).delete()
    assert count(batch) == {"pending": 4, "skipped": 2}
    assert batches.measure(batch).total == 6
