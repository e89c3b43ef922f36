"""What is counted when it is written is what counting would find."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from participants.models import Actor, Meeting, Participant, Presence, Session
from participants.services import mirror, presence
from participants.services.mirror import PeerNews, SessionNews
from participants.states import KnownBy
from tests.factories import NOW, EnrolledFactory, MadeMeetingFactory, SessionFactory

pytestmark = pytest.mark.django_db


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def enrol(meeting: Meeting, *names: str) -> None:
    with time_machine.travel(at(-60), tick=False):
        for name in names:
            EnrolledFactory(meeting=meeting, custom_participant_id=name)


def hear(meeting: Meeting, *peers: PeerNews, **told: Any) -> Session:
    news = SessionNews("s1", str(meeting.realtimekit_id), **{"started_at": at(0), **told})
    with time_machine.travel(at(70), tick=False):
        for peer in peers:
            mirror.merge_peer(news, peer, known_by=KnownBy.WEBHOOK)
        return mirror.merge_session(news, known_by=KnownBy.WEBHOOK)


def read(session: Session) -> tuple[int, int, int, int]:
    row = Session.objects.get(pk=session.pk)
    return row.expected_count, row.came_count, row.absent_count, row.present_seconds


def count(session: Session) -> tuple[int, int, int, int]:
    rows = list(Presence.objects.filter(session=session))
    came = sum(row.first_joined_at is not None for row in rows)
    return sum(row.was_enrolled for row in rows), came, len(rows) - came, sum(row.seconds for row in rows)


def test_the_counts_of_a_session_follow_each_delivery() -> None:
    meeting = MadeMeetingFactory()
    enrol(meeting, "ada", "bob", "eve")
    session = hear(meeting)
    assert read(session) == count(session) == (3, 0, 3, 0)
    hear(meeting, PeerNews("p1", "ada", joined_at=at(0), left_at=at(30)))
    assert read(session) == count(session) == (3, 1, 2, 1800)
    hear(meeting, PeerNews("p2", "bob", joined_at=at(10)), PeerNews("p1", "ada", joined_at=at(0), left_at=at(40)))
    assert read(session) == count(session)
    hear(meeting, PeerNews("p3", "stranger", joined_at=at(1)), ended_at=at(60))
    assert read(session) == count(session) == (3, 2, 1, 2400 + 3000)


def test_somebody_who_was_not_expected_counts_as_long_as_they_were_there() -> None:
    meeting = MadeMeetingFactory()
    session = hear(meeting, ended_at=at(60))
    with time_machine.travel(at(65), tick=False):
        EnrolledFactory(meeting=meeting, custom_participant_id="late")
    hear(meeting, PeerNews("p1", "late", joined_at=at(5), left_at=at(6)), ended_at=at(60))
    assert read(session) == count(session) == (0, 1, 0, 60)
    hear(meeting, PeerNews("p1", "late", joined_at=at(5), left_at=at(6), is_recorder=True), ended_at=at(60))
    assert read(session) == count(session) == (0, 0, 0, 0)
    assert Participant.objects.get().first_came_at is None


def test_a_correction_counts_too(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    enrol(meeting, "ada")
    session = hear(meeting, PeerNews("p1", "ada", joined_at=at(0), left_at=at(30)), ended_at=at(60))
    row = Presence.objects.get()
    presence.correct(row, seconds=60, reason="A mistake.", by=by)
    assert read(session) == count(session) == (1, 1, 0, 60)
    presence.withdraw_correction(row, by=by)
    assert read(session) == count(session) == (1, 1, 0, 1800)


def test_rows_follow_when_their_session_is_found_to_have_begun_earlier() -> None:
    meeting = MadeMeetingFactory()
    enrol(meeting, "ada", "bob")
    hear(meeting, PeerNews("p1", "ada", joined_at=at(3), left_at=at(9)), started_at=at(2))
    assert {row.began_at for row in Presence.objects.all()} == {at(2)}
    hear(meeting, started_at=at(-5))
    assert {(row.began_at, row.meeting_id) for row in Presence.objects.all()} == {(at(-5), meeting.pk)}


def test_a_participant_knows_when_they_first_came() -> None:
    meeting = MadeMeetingFactory()
    enrol(meeting, "ada", "bob")
    hear(meeting, PeerNews("p1", "ada", joined_at=at(30), left_at=at(40)))
    hear(meeting, PeerNews("p2", "ada", joined_at=at(10), left_at=at(20)))
    found = dict(Participant.objects.values_list("custom_participant_id", "first_came_at"))
    assert found == {"ada": at(10), "bob": None}


def test_a_session_of_which_nobody_told_when_it_began_stands_where_it_was_heard_of() -> None:
    session = SessionFactory(started_at=None, ended_at=None, opens_at=None, closes_at=None)
    participant = EnrolledFactory(meeting=session.meeting)
    Presence.objects.create(session=session, participant=participant, **presence.copy(session))
    assert Presence.objects.get().began_at == session.created_at
