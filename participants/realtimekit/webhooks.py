"""Registrations for deliveries (contract 15). They hold for the whole app: there is no filter by meeting."""

from collections.abc import Iterable

from participants.realtimekit.calls import Call
from participants.realtimekit.deadlines import Deadline
from participants.realtimekit.envelopes import Envelope
from participants.realtimekit.errors import Absent
from participants.realtimekit.records import Webhook, parse_webhook
from participants.realtimekit.retry import Repeat
from participants.realtimekit.transport import Transport

_PATH = "/accounts/{account_id}/realtime/kit/{app_id}/webhooks"
_ONE = _PATH + "/{webhook_id}"
_LIST = Call("webhooks.list", "GET", _PATH, Repeat.FREELY)


class Webhooks:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, deadline: Deadline | None = None) -> list[Webhook]:
        """All of the app; the list has no pages, and an app without any may answer 404 (contract 18 row 26)."""
        try:
            return self._transport.perform(_LIST, _parse_all, deadline=deadline)
        except Absent:
            return []

    def create(self, *, name: str, url: str, events: Iterable[str], deadline: Deadline | None = None) -> Webhook:
        """Not safe to repeat after OutcomeUnknown: list first, and compare addresses."""
        body = {"name": name, "url": url, "events": [*events], "enabled": True}
        call = Call("webhooks.create", "POST", _PATH, Repeat.ONCE_IF_NOT_DELIVERED, body=body)
        return self._transport.perform(call, _parse_one, deadline=deadline)

    def patch(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Iterable[str] | None = None,
        enabled: bool | None = None,
        deadline: Deadline | None = None,
    ) -> Webhook:
        """Set what is given; safe to repeat. Raises ValueError if nothing is given."""
        given = {"url": url, "events": None if events is None else [*events], "enabled": enabled}
        body = {name: value for name, value in given.items() if value is not None}
        if not body:
            raise ValueError("webhooks.patch: nothing to change")
        call = Call("webhooks.patch", "PATCH", _ONE, Repeat.IF_NOT_DELIVERED, {"webhook_id": webhook_id}, body=body)
        return self._transport.perform(call, _parse_one, deadline=deadline)


def _parse_all(envelope: Envelope) -> list[Webhook]:
    # One that lacks its address must not hide the others.
    return [parse_webhook(row) for row in envelope.rows("webhooks") if row.get("id") and row.get("url")]


def _parse_one(envelope: Envelope) -> Webhook:
    return parse_webhook(envelope.mapping("webhook"))
