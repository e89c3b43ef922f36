"""The live run of a meeting, if there is one (contract 11). A 404 here means "already so"."""

from collections.abc import Iterable

from participants.realtimekit.calls import Call
from participants.realtimekit.deadlines import Deadline
from participants.realtimekit.errors import Absent
from participants.realtimekit.records import Session, parse_session
from participants.realtimekit.retry import Repeat
from participants.realtimekit.transport import Transport

_PATH = "/accounts/{account_id}/realtime/kit/{app_id}/meetings/{meeting_id}/active-session"


class ActiveSession:
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
