"""Meetings: created, read and edited; RealtimeKit has no way to delete one (contract 6)."""

from participants.realtimekit.calls import Call
from participants.realtimekit.deadlines import Deadline
from participants.realtimekit.envelopes import Envelope
from participants.realtimekit.paging import list_all
from participants.realtimekit.records import Meeting, parse_meeting
from participants.realtimekit.retry import Repeat
from participants.realtimekit.transport import Transport

_PATH = "/accounts/{account_id}/realtime/kit/{app_id}/meetings"
_ONE = _PATH + "/{meeting_id}"
_LIST = Call("meetings.list", "GET", _PATH, Repeat.FREELY)


class Meetings:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, *, title: str, deadline: Deadline | None = None) -> Meeting:
        """Not safe to repeat after OutcomeUnknown: look for the title first, since nothing can be deleted."""
        call = Call("meetings.create", "POST", _PATH, Repeat.ONCE_IF_NOT_DELIVERED, body={"title": title})
        return self._transport.perform(call, _parse_one, deadline=deadline)

    def list(self, *, search: str | None = None, deadline: Deadline | None = None) -> list[Meeting]:
        """All meetings. `search` (id or title) is RealtimeKit's own and may be ignored: compare."""
        return list_all(self._transport, _LIST, parse_meeting, name="meetings", search=search, deadline=deadline)

    def get(self, meeting_id: str, *, deadline: Deadline | None = None) -> Meeting:
        call = Call("meetings.get", "GET", _ONE, Repeat.FREELY, {"meeting_id": meeting_id})
        return self._transport.perform(call, _parse_one, deadline=deadline)

    def patch(
        self,
        meeting_id: str,
        *,
        title: str | None = None,
        status: str | None = None,
        deadline: Deadline | None = None,
    ) -> Meeting:
        """Set what is given; safe to repeat. Raises ValueError if nothing is given."""
        body = {name: value for name, value in (("title", title), ("status", status)) if value is not None}
        if not body:
            raise ValueError("meetings.patch: nothing to change")
        ids = {"meeting_id": meeting_id}
        call = Call("meetings.patch", "PATCH", _ONE, Repeat.IF_NOT_DELIVERED, ids, body=body)
        return self._transport.perform(call, _parse_one, deadline=deadline)


def _parse_one(envelope: Envelope) -> Meeting:
    return parse_meeting(envelope.mapping("meeting"))
