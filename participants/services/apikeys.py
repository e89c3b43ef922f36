"""API keys of other back ends: made, found by their secret, rotated, revoked.

A secret is 256 bits of randomness, so its plain SHA-256 can't be searched for; a slow hash protects passwords that
people choose, and here would only cost each call its time. For the same reason failures are not counted per key.
"""

import re
import secrets
from collections.abc import Collection
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from participants.errors import KeyEnded, Unrecognised
from participants.models import Actor, ApiKey, EventKind, Meeting
from participants.models.event import record
from participants.states import KeyScope

MARK = "rck_"
SHOWN = 12
"""Characters of a secret that stay visible; more than 200 bits are left to guess."""
_FORM = re.compile(r"rck_[A-Za-z0-9_-]{43}")
_NOTED_EVERY = timedelta(minutes=1)


def make(
    *,
    name: str,
    scopes: Collection[KeyScope],
    meetings: Collection[Meeting] | None,
    lifetime: timedelta,
    by: Actor,
    pk: UUID | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which nobody can be told again. ``meetings`` is None for all of them.

    ``pk`` may be chosen by the caller; IntegrityError when it is taken.
    """
    secret = _make_secret()
    key = ApiKey(
        name=name,
        scopes=[scope.value for scope in KeyScope if scope in scopes],
        all_meetings=meetings is None,
        prefix=secret[:SHOWN],
        digest=_digest(secret),
        expires_at=timezone.now() + lifetime,
        created_by=by.user,
    )
    if pk is not None:
        key.pk = pk
    with transaction.atomic():
        key.save(force_insert=True)
        key.meetings.set(meetings or [])
        record(EventKind.API_KEY_MADE, by, api_key=str(key.pk), name=name, prefix=key.prefix, scopes=key.scopes)
    return key, secret


def find(secret: str) -> ApiKey:
    """The key of this secret, noting its use once a minute. Raises Unrecognised."""
    if not _FORM.fullmatch(secret):
        raise Unrecognised("This is no API key.")
    now, digest = timezone.now(), _digest(secret)
    key = ApiKey.objects.with_digest(digest).first()
    if key is None:
        raise Unrecognised("There is no such API key.")
    if key.revoked_at is not None:
        raise Unrecognised("This API key was revoked.")
    if key.expires_at <= now:
        raise Unrecognised("This API key has expired.")
    if key.digest != digest and (key.former_until is None or key.former_until <= now):
        raise Unrecognised("This API key was rotated; use its new secret.")
    if key.last_used_at is None or key.last_used_at < now - _NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _NOTED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    return key


def rotate(key: ApiKey, *, overlap: timedelta, by: Actor) -> str:
    """A new secret; the one that ``key`` was read with stays good for the overlap, any older one ends now.

    Raises KeyEnded when it is revoked, has expired, or somebody else has just rotated it.
    """
    secret, now = _make_secret(), timezone.now()
    with transaction.atomic():
        # Guarded by the secret that was seen: of two rotations at once the later would end a secret just handed out.
        changed = (
            ApiKey.objects.live(now)
            .filter(pk=key.pk, digest=key.digest)
            .update(
                prefix=secret[:SHOWN],
                digest=_digest(secret),
                former_prefix=key.prefix if overlap else "",
                former_digest=key.digest if overlap else None,
                former_until=now + overlap if overlap else None,
                updated_at=now,
            )
        )
        if not changed:
            raise KeyEnded
        hours = overlap.total_seconds() / 3600
        record(EventKind.API_KEY_ROTATED, by, api_key=str(key.pk), name=key.name, overlap_hours=round(hours, 2))
    key.refresh_from_db()
    return secret


def revoke(key: ApiKey, *, by: Actor) -> bool:
    """End it at once, its former secret too. False when it was revoked before."""
    now = timezone.now()
    with transaction.atomic():
        changed = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(
            revoked_at=now, revoked_by=by.user, updated_at=now
        )
        if changed:
            record(EventKind.API_KEY_REVOKED, by, api_key=str(key.pk), name=key.name)
    key.refresh_from_db()
    return bool(changed)


def _make_secret() -> str:
    return MARK + secrets.token_urlsafe(32)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
