"""`Retry-After` in both of its forms, as seconds with a ceiling (contract 18 row 8)."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER = 300.0


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds between 0 and 300, or None if the header is absent or means nothing.

    A date is compared with the answer's own `Date` where there is one, since our clock may be off.
    """
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        until = _parse_date(value)
        if until is None:
            return None
        now = _parse_date(headers.get("Date", "")) or datetime.now(UTC)
        seconds = max(0.0, (until - now).total_seconds())
    if math.isnan(seconds) or seconds < 0:
        return None
    return min(seconds, LONGEST_RETRY_AFTER)


def _parse_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
