"""Deliveries from a real sandbox through a real server and a real worker into rows."""

import http.client
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from participants.models import Actor, Attendance, Delivery, Meeting, Session
from participants.sandbox import Sandbox
from participants.services import meetings, registration
from participants.states import DeliveryState, KnownBy
from tests.factories import MeetingFactory
from tests.processes.conftest import Server, Worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
StartServer = Callable[[], Server]
StartWorker = Callable[..., Worker]


@pytest.fixture
def meeting(sandbox: Sandbox, by: Actor, transactional_db: None) -> Meeting:
    made = MeetingFactory()
    assert meetings.try_now(made, by=by) is None
    return made


def play_lesson(sandbox: Sandbox, meeting: Meeting, people: int) -> None:
    """Everybody comes and goes, one comes twice, and the host ends it."""
    room = str(meeting.realtimekit_id)
    joined = [
        sandbox.world.add_participant(room, f"custom-{number}", "group_call_participant") for number in range(people)
    ]
    peers = [sandbox.world.join(room, participant.id) for participant in joined]
    for peer in peers[1:]:
        sandbox.world.leave(peer.id)
    sandbox.world.join(room, joined[-1].id)
    sandbox.world.end_session(room)


def test_what_happens_in_a_room_ends_up_in_rows_whatever_befalls_the_deliveries(
    sandbox: Sandbox, meeting: Meeting, by: Actor, start_server: StartServer, start_worker: StartWorker
) -> None:
    server = start_server()
    registered = registration.repair(registration.join(server.address), by=by)
    assert registered.state is registration.State.REGISTERED
    sandbox.mishaps.add("duplicate", times=None, probability=0.5, seed=3, copies=2)
    sandbox.mishaps.add("duplicate", "meeting.participantLeft", times=2, new_uuid=True)
    sandbox.mishaps.add("reorder", times=None, probability=0.4, seed=5, by=3)
    start_worker("--every", "0.2")
    play_lesson(sandbox, meeting, people=6)
    sandbox.deliveries.settle()
    assert {sending.status for sending in sandbox.deliveries.all()} == {200}
    wait_until(lambda: not Delivery.objects.exclude(state=DeliveryState.DONE).exists())

    session = Session.objects.get()
    theirs = sandbox.world.sessions.get(str(session.realtimekit_id))
    assert theirs is not None
    assert (session.meeting, session.end_reason) == (meeting, "HOST_ENDED_MEETING")
    assert session.ended_known_by == KnownBy.WEBHOOK
    assert {row.peer_id for row in Attendance.objects.all()} == {peer.id for peer in theirs.peers}
    assert Delivery.objects.count() == 2 + 2 * len(theirs.peers)
    assert not Attendance.objects.exclude(joined_known_by=KnownBy.WEBHOOK, left_known_by=KnownBy.WEBHOOK).exists()


def send(server: Server, raw: bytes, *, chunked: bool = False, length: int | None = None, **headers: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=20)
    try:
        connection.putrequest("POST", "/webhooks/realtimekit/")
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        else:
            connection.putheader("Content-Length", str(len(raw) if length is None else length))
        connection.endheaders()
        connection.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(raw), raw) if chunked else raw)
        return connection.getresponse().status
    finally:
        connection.close()


def sign(sandbox: Sandbox, raw: bytes) -> str:
    return b64encode(sandbox.world.webhook_key.sign(raw)).decode()


def test_a_body_that_comes_in_chunks_is_verified_like_any_other(sandbox: Sandbox, start_server: StartServer) -> None:
    server = start_server()
    raw = b'{"event": "meeting.transcript"}'
    assert send(server, raw, chunked=True, rtk_signature=sign(sandbox, raw)) == 200
    assert Delivery.objects.get().event == "meeting.transcript"
    too_much = b" " * (256 * 1024 + 1)
    assert send(server, too_much, chunked=True, rtk_signature=sign(sandbox, too_much)) == 413


def test_a_body_that_says_it_is_too_long_is_refused_before_it_has_come(
    sandbox: Sandbox, start_server: StartServer
) -> None:
    assert send(start_server(), b"{", length=10**9, rtk_signature="AAAA") == 413


def test_two_servers_share_one_key_and_a_changed_one(sandbox: Sandbox, start_server: StartServer) -> None:
    servers = [start_server(), start_server()]
    for number, server in enumerate(servers):
        raw = b'{"event": "meeting.started", "n": %d}' % number
        assert send(server, raw, rtk_signature=sign(sandbox, raw)) == 200
    assert sandbox.requests.count("well_known") == 1
