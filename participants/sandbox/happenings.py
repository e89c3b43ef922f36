"""What happens in rooms, and how a delivery tells of it (contract 16.3, 19.10)."""

from dataclasses import dataclass

from participants.sandbox.answers import Json
from participants.sandbox.records import App, Peer, Session, stamp

STARTED, ENDED = "meeting.started", "meeting.ended"
JOINED, LEFT = "meeting.participantJoined", "meeting.participantLeft"
BY_HOST, BY_EMPTINESS = "HOST_ENDED_MEETING", "ALL_PARTICIPANTS_LEFT"


@dataclass(frozen=True)
class Happening:
    event: str
    session: Session
    peer: Peer | None = None
    reason: str = ""

    def describe(self, app: App) -> Json:
        """The body of its delivery. `status` says LIVE even of what has ended, as in the documentation."""
        body: Json = {"event": self.event, "meeting": self._describe_meeting(app)}
        if self.reason:
            body["reason"] = self.reason
        if self.peer is not None:
            body["participant"] = _describe_peer(self.peer, has_left=self.event == LEFT)
        return body

    def _describe_meeting(self, app: App) -> Json:
        began = stamp(self.session.created_at)
        meeting: Json = {
            "id": self.session.meeting_id,
            "sessionId": self.session.id,
            "title": self.session.title,
            "roomName": self.session.meeting_id,
            "status": "LIVE",
            "createdAt": began,
            "startedAt": began,
            "organizedBy": {"id": app.id, "name": app.name},
        }
        if self.event == ENDED and self.session.ended_at is not None:
            meeting["endedAt"] = stamp(self.session.ended_at)
        return meeting


def _describe_peer(peer: Peer, *, has_left: bool) -> Json:
    described: Json = {
        "peerId": peer.id,
        "userDisplayName": peer.name or "",
        "customParticipantId": peer.custom_participant_id,
        "clientSpecificId": peer.custom_participant_id,
        "joinedAt": stamp(peer.joined_at),
    }
    if has_left and peer.left_at is not None:
        described["leftAt"] = stamp(peer.left_at)
    return described
