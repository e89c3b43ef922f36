"""A sender of deliveries that signs as RealtimeKit does."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from participants.sandbox import Sandbox

URL = "/webhooks/realtimekit/"
STARTED = {
    "event": "meeting.started",
    "meeting": {
        "id": "aaaa1111-0000-4000-8000-000000000001",
        "sessionId": "cccc3333-0000-4000-8000-000000000004",
        "title": "Algebra, group 7",
        "startedAt": "2027-01-11T09:00:02.000Z",
    },
}
Send = Callable[..., HttpResponse]


def encode(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def sign(sandbox: Sandbox, raw: bytes) -> str:
    return b64encode(sandbox.world.webhook_key.sign(raw)).decode()


@pytest.fixture
def send(sandbox: Sandbox) -> Send:
    """Post a body (JSON, or bytes as they are), signed by the sandbox unless ``signature`` says otherwise."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=True)

    def post(body: object = STARTED, *, signature: str | None = None, **headers: str) -> Any:
        raw = encode(body)
        given = {"rtk-signature": sign(sandbox, raw) if signature is None else signature, **headers}
        return client.post(URL, raw, content_type="application/json", headers=given)

    return post
