"""Where bulk work meets what others do to the same rows at the same time."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from participants.models import Actor, Batch, Event, EventKind, Meeting, Participant, Person
from participants.models.base import CHANGE_REFUSED
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import (
    batches,
    batchrights,
    bulkchanges,
    bulkwork,
    enrolment,
    linking,
    passes,
    removal,
    rostersources,
)
from participants.services.rosters import Entry, parse_text
from participants.states import ParticipantState
from tests.factories import (
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    ParticipantFactory,
    PersonFactory,
    PresetFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)
MAIL = "bob@example.org"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as running:
        yield running


def apart(work: Callable[[], object]) -> Callable[[], object]:
    """The work in a thread, which closes its connection."""

    def run() -> object:
        try:
            return work()
        finally:
            connection.close()

    return run


def wait_for_a_lock() -> None:
    """Until somebody waits for one of ours. SQLite, where all who write wait for each other, can't say so."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
        os.sched_yield()


def begin(meeting: Meeting, entries: list[Entry], by: Actor) -> Batch:
    """Stored, and nothing worked on yet."""
    over = Deadline.after(0)
    return batches.start(meeting=meeting, entries=entries, preset=None, pre_enrol=True, by=by, deadline=over)


def advance(by: Actor) -> int:
    return bulkwork.advance(by=by, deadline=Deadline.after(60))


def remove_while(pool: ThreadPoolExecutor, row: Participant, work: Callable[[], object], by: Actor) -> None:
    """Remove somebody by hand, not yet committed when the work comes to them."""
    with transaction.atomic():
        assert removal.mark(row.pk, by=by)
        running = pool.submit(apart(work))
        wait_for_a_lock()
    running.result(timeout=60)


def fail(meeting: Meeting, batch: Batch | None = None) -> Participant:
    made: Participant = ParticipantFactory(
        meeting=meeting, person=GuestFactory(email=MAIL), state=ParticipantState.FAILED, batch=batch
    )
    return made


def test_whoever_is_removed_at_that_moment_is_not_enrolled_again_by_a_list(
    pool: ThreadPoolExecutor, by: Actor
) -> None:
    meeting = MadeMeetingFactory()
    row = fail(meeting)
    batch = begin(meeting, parse_text(MAIL), by)
    remove_while(pool, row, lambda: advance(by), by)
    row.refresh_from_db()
    assert (row.state, row.batch) == ("removing", None)
    assert [one.read_reason() for one in batches.list_rows(batch)] == ["removed"]
    assert not Event.objects.filter(kind=EventKind.RETRIED).exists()


def test_whoever_is_removed_at_that_moment_is_not_enrolled_again_by_a_retry(
    pool: ThreadPoolExecutor, by: Actor
) -> None:
    meeting = MadeMeetingFactory()
    batch = begin(meeting, parse_text("ada@example.org"), by)
    advance(by)
    row = fail(meeting, batch)
    remove_while(pool, row, lambda: batches.retry(batch, by=by), by)
    row.refresh_from_db()
    assert row.state == "removing"


def test_lists_with_the_same_new_people_in_two_orders_do_not_wait_for_each_other(
    pool: ThreadPoolExecutor, by: Actor
) -> None:
    batch = begin(MadeMeetingFactory(), parse_text("zoe@example.org\nada@example.org"), by)
    with transaction.atomic():
        GuestFactory(email="ada@example.org")
        running = pool.submit(apart(lambda: advance(by)))
        wait_for_a_lock()
        GuestFactory(email="zoe@example.org")
    assert running.result(timeout=60) == 2
    assert batches.measure(batch).counts["pending"] == 2
    assert Person.objects.count() == 2


@pytest.fixture
def merging() -> tuple[Person, Person]:
    """A guest, and the person of the user whose verified address is the guest's."""
    guest, user = GuestFactory(email=MAIL), UserFactory(username="bob", email=MAIL)
    into = PersonFactory(user=user)
    linking.note_verified(user, MAIL)
    return guest, into


def test_undoing_a_removal_leaves_out_who_was_merged_since_and_says_so(
    merging: tuple[Person, Person], by: Actor
) -> None:
    (guest, into), meeting = merging, MadeMeetingFactory()
    row = EnrolledFactory(meeting=meeting, person=guest)
    EnrolledFactory(meeting=meeting, person=into)
    batch = bulkchanges.start(Participant.objects.filter(pk=row.pk), by=by)
    linking.merge(guest, into, by=by)
    batches.undo(batch, by=by)
    row.refresh_from_db()
    assert row.state == "removing"
    (told,) = batches.list_rows(batch)
    assert "merged" in told.detail


def test_a_list_read_before_a_merger_enrols_the_person_that_is_left(
    merging: tuple[Person, Person], by: Actor
) -> None:
    guest, into = merging
    EnrolledFactory(person=guest)
    entries = rostersources.from_meeting(Participant.objects.get().meeting, with_presets=False)
    linking.merge(guest, into, by=by)
    meeting = MadeMeetingFactory()
    begin(meeting, entries, by)
    advance(by)
    assert [row.person for row in Participant.objects.filter(meeting=meeting)] == [into]


def test_whoever_manages_the_meetings_no_more_sees_no_batch_over_several_of_them() -> None:
    rows = [EnrolledFactory(), EnrolledFactory()]
    manager = UserFactory()
    for row in rows:
        row.meeting.managers.add(manager)
    batch = bulkchanges.start(Participant.objects.all(), by=Actor(via="tests", user=manager))
    assert batch.meeting is None
    assert batchrights.may_see(manager, batch)
    assert list(batchrights.list_seen(manager)) == [batch]
    rows[0].meeting.managers.remove(manager)
    assert not batchrights.may_see(manager, batch)
    assert not batchrights.list_seen(manager).exists()


def test_a_preset_chosen_while_another_is_being_refused_is_told_all_the_same(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, pool: ThreadPoolExecutor, by: Actor
) -> None:
    first, second = PresetFactory(name="group_call_host"), PresetFactory(name="webinar_viewer")
    sandbox.faults.add("refuse", "participants.patch", times=1)
    with sandbox.faults.hold("participants.patch") as gate:
        running = pool.submit(apart(lambda: enrolment.change(ada, preset=first, by=by)))
        assert gate.wait_for(1)
        bulkchanges.start(Participant.objects.all(), by=by, preset=second)
        gate.release()
        running.result(timeout=60)
    ada.refresh_from_db()
    assert ada.last_error_code != CHANGE_REFUSED
    passes.converge(by=by)
    ada.refresh_from_db()
    assert ada.applied_preset == "webinar_viewer"
