"""Controls of who is in which room, for processes that have no handle: the demo, its join page, and tests."""

from collections.abc import Callable
from typing import Any

from participants.sandbox.answers import Json, Refusal
from participants.sandbox.records import Participant, Peer, Session
from participants.sandbox.world import World

Action = Callable[[Json], Json]


class Visits:
    def __init__(self, world: World) -> None:
        self._world = world

    def list_actions(self) -> dict[tuple[str, str], Action]:
        return {
            ("POST", "join"): self.join,
            ("POST", "leave"): self.leave,
            ("POST", "end"): self.end,
            ("GET", "sessions"): self.show,
        }

    def join(self, body: Json) -> Json:
        """`meeting_id` with `participant_id` or `custom_participant_id`; every call is a tab of its own."""
        participant = self._find_participant(body)
        peer = self._world.join(participant.meeting_id, participant.id)
        session = self._world.session(participant.meeting_id)
        return {"peer_id": peer.id, "session_id": session.id if session else None}

    def leave(self, body: Json) -> Json:
        """One connection by `peer_id`, or all of a participant."""
        peer_id = body.get("peer_id")
        try:
            if peer_id is not None:
                return {"left": [self._world.leave(_text(peer_id, "peer_id")).id]}
            participant = self._find_participant(body)
            return {"left": [peer.id for peer in self._world.leave_all(participant.meeting_id, participant.id)]}
        except LookupError as missing:
            raise Refusal(404, str(missing)) from missing

    def end(self, body: Json) -> Json:
        try:
            return {"session_id": self._world.end_session(_text(body.get("meeting_id"), "meeting_id")).id}
        except LookupError as missing:
            raise Refusal(404, str(missing)) from missing

    def show(self, _: Json) -> Json:
        with self._world.lock:
            return {"sessions": [self._shown(session) for session in self._world.sessions.all()]}

    def visit(self, body: Json) -> Json:
        """What a browser may do that holds a participant's `token` and nothing else: join, or leave by `peer_id`.

        Raises Refusal 401 when RealtimeKit would not let the holder in.
        """
        token = _text(body.get("token"), "token")
        if body.get("peer_id") is None:
            if (verdict := self._world.judge(token)) != "ok":
                raise Refusal(401, f"this token does not open the room: {verdict}")
            participant = self._world.roster.get(self._world.participant_of(token))
            if participant is None:
                raise Refusal(401, "this token does not open the room: participant_gone")
            return self.join({"meeting_id": participant.meeting_id, "participant_id": participant.id})
        return self._leave_with(token, _text(body["peer_id"], "peer_id"))

    def _leave_with(self, token: str, peer_id: str) -> Json:
        try:
            participant_id = self._world.participant_of(token)
            peer = self._world.find_peer(peer_id)
            if peer.participant_id != participant_id:
                raise LookupError(f"nobody is inside as {peer_id}")
            return {"left": [self._world.leave(peer_id).id]}
        except ValueError:
            raise Refusal(401, "this token is none of ours") from None
        except LookupError as missing:
            raise Refusal(404, str(missing)) from missing

    def _find_participant(self, body: Json) -> Participant:
        meeting_id = _text(body.get("meeting_id"), "meeting_id")
        wanted = body.get("participant_id"), body.get("custom_participant_id")
        for row in self._world.participants(meeting_id):
            if row.id == wanted[0] or (wanted[1] and row.custom_participant_id == wanted[1]):
                return row
        raise Refusal(404, "no such participant in that meeting")

    def _shown(self, session: Session) -> Json:
        now = self._world.now()
        return {**session.shown(now), "participants": [_show_peer(peer, self._world) for peer in session.peers]}


def _show_peer(peer: Peer, world: World) -> Json:
    return peer.shown(world.now())


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise Refusal(400, f"{name} is a string")
    return value
