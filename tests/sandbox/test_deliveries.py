"""Signed deliveries of what happens in rooms (contract 16, 19.10), and what befalls them."""

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from participants.sandbox import Sandbox
from participants.sandbox.schemas import EVENTS
from tests.sandbox.caller import Caller, FakeClock
from tests.sandbox.test_contract import validator


@dataclass
class Receiver:
    """Answers with the next of ``statuses``, the last one for ever."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.seen]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = found.statuses.pop(0) if len(found.statuses) > 1 else found.statuses[0]
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the parent's
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hooks?of=rtk"
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def registered(caller: Caller, receiver: Receiver) -> str:
    body = {"name": "tests", "url": receiver.url, "events": list(EVENTS)}
    return str(caller.post("webhooks", body).json()["data"]["id"])


@pytest.fixture
def person(caller: Caller, meeting_id: str) -> str:
    return str(caller.add(meeting_id, "u-1")["id"])


def play(sandbox: Sandbox, meeting_id: str, person: str) -> None:
    peer = sandbox.world.join(meeting_id, person)
    sandbox.world.leave(peer.id)
    sandbox.world.join(meeting_id, person)
    sandbox.world.end_session(meeting_id)


LESSON = [
    "meeting.started",
    "meeting.participantJoined",
    "meeting.participantLeft",
    "meeting.participantJoined",
    "meeting.participantLeft",
    "meeting.ended",
]


def verify(caller: Caller, signature: str, raw: bytes) -> None:
    document = requests.get(f"{caller.address}/.well-known/webhooks.json", timeout=5).json()
    key = load_pem_public_key(document["data"]["publicKey"].encode())
    assert isinstance(key, RSAPublicKey)
    key.verify(b64decode(signature), raw, PKCS1v15(), SHA256())


def test_what_happens_in_a_room_is_delivered_in_order(
    sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str
) -> None:
    play(sandbox, meeting_id, person)
    sandbox.deliveries.settle()
    assert receiver.events == LESSON


def test_a_delivery_is_signed_and_headed_as_the_contract_says(
    caller: Caller, sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str
) -> None:
    play(sandbox, meeting_id, person)
    sandbox.deliveries.settle()
    for headers, raw in receiver.seen:
        verify(caller, headers["rtk-signature"], raw)
        assert headers["rtk-webhook-id"] == registered
    assert len({headers["rtk-uuid"] for headers, _ in receiver.seen}) == len(LESSON)


def test_the_bodies_validate_against_the_contract(
    sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str
) -> None:
    play(sandbox, meeting_id, person)
    sandbox.deliveries.settle()
    bodies = [sending.shown()["body"] for sending in sandbox.deliveries.all()]
    for body in bodies:
        place = f"/webhooks/{body['event']}/post/requestBody/content/application~1json/schema"
        assert [error.message for error in validator(place).iter_errors(body)] == []
    ended, left = bodies[-1], bodies[2]
    assert (ended["reason"], ended["meeting"]["status"]) == ("HOST_ENDED_MEETING", "LIVE")
    assert "endedAt" in ended["meeting"]
    assert left["participant"]["clientSpecificId"] == left["participant"]["customParticipantId"] == "u-1"
    assert left["participant"]["leftAt"] >= left["participant"]["joinedAt"]


def test_a_kick_shows_as_left_and_a_kick_of_all_ends_the_session(
    caller: Caller, sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str
) -> None:
    sandbox.world.start_session(meeting_id, [person, person])
    active = f"meetings/{meeting_id}/active-session"
    caller.post(f"{active}/kick", {"participant_ids": [person]})
    caller.post(f"{active}/kick-all")
    sandbox.deliveries.settle()
    assert receiver.events.count("meeting.participantLeft") == 2
    assert receiver.events[-1] == "meeting.ended"


def test_a_room_left_by_all_ends_by_itself(
    sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str, clock: FakeClock
) -> None:
    peer = sandbox.world.join(meeting_id, person)
    sandbox.world.leave(peer.id)
    clock.advance(minutes=5)
    sandbox.world.close_emptied()
    sandbox.deliveries.settle()
    assert receiver.events[-1] == "meeting.ended"
    assert sandbox.deliveries.all()[-1].shown()["body"]["reason"] == "ALL_PARTICIPANTS_LEFT"


def test_only_who_asked_for_an_event_and_is_switched_on_gets_it(
    caller: Caller, sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str
) -> None:
    caller.patch(f"webhooks/{registered}", {"events": ["meeting.ended"]})
    off = {"name": "off", "url": receiver.url, "events": ["meeting.ended"], "enabled": False}
    assert caller.post("webhooks", off).status_code == 201
    play(sandbox, meeting_id, person)
    sandbox.deliveries.settle()
    assert receiver.events == ["meeting.ended"]


@pytest.mark.parametrize("status", [400, 401, 404, 413, 301])
def test_a_3xx_or_4xx_is_never_tried_again(
    sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str, status: int
) -> None:
    receiver.statuses = [status]
    play(sandbox, meeting_id, person)
    sandbox.deliveries.settle()
    assert len(receiver.seen) == len(LESSON)
    assert {sending.fate for sending in sandbox.deliveries.all()} == {"gave_up"}


def test_a_5xx_is_tried_again_with_the_same_id(
    sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str
) -> None:
    sandbox.delivery_retries = (0.01, 0.02)
    receiver.statuses = [503, 500, 200]
    sandbox.world.join(meeting_id, person)
    sandbox.deliveries.settle()
    fates = [sending.fate for sending in sandbox.deliveries.all()]
    assert fates.count("failed") == 2
    assert fates.count("delivered") == 2
    assert len({headers["rtk-uuid"] for headers, _ in receiver.seen}) == 2


def test_nobody_answering_is_tried_again_and_then_given_up(
    caller: Caller, sandbox: Sandbox, meeting_id: str, person: str
) -> None:
    sandbox.delivery_retries = (0.01,)
    caller.post("webhooks", {"name": "x", "url": "http://127.0.0.1:9/", "events": ["meeting.started"]})
    sandbox.world.join(meeting_id, person)
    sandbox.deliveries.settle()
    assert [(s.status, s.fate, s.parcel.attempt) for s in sandbox.deliveries.all()] == [
        (None, "failed", 1),
        (None, "gave_up", 2),
    ]


def test_deliveries_are_lost_doubled_and_overtaken_as_scripted(
    sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str
) -> None:
    sandbox.mishaps.add("lose", "meeting.started")
    sandbox.mishaps.add("duplicate", "meeting.participantJoined", copies=2)
    sandbox.mishaps.add("duplicate", "meeting.ended", new_uuid=True)
    sandbox.mishaps.add("reorder", "meeting.participantLeft", by=2)
    play(sandbox, meeting_id, person)
    sandbox.deliveries.settle()
    joined, left, ended = "meeting.participantJoined", "meeting.participantLeft", "meeting.ended"
    assert receiver.events == [joined, joined, joined, joined, left, left, ended, ended]
    ids = [headers["rtk-uuid"] for headers, _ in receiver.seen]
    assert (len(set(ids[:3])), len(set(ids[-2:]))) == (1, 2)


def test_one_that_is_delayed_comes_last(
    sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str
) -> None:
    sandbox.mishaps.add("delay", "meeting.started", seconds=0.4)
    play(sandbox, meeting_id, person)
    sandbox.deliveries.settle()
    assert receiver.events[-1] == "meeting.started"


@pytest.mark.parametrize("wrong", [{"kind": "burn"}, {"kind": "lose", "event": "x"}, {"kind": "lose", "by": 1}])
def test_a_mishap_that_makes_no_sense_is_an_error(caller: Caller, wrong: dict[str, Any]) -> None:
    assert caller.control("POST", "mishaps", wrong).status_code == 400


def test_after_a_change_of_key_deliveries_verify_with_the_published_one(
    caller: Caller, sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str
) -> None:
    before = requests.get(f"{caller.address}/.well-known/webhooks.json", timeout=5).json()["data"]["publicKey"]
    assert caller.control("POST", "webhook-key").json()["publicKey"] != before
    sandbox.world.join(meeting_id, person)
    sandbox.deliveries.settle()
    verify(caller, receiver.seen[0][0]["rtk-signature"], receiver.seen[0][1])


def test_processes_without_a_handle_play_over_http(
    caller: Caller, sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str
) -> None:
    caller.control("POST", "mishaps", {"kind": "duplicate", "event": "meeting.ended"})
    who = {"meeting_id": meeting_id, "custom_participant_id": "u-1"}
    peer = caller.control("POST", "join", who).json()["peer_id"]
    caller.control("POST", "join", {"meeting_id": meeting_id, "participant_id": person})
    assert caller.control("POST", "leave", {"peer_id": peer}).json() == {"left": [peer]}
    assert caller.control("POST", "leave", {"peer_id": peer}).status_code == 404
    assert len(caller.control("POST", "leave", who).json()["left"]) == 1
    assert caller.control("POST", "end", {"meeting_id": meeting_id}).status_code == 200
    assert caller.control("POST", "end", {"meeting_id": meeting_id}).status_code == 404
    (session,) = caller.control("GET", "sessions").json()["sessions"]
    assert [row["custom_participant_id"] for row in session["participants"]] == ["u-1", "u-1"]
    sandbox.deliveries.settle()
    shown = caller.control("GET", "deliveries").json()["deliveries"]
    assert [row["event"] for row in shown] == receiver.events
    assert receiver.events.count("meeting.ended") == 2


@pytest.mark.parametrize("action", ["join", "leave", "end"])
@pytest.mark.parametrize("body", [{}, {"meeting_id": 5}, {"meeting_id": "x", "custom_participant_id": "nobody"}])
def test_controls_refuse_what_makes_no_sense(caller: Caller, action: str, body: dict[str, Any]) -> None:
    assert caller.control("POST", action, body).status_code in {400, 404}


def visit(sandbox: Sandbox, **body: object) -> requests.Response:
    return requests.post(f"{sandbox.address}/_sandbox/visit", json=body, timeout=5)


def test_a_page_that_holds_a_token_walks_in_and_out_with_it(
    caller: Caller, sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str
) -> None:
    token = caller.add(meeting_id, "u-7")["token"]
    answer = visit(sandbox, token=token)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    peer_id = answer.json()["peer_id"]
    assert visit(sandbox, token=token, peer_id=peer_id).json() == {"left": [peer_id]}
    sandbox.deliveries.settle()
    assert receiver.events == LESSON[:3]


def test_a_visit_needs_a_token_that_opens_the_room_and_a_connection_of_ones_own(
    caller: Caller, sandbox: Sandbox, meeting_id: str
) -> None:
    ada, bob = caller.add(meeting_id, "u-1"), caller.add(meeting_id, "u-2")
    inside = visit(sandbox, token=ada["token"]).json()["peer_id"]
    assert visit(sandbox, token=bob["token"], peer_id=inside).status_code == 404
    assert visit(sandbox, token="made up").status_code == 401
    assert visit(sandbox).status_code == 400
    caller.delete(f"meetings/{meeting_id}/participants/{bob['id']}")
    assert visit(sandbox, token=bob["token"]).status_code == 401
    assert requests.get(f"{sandbox.address}/_sandbox/visit", timeout=5).status_code == 405


def test_what_was_not_delivered_before_a_stop_is_delivered_after_it(
    sandbox: Sandbox, receiver: Receiver, registered: str, meeting_id: str, person: str
) -> None:
    sandbox.stop()
    sandbox.world.join(meeting_id, person)
    assert receiver.seen == []
    sandbox.start()
    sandbox.deliveries.settle()
    assert receiver.events == LESSON[:2]


def test_a_reset_forgets_mishaps_and_deliveries(
    caller: Caller, sandbox: Sandbox, registered: str, meeting_id: str, person: str
) -> None:
    sandbox.mishaps.add("lose", times=None)
    play(sandbox, meeting_id, person)
    assert caller.control("POST", "reset").status_code == 200
    assert sandbox.deliveries.all() == []
    assert sandbox.mishaps.plan("meeting.started") == {}
