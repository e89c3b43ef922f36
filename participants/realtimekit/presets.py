"""Presets of the app (contract 8)."""

from participants.realtimekit.calls import Call
from participants.realtimekit.deadlines import Deadline
from participants.realtimekit.paging import list_all
from participants.realtimekit.records import Preset, parse_named_preset, parse_preset
from participants.realtimekit.retry import Repeat
from participants.realtimekit.transport import Transport

_PATH = "/accounts/{account_id}/realtime/kit/{app_id}/presets"
_LIST = Call("presets.list", "GET", _PATH, Repeat.FREELY)


class Presets:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, search: str | None = None, deadline: Deadline | None = None) -> list[Preset]:
        """All presets. `search` is RealtimeKit's own and may match loosely or be ignored: compare names."""
        return list_all(self._transport, _LIST, parse_named_preset, name="presets", search=search, deadline=deadline)

    def get(self, preset_id: str, *, deadline: Deadline | None = None) -> Preset:
        call = Call("presets.get", "GET", _PATH + "/{preset_id}", Repeat.FREELY, {"preset_id": preset_id})
        return self._transport.perform(
            call, lambda envelope: parse_preset(envelope.mapping("preset")), deadline=deadline
        )
