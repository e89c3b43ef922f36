"""Participant tokens: opaque and secret, but their expiry is worth reading (contract 4, design 4)."""

import base64
import binascii
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

LONGEST_BELIEVED = timedelta(days=365)


@dataclass(frozen=True)
class ParticipantToken:
    """`value` never shows in repr or str. `expires_at` is None when the token itself does not say."""

    value: str = field(repr=False)
    expires_at: datetime | None

    @classmethod
    def of(cls, value: str) -> "ParticipantToken":
        return cls(value, read_expiry(value, now=datetime.now(UTC)))


def read_expiry(token: str, *, now: datetime) -> datetime | None:
    """The `exp` claim as aware UTC; None if it cannot be read, is past, or is more than a year after `now`.

    No signature is checked: nobody outside Cloudflare holds a key.
    """
    seconds = _read_claim(token, "exp")
    if seconds is None:
        return None
    try:
        expires_at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return expires_at if now < expires_at <= now + LONGEST_BELIEVED else None


def _read_claim(token: str, name: str) -> float | None:
    parts = token.split(".")
    if len(parts) < 2:
        return None
    payload = parts[1].rstrip("=").replace("+", "-").replace("/", "_")
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        number = float(claims[name]) if not isinstance(claims[name], bool) else math.nan
    except (binascii.Error, ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError):
        return None
    return number if math.isfinite(number) else None
