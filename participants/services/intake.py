"""A delivery at the door: is it genuine, was it here before, and what of it is kept.

The hash of the body decides what is the same delivery, since the signature covers nothing else; ``rtk-uuid`` is the
second key (contract 16.2). Nothing is understood here beyond what the list of deliveries shows.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from participants.models import Delivery
from participants.realtimekit import Signature, WebhookBody, WebhookEvent
from participants.services import webhookkeys
from participants.services.waking import wake
from participants.services.webhookkeys import Verdict

PREFIXES = ("rtk-", "dyte-")
"""Of the header names of today and of the years before (contract 16.1)."""
_KEPT_HEADERS = ("content-type", "user-agent", "cf-ray")
_LONGEST_HEADER = 300
_ATTEMPTS = 3
_TOLD = timedelta(seconds=5)
"""How long a message to the workers is trusted to arrive."""


class Reception(Enum):
    STORED = "stored"
    REPEATED = "known already"
    FORGED = "bad signature"
    UNDECIDED = "not checked"


def receive(raw: bytes, headers: Mapping[str, str]) -> Reception:
    """Check and store one delivery. Raises DatabaseError when it could not be stored."""
    signature = Signature.of(_find(headers, "signature"))
    if signature is None:
        return Reception.FORGED
    verdict = webhookkeys.judge(signature, raw)
    if verdict is Verdict.GENUINE:
        return _store(raw, headers)
    return Reception.FORGED if verdict is Verdict.FORGED else Reception.UNDECIDED


def _store(raw: bytes, headers: Mapping[str, str]) -> Reception:
    body_hash = hashlib.sha256(raw).hexdigest()
    row: dict[str, Any] | None = None
    for attempt in range(1, _ATTEMPTS + 1):
        if Delivery.objects.filter(body_hash=body_hash).update(repeats=F("repeats") + 1):
            return Reception.REPEATED
        row = row or _describe(raw, headers)
        if row["rtk_uuid"] and Delivery.objects.filter(rtk_uuid=row["rtk_uuid"]).exists():
            row["rtk_uuid"] = None
        try:
            with transaction.atomic():
                Delivery.objects.create(body_hash=body_hash, **row)
        except IntegrityError:
            # The same delivery, or another with its id, came in at this very moment: look again.
            if attempt == _ATTEMPTS:
                raise
        else:
            _wake(body_hash, row["received_at"])
            return Reception.STORED
    raise AssertionError("unreachable")


def _wake(body_hash: str, now: datetime) -> None:
    """Nobody is told again while an earlier delivery waits: whoever works on that one goes on until none is left.

    Should that worker have been killed, the next tick finds this one, as it finds all.
    """
    others = Delivery.objects.waiting().filter(received_at__gt=now - _TOLD).exclude(body_hash=body_hash)
    if not others.order_by("-received_at").exists():
        wake()


def _describe(raw: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    body = WebhookBody.of(raw).stored
    event = WebhookEvent.of(body)
    return {
        "rtk_uuid": _clean(_find(headers, "uuid"))[:255] or None,
        "webhook_id": _clean(_find(headers, "webhook-id"))[:255],
        "body": body,
        "headers": _choose(headers),
        "event": event.kind[:64],
        "remote_meeting_id": event.meeting_id[:255],
        "session_id_text": event.session_id[:255],
        "received_at": timezone.now(),
    }


def _find(headers: Mapping[str, str], name: str) -> str:
    found = (headers.get(f"{prefix}{name}", "") for prefix in PREFIXES)
    return next((text.strip(" \t") for text in found if text), "")


def _choose(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that tell one delivery from another. The signature proves nothing without the raw bytes."""
    kept = {name.lower(): _clean(text)[:_LONGEST_HEADER] for name, text in headers.items()}
    return {
        name: text
        for name, text in sorted(kept.items())
        if (name in _KEPT_HEADERS or name.startswith(PREFIXES)) and not name.endswith("signature")
    }


def _clean(text: str) -> str:
    return "".join(character for character in text.strip() if character.isprintable())
