"""How two reports of one thing become one, whichever comes first. Pure, and each rule is commutative, associative
and idempotent: deliveries are lost, late, doubled and reordered (contract 18, row 14).

What RealtimeKit said beats what was estimated. Of two things that it said, the earlier start and the later end
count, since RealtimeKit repeats itself as it learns; where a delivery and a listing agree, the delivery is named, so
that "pulled" marks what had been missed.
"""

import re
from datetime import datetime
from typing import NamedTuple

from participants.states import KnownBy

TEXT_LIMIT = 255
_RANKS = {"": 0, KnownBy.ESTIMATED.value: 1, KnownBy.PULLED.value: 2, KnownBy.WEBHOOK.value: 2}
# PostgreSQL stores neither NUL nor a lone surrogate, and JSON can carry both.
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


class Told(NamedTuple):
    """A time, and how it is known; ``by`` is blank where there is none."""

    at: datetime | None
    by: str

    @property
    def is_reported(self) -> bool:
        return _RANKS[self.by] == _RANKS[KnownBy.WEBHOOK]


def tell(at: datetime | None, by: str) -> Told:
    return Told(at, str(by) if at else "")


def take_earlier(one: Told, other: Told) -> Told:
    """Of when something began."""
    return _choose(one, other, latest=False)


def take_later(one: Told, other: Told) -> Told:
    """Of when something ended."""
    return _choose(one, other, latest=True)


def _choose(one: Told, other: Told, *, latest: bool) -> Told:
    if one.at is None or other.at is None:
        return other if one.at is None else one
    if _RANKS[one.by] != _RANKS[other.by]:
        return max(one, other, key=lambda told: _RANKS[told.by])
    if one.at != other.at:
        return one if (one.at > other.at) is latest else other
    return one if one.by == KnownBy.WEBHOOK else other


def take_text(one: str, other: str) -> str:
    """Of names and titles, which carry no time: any rule that does not ask who came first."""
    return max(one, other[:TEXT_LIMIT])


def fit(text: str | None) -> str:
    """As much of a text as its column holds."""
    return _UNSTORABLE.sub("", text or "")[:TEXT_LIMIT]


def looks_like_recorder(*, custom_participant_id: str | None, name: str | None) -> bool:
    """How recorders show in lists and deliveries is not documented (contract 18, row 17): somebody without a key of
    ours who calls themselves so."""
    return not custom_participant_id and "recorder" in (name or "").lower()
