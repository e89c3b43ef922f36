"""Webhook registrations and the key deliveries are checked with (contract 15, 16.1)."""

from dataclasses import replace

from participants.sandbox import schemas
from participants.sandbox.answers import Answer, as_json, success
from participants.sandbox.call import Call
from participants.sandbox.records import Webhook
from participants.sandbox.world import World


def create(call: Call) -> Answer:
    webhook = Webhook(**call.world.fresh(call.app_id), **call.body(schemas.WEBHOOK))
    with call.world.lock:
        call.world.webhook_rows.put(webhook)
    return success(webhook.shown(), status=201)


def list_webhooks(call: Call) -> Answer:
    """Not paged. An empty app answers an empty list, though a 404 has been seen (contract 2.2)."""
    rows = [row for row in call.world.webhook_rows.all() if row.app_id == call.app_id]
    return success([row.shown() for row in rows])


def list_events(call: Call) -> Answer:
    del call
    return success(list(schemas.EVENTS))


def get(call: Call) -> Answer:
    return success(_webhook(call).shown())


def put(call: Call) -> Answer:
    body = {"enabled": True, **call.body(schemas.WEBHOOK)}
    with call.world.lock:
        return _save(call, replace(_webhook(call), **body))


def patch(call: Call) -> Answer:
    changes = call.body(schemas.WEBHOOK_PATCH)
    with call.world.lock:
        return _save(call, replace(_webhook(call), **changes))


def delete(call: Call) -> Answer:
    with call.world.lock:
        webhook = _webhook(call)
        call.world.webhook_rows.drop(webhook.id)
    return success(webhook.shown())


def well_known(world: World) -> Answer:
    """Needs no authorization."""
    return as_json(200, {"success": True, "data": {"publicKey": world.webhook_key.public_pem}, "message": ""})


def _webhook(call: Call) -> Webhook:
    return call.owned(call.world.webhook_rows, "webhook_id", "Webhook")


def _save(call: Call, webhook: Webhook) -> Answer:
    return success(call.world.webhook_rows.put(replace(webhook, updated_at=call.world.now())).shown())
