"""The keys that deliveries are checked with, shared by all processes.

How RealtimeKit changes its key is not documented (contract 16.1): kept keys are all tried, newest first, and the
published one is fetched again when none fits, at most once a minute whatever comes in. Until a key is known that was
published within the last minute, nobody can say that a delivery is forged.
"""

import logging
from datetime import datetime, timedelta
from enum import Enum

from django.db import transaction
from django.utils import timezone

from participants import conf
from participants.errors import Busy
from participants.gateway import fetch_webhook_key, waiting_slot
from participants.models import Actor, Chore, EventKind, WebhookKey
from participants.models.event import record
from participants.realtimekit import PublicKey, RealtimeKitError, Signature

logger = logging.getLogger(__name__)

RECENT = timedelta(minutes=1)
KEPT = 5
_FETCH = "webhook_key"
_BY = Actor(via="webhook")


class Verdict(Enum):
    """UNDECIDED: a newer key may exist, and could not be fetched now."""

    GENUINE = "genuine"
    FORGED = "forged"
    UNDECIDED = "undecided"


def judge(signature: Signature, raw: bytes) -> Verdict:
    """Whether RealtimeKit signed these bytes. May fetch the key once; raises DatabaseError."""
    pinned = conf.read_webhooks().pinned_key
    if pinned:
        return Verdict.GENUINE if PublicKey.of(pinned).verifies(signature, raw) else Verdict.FORGED
    kept = _list_kept()
    if _fits(kept, signature, raw):
        return Verdict.GENUINE
    now = timezone.now()
    if _is_recent(kept, now):
        return Verdict.FORGED
    try:
        with waiting_slot():  # had before the turn is taken, which would else be lost with it
            is_ours = _take_turn(now)
            published = fetch() if is_ours else None
    except Busy:
        return Verdict.UNDECIDED
    if published is not None:
        return Verdict.GENUINE if published.verifies(signature, raw) else Verdict.FORGED
    if is_ours:
        return Verdict.UNDECIDED
    # Another request has fetched it meanwhile, is fetching it just now, or failed to less than a minute ago.
    kept = _list_kept()
    if _fits(kept, signature, raw):
        return Verdict.GENUINE
    return Verdict.FORGED if _is_recent(kept, now) else Verdict.UNDECIDED


def fetch() -> PublicKey | None:
    """Fetch and keep the published key; None, and a line in the log, when that fails."""
    try:
        with waiting_slot():
            published = fetch_webhook_key()
    except (RealtimeKitError, Busy) as error:
        logger.warning("The key of deliveries could not be fetched: %s", error)
        return None
    _keep(published)
    return published


def find_newest() -> WebhookKey | None:
    return WebhookKey.objects.order_by("-fetched_at").first()


def read_pinned() -> PublicKey | None:
    pinned = conf.read_webhooks().pinned_key
    return PublicKey.of(pinned) if pinned else None


def _list_kept() -> list[WebhookKey]:
    return list(WebhookKey.objects.order_by("-fetched_at", "pk")[:KEPT])


def _fits(kept: list[WebhookKey], signature: Signature, raw: bytes) -> bool:
    return any(PublicKey.of(row.pem).verifies(signature, raw) for row in kept)


def _is_recent(kept: list[WebhookKey], now: datetime) -> bool:
    # Absolute: another machine's clock may be ahead of ours.
    return bool(kept) and abs(now - kept[0].fetched_at) < RECENT


def _take_turn(now: datetime) -> bool:
    """Whether this request is to fetch; nobody else does so for a minute. A flood only reads."""
    if Chore.objects.filter(name=_FETCH, due_at__gt=now).exists():
        return False
    return Chore.objects.take(_FETCH, now, again=RECENT)


def _keep(published: PublicKey) -> None:
    now = timezone.now()
    with transaction.atomic():
        _, is_new = WebhookKey.objects.update_or_create(
            fingerprint=published.fingerprint,
            defaults={"pem": published.pem, "fetched_at": now},
            create_defaults={"pem": published.pem, "fetched_at": now, "first_seen_at": now},
        )
        if is_new:
            record(EventKind.WEBHOOK_KEY, _BY, fingerprint=published.fingerprint)
            kept = [row.pk for row in _list_kept()]
            WebhookKey.objects.exclude(pk__in=kept).delete()
