"""What may be changed while the sandbox runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

Duplicates = Literal["second", "conflict", "same"]
Clock = Callable[[], datetime]
Limit = tuple[int, float]

DUPLICATES: tuple[Duplicates, ...] = ("second", "conflict", "same")
TOKEN_LIFETIME = timedelta(days=100)
LIMIT: Limit = (3500, 300.0)
DELIVERY_RETRIES = (1.0, 3.0, 10.0)
"""Seconds before a delivery is tried a second, third and fourth time; how RealtimeKit does it is not documented."""
ACCOUNT_ID = "5a9dbc0e5a9dbc0e5a9dbc0e5a9dbc0e"
APP_ID = "5a9db0c5-0000-4000-8000-000000000001"
API_TOKEN = "sandbox-api-token"  # noqa: S105 - opens nothing but this stand-in


@dataclass
class Settings:
    """`duplicates`: what adding one custom_participant_id again does, a question contract 18.1 leaves open."""

    token_lifetime: timedelta | None = TOKEN_LIFETIME
    duplicates: Duplicates = "second"
    limit: Limit = LIMIT
    delivery_retries: tuple[float, ...] = DELIVERY_RETRIES

    def reset(self, limit: Limit) -> None:
        self.token_lifetime = TOKEN_LIFETIME
        self.duplicates = "second"
        self.limit = limit
        self.delivery_retries = DELIVERY_RETRIES


def utc_now() -> datetime:
    return datetime.now(UTC)
