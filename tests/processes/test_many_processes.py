"""What must hold across server processes, on real HTTP."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
from django.utils import timezone

from participants.models import Actor, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import enrolment, meetings, passes, people
from participants.states import ParticipantState, Source
from tests.factories import AdminFactory, MeetingFactory, UserFactory
from tests.processes.conftest import Server, sign_in, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(sandbox: Sandbox, transactional_db: None, by: Actor) -> Participant:
    meeting = MeetingFactory()
    meetings.try_now(meeting, by=by)
    person = people.person_of(UserFactory(username="ada"), by)
    return enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by).participant


def join_until_answered(session: requests.Session, address: str) -> requests.Response:
    """As a client that honours Retry-After does, without its wait."""
    for _ in range(50):
        answer = session.post(address, json={}, timeout=15)
        if answer.status_code != 503:
            return answer
        assert int(answer.headers["Retry-After"]) >= 1
    return answer


def test_fifty_simultaneous_joins_with_an_expired_token_cause_one_refresh(
    sandbox: Sandbox, ada: Participant, start_server: Callable[[], Server]
) -> None:
    server = start_server()
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    session = sign_in(ada.person.user)
    address = f"{server.address}/api/v1/meetings/{ada.meeting_id}/join/"
    sandbox.requests.clear()
    sandbox.faults.add("latency", operation="participants.refresh", seconds=0.5, times=None)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: join_until_answered(session, address), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["token"] for answer in answers}) == 1
    assert sandbox.requests.count("participants.refresh") == 1


def test_simultaneous_first_joins_add_one_participant(
    sandbox: Sandbox, start_server: Callable[[], Server], transactional_db: None
) -> None:
    server = start_server()
    meeting = MeetingFactory(admission="signed_in")
    session = sign_in(UserFactory())
    address = f"{server.address}/api/v1/meetings/{meeting.pk}/join/"
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: join_until_answered(session, address), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert sandbox.requests.count("meetings.create") == 1
    assert sandbox.requests.count("participants.add") == 1


def test_cached_joins_are_answered_while_slow_ones_fill_their_share_of_threads(
    sandbox: Sandbox, ada: Participant, start_server: Callable[[], Server], by: Actor
) -> None:
    server = start_server()
    slow_meeting = MeetingFactory(admission="signed_in")
    meetings.try_now(slow_meeting, by=by)
    slow = [sign_in(UserFactory()) for _ in range(60)]
    quick = sign_in(ada.person.user)
    with sandbox.faults.hold("participants.add") as gate, ThreadPoolExecutor(60) as pool:
        waiting = [
            pool.submit(
                session.post,
                f"{server.address}/api/v1/meetings/{slow_meeting.pk}/join/",
                json={},
                timeout=30,
            )
            for session in slow
        ]
        assert gate.wait_for(16)
        answer = quick.post(f"{server.address}/api/v1/meetings/{ada.meeting_id}/join/", json={}, timeout=5)
        assert answer.status_code == 200
        gate.release()
        codes = {future.result().status_code for future in waiting}
    assert codes <= {200, 503}


def test_kill_9_in_the_middle_of_an_enrolment_loses_nothing_and_doubles_nothing(
    sandbox: Sandbox, start_server: Callable[[], Server], by: Actor, transactional_db: None
) -> None:
    meeting = MeetingFactory()
    meetings.try_now(meeting, by=by)
    UserFactory(username="ada")
    server = start_server()
    staff = sign_in(AdminFactory())
    address = f"{server.address}/api/v1/manage/meetings/{meeting.pk}/participants/"
    with sandbox.faults.hold("participants.add") as gate, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(staff.post, address, json={"user": "ada"}, timeout=15)
        assert gate.wait_for(1)
        server.kill()
        gate.release()
        assert isinstance(asked.exception(timeout=15), requests.ConnectionError)
    row = Participant.objects.get()
    assert (row.state, row.outcome_unknown) == (ParticipantState.PENDING, True)
    wait_until(lambda: bool(sandbox.world.participants(str(meeting.realtimekit_id))))
    Participant.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    passes.converge(by=by)
    row.refresh_from_db()
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert (row.state, row.realtimekit_id) == (ParticipantState.ENROLLED, remote.id)
    assert Meeting.objects.count() == 1


def test_no_log_line_carries_a_token(sandbox: Sandbox, ada: Participant, start_server: Callable[[], Server]) -> None:
    server = start_server()
    session = sign_in(ada.person.user)
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    token = session.post(f"{server.address}/api/v1/meetings/{ada.meeting_id}/join/", json={}, timeout=10).json()[
        "token"
    ]
    session.get(f"{server.address}/api/v1/{token}/", timeout=10)
    text = server.log.read_text()
    assert "participants.refresh" in text
    assert token not in text
    assert sandbox.api_token not in text
