"""The token cache: what is stored beside a token, and when a token is fresh or usable (design 4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from participants import conf
from participants.models import Participant
from participants.realtimekit import ParticipantToken, read_expiry
from participants.states import ExpirySource

USABLE_MARGIN = timedelta(seconds=60)

NO_TOKEN: dict[str, Any] = {
    "token": None,
    "token_issued_at": None,
    "token_expires_at": None,
    "token_expiry_source": "",
}


@dataclass(frozen=True)
class TokenState:
    """Of one row at one moment. ``refresh_after`` is when the token stops being fresh."""

    usable: bool
    fresh: bool
    refresh_after: datetime | None


def describe_token(token: ParticipantToken | None, now: datetime) -> dict[str, Any]:
    """The columns to write with a token just issued; none for no token, so that a cached one is kept."""
    if token is None:
        return {}
    expires_at = read_expiry(token.value, now=now)
    source = ExpirySource.JWT if expires_at else ExpirySource.ASSUMED
    return {
        "token": token.value,
        "token_issued_at": now,
        "token_expires_at": expires_at or now + conf.read_token_lifetime(),
        "token_expiry_source": source,
    }


def inspect(row: Participant, now: datetime) -> TokenState:
    """``token_expires_at`` alone decides; a token that can't be decrypted counts as none."""
    expires_at = row.token_expires_at
    if not row.token or expires_at is None:
        return TokenState(usable=False, fresh=False, refresh_after=None)
    refresh_after = expires_at - _margin(row.token_issued_at, expires_at)
    return TokenState(
        usable=expires_at - now > USABLE_MARGIN,
        fresh=now < refresh_after and expires_at - now > USABLE_MARGIN,
        refresh_after=refresh_after,
    )


def _margin(issued_at: datetime | None, expires_at: datetime) -> timedelta:
    lifetime = expires_at - issued_at if issued_at else conf.read_token_lifetime()
    return min(conf.read_min_remaining(), max(lifetime, timedelta()) / 10)
