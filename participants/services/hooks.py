"""Outgoing webhooks as staff and integrators manage them: add, change, rotate, switch, test, replay, delete.

A secret is shown when it is made and never again. Nothing here waits for a receiver but ``test``.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from participants import conf
from participants.errors import HookRefused
from participants.models import Actor, EventKind, Hook, HookMessage, Meeting
from participants.models.event import CHUNK, record
from participants.models.hook import NAME_LIMIT, URL_LIMIT
from participants.models.hookqueue import compose
from participants.posting import is_public, make_secret
from participants.realtimekit import Deadline
from participants.services import hooksending
from participants.services.leases import CLEARED
from participants.states import TELLABLE, HookKind, HookMessageState, HookOff

_NOT_BY_STAFF = (HookOff.GONE, HookOff.FAILING)
FORGOTTEN = 1_000
"""Rows deleted by one statement."""


@dataclass(frozen=True)
class WithSecret:
    """What is shown once. ``previous_until`` is set by a rotation."""

    hook: Hook
    secret: str


def create(*, name: str, url: str, kinds: Collection[str], meetings: Iterable[Meeting] = (), by: Actor) -> WithSecret:
    """Raises HookRefused."""
    secret = make_secret()
    hook = Hook(name=_clean_name(name), url=clean_url(url), kinds=_clean_kinds(kinds), secret=secret)
    hook.created_by = by.user
    try:
        with transaction.atomic():
            hook.save(force_insert=True)
            hook.meetings.set(meetings)
            record(EventKind.HOOK_ADDED, by, **_describe(hook))
    except IntegrityError:
        raise _refuse_name() from None
    return WithSecret(hook, secret)


def change(
    hook: Hook,
    *,
    by: Actor,
    name: str | None = None,
    url: str | None = None,
    kinds: Collection[str] | None = None,
    meetings: Iterable[Meeting] | None = None,
) -> Hook:
    """What is waiting for it is sent to the new address. Raises HookRefused."""
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = _clean_name(name)
    if url is not None:
        changes["url"] = clean_url(url)
    if kinds is not None:
        changes["kinds"] = _clean_kinds(kinds)
    try:
        with transaction.atomic():
            Hook.objects.select_for_update(no_key=True).get(pk=hook.pk)
            if "url" in changes:
                changes |= {"paused_until": None, "failures": 0, "failing_since": None}
            Hook.objects.filter(pk=hook.pk).update(**changes, updated_at=timezone.now())
            if meetings is not None:
                hook.meetings.set(meetings)
            hook = Hook.objects.get(pk=hook.pk)
            record(EventKind.HOOK_CHANGED, by, **_describe(hook))
    except IntegrityError:
        raise _refuse_name() from None
    return hook


def rotate(hook: Hook, *, by: Actor) -> WithSecret:
    """A new secret; the one in force signs beside it for a while, so that the receiver has time to change."""
    secret = make_secret()
    with transaction.atomic():
        now = Hook.objects.select_for_update(no_key=True).get(pk=hook.pk)
        until = timezone.now() + conf.read_hooks().overlap
        # Through save: the field encrypts what is assigned, and an F() of it would copy nothing readable.
        now.previous_secret, now.previous_until, now.secret = now.secret, until, secret
        now.save(update_fields=["previous_secret", "previous_until", "secret", "updated_at"])
        record(EventKind.HOOK_ROTATED, by, name=now.name)
    return WithSecret(now, secret)


def switch(hook: Hook, *, on: bool, by: Actor) -> Hook:
    """On: what waits is sent at once, and failures count anew. Off: it is told of nothing new, and what waits stays.

    Safe to repeat.
    """
    now = timezone.now()
    calm = {"off_at": None, "off_reason": "", "failures": 0, "failing_since": None, "paused_until": None}
    changes: dict[str, Any] = calm if on else {"off_at": now, "off_reason": HookOff.STAFF}
    with transaction.atomic():
        if Hook.objects.filter(pk=hook.pk, off_at__isnull=not on).update(**changes, updated_at=now):
            record(EventKind.HOOK_SWITCHED_ON if on else EventKind.HOOK_SWITCHED_OFF, by, name=hook.name)
    return Hook.objects.get(pk=hook.pk)


def delete(hook: Hook, *, by: Actor) -> None:
    """With its log, and with what still waits for it."""
    with transaction.atomic():
        messages = HookMessage.objects.filter(hook=hook)
        while keys := list(messages.values_list("pk", flat=True)[:FORGOTTEN]):
            HookMessage.objects.filter(pk__in=keys).delete()
        if Hook.objects.filter(pk=hook.pk).delete()[0]:
            record(EventKind.HOOK_DELETED, by, name=hook.name, host=urlsplit(hook.url).hostname)


def test(hook: Hook) -> HookMessage:
    """Send a ``test.ping`` now, also to one that is switched off, and say what came back; 20 s at most.

    Sent once, and kept in the log. Raises Busy when too many requests wait for others already.
    """
    data = {"hook": str(hook.pk), "name": hook.name}
    message = compose(hook, HookKind.PING, timezone.now(), data)
    return hooksending.send_at_once(message)


def list_troubled() -> QuerySet[Hook]:
    """Those that fail, and those that were switched off for it."""
    return Hook.objects.filter(Q(off_at=None, failing_since__isnull=False) | Q(off_reason__in=_NOT_BY_STAFF))


def choose(
    hook: Hook,
    *,
    keys: Collection[uuid.UUID] = (),
    state: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[uuid.UUID]:
    """Messages of the hook, by their ids or by all that is given, oldest first."""
    rows = HookMessage.objects.filter(hook=hook).order_by("created_at", "pk")
    if keys:
        rows = rows.filter(pk__in=keys)
    if state:
        rows = rows.filter(state=state)
    if since:
        rows = rows.filter(created_at__gte=since)
    if until:
        rows = rows.filter(created_at__lt=until)
    return list(rows.values_list("pk", flat=True))


def replay(messages: Sequence[uuid.UUID], *, by: Actor) -> int:
    """Have these sent again, whatever became of them, under the same id; how many will be.

    One being sent at this moment is left as it is. Tests are not repeated.
    """
    fresh: dict[str, Any] = {**CLEARED, "state": HookMessageState.WAITING, "delivered_at": None}
    count = 0
    with transaction.atomic():
        for start in range(0, len(messages), CHUNK):
            rows = HookMessage.objects.filter(pk__in=messages[start : start + CHUNK]).unleased()
            count += rows.exclude(kind=HookKind.PING).update(**fresh, updated_at=timezone.now())
        if count:
            record(EventKind.HOOK_REPLAYED, by, messages=count)
    return count


def forget(*, deadline: Deadline) -> int:
    """Delete messages older than are kept, those included that nobody could be told in all that time."""
    old = HookMessage.objects.filter(created_at__lt=timezone.now() - conf.read_hooks().retention)
    count = 0
    while not deadline.expired and (keys := list(old.order_by().values_list("pk", flat=True)[:FORGOTTEN])):
        count += HookMessage.objects.filter(pk__in=keys).delete()[0]
    return count


def clean_url(url: str) -> str:
    """The address, if a message may be sent there as far as its text tells. Raises HookRefused."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise HookRefused("The address can't be read.", field="url") from None
    if not host or not url.isascii() or not url.isprintable() or " " in url or len(url) > URL_LIMIT:
        raise HookRefused(f"Give an address of at most {URL_LIMIT} characters, in ASCII.", field="url")
    rules = conf.read_hooks()
    if parts.scheme != "https" and not (rules.allow_http and parts.scheme == "http"):
        raise HookRefused("The address has to begin with https://.", field="url")
    if parts.username or parts.password or parts.fragment:
        raise HookRefused("The address may carry neither a password nor a fragment.", field="url")
    literal = host.replace(".", "").isdigit() or ":" in host
    if not rules.allow_private and (host == "localhost" or (literal and not is_public(host))):
        raise HookRefused("The address is not a public one. HOOKS_ALLOW_PRIVATE permits that.", field="url")
    return url


def _clean_name(name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > NAME_LIMIT:
        raise HookRefused(f"Give a name of at most {NAME_LIMIT} characters.", field="name")
    return name


def _clean_kinds(kinds: Collection[str]) -> list[str]:
    chosen = [kind.value for kind in TELLABLE if kind.value in kinds]
    if not chosen or len(chosen) != len(set(kinds)):
        raise HookRefused("Choose what it is told of, from the kinds there are.", field="kinds")
    return chosen


def _refuse_name() -> HookRefused:
    return HookRefused("There is a webhook of that name already.", field="name")


def _describe(hook: Hook) -> dict[str, Any]:
    """For the history. Of the address the host alone: the rest of it is often a secret."""
    meetings = hook.meetings.count() or "all"
    return {"name": hook.name, "host": urlsplit(hook.url).hostname, "kinds": hook.kinds, "meetings": meetings}
