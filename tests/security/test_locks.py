"""Staff at work on the same rows at once wait for each other; nobody is thrown out by a deadlock."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from participants.errors import RollcallError
from participants.models import Actor, Meeting, Participant, Person
from participants.services import enrolment, people, staffwork
from participants.states import Source
from tests.factories import EnrolledFactory, MadeMeetingFactory, PersonFactory, PresetFactory

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 25
Work = Callable[[], object]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as running:
        yield running


@pytest.fixture
def person(settings: LazySettings) -> Person:
    """Enrolled in three meetings; RealtimeKit is told nothing, for want of a token."""
    settings.REALTIMEKIT_API_TOKEN = ""
    made: Person = PersonFactory()
    preset = PresetFactory()
    for _ in range(3):
        EnrolledFactory(person=made, meeting=MadeMeetingFactory(default_preset=preset))
    return made


def repeat(work: Work) -> None:
    try:
        for _ in range(ROUNDS):
            try:
                work()
            except RollcallError:
                continue  # the other one was first
    finally:
        connection.close()


def run_at_once(pool: ThreadPoolExecutor, *works: Work) -> None:
    running: list[Future[Any]] = [pool.submit(repeat, work) for work in works]
    for future in running:
        future.result(timeout=60)


def test_changing_and_removing_the_same_people_at_once(pool: ThreadPoolExecutor, person: Person, by: Actor) -> None:
    row = Participant.objects.filter(person=person).first()
    assert row is not None
    names = iter(range(10_000))
    run_at_once(
        pool,
        lambda: enrolment.change(row, name=f"Name {next(names)}", by=by),
        lambda: enrolment.change(row, name=f"Other {next(names)}", by=by),
        lambda: staffwork.remove([row], by=by),
        lambda: staffwork.restore([row], by=by),
    )


def test_removing_the_same_people_in_two_orders_and_blocking_them(
    pool: ThreadPoolExecutor, person: Person, by: Actor
) -> None:
    rows = list(Participant.objects.filter(person=person).select_related("person"))
    run_at_once(
        pool,
        lambda: staffwork.remove(rows, by=by),
        lambda: staffwork.remove(rows[::-1], by=by),
        lambda: staffwork.restore(rows, by=by),
        lambda: (people.block(person, reason="", by=by), people.unblock(person, by=by)),
    )


def test_enrolling_and_blocking_the_same_person_at_once(pool: ThreadPoolExecutor, person: Person, by: Actor) -> None:
    preset = PresetFactory()

    def enrol() -> None:
        meeting: Meeting = MadeMeetingFactory(default_preset=preset)
        enrolment.store(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)

    run_at_once(pool, enrol, enrol, lambda: (people.block(person, reason="", by=by), people.unblock(person, by=by)))
    people.block(person, reason="", by=by)
    assert not Participant.objects.filter(person=person).occupying().exists()
