"""Lessons played at the sandbox, told of badly, repaired once: what is in our rows is what was played."""

import random
from datetime import datetime, timedelta

import pytest
import time_machine

from participants.models import Actor, Meeting, Participant, Presence, Session
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import meetings, mirror, repair
from participants.services.intervals import measure, unite
from participants.services.mirror import PeerNews, SessionNews
from participants.states import KnownBy
from tests.factories import NOW, MeetingFactory
from tests.services.conftest import enrol

pytestmark = pytest.mark.django_db(transaction=True)
People = list[Participant]


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def people(sandbox: Sandbox, transactional_db: None, by: Actor) -> People:
    with time_machine.travel(at(-600), tick=False):
        meeting = MeetingFactory()
        assert meetings.try_now(meeting, by=by) is None
        return [enrol(meeting, by, f"person{number}") for number in range(5)]


def play(sandbox: Sandbox, people: People, chance: random.Random) -> None:
    """Three hours of coming, opening another tab, going and coming back."""
    room = str(people[0].meeting.realtimekit_id)
    moment = 0.0
    while moment < 3 * 3600:
        moment += chance.uniform(1, 600)
        person = chance.choice(people)
        with time_machine.travel(at(moment), tick=False), sandbox.world.lock:
            live = sandbox.world.session(room)
            if live is None or chance.random() < 0.5:
                sandbox.world.start_session(room, [str(person.realtimekit_id)])
            else:
                sandbox.world.sessions.kick(live, [str(person.realtimekit_id)], [], sandbox.world.now())
    with time_machine.travel(at(moment + 10), tick=False):
        if sandbox.world.session(room) is not None:
            sandbox.world.end_session(room)


def tell_badly(sandbox: Sandbox, chance: random.Random) -> None:
    """A third of the deliveries is lost, the others come in any order, some twice."""
    told: list[tuple[SessionNews, PeerNews | None]] = []
    for session in sandbox.world.sessions.all():
        plain = SessionNews(session.id, session.meeting_id)
        told.append((SessionNews(session.id, session.meeting_id, started_at=session.created_at), None))
        told.append((SessionNews(session.id, session.meeting_id, ended_at=session.ended_at), None))
        for peer in session.peers:
            joined = PeerNews(peer.id, peer.custom_participant_id, joined_at=peer.joined_at)
            told.append((plain, joined))
            left = PeerNews(peer.id, peer.custom_participant_id, joined_at=peer.joined_at, left_at=peer.left_at)
            told.append((plain, left))
    heard = [each for each in told if chance.random() > 1 / 3]
    heard += chance.sample(heard, len(heard) // 4)
    chance.shuffle(heard)
    for news, connection in heard:
        if connection is None:
            mirror.merge_session(news, known_by=KnownBy.WEBHOOK)
        else:
            mirror.merge_peer(news, connection, known_by=KnownBy.WEBHOOK)


def truth(sandbox: Sandbox) -> dict[tuple[str, str], float]:
    """Seconds of each custom id in each session, by the sandbox's own book."""
    found: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    for session in sandbox.world.sessions.all():
        for peer in session.peers:
            assert peer.left_at is not None
            key = (session.id, peer.custom_participant_id)
            found.setdefault(key, []).append((peer.joined_at, peer.left_at))
    return {key: measure(unite(times)) for key, times in found.items()}


@pytest.mark.parametrize("seed", range(4))
def test_after_one_repair_the_rows_are_what_was_played_to_the_second(
    sandbox: Sandbox, people: People, by: Actor, seed: int
) -> None:
    chance = random.Random(seed)  # repeatable lessons, not a secret
    play(sandbox, people, chance)
    with time_machine.travel(at(4 * 3600), tick=False):
        tell_badly(sandbox, chance)
    with time_machine.travel(at(5 * 3600), tick=False):
        repair.find_missed(deadline=Deadline.after(30))
        assert repair.pull_due(by=by).failed == 0
    played = truth(sandbox)
    seen = {
        (str(row.session.realtimekit_id), row.participant.custom_participant_id): row.measured_seconds
        for row in Presence.objects.exclude(first_joined_at=None).select_related("session", "participant")
    }
    assert seen.keys() == played.keys()
    assert all(abs(seen[key] - played[key]) <= 1 for key in played)
    assert Session.objects.count() == len(sandbox.world.sessions.all())
    assert not Session.objects.filter(started_known_by="estimated").exists()
    assert Presence.objects.filter(was_enrolled=True).count() == Session.objects.count() * len(people)
    assert Meeting.objects.count() == 1
