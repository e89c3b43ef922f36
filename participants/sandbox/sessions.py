"""Past and live sessions (contract 9, 10) and the active session of a meeting (contract 11)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from participants.sandbox import schemas
from participants.sandbox.answers import Answer, Json, Refusal, success
from participants.sandbox.call import Call
from participants.sandbox.records import Meeting, Peer, Session
from participants.sandbox.validation import complain

ORDERS = ("ASC", "DESC")


def list_sessions(call: Call) -> Answer:
    now = call.world.now()
    rows = [session for session in _current(call) if _matches(call, session)]
    if call.choice("sort_by", ("minutesConsumed", "createdAt")) == "minutesConsumed":
        rows.sort(key=lambda session: float(session.shown(now)["minutes_consumed"]))
    if call.choice("sort_order", ORDERS) == "DESC":
        rows.reverse()
    page, paging = call.slice(rows)
    return success({"sessions": [session.shown(now) for session in page]}, paging=paging)


def get(call: Call) -> Answer:
    return success(_session(call).shown(call.world.now()))


def list_peers(call: Call) -> Answer:
    """Without `paging`, though it takes the paging parameters (contract 1.1)."""
    now = call.world.now()
    wanted = call.query.get("search", "").lower()
    rows = [peer for peer in _session(call).peers if wanted in _searched(peer)]
    orders: Mapping[str | None, Callable[[Peer], Any]] = {
        "joinedAt": lambda peer: peer.joined_at,
        "duration": lambda peer: peer.length(now),
    }
    order = orders.get(call.choice("sort_by", ("joinedAt", "duration")))
    if order is not None:
        rows.sort(key=order)
    if call.choice("sort_order", ORDERS) == "DESC":
        rows.reverse()
    page, _ = call.slice(rows)
    return success({"participants": [peer.shown(now) for peer in page]})


def get_peer(call: Call) -> Answer:
    """The id is the row's, that is the peer's; a participant id finds its last row."""
    wanted = call.id("participant_id")
    rows = [peer for peer in _session(call).peers if wanted in (peer.id, peer.participant_id)]
    if not rows:
        raise Refusal(404, "Participant not found")
    return success({"participant": rows[-1].shown(call.world.now())})


def get_active(call: Call) -> Answer:
    return success(_active(call, call.meeting()).shown(call.world.now()))


def kick(call: Call) -> Answer:
    body = call.body(schemas.KICK)
    ids, custom_ids = body.get("participant_ids", []), body.get("custom_participant_ids", [])
    if not ids and not custom_ids:
        complain("participant_ids", "is required")
    meeting = call.meeting()
    with call.world.lock:
        gone = call.world.sessions.kick(_active(call, meeting), ids, custom_ids, call.world.now())
    if not gone:
        raise Refusal(404, "Participant not found in the active session")
    return success({"action": "kick", "participants": _one_each(gone)})


def kick_all(call: Call) -> Answer:
    """Ends the session and locks nothing (contract 3)."""
    meeting = call.meeting()
    with call.world.lock:
        session = _active(call, meeting)
        call.world.sessions.end(session, call.world.now(), kicked=True)
    return success({"action": "kick-all", "kicked_participants_count": len(session.present)})


def _active(call: Call, meeting: Meeting) -> Session:
    with call.world.lock:
        session = call.world.sessions.live(meeting, call.world.now())
    if session is None:
        raise Refusal(404, "No active session found")
    return session


def _current(call: Call) -> Sequence[Session]:
    """Those of the app, after rooms that emptied long enough ago have been closed."""
    with call.world.lock:
        for session in call.world.sessions.all():
            meeting = call.world.meeting_rows.get(session.meeting_id)
            if meeting is not None and session.ended_at is None:
                call.world.sessions.live(meeting, call.world.now())
        return [session for session in call.world.sessions.all() if session.app_id == call.app_id]


def _session(call: Call) -> Session:
    wanted = call.id("session_id")
    for session in _current(call):
        if session.id == wanted:
            return session
    raise Refusal(404, "Session not found")


def _matches(call: Call, session: Session) -> bool:
    status = call.choice("status", ("LIVE", "ENDED"))
    wanted = call.query.get("search", "").lower()
    return (
        call.query.get("associated_id", "") in ("", session.meeting_id)
        and status in (None, "ENDED" if session.ended_at else "LIVE")
        and (wanted in (session.id, session.meeting_id) or wanted in session.title.lower())
        and call.created_between()(session)
    )


def _searched(peer: Peer) -> str:
    return "\n".join((peer.participant_id, peer.custom_participant_id, peer.name or "")).lower()


def _one_each(peers: Sequence[Peer]) -> list[Json]:
    """One row per participant, however many tabs they had open."""
    return list({peer.participant_id: peer.kicked_row() for peer in peers}.values())
