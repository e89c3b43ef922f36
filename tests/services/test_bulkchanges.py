"""Bulk removals and bulk preset changes: the dry run, the batch, stopping, retrying, undoing."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from participants.errors import PresetGone, WrongState
from participants.models import Actor, Batch, BatchRow, Event, EventKind, Meeting, Participant, Person, Preset
from participants.models.base import CHANGE_REFUSED
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import batches, bulkchanges, bulkwork, enrolment, passes, people, removal
from participants.services.rosters import parse_text
from participants.states import BatchKind, BatchState, ParticipantState, Source
from tests.factories import (
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    ParticipantFactory,
    PresetFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def host(transactional_db: None) -> Preset:
    made: Preset = PresetFactory(name="group_call_host")
    return made


def fill(meeting: Meeting, count: int, **more: Any) -> list[Participant]:
    return [EnrolledFactory(meeting=meeting, person=GuestFactory(), **more) for _ in range(count)]


def everybody(meeting: Meeting | None = None) -> Any:
    return Participant.objects.filter(meeting=meeting) if meeting else Participant.objects.all()


def finish(by: Actor) -> None:
    bulkwork.advance(by=by, deadline=Deadline.after(300))


def count(batch: Batch) -> dict[str, int]:
    return {name: n for name, n in batches.measure(batch).counts.items() if n}


def read_states(rows: list[Participant]) -> list[str]:
    found = Participant.objects.in_bulk([row.pk for row in rows])
    return [found[row.pk].state for row in rows]


def list_reasons(batch: Batch) -> list[str]:
    return [row.read_reason() for row in batches.list_rows(batch)]


def test_the_dry_run_counts_what_would_happen_and_writes_nothing(host: Preset) -> None:
    meeting = MadeMeetingFactory()
    fill(meeting, 3)
    fill(meeting, 1, preset=host)
    fill(meeting, 2, state=ParticipantState.REMOVED)
    assert bulkchanges.count(everybody()) == {"will_remove": 4, "already_removed": 2}
    assert bulkchanges.count(everybody(), preset=host) == {"will_change": 3, "has_preset": 1, "not_enrolled": 2}
    seen = bulkchanges.preview_rows(everybody(), preset=host)
    assert bulkchanges.tally(seen) == {"will_change": 3, "has_preset": 1, "not_enrolled": 2}
    assert not Event.objects.exists()


def test_people_are_refused_at_once_and_deleted_remotely_by_passes(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    for name in ("ada", "bob", "eve"):
        person = people.person_of(UserFactory(username=name), by)
        enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.API, by=by)
    batch = bulkchanges.start(everybody().exclude(person__user__username="eve"), by=by)
    assert (batch.kind, batch.meeting, count(batch)) == (BatchKind.REMOVE, meeting, {"pending": 2})
    assert not Participant.objects.exclude(token__isnull=True).exclude(person__user__username="eve").exists()
    passes.tick(by=by)
    assert count(batch) == {"enrolled": 2}
    assert batches.measure(batch).state == BatchState.DONE
    assert len(sandbox.world.participants(str(meeting.realtimekit_id))) == 1


def test_undoing_a_removal_restores_exactly_those_it_removed(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    rows = fill(meeting, 6)
    removal.remove(rows[0], by=by)
    batch = bulkchanges.start(everybody(), by=by)
    assert count(batch) == {"pending": 5, "skipped": 1}
    # Restored since by somebody, and removed again by somebody else: that is no longer this batch's removal.
    removal.mark_restored(rows[1], by=by)
    removal.mark_restored(rows[2], by=by)
    removal.remove(rows[2], by=by)
    assert batches.count_undoable(batch) == 3
    assert batches.undo(batch, by=by) == 3
    states = read_states(rows)
    assert states[0] in {"removing", "removed"}
    assert states[2] in {"removing", "removed"}
    assert [states[1], *states[3:]] == ["pending"] * 4
    assert batches.undo(batch, by=by) == 0
    assert Event.objects.filter(kind=EventKind.RESTORED).count() == 5


def test_undoing_a_removal_of_501_in_two_parts_restores_each_once(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    text = "\n".join(f"pupil{n}@example.org" for n in range(501))
    batches.start(meeting=meeting, entries=parse_text(text), preset=None, pre_enrol=True, by=by)
    finish(by)
    batch = bulkchanges.start(everybody(), by=by)
    finish(by)
    assert batches.undo(batch, by=by, deadline=Deadline.after(0)) == 501
    finish(by)
    assert set(everybody().values_list("state", flat=True)) == {"pending"}
    assert Event.objects.filter(kind=EventKind.RESTORED).count() == 501


def test_who_may_not_be_enrolled_or_finds_no_place_is_not_restored_and_told_why(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    blocked, gone, first, second = fill(meeting, 4)
    batch = bulkchanges.start(everybody(), by=by)
    Person.objects.filter(pk=blocked.person_id).update(blocked_at=timezone.now())
    retired = PresetFactory(name="retired", gone_at=timezone.now())
    Participant.objects.filter(pk=gone.pk).update(preset=retired)
    Meeting.objects.update(capacity=1)
    batches.undo(batch, by=by)
    assert sorted(read_states([first, second])) == ["pending", "removing"]
    assert read_states([blocked, gone]) == ["removing", "removing"]
    assert sorted(list_reasons(batch)) == ["blocked", "over_capacity", "preset_gone", "undone"]
    assert all(row.detail.startswith("Not restored") for row in batches.list_rows(batch) if row.code != "undone")


def test_a_batch_that_enrolled_them_still_undoes_them_after_their_removal_was_undone(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    text = "a@example.org\nb@example.org"
    first = batches.start(meeting=meeting, entries=parse_text(text), preset=None, pre_enrol=True, by=by)
    second = bulkchanges.start(everybody(), by=by)
    batches.undo(second, by=by)
    assert count(first) == {"pending": 2}
    assert batches.undo(first, by=by) == 2


def test_stopping_leaves_those_who_were_not_reached_as_they_are(by: Actor) -> None:
    rows = fill(MadeMeetingFactory(), 3)
    batch = bulkchanges.start(everybody(), by=by, deadline=Deadline.after(0))
    assert batches.stop(batch, by=by) == 3
    finish(by)
    assert read_states(rows) == ["enrolled"] * 3
    assert (batches.measure(batch).state, list_reasons(batch)) == (BatchState.STOPPED, ["stopped"] * 3)


def test_retrying_lets_removals_wait_no_longer(by: Actor) -> None:
    fill(MadeMeetingFactory(), 2)
    batch = bulkchanges.start(everybody(), by=by)
    Participant.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=40))
    assert batches.measure(batch).state == BatchState.WAITING
    batches.retry(batch, by=by)
    assert batches.measure(batch).state == BatchState.RUNNING


def test_a_preset_is_changed_here_at_once_and_remotely_by_passes(
    sandbox: Sandbox, meeting: Meeting, host: Preset, by: Actor
) -> None:
    for name in ("ada", "bob"):
        person = people.person_of(UserFactory(username=name), by)
        enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.API, by=by)
    batch = bulkchanges.start(everybody(), by=by, preset=host)
    assert (batch.kind, count(batch)) == (BatchKind.PRESET, {"pending": 2})
    passes.tick(by=by)
    assert count(batch) == {"enrolled": 2}
    assert {remote.preset_name for remote in sandbox.world.participants(str(meeting.realtimekit_id))} == {host.name}


def test_undoing_a_preset_change_puts_each_former_preset_back_where_it_is_still_the_batchs(
    host: Preset, by: Actor
) -> None:
    viewer = PresetFactory(name="webinar_viewer")
    meeting = MadeMeetingFactory()
    mixed = [*fill(meeting, 2), *fill(meeting, 2, preset=viewer), *fill(meeting, 1, preset=host)]
    batch = bulkchanges.start(everybody(), by=by, preset=host)
    assert count(batch) == {"pending": 4, "skipped": 1}
    Participant.objects.filter(pk=mixed[0].pk).update(preset=viewer)
    assert "changed_since" in list_reasons(batch)
    assert batches.undo(batch, by=by) == 3
    names = dict(Participant.objects.values_list("pk", "preset__name"))
    expected = ["webinar_viewer", "group_call_participant", "webinar_viewer", "webinar_viewer", "group_call_host"]
    assert [names[row.pk] for row in mixed] == expected


def test_a_former_preset_that_is_gone_is_not_put_back(host: Preset, by: Actor) -> None:
    fill(MadeMeetingFactory(), 1)
    batch = bulkchanges.start(everybody(), by=by, preset=host)
    Preset.objects.filter(name="group_call_participant").update(gone_at=timezone.now())
    batches.undo(batch, by=by)
    assert list_reasons(batch) == ["preset_gone"]
    assert Participant.objects.get().preset == host


def test_a_failed_enrolment_is_retried_with_the_new_preset_as_far_as_there_are_places(
    host: Preset, by: Actor
) -> None:
    meeting = MadeMeetingFactory(capacity=2)
    fill(meeting, 1)
    ParticipantFactory.create_batch(2, meeting=meeting, state=ParticipantState.FAILED, last_error_code="refused")
    batch = bulkchanges.start(everybody().filter(state="failed"), by=by, preset=host)
    assert count(batch) == {"pending": 1, "failed": 1}


def test_a_change_that_realtimekit_refuses_is_failed_and_can_be_retried(
    sandbox: Sandbox, meeting: Meeting, host: Preset, by: Actor
) -> None:
    person = people.person_of(UserFactory(username="ada"), by)
    enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.API, by=by)
    sandbox.faults.add("refuse", "participants.patch", times=1)
    batch = bulkchanges.start(everybody(), by=by, preset=host)
    passes.tick(by=by)
    assert (count(batch), list_reasons(batch)) == ({"failed": 1}, [CHANGE_REFUSED])
    assert batches.retry(batch, by=by) == 1
    passes.tick(by=by)
    assert count(batch) == {"enrolled": 1}


def test_a_preset_that_is_gone_starts_nothing(by: Actor) -> None:
    gone = PresetFactory(name="retired", gone_at=timezone.now())
    with pytest.raises(PresetGone):
        bulkchanges.start(everybody(), by=by, preset=gone)
    assert not Batch.objects.exists()


def test_people_of_several_meetings_make_a_batch_of_no_single_one(by: Actor) -> None:
    for _ in range(3):
        fill(MadeMeetingFactory(capacity=5), 2)
    batch = bulkchanges.start(everybody(), by=by)
    assert (batch.meeting, batch.total, count(batch)) == (None, 6, {"pending": 6})
    assert batches.undo(batch, by=by) == 6
    with pytest.raises(WrongState):
        batches.retry(batch, by=by)


def test_a_list_names_people_as_an_enrolment_does_and_says_of_each_why_not(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    EnrolledFactory(meeting=meeting, person__user__username="ada", person__user__email="ada@example.org")
    EnrolledFactory(meeting=meeting, person__user__username="out", state=ParticipantState.REMOVED)
    EnrolledFactory(person__user__username="elsewhere")
    fine = EnrolledFactory(meeting=meeting, person=GuestFactory(email="guest@example.org"))
    Person.objects.filter(pk=fine.person_id).update(blocked_at=timezone.now())
    entries = parse_text("ada\nADA@example.org\nout\nelsewhere\nnobody\nguest@example.org\na@b@c")
    expected = [
        *("will_remove", "duplicate", "already_removed", "not_enrolled", "not_found", "will_remove", "malformed")
    ]
    assert [item.prospect for item in bulkchanges.preview(meeting, entries)] == expected
    batch = bulkchanges.start_list(meeting, entries, by=by)
    codes = list(BatchRow.objects.filter(batch=batch).values_list("code", flat=True))
    assert codes == [code.replace("will_remove", "") for code in expected]


def test_participants_of_another_meeting_are_not_found_by_their_ids(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    own, other = fill(meeting, 1)[0], fill(MadeMeetingFactory(), 1)[0]
    keys = [own.pk, other.pk, own.pk]
    expected = ["will_remove", "not_found", "duplicate"]
    assert [item.prospect for item in bulkchanges.preview_ids(meeting, keys)] == expected
    batch = bulkchanges.start_ids(meeting, keys, by=by)
    assert list_reasons(batch) == ["", "not_found", "duplicate"]
    assert read_states([other]) == ["enrolled"]
