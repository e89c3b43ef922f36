"""Deliveries that wait: worked on once, in any order, again after a failure, by many; replayed and forgotten."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from participants.models import Actor, Attendance, Chore, Delivery, Event, EventKind, Presence, Session
from participants.realtimekit import Deadline
from participants.services import chores, inbox, passes
from participants.services.inbox import ATTEMPTS
from participants.states import DeliveryState, KnownBy
from tests.factories import NOW, EnrolledFactory, MadeMeetingFactory

pytestmark = pytest.mark.django_db(transaction=True)
MEETING = "aaaa1111-0000-4000-8000-0000000000aa"
SESSION = "cccc3333-0000-4000-8000-0000000000cc"
T0 = NOW.replace(minute=0)


def at(minutes: float) -> str:
    return (T0 + timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def put(event: str, *, received_at: Any = None, **body: Any) -> Delivery:
    """A delivery as intake leaves it."""
    number = Delivery.objects.count()
    return Delivery.objects.create(
        body_hash=f"{number:064}",
        body={"event": event, **body},
        event=event,
        received_at=received_at or T0 + timedelta(seconds=number),
    )


def tell_start(minutes: float = 0) -> dict[str, Any]:
    return {"meeting": {"id": MEETING, "sessionId": SESSION, "title": "Algebra", "startedAt": at(minutes)}}


def tell_end(minutes: float) -> dict[str, Any]:
    started = tell_start()["meeting"]
    return {"meeting": {**started, "status": "LIVE", "endedAt": at(minutes)}, "reason": "ALL_PARTICIPANTS_LEFT"}


def tell_peer(peer: str, custom: str, joined: float | None, left: float | None = None) -> dict[str, Any]:
    participant = {
        "peerId": peer,
        "userDisplayName": "Ada",
        "customParticipantId": custom,
        "clientSpecificId": custom,
    }
    participant |= {} if joined is None else {"joinedAt": at(joined)}
    participant |= {} if left is None else {"leftAt": at(left)}
    return {**tell_start(), "participant": participant}


def put_lesson() -> None:
    """Ada is in from 0 to 20 and from 21 to 40, a guest nobody knows from 5 to 40; the lesson ends at 41."""
    put("meeting.started", **tell_start())
    put("meeting.participantJoined", **tell_peer("peer-1", "ada", 0))
    put("meeting.participantJoined", **tell_peer("peer-2", "stranger", 5))
    put("meeting.participantLeft", **tell_peer("peer-1", "ada", 0, 20))
    put("meeting.participantJoined", **tell_peer("peer-3", "ada", 21))
    put("meeting.participantLeft", **tell_peer("peer-3", "ada", 21, 40))
    put("meeting.participantLeft", **tell_peer("peer-2", "stranger", 5, 40))
    put("meeting.ended", **tell_end(41))


def read_rows() -> list[Any]:
    session = Session.objects.get()
    bounds = (
        session.started_at,
        session.started_known_by,
        session.ended_at,
        session.ended_known_by,
        session.end_reason,
    )
    rows = Attendance.objects.order_by("peer_id").values_list(
        "peer_id", "custom_participant_id", "joined_at", "joined_known_by", "left_at", "left_known_by", "participant"
    )
    return [bounds, *rows, *Presence.objects.values_list("participant", "measured_seconds", "connections")]


@contextmanager
def table_away(name: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {name}")


def test_a_lesson_becomes_a_session_and_its_connections() -> None:
    ada = EnrolledFactory(meeting__realtimekit_id=MEETING, custom_participant_id="ada")
    put_lesson()
    assert inbox.work().worked == 8
    session = Session.objects.get()
    assert (session.meeting, session.realtimekit_id) == (ada.meeting, SESSION)
    assert (session.started_at, session.ended_at) == (T0, T0 + timedelta(minutes=41))
    assert (session.end_reason, session.ended_known_by) == ("ALL_PARTICIPANTS_LEFT", KnownBy.WEBHOOK)
    mine = Presence.objects.get(participant=ada)
    assert (mine.measured_seconds, mine.connections) == (39 * 60, 2)
    assert [row.participant for row in Attendance.objects.filter(peer_id="peer-2")] == [None]
    outcomes = ["session_started", "joined", "joined", "left", "joined", "left", "left", "session_ended"]
    assert list(Delivery.objects.order_by("received_at").values_list("outcome", flat=True)) == outcomes


@pytest.mark.parametrize("seed", range(8))
def test_the_order_and_the_number_of_times_change_nothing(seed: int, by: Actor) -> None:
    EnrolledFactory(meeting__realtimekit_id=MEETING, custom_participant_id="ada")
    put_lesson()
    inbox.work()
    expected = read_rows()
    Presence.objects.all().delete()
    Attendance.objects.all().delete()
    Session.objects.all().delete()
    order = list(Delivery.objects.order_by("pk"))
    random.Random(seed).shuffle(order)
    for place, row in enumerate(order):
        Delivery.objects.filter(pk=row.pk).update(received_at=T0 + timedelta(seconds=place))
    for _ in range(2):
        inbox.replay([row.pk for row in order], by=by)
        assert inbox.work().worked == 8
    assert read_rows() == expected


def test_a_left_without_its_joined_makes_the_connection() -> None:
    put("meeting.participantLeft", **tell_peer("peer-1", "ada", 3, 9))
    inbox.work()
    row = Attendance.objects.get()
    assert (row.joined_at, row.left_at) == (T0 + timedelta(minutes=3), T0 + timedelta(minutes=9))


def test_a_started_after_the_ended_reopens_nothing() -> None:
    put("meeting.ended", **tell_end(41))
    put("meeting.started", **tell_start())
    inbox.work()
    assert Session.objects.get().ended_at == T0 + timedelta(minutes=41)


def test_an_end_without_its_time_ends_the_session_about_when_it_was_told() -> None:
    put("meeting.started", **tell_start())
    told = put("meeting.ended", received_at=T0 + timedelta(minutes=50), **tell_start())
    inbox.work()
    session = Session.objects.get()
    assert (session.ended_at, session.ended_known_by) == (told.received_at, KnownBy.ESTIMATED)


def test_the_time_of_an_end_in_another_event_ends_nothing() -> None:
    body = tell_peer("peer-1", "ada", 0, 20)
    body["meeting"]["endedAt"] = at(20)
    put("meeting.participantLeft", **body)
    inbox.work()
    assert Session.objects.get().ended_at is None


def test_unknown_meetings_and_people_are_kept_without_a_link() -> None:
    MadeMeetingFactory()
    put_lesson()
    inbox.work()
    session = Session.objects.get()
    assert (session.meeting, session.remote_meeting_id) == (None, MEETING)
    assert set(Attendance.objects.values_list("participant", flat=True)) == {None}


@pytest.mark.parametrize(
    ("event", "body", "outcome"),
    [
        ("meeting.transcript", {}, "ignored_event"),
        ("recording.statusUpdate", {"recording": {"status": "UPLOADED"}}, "ignored_event"),
        ("meeting.moved", {"meeting": {"sessionId": "s"}}, "ignored_event"),
        ("", {}, "ignored_event"),
        ("meeting.started", {}, "incomplete"),
        ("meeting.started", {"meeting": {"id": MEETING}}, "incomplete"),
        ("meeting.participantJoined", {"participant": {"peerId": "p"}}, "incomplete"),
    ],
)
def test_what_is_of_no_use_is_kept_and_done_with(event: str, body: dict[str, Any], outcome: str) -> None:
    put(event, **body)
    assert inbox.work().worked == 1
    row = Delivery.objects.get()
    assert (row.state, row.outcome) == (DeliveryState.DONE, outcome)
    assert not Session.objects.exists()


def test_a_join_of_nobody_in_particular_still_tells_of_the_session() -> None:
    put("meeting.participantJoined", **tell_start())
    inbox.work()
    assert (Delivery.objects.get().outcome, Session.objects.count()) == ("incomplete", 1)


@pytest.mark.parametrize(
    "body",
    [
        {"meetingId": MEETING, "sessionId": SESSION, "startedAt": at(0)},
        {"meeting": {"id": MEETING, "session_id": SESSION, "started_at": at(0)}},
        {"recording": {"meetingId": MEETING, "roomUUID": SESSION}, "createdAt": at(0)},
    ],
)
def test_ids_and_times_are_found_wherever_they_stand(body: dict[str, Any]) -> None:
    put("meeting.started", **body)
    inbox.work()
    session = Session.objects.get()
    assert (session.realtimekit_id, session.remote_meeting_id, session.started_at) == (SESSION, MEETING, T0)


def test_the_legacy_copy_of_the_custom_id_is_understood() -> None:
    body = tell_peer("peer-1", "ada", 0)
    del body["participant"]["customParticipantId"]
    put("meeting.participantJoined", **body)
    inbox.work()
    assert Attendance.objects.get().custom_participant_id == "ada"


def test_a_failure_is_noted_and_tried_again_after_a_while() -> None:
    put("meeting.started", **tell_start())
    with time_machine.travel(NOW, tick=False) as clock:
        with table_away("participants_session"):
            assert inbox.work().failed == 1
            assert (inbox.work().failed, inbox.work().worked) == (0, 0)
        row = Delivery.objects.get()
        assert (row.state, row.attempts, row.lease_id) == (DeliveryState.NEW, 1, None)
        assert row.last_error_code in {"OperationalError", "ProgrammingError"}
        assert row.next_attempt_at is not None
        clock.shift(timedelta(minutes=1))
        assert inbox.work().worked == 1
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_error_code) == (DeliveryState.DONE, 2, "")


def test_after_many_failures_it_is_left_to_staff_who_can_replay_it(by: Actor) -> None:
    row = put("meeting.started", **tell_start())
    with time_machine.travel(NOW, tick=False) as clock:
        with table_away("participants_session"):
            for _ in range(ATTEMPTS + 3):
                inbox.work()
                clock.shift(timedelta(minutes=2))
        row.refresh_from_db()
        assert (row.state, row.attempts) == (DeliveryState.FAILED, ATTEMPTS)
        assert "participants_session" in row.last_error_detail
        assert inbox.replay([row.pk], by=by) == 1
        assert inbox.work().worked == 1
    row.refresh_from_db()
    assert (row.state, row.outcome) == (DeliveryState.DONE, "session_started")
    assert Event.objects.get(kind=EventKind.REPLAYED).data == {"deliveries": 1}


def test_one_that_fails_holds_up_no_other() -> None:
    put("meeting.participantJoined", **tell_peer("peer-1", "ada", 0))
    put("meeting.transcript")
    with table_away("participants_session"):
        counts = inbox.work()
    assert (counts.failed, counts.worked) == (1, 1)


def test_one_in_the_hands_of_another_is_left_alone(by: Actor) -> None:
    row = put("meeting.started", **tell_start())
    assert Delivery.objects.claim(row.pk, seconds=60)
    assert inbox.work().worked == 0
    assert inbox.replay([row.pk], by=by) == 0
    assert not Event.objects.filter(kind=EventKind.REPLAYED).exists()


def test_what_a_killed_worker_held_is_taken_over_when_its_lease_ends() -> None:
    row = put("meeting.started", **tell_start())
    assert Delivery.objects.claim(row.pk, seconds=-1)
    assert inbox.work().worked == 1


def test_a_pass_ends_in_time_and_says_that_there_is_more() -> None:
    put_lesson()
    assert inbox.work(deadline=Deadline.after(0)).left
    counts = inbox.work(is_stopping=lambda: True)
    assert (counts.left, counts.worked) == (True, 0)


def test_a_tick_works_on_deliveries(by: Actor, settings: LazySettings) -> None:
    settings.REALTIMEKIT_API_TOKEN = ""  # nothing is asked of RealtimeKit
    put_lesson()
    assert not passes.tick(by=by).unfinished
    assert not Delivery.objects.waiting().exists()
    call_command("tick")


def test_more_than_one_chunk_is_worked_off_in_one_pass() -> None:
    for number in range(inbox.CHUNK + 30):
        put("meeting.transcript", n=number)
    assert inbox.work().worked == inbox.CHUNK + 30


def test_old_deliveries_are_forgotten_and_waiting_ones_are_not(by: Actor, settings: LazySettings) -> None:
    settings.DELIVERY_RETENTION = 30
    now = timezone.now()
    for days in (29, 31, 300):
        done = put("meeting.transcript", received_at=now - timedelta(days=days))
        Delivery.objects.filter(pk=done.pk).update(state=DeliveryState.DONE)
    waiting = put("meeting.transcript", received_at=now - timedelta(days=40))
    assert "deliveries" in chores.take_due()
    assert chores.do("deliveries", by=by)
    assert set(Delivery.objects.values_list("pk", flat=True)) == {
        waiting.pk,
        Delivery.objects.get(state=DeliveryState.DONE).pk,
    }
    assert Chore.objects.get(name="deliveries").due_at > now + timedelta(hours=23)
