"""What deliveries did not tell is pulled; what hangs is ended; what nobody knows is estimated and marked."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from participants.models import Actor, Attendance, Event, Meeting, Participant, Presence, Session
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import chores, meetings, mirror, repair
from participants.services.mirror import PeerNews, SessionNews
from participants.states import KnownBy
from tests.factories import EnrolledFactory, MeetingFactory
from tests.services.conftest import enrol

pytestmark = pytest.mark.django_db(transaction=True)
OPENS = datetime(2027, 1, 11, 9, 0, tzinfo=UTC)
CLOSES = datetime(2027, 1, 11, 10, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return OPENS + timedelta(minutes=minutes)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(at(-30), tick=False) as travelled:
        yield travelled


@pytest.fixture
def lesson(sandbox: Sandbox, transactional_db: None, by: Actor, clock: time_machine.Traveller) -> Meeting:
    made = MeetingFactory(title="Lesson", opens_at=OPENS, closes_at=CLOSES)
    assert meetings.try_now(made, by=by) is None
    return made


@pytest.fixture
def ada(lesson: Meeting, by: Actor) -> Participant:
    return enrol(lesson, by)


@pytest.fixture
def bob(lesson: Meeting, by: Actor) -> Participant:
    return enrol(lesson, by, "bob")


def enter(sandbox: Sandbox, *people: Participant) -> str:
    meeting = str(people[0].meeting.realtimekit_id)
    return sandbox.world.start_session(meeting, [str(person.realtimekit_id) for person in people]).id


def leave(sandbox: Sandbox, *people: Participant) -> None:
    meeting = str(people[0].meeting.realtimekit_id)
    live = sandbox.world.session(meeting)
    assert live is not None
    ids = [str(person.realtimekit_id) for person in people]
    with sandbox.world.lock:
        sandbox.world.sessions.kick(live, ids, [], sandbox.world.now())


def look(clock: time_machine.Traveller, minutes: float, by: Actor) -> repair.Counts:
    clock.move_to(at(minutes))
    repair.find_missed(deadline=Deadline.after(20))
    return repair.pull_due(by=by)


def tell(meeting: Meeting, session_id: str, **told: Any) -> SessionNews:
    return SessionNews(session_id, str(meeting.realtimekit_id), **told)


def seconds_of(person: Participant) -> int:
    return int(Presence.objects.get(participant=person).seconds)


def test_a_session_nobody_told_us_of_is_found_with_everybody_in_it(
    sandbox: Sandbox, ada: Participant, bob: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    clock.move_to(at(1))
    enter(sandbox, ada)
    clock.move_to(at(11))
    enter(sandbox, ada)
    leave(sandbox, ada)
    assert look(clock, 50, by).failed == 0
    session = Session.objects.get()
    assert (session.meeting, session.started_at, session.ended_at) == (ada.meeting, at(1), at(12))
    assert (session.started_known_by, session.ended_known_by, session.pull_due_at) == ("pulled", "pulled", None)
    assert {row.left_known_by for row in Attendance.objects.all()} == {"pulled"}
    assert {row.participant for row in Presence.objects.all()} == {ada, bob}
    assert (seconds_of(ada), seconds_of(bob)) == (600, 0)


def test_a_lost_leave_and_a_lost_join_are_filled_in_and_marked(
    sandbox: Sandbox, ada: Participant, bob: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    clock.move_to(at(1))
    session_id = enter(sandbox, ada, bob)
    first, second = sandbox.world.session(str(ada.meeting.realtimekit_id)).peers  # type: ignore[union-attr]
    news = tell(ada.meeting, session_id, started_at=at(1))
    joined = PeerNews(first.id, first.custom_participant_id, joined_at=at(1))
    mirror.merge_peer(news, joined, known_by=KnownBy.WEBHOOK)
    clock.move_to(at(31))
    leave(sandbox, ada)
    clock.move_to(at(41))
    leave(sandbox, bob)
    clock.move_to(at(45))
    mirror.merge_session(tell(ada.meeting, session_id, ended_at=at(42)), known_by=KnownBy.WEBHOOK)
    assert Attendance.objects.get().left_known_by == "estimated"
    look(clock, 50, by)
    rows = {row.peer_id: row for row in Attendance.objects.all()}
    assert (rows[first.id].joined_known_by, rows[first.id].left_known_by) == ("webhook", "pulled")
    assert (rows[second.id].joined_known_by, rows[second.id].left_known_by) == ("pulled", "pulled")
    assert (seconds_of(ada), seconds_of(bob)) == (1800, 2400)


def test_nothing_is_asked_once_everything_is_told(
    sandbox: Sandbox, ada: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    clock.move_to(at(1))
    enter(sandbox, ada)
    clock.move_to(at(20))
    sandbox.world.end_session(str(ada.meeting.realtimekit_id))
    look(clock, 30, by)
    before = sandbox.requests.count()
    clock.move_to(at(600))
    assert repair.pull_due(by=by).pulled == 0
    assert sandbox.requests.count() == before


def test_who_is_in_a_live_session_unknown_to_us_is_found(
    sandbox: Sandbox, ada: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    clock.move_to(at(1))
    session_id = enter(sandbox, ada)
    mirror.merge_session(tell(ada.meeting, session_id, started_at=at(1)), known_by=KnownBy.WEBHOOK)
    clock.move_to(at(17))
    repair.pull_due(by=by)
    row = Presence.objects.get()
    assert (row.is_present, row.measured_seconds) == (True, 16 * 60)
    assert Session.objects.get().pull_due_at == at(32)


def test_a_session_that_hangs_after_its_window_is_ended(
    sandbox: Sandbox, ada: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    clock.move_to(at(1))
    enter(sandbox, ada)
    look(clock, 2, by)
    clock.move_to(CLOSES + timedelta(minutes=40))
    repair.find_missed(deadline=Deadline.after(20))
    repair.pull_due(by=by)
    assert sandbox.world.session(str(ada.meeting.realtimekit_id)) is None
    assert Session.objects.get().ended_known_by == "pulled"
    assert not Presence.objects.filter(is_present=True).exists()
    event = Event.objects.get(kind="session.ended")
    assert (event.meeting, event.data["reason"]) == (ada.meeting, "overrun")


def test_a_session_in_a_room_that_is_open_is_left_alone(
    sandbox: Sandbox, ada: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    Meeting.objects.update(enforce_window=False)
    clock.move_to(at(1))
    enter(sandbox, ada)
    look(clock, 60 * 24, by)
    assert sandbox.world.session(str(ada.meeting.realtimekit_id)) is not None
    assert Session.objects.get().is_live


def test_a_session_that_realtimekit_does_not_know_is_ended_by_estimate_in_the_end(
    sandbox: Sandbox, ada: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    joined = PeerNews("p1", ada.custom_participant_id, joined_at=at(2))
    clock.move_to(at(2))
    mirror.merge_peer(tell(ada.meeting, "lost", started_at=at(1)), joined, known_by=KnownBy.WEBHOOK)
    for attempt in range(1, repair.SURRENDER):
        clock.move_to(at(20 * attempt))
        repair.pull_due(by=by)
        assert Session.objects.get().is_live
    clock.move_to(at(20 * repair.SURRENDER))
    repair.pull_due(by=by)
    session, row = Session.objects.get(), Attendance.objects.get()
    assert (session.ended_known_by, row.left_known_by) == ("estimated", "estimated")
    assert session.last_error_code


def test_realtimekit_being_down_puts_it_off_and_loses_nothing(
    sandbox: Sandbox, ada: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    clock.move_to(at(1))
    session_id = enter(sandbox, ada)
    mirror.merge_session(tell(ada.meeting, session_id, started_at=at(1)), known_by=KnownBy.WEBHOOK)
    sandbox.faults.down()
    clock.move_to(at(17))
    counts = repair.pull_due(by=by)
    assert (counts.pulled, counts.failed) == (0, 1)
    assert at(17) < Session.objects.get().pull_due_at <= at(19)  # type: ignore[operator]  # set while it is live
    sandbox.faults.up()
    clock.move_to(at(20))
    assert repair.pull_due(by=by).pulled == 1
    assert Presence.objects.get().is_present


def test_a_session_is_asked_about_by_one_of_many(
    sandbox: Sandbox, ada: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    clock.move_to(at(1))
    session_id = enter(sandbox, ada)
    row = mirror.merge_session(tell(ada.meeting, session_id, started_at=at(1)), known_by=KnownBy.WEBHOOK)
    clock.move_to(at(17))
    asked = [repair.pull(row.pk, by=by, deadline=Deadline.after(10)) for _ in range(3)]
    assert asked == [True, False, False]


def test_gaps_are_asked_about_less_and_less_often_and_then_stay(
    sandbox: Sandbox, ada: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    clock.move_to(at(1))
    session_id = enter(sandbox, ada)
    ghost = PeerNews("ghost", ada.custom_participant_id, joined_at=at(2))
    mirror.merge_peer(tell(ada.meeting, session_id, started_at=at(1)), ghost, known_by=KnownBy.WEBHOOK)
    clock.move_to(at(20))
    sandbox.world.end_session(str(ada.meeting.realtimekit_id))
    look(clock, 25, by)
    waits = []
    while (due := Session.objects.get().pull_due_at) is not None:
        clock.move_to(due)
        repair.pull_due(by=by)
        waits.append(due)
    assert waits == [at(35), at(35 + 60), at(35 + 60 * 7), at(35 + 60 * 31)]
    assert Attendance.objects.get(peer_id="ghost").left_known_by == "estimated"


def test_workers_find_and_pull_sessions_as_a_chore(
    sandbox: Sandbox, ada: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    clock.move_to(at(1))
    enter(sandbox, ada)
    clock.move_to(at(20))
    names = chores.take_due()
    assert {"sessions", "repair", "presence", "linking"} <= set(names)
    for name in ("sessions", "repair", "presence"):
        assert chores.do(name, by=by)
    assert Presence.objects.get().measured_seconds == 19 * 60
    clock.move_to(at(25))
    assert chores.do("presence", by=by)
    assert Presence.objects.get().measured_seconds == 24 * 60


def test_sessions_and_people_known_only_later_are_linked(
    sandbox: Sandbox, ada: Participant, clock: time_machine.Traveller, by: Actor
) -> None:
    meeting_id = ada.meeting.realtimekit_id
    Meeting.objects.update(realtimekit_id="something-else")
    clock.move_to(at(10))
    for peer_id, custom_id in (("p1", ada.custom_participant_id), ("p2", "later")):
        told = PeerNews(peer_id, custom_id, joined_at=at(1), left_at=at(5))
        mirror.merge_peer(SessionNews("s1", str(meeting_id), started_at=at(1)), told, known_by=KnownBy.WEBHOOK)
    assert not Presence.objects.exists()
    Meeting.objects.update(realtimekit_id=meeting_id)
    assert chores.do("linking", by=by)
    assert (Session.objects.get().meeting, seconds_of(ada)) == (ada.meeting, 240)
    assert Session.objects.get().opens_at == OPENS
    late = EnrolledFactory(meeting=ada.meeting, custom_participant_id="later")
    assert chores.do("linking", by=by)
    assert seconds_of(late) == 240
