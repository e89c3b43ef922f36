"""Runs of meetings: the live one, if there is one (contract 11), and all of them with who was there (9, 10)."""

from collections.abc import Iterable
from datetime import datetime

from participants.realtimekit.calls import Call
from participants.realtimekit.deadlines import Deadline
from participants.realtimekit.errors import Absent
from participants.realtimekit.paging import list_all, list_latest
from participants.realtimekit.records import Peer, Session, parse_peer, parse_session
from participants.realtimekit.retry import Repeat
from participants.realtimekit.transport import Transport

_PATH = "/accounts/{account_id}/realtime/kit/{app_id}/meetings/{meeting_id}/active-session"
_ALL = "/accounts/{account_id}/realtime/kit/{app_id}/sessions"
_ONE = _ALL + "/{session_id}"


class Sessions:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_since(self, moment: datetime, *, deadline: Deadline | None = None) -> list[Session]:
        """Runs of all meetings that were begun at or after that time, as far as a list in motion tells."""
        query = {"sort_by": "createdAt", "sort_order": "DESC"}
        call = Call("sessions.list", "GET", _ALL, Repeat.FREELY, query=query)
        return list_latest(
            self._transport,
            call,
            parse_session,
            name="sessions",
            is_old=lambda session: session.created_at is not None and session.created_at < moment,
            deadline=deadline,
        )

    def get(self, session_id: str, *, deadline: Deadline | None = None) -> Session:
        """Raises Absent for a run that is unknown, or older than RealtimeKit remembers."""
        call = Call("sessions.get", "GET", _ONE, Repeat.FREELY, {"session_id": session_id})
        return self._transport.perform(
            call, lambda envelope: parse_session(envelope.mapping("session")), deadline=deadline
        )

    def participants(self, session_id: str, *, deadline: Deadline | None = None) -> list[Peer]:
        """Every connection there was, or an error: never a part of the list, though it comes without a total."""
        call = Call("sessions.participants", "GET", _ONE + "/participants", Repeat.FREELY, {"session_id": session_id})
        return list_all(self._transport, call, parse_peer, name="participants", deadline=deadline)

    def list(self, meeting_id: str, *, deadline: Deadline | None = None) -> list[Session]:
        """All runs of one meeting."""
        call = Call("sessions.list", "GET", _ALL, Repeat.FREELY, query={"associated_id": meeting_id})
        found = list_all(self._transport, call, parse_session, name="sessions", deadline=deadline)
        # A filter that is not understood is ignored silently (contract 1.1).
        return [session for session in found if session.meeting_id == meeting_id]


class ActiveSession:
    """A 404 here means "already so"."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, meeting_id: str, *, deadline: Deadline | None = None) -> Session | None:
        """The session, or None when nobody is in the meeting. An unknown account or app still raises."""
        call = Call("active_session.get", "GET", _PATH, Repeat.FREELY, {"meeting_id": meeting_id})
        try:
            return self._transport.perform(
                call, lambda envelope: parse_session(envelope.mapping("session")), deadline=deadline
            )
        except Absent:
            return None

    def kick(
        self,
        meeting_id: str,
        *,
        participant_ids: Iterable[str] = (),
        custom_participant_ids: Iterable[str] = (),
        deadline: Deadline | None = None,
    ) -> bool:
        """Put people out; False if they were not in. Their tokens still work: delete first or after.

        Raises ValueError if nobody is named.
        """
        body = {
            "participant_ids": list(participant_ids),
            "custom_participant_ids": list(custom_participant_ids),
        }
        if not any(body.values()):
            raise ValueError("active_session.kick: nobody to kick")
        return self._act(meeting_id, "kick", body, deadline)

    def kick_all(self, meeting_id: str, *, deadline: Deadline | None = None) -> bool:
        """End the live session; False if there was none. Locks nothing."""
        return self._act(meeting_id, "kick-all", None, deadline)

    def _act(self, meeting_id: str, verb: str, body: dict[str, list[str]] | None, deadline: Deadline | None) -> bool:
        operation = f"active_session.{verb.replace('-', '_')}"
        ids = {"meeting_id": meeting_id}
        call = Call(operation, "POST", f"{_PATH}/{verb}", Repeat.IF_NOT_DELIVERED, ids, body=body, needs_data=False)
        try:
            self._transport.perform(call, lambda envelope: None, deadline=deadline)
        except Absent:
            return False
        return True
