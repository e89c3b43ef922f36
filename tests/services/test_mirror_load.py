"""Many at once, and very many: no row is lost, doubled or half counted, and statements do not grow with people."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from participants.models import Attendance, Meeting, Participant, Person, Presence, Session
from participants.services import mirror, presence, sessionlinks
from participants.services.mirror import PeerNews, SessionNews
from participants.states import KnownBy, ParticipantState, Source
from tests.factories import NOW, EnrolledFactory, MadeMeetingFactory

PEOPLE = 5000


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def run_in_threads(steps: list[Callable[[], object]], threads: int = 4) -> None:
    def work(step: Callable[[], object]) -> None:
        try:
            step()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, steps))


@pytest.mark.django_db(transaction=True)
def test_deliveries_worked_on_at_once_end_in_one_row_each_and_count_every_tab() -> None:
    with time_machine.travel(at(-60)):
        ada = EnrolledFactory(custom_participant_id="ada")
    meeting_id = str(ada.meeting.realtimekit_id)
    steps: list[Callable[[], object]] = []
    for number in range(10):
        peer = PeerNews(f"tab-{number}", "ada", joined_at=at(2 * number), left_at=at(2 * number + 1))
        for _ in range(3):
            news = SessionNews("s1", meeting_id, started_at=at(0))
            steps.append(lambda news=news, peer=peer: mirror.merge_peer(news, peer, known_by=KnownBy.WEBHOOK))  # type: ignore[misc]
    for _ in range(3):
        over = SessionNews("s1", meeting_id, ended_at=at(30))
        steps.append(lambda over=over: mirror.merge_session(over, known_by=KnownBy.WEBHOOK))  # type: ignore[misc]
    random.Random(7).shuffle(steps)  # a fixed order that is not sorted
    run_in_threads(steps)
    assert (Session.objects.count(), Attendance.objects.count()) == (1, 10)
    row = Presence.objects.get()
    assert (row.measured_seconds, row.connections, row.rejoins, row.was_enrolled) == (600, 10, 9, True)


@pytest.mark.django_db(transaction=True)
def test_linking_beside_merging_loses_nobody() -> None:
    steps: list[Callable[[], object]] = []
    for number in range(8):
        peer = PeerNews(f"p{number}", f"c{number}", joined_at=at(0), left_at=at(5))
        mirror.merge_peer(SessionNews("s1", "room"), peer, known_by=KnownBy.WEBHOOK)
        steps.append(lambda peer=peer: mirror.merge_peer(SessionNews("s1", "room"), peer, known_by=KnownBy.PULLED))  # type: ignore[misc]
    meeting = MadeMeetingFactory(realtimekit_id="room")
    for number in range(8):
        EnrolledFactory(meeting=meeting, custom_participant_id=f"c{number}")
    run_in_threads([*steps, sessionlinks.link_all, sessionlinks.link_all])
    assert Session.objects.get().meeting == meeting
    assert [row.measured_seconds for row in Presence.objects.all()] == [300] * 8
    assert sessionlinks.link_all() == 0


def crowd(meeting: Meeting) -> None:
    people = [Person(display_name=f"P{number}", custom_participant_id=f"c{number}") for number in range(PEOPLE)]
    with time_machine.travel(at(-60), tick=False):
        Person.objects.bulk_create(people)
        rows = [
            Participant(
                meeting=meeting,
                person=person,
                custom_participant_id=person.custom_participant_id,
                preset=meeting.default_preset,
                source=Source.BULK,
                state=ParticipantState.ENROLLED,
                realtimekit_id=f"r-{person.custom_participant_id}",
            )
            for person in people
        ]
        Participant.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE participants_participant")  # as autovacuum would have, were this not one transaction


@pytest.mark.django_db
def test_a_session_of_five_thousand_takes_statements_by_the_chunk() -> None:
    meeting = MadeMeetingFactory(opens_at=at(0), closes_at=at(60))
    crowd(meeting)
    news = SessionNews("s1", str(meeting.realtimekit_id), started_at=at(0))
    peers = [PeerNews(f"p{n}", f"c{n}", joined_at=at(n % 50), left_at=at(55)) for n in range(PEOPLE - 100)]
    chunks = PEOPLE // mirror.CHUNK
    with CaptureQueriesContext(connection) as rolling:
        mirror.merge_session(news, known_by=KnownBy.WEBHOOK)
    assert len(rolling) < 20 * chunks
    with CaptureQueriesContext(connection) as joining:
        mirror.merge_peer(news, peers[0], known_by=KnownBy.WEBHOOK)
    assert len(joining) < 20
    with CaptureQueriesContext(connection) as pulling:
        mirror.merge_peers(news, peers, known_by=KnownBy.PULLED)
    assert len(pulling) < 35 * chunks  # the counts of the session and who came for the first time among them
    over = SessionNews("s1", str(meeting.realtimekit_id), ended_at=at(60))
    with CaptureQueriesContext(connection) as ending:
        mirror.merge_session(over, known_by=KnownBy.WEBHOOK)
    assert len(ending) < 20 * chunks  # SQLite takes fewer values at once
    with CaptureQueriesContext(connection) as again:
        assert presence.recompute(Session.objects.get()) == 0
    assert len(again) < 10
    assert Presence.objects.count() == PEOPLE
    assert Presence.objects.filter(first_joined_at=None).count() == 100
    assert Presence.objects.filter(left_early_seconds=300).count() == PEOPLE - 100
