"""Our registration for deliveries: is it there, as it should be, and if not, make it so (contract 15).

RealtimeKit is the truth; nothing of it is stored here. A registration holds for the whole app, and its address alone
tells ours from others: those are never touched.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeVar
from urllib.parse import urlsplit

from django.db.models import Count, Max, Q
from django.urls import reverse

from participants import conf
from participants.gateway import get_client, waiting_slot
from participants.models import Actor, Delivery, EventKind, WebhookKey
from participants.models.event import record
from participants.realtimekit import Deadline, RealtimeKit, RealtimeKitError, Webhook
from participants.services import news, webhookkeys
from participants.services.trouble import translated
from participants.states import DeliveryState

T = TypeVar("T")

SECONDS = 15.0
NAME = "Rollcall"
EVENTS = tuple(news.EVENTS)


class State(Enum):
    REGISTERED = "registered"
    WRONG = "wrong"
    MISSING = "missing"


@dataclass(frozen=True)
class Registration:
    """``lacking`` are events that we need and it does not ask for; ``others`` are addresses beside ours."""

    url: str
    state: State
    is_enabled: bool = False
    webhook_id: str = ""
    events: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Traffic:
    """What came in so far, and the key it is checked with. ``key_fetched_at`` is None of a pinned key."""

    last_at: datetime | None
    waiting: int
    failed: int
    key_fingerprint: str
    key_fetched_at: datetime | None
    is_pinned: bool


def find_url(site: str = "") -> str:
    """Where our deliveries are to be sent: below ROLLCALL_PUBLIC_URL, else below ``site``; blank without either."""
    base = conf.read_webhooks().public_url or site
    return join(base) if base else ""


def join(site: str) -> str:
    return f"{site.rstrip('/')}{reverse('webhook')}"


def look(url: str, *, deadline: Deadline | None = None) -> Registration:
    """How things stand at RealtimeKit. Raises Busy or Misconfigured."""
    return _ask(lambda client, until: _judge(url, client.webhooks.list(deadline=until)), deadline)


def repair(url: str, *, by: Actor, deadline: Deadline | None = None) -> Registration:
    """Register, or correct what is registered for this address; nothing is done where all is well.

    Raises Busy or Misconfigured. Safe to repeat: it looks first.
    """
    found = look(url, deadline=deadline)
    if found.state is State.REGISTERED:
        return found
    if found.state is State.MISSING:
        _ask(lambda client, until: _create(client, url, until), deadline)
        record(EventKind.WEBHOOK_REGISTERED, by, url=url)
    else:
        wanted = [*found.events, *found.lacking]
        _ask(
            lambda client, until: client.webhooks.patch(
                found.webhook_id, events=wanted, enabled=True, deadline=until
            ),
            deadline,
        )
        record(EventKind.WEBHOOK_REPAIRED, by, url=url, events=list(found.lacking), enabled=True)
    return look(url, deadline=deadline)


def read_traffic() -> Traffic:
    """Asks nobody."""
    in_trouble = Count("pk", filter=Q(state=DeliveryState.FAILED))
    waiting = Count("pk", filter=Q(state=DeliveryState.NEW))
    counts = Delivery.objects.exclude(state=DeliveryState.DONE).aggregate(waiting=waiting, failed=in_trouble)
    pinned, newest = webhookkeys.read_pinned(), webhookkeys.find_newest()
    kept: WebhookKey | None = None if pinned else newest
    return Traffic(
        last_at=Delivery.objects.aggregate(last=Max("received_at"))["last"],
        waiting=counts["waiting"],
        failed=counts["failed"],
        key_fingerprint=pinned.fingerprint if pinned else kept.fingerprint if kept else "",
        key_fetched_at=kept.fetched_at if kept else None,
        is_pinned=pinned is not None,
    )


def _ask(call: Callable[[RealtimeKit, Deadline], T], deadline: Deadline | None) -> T:
    with waiting_slot(), translated():
        return call(get_client(), deadline or Deadline.after(SECONDS))


def _create(client: RealtimeKit, url: str, deadline: Deadline) -> None:
    try:
        client.webhooks.create(name=NAME, url=url, events=EVENTS, deadline=deadline)
    except RealtimeKitError:
        # It may have been made all the same, or somebody else was quicker: an address may have to be unique.
        if _judge(url, client.webhooks.list(deadline=deadline)).state is not State.REGISTERED:
            raise


def _judge(url: str, rows: list[Webhook]) -> Registration:
    ours = [row for row in rows if _spell(row.url) == _spell(url)]
    others = tuple(sorted({row.url for row in rows if row not in ours}))
    if not ours:
        return Registration(url, State.MISSING, others=others)
    # Of two for our address the better one counts; the same body twice is one delivery.
    best = min(ours, key=lambda row: (not row.enabled, len(_list_lacking(row))))
    lacking = _list_lacking(best)
    state = State.REGISTERED if best.enabled and not lacking else State.WRONG
    return Registration(best.url, state, best.enabled, best.id, best.events, lacking, others)


def _list_lacking(row: Webhook) -> tuple[str, ...]:
    return tuple(event for event in EVENTS if event not in row.events)


def _spell(url: str) -> tuple[str, str, str]:
    """One spelling of addresses that are the same: host names in lower case, no last slash."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/")
