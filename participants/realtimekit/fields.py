"""Reads single fields of decoded JSON: ids strictly, optional ones as absent or null, times leniently."""

from collections.abc import Mapping
from datetime import UTC, datetime

from participants.realtimekit.envelopes import UnreadableError
from participants.realtimekit.redaction import clean

Data = Mapping[str, object]


def read_id(data: Data, name: str) -> str:
    """A required, non-empty string. Raises UnreadableError."""
    value = data.get(name)
    if not isinstance(value, str) or not value.strip() or value != clean(value):
        raise UnreadableError(f"{name} is not a non-empty string")
    return value


def read_text(data: Data, name: str) -> str | None:
    """An optional string. Raises UnreadableError if something else is there."""
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise UnreadableError(f"{name} is not a string")
    return clean(value)


def read_time(data: Data, *names: str) -> datetime | None:
    """The first of `names` that can be read as a time, as aware UTC; None if none can."""
    for name in names:
        moment = _parse_time(data.get(name))
        if moment is not None:
            return moment
    return None


def _parse_time(value: object) -> datetime | None:
    # Session times are declared as plain strings (contract 1): what cannot be read is as good as absent.
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
