"""Registrations as the contract's schemas have them, signatures, and the key's published document."""

from base64 import b64encode
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from participants.realtimekit import KeySource, PublicKey, RealtimeKit, RealtimeKitError, Signature
from participants.sandbox.tokens import SigningKey
from tests.realtimekit.conftest import PREFIX, ScriptedServer, data, reply
from tests.realtimekit.samples import complaint
from tests.sandbox.test_contract import CONTRACT

KEY, OTHER = SigningKey.generate(), SigningKey.generate()
WEBHOOK_ID = "eeee5555-0000-4000-8000-000000000007"
EVENTS = ["meeting.started", "meeting.ended"]


def webhook(**changes: object) -> dict[str, Any]:
    return {
        "id": WEBHOOK_ID,
        "name": "lessons",
        "url": "https://school.example/hooks",
        "events": EVENTS,
        "enabled": True,
        "created_at": "2027-01-10T12:00:00.000Z",
        "updated_at": "2027-01-10T12:00:00.000Z",
        **changes,
    }


def is_body_of(operation: str, body: object) -> bool:
    path, method = {"create": ("webhooks", "post"), "patch": ("webhooks/{webhook_id}", "patch")}[operation]
    full = next(known for known in CONTRACT["paths"] if known.endswith(f"/{path}"))
    pointer = f"/paths/{full.replace('/', '~1')}/{method}/requestBody/content/application~1json/schema"
    registry = Registry().with_resource("urn:contract", DRAFT202012.create_resource(CONTRACT))
    escaped = pointer.replace("{", "%7B").replace("}", "%7D")
    return Draft202012Validator({"$ref": f"urn:contract#{escaped}"}, registry=registry).is_valid(body)


def test_webhooks_are_listed_made_and_edited(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(data([webhook(), webhook(id="second", enabled=False)]), data(webhook(), status=201), data(webhook()))
    first, second = client.webhooks.list()
    assert (first.url, first.events, first.enabled) == ("https://school.example/hooks", tuple(EVENTS), True)
    assert not second.enabled
    client.webhooks.create(name="lessons", url="https://school.example/hooks", events=EVENTS)
    assert (server.requests[-1].method, server.requests[-1].path) == ("POST", f"{PREFIX}/webhooks")
    assert is_body_of("create", server.requests[-1].json)
    client.webhooks.patch(WEBHOOK_ID, events=EVENTS, enabled=True)
    assert (server.requests[-1].method, server.requests[-1].path) == ("PATCH", f"{PREFIX}/webhooks/{WEBHOOK_ID}")
    assert is_body_of("patch", server.requests[-1].json)


def test_no_webhook_at_all_may_be_a_404(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(reply(404, complaint(404, "Not found")))
    assert client.webhooks.list() == []


def test_one_without_an_address_does_not_hide_the_others(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(data([webhook(url=None), {"id": "x"}, webhook(events=None, name=None)]))
    (found,) = client.webhooks.list()
    assert (found.events, found.name) == ((), None)


def test_a_change_of_nothing_is_an_error(client: RealtimeKit) -> None:
    with pytest.raises(ValueError, match="nothing to change"):
        client.webhooks.patch(WEBHOOK_ID)


def test_a_lost_create_is_not_repeated(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(reply(500, complaint(500, "oops")))
    with pytest.raises(RealtimeKitError):
        client.webhooks.create(name="x", url="https://school.example/hooks", events=EVENTS)
    assert len(server.requests) == 1


def sign(raw: bytes) -> Signature:
    signature = Signature.of(b64encode(KEY.sign(raw)).decode())
    assert signature is not None
    return signature


def test_a_signature_is_of_one_key_and_of_these_bytes() -> None:
    key, other = PublicKey.of(KEY.public_pem), PublicKey.of(OTHER.public_pem)
    assert key.verifies(sign(b"{}"), b"{}")
    assert not key.verifies(sign(b"{}"), b"{} ")
    assert not other.verifies(sign(b"{}"), b"{}")
    assert not key.verifies(Signature(b"short"), b"{}")


def test_one_key_has_one_fingerprint_however_it_is_written() -> None:
    spellings = [
        KEY.public_pem,
        KEY.public_pem.replace("\n", "\\n"),
        f"\n  {KEY.public_pem}  ",
        KEY.public_pem.strip(),
    ]
    keys = [PublicKey.of(spelling) for spelling in spellings]
    assert len({key.fingerprint for key in keys}) == 1
    assert {key.pem for key in keys} == {KEY.public_pem}
    assert PublicKey.of(OTHER.public_pem).fingerprint != keys[0].fingerprint


@pytest.mark.parametrize("pem", ["", "no pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_what_is_no_key_is_an_error(pem: str) -> None:
    with pytest.raises(ValueError, match="public key"):
        PublicKey.of(pem)


def fetch(server: ScriptedServer) -> PublicKey:
    return KeySource(f"{server.url}/.well-known/webhooks.json", connect_timeout=2, read_timeout=2).fetch()


@pytest.mark.parametrize(
    "document",
    [
        {"success": True, "data": {"publicKey": KEY.public_pem}, "message": ""},
        {"publicKey": KEY.public_pem},
        {"data": {"public_key": KEY.public_pem.replace("\n", "\\n")}},
    ],
)
def test_the_published_key_is_found(server: ScriptedServer, document: dict[str, Any]) -> None:
    server.will(reply(200, document))
    assert fetch(server).fingerprint == PublicKey.of(KEY.public_pem).fingerprint
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, {"data": None}),
        (200, {"data": {"publicKey": "x"}}),
        (200, {"data": {"publicKey": 5}}),
        (200, [KEY.public_pem]),
        (200, b'"' + b"a" * 70_000 + b'"'),
        (204, None),
        (302, None),
        (404, {}),
        (503, {}),
    ],
)
def test_a_document_without_a_key_is_a_remote_error(server: ScriptedServer, status: int, body: object) -> None:
    server.will(reply(status, body, {"Location": "http://elsewhere.invalid/"} if status == 302 else {}))
    with pytest.raises(RealtimeKitError):
        fetch(server)
    assert len(server.requests) == 1


def test_the_contract_knows_the_events_we_register_for() -> None:
    known = yaml.safe_dump(CONTRACT["components"])
    assert all(event in known for event in EVENTS)
