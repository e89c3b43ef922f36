"""Two things at once on the same row, in threads with database connections of their own."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from participants.errors import Busy, NotAdmitted
from participants.models import Actor, Participant
from participants.realtimekit import Deadline
from participants.services import enrolment, joining, meetings, passes, people, removal
from participants.states import ParticipantState, Source
from tests.factories import MeetingFactory, PresetFactory, UserFactory
from tests.standin.conftest import Start, enrol, find_only, find_user, make_meeting

pytestmark = pytest.mark.django_db(transaction=True)

Launch = Callable[..., Future[Any]]


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Runs a function in another thread, which closes its connection to the database in the end."""
    with ThreadPoolExecutor(8) as pool:

        def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            finally:
                connection.close()

        yield lambda function, *args, **kwargs: pool.submit(run, function, *args, **kwargs)


def store(by: Actor, **fields: Any) -> Participant:
    person = people.person_of(UserFactory(), by)
    row, _ = enrolment.store(person=person, preset=None, source=Source.ADMIN, by=by, **fields)
    return row


def expire() -> None:
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))


def pass_a_minute() -> None:
    Participant.objects.exclude(verify_after=None).update(verify_after=timezone.now() - timedelta(seconds=1))


def test_a_removal_during_an_add_leaves_nobody_behind(start: Start, by: Actor, launch: Launch) -> None:
    standin = start()
    row = store(by, meeting=make_meeting(by))
    with standin.hold("participants.add") as gate:
        adding = launch(enrolment.retry, row, by=by)
        gate.wait_for(1)
        assert removal.remove(row, by=by).waiting
        gate.opened.set()
        adding.result(15)
    row.refresh_from_db()
    assert (row.state, row.token) == (ParticipantState.REMOVING, None)
    pass_a_minute()
    passes.converge(by=by)
    row.refresh_from_db()
    assert row.state == ParticipantState.REMOVED
    assert standin.world.people_in(row.meeting.realtimekit_id) == []


def test_a_restore_while_the_add_that_was_removed_is_still_in_flight_ends_with_one(
    start: Start, by: Actor, launch: Launch
) -> None:
    standin = start()
    row = store(by, meeting=make_meeting(by))
    with standin.hold("participants.add") as gate:
        adding = launch(enrolment.retry, row, by=by)
        gate.wait_for(1)
        removal.remove(row, by=by)
        restoring = launch(enrolment.restore, row, by=by)
        restoring.result(15)
        gate.opened.set()
        adding.result(15)
    for _ in range(3):
        passes.converge(by=by)
        pass_a_minute()
    row.refresh_from_db()
    assert row.state == ParticipantState.ENROLLED
    find_only(standin, row)


def test_a_restore_during_a_removal_waits_for_it_and_adds_anew(start: Start, by: Actor, launch: Launch) -> None:
    standin = start()
    row = enrol(make_meeting(by), by)
    with standin.hold("participants.delete") as gate:
        removing = launch(removal.remove, row, by=by)
        gate.wait_for(1)
        assert isinstance(enrolment.restore(row, by=by).trouble, Busy)
        gate.opened.set()
        removing.result(15)
    passes.converge(by=by)
    again = Participant.objects.with_relations().get()
    assert again.state == ParticipantState.ENROLLED
    assert find_only(standin, again).id != row.realtimekit_id


def test_a_removal_while_the_old_participant_of_a_restored_row_is_deleted_adds_nobody(
    start: Start, by: Actor, launch: Launch
) -> None:
    standin = start()
    row = enrol(make_meeting(by), by)
    Participant.objects.update(state=ParticipantState.REMOVED)
    row.refresh_from_db()
    restored = removal.mark_restored(row, by=by)
    with standin.hold("participants.delete") as gate:
        restoring = launch(enrolment.retry, restored, by=by)
        gate.wait_for(1)
        del standin.gates["participants.delete"]
        removal.remove(restored, by=by)
        gate.opened.set()
        restoring.result(15)
    assert standin.count("participants.add") == 1
    pass_a_minute()
    passes.converge(by=by)
    row.refresh_from_db()
    assert row.state == ParticipantState.REMOVED
    assert standin.world.people_in(row.meeting.realtimekit_id) == []


def test_five_enrolments_of_one_person_at_once_add_one_participant(start: Start, by: Actor, launch: Launch) -> None:
    standin = start()
    meeting = make_meeting(by)
    person = people.person_of(UserFactory(), by)
    wishes = [
        launch(enrolment.enrol, meeting=meeting, person=person, preset=None, source=Source.API, by=by)
        for _ in range(5)
    ]
    results = [wish.result(20) for wish in wishes]
    assert sum(result.created for result in results) == 1
    row = Participant.objects.with_relations().get()
    assert row.state == ParticipantState.ENROLLED
    assert standin.count("participants.add") == 1
    find_only(standin, row)


