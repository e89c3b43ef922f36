"""What a delivery says of sessions and people, handed to the mirror. Safe to repeat, in any order.

A delivery is news to merge, not the truth: the mirror decides what it changes.
"""

from participants.models import Delivery
from participants.realtimekit import WebhookEvent
from participants.services import mirror
from participants.services.merging import looks_like_recorder
from participants.services.mirror import PeerNews, SessionNews
from participants.states import KnownBy

EVENTS = {
    "meeting.started": "session_started",
    "meeting.ended": "session_ended",
    "meeting.participantJoined": "joined",
    "meeting.participantLeft": "left",
}
"""The kinds that are used, each with the outcome of a delivery that said enough."""
IGNORED, INCOMPLETE = "ignored_event", "incomplete"


def apply(delivery: Delivery) -> str:
    """Merge what it says; the outcome. Raises whatever the mirror raises, DatabaseError above all."""
    event = WebhookEvent.of(delivery.body)
    outcome = EVENTS.get(event.kind)
    if outcome is None:
        return IGNORED
    if not event.session_id:
        return INCOMPLETE
    news = SessionNews(
        session_id=event.session_id,
        meeting_id=event.meeting_id,
        title=event.title,
        started_at=event.started_at,
        ended_at=event.ended_at,
        end_reason=event.reason,
    )
    if outcome in {"joined", "left"}:
        return _apply_peer(news, event, outcome)
    mirror.merge_session(news, known_by=KnownBy.WEBHOOK)
    if outcome == "session_ended" and event.ended_at is None:
        # It is over, though nobody said since when.
        late = SessionNews(event.session_id, event.meeting_id, ended_at=delivery.received_at)
        mirror.merge_session(late, known_by=KnownBy.ESTIMATED)
    return outcome


def _apply_peer(news: SessionNews, event: WebhookEvent, outcome: str) -> str:
    if event.peer is None or not event.peer.id:
        mirror.merge_session(news, known_by=KnownBy.WEBHOOK)
        return INCOMPLETE
    peer = PeerNews(
        peer_id=event.peer.id,
        custom_participant_id=event.peer.custom_participant_id,
        name=event.peer.name,
        preset_name=event.peer.preset_name,
        joined_at=event.peer.joined_at,
        left_at=event.peer.left_at,
        is_recorder=looks_like_recorder(custom_participant_id=event.peer.custom_participant_id, name=event.peer.name),
    )
    mirror.merge_peer(news, peer, known_by=KnownBy.WEBHOOK)
    return outcome
