"""Apps of the account (contract 5)."""

from participants.realtimekit.calls import Call
from participants.realtimekit.deadlines import Deadline
from participants.realtimekit.paging import list_all
from participants.realtimekit.records import App, parse_named_app
from participants.realtimekit.retry import Repeat
from participants.realtimekit.transport import Transport

_LIST = Call("apps.list", "GET", "/accounts/{account_id}/realtime/kit/apps", Repeat.FREELY)


class Apps:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, deadline: Deadline | None = None) -> list[App]:
        return list_all(self._transport, _LIST, parse_named_app, name="apps", deadline=deadline)