def test_a_removal_during_a_refresh_throws_its_token_away(start: Start, by: Actor, launch: Launch) -> None:
    standin = start()
    row = enrol(make_meeting(by), by)
    expire()
    with standin.hold("participants.refresh") as gate:
        joined = launch(joining.join, meeting_id=row.meeting_id, user=find_user(row), by=by)
        gate.wait_for(1)
        assert removal.remove(row, by=by).done
        gate.opened.set()
        with pytest.raises(NotAdmitted, match="removed"):
            joined.result(15)
    row.refresh_from_db()
    assert (row.state, row.token, row.token_expires_at) == (ParticipantState.REMOVED, None, None)


def test_a_removal_during_a_change_of_preset_throws_its_token_away(start: Start, by: Actor, launch: Launch) -> None:
    standin = start()
    row = enrol(make_meeting(by), by)
    with standin.hold("participants.patch") as gate:
        host = PresetFactory(name="group_call_host")
        changing = launch(enrolment.change, row, by=by, preset=host)
        gate.wait_for(1)
        assert removal.remove(row, by=by).done
        gate.opened.set()
        changing.result(15)
    row.refresh_from_db()
    assert (row.state, row.token) == (ParticipantState.REMOVED, None)


def test_a_meeting_closed_while_somebody_waits_for_a_token_keeps_them_out(
    start: Start, by: Actor, launch: Launch
) -> None:
    standin = start()
    meeting = make_meeting(by)
    row = enrol(meeting, by)
    expire()
    with standin.hold("participants.refresh") as gate:
        joined = launch(joining.join, meeting_id=meeting.pk, user=find_user(row), by=by)
        gate.wait_for(1)
        meetings.edit(meeting, by=by, status="INACTIVE")
        gate.opened.set()
        with pytest.raises(NotAdmitted, match="closed"):
            joined.result(15)


def test_passes_at_once_add_everybody_once(start: Start, by: Actor, launch: Launch) -> None:
    standin = start()
    meeting = make_meeting(by)
    rows = [store(by, meeting=meeting) for _ in range(12)]
    Participant.objects.filter(pk__in=[row.pk for row in rows[:4]]).update(outcome_unknown=True)
    running = [launch(passes.converge, by=by) for _ in range(3)]
    for one in running:
        one.result(30)
    assert standin.count("participants.add") == 12
    for row in Participant.objects.with_relations():
        assert row.state == ParticipantState.ENROLLED
        find_only(standin, row)


def test_passes_at_once_make_a_meeting_once(start: Start, by: Actor, launch: Launch) -> None:
    standin = start()
    meeting = MeetingFactory()
    running = [launch(passes.converge, by=by) for _ in range(3)]
    running += [launch(meetings.try_now, meeting, by=by)]
    for one in running:
        one.result(30)
    assert standin.count("meetings.create") == 1


def test_a_tick_while_somebody_joins_for_the_first_time_adds_nobody_twice(
    start: Start, by: Actor, launch: Launch
) -> None:
    standin = start()
    row = store(by, meeting=make_meeting(by))
    with standin.hold("participants.add") as gate:
        joined = launch(joining.join, meeting_id=row.meeting_id, user=find_user(row), by=by)
        gate.wait_for(1)
        assert passes.tick(by=by).settled == 0
        gate.opened.set()
        admitted = joined.result(15).participant
    assert standin.count("participants.add") == 1
    assert standin.world.owner_of[admitted.token] == find_only(standin, admitted).id


def test_a_process_that_was_stopped_beyond_its_lease_writes_nothing(start: Start, by: Actor, launch: Launch) -> None:
    standin = start()
    row = store(by, meeting=make_meeting(by))
    with standin.hold("participants.add") as gate:
        adding = launch(enrolment.retry, row, by=by, deadline=Deadline.after(15))
        gate.wait_for(1)
        Participant.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        passes.converge(by=by)
        taken = Participant.objects.with_relations().get()
        assert taken.state == ParticipantState.ENROLLED
        gate.opened.set()
        adding.result(15)
    row = Participant.objects.with_relations().get()
    assert (row.realtimekit_id, row.token, row.lease_id) == (taken.realtimekit_id, taken.token, None)
    find_only(standin, row)
