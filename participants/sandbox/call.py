"""One routed, authenticated request as the handlers see it, and the checks they share."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from participants.sandbox.answers import Answer, Json, Refusal, success
from participants.sandbox.records import Meeting, Owned, Record
from participants.sandbox.storage import Table
from participants.sandbox.validation import UUID, Fields, check, complain, moment
from participants.sandbox.world import World

T = TypeVar("T")
OwnedRow = TypeVar("OwnedRow", bound=Owned)

PER_PAGE = 25
MOST_PER_PAGE = 100
NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]+)?")


@dataclass(frozen=True)
class Call:
    """`page_ceiling` and `hide_for` come from scripted faults."""

    world: World
    app_id: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    raw_body: bytes
    page_ceiling: int = MOST_PER_PAGE
    hide_for: timedelta | None = None

    def body(self, fields: Fields) -> Json:
        """The checked body; an absent one counts as an empty object. Raises Refusal(400)."""
        try:
            body = json.loads(self.raw_body or b"{}", parse_constant=_no_constant)
        except ValueError:
            raise Refusal(400, "BAD_REQUEST: the body is not valid JSON") from None
        if not isinstance(body, dict):
            raise Refusal(400, 'BAD_REQUEST: "value" must be of type object')
        return check(body, fields)

    def id(self, name: str) -> str:
        value = self.params[name]
        if not UUID.fullmatch(value):
            raise Refusal(400, f'BAD_REQUEST "{name}" must be a valid GUID')
        return value.lower()

    def meeting(self) -> Meeting:
        return self.owned(self.world.meeting_rows, "meeting_id", "Meeting")

    def owned(self, rows: Table[OwnedRow], name: str, noun: str) -> OwnedRow:
        """The record of this app named by a path parameter. Raises Refusal: 400, 404."""
        record = rows.get(self.id(name))
        if record is None or record.app_id != self.app_id:
            raise Refusal(404, f"{noun} not found")
        return record

    def number(self, name: str, default: int) -> int:
        text = self.query.get(name, "")
        if not text:
            return default
        if not NUMBER.fullmatch(text):
            complain(name, "must be a number greater than or equal to 0")
        return int(float(text))

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        value = self.query.get(name) or None
        if value is not None and value not in allowed:
            complain(name, f"must be one of [{', '.join(allowed)}]")
        return value

    def created_between(self) -> Callable[[Record], bool]:
        """`start_time` and `end_time` of the query, both inclusive."""
        limits = {name: moment(self.query[name], name) for name in ("start_time", "end_time") if self.query.get(name)}

        def within(record: Record) -> bool:
            created: datetime = record.created_at
            return limits.get("start_time", created) <= created <= limits.get("end_time", created)

        return within

    def slice(self, rows: Sequence[T]) -> tuple[Sequence[T], Json]:
        """One page and its `paging`; offsets count from 1 as in contract 19.4, page 0 is page 1."""
        size = min(self.number("per_page", PER_PAGE) or PER_PAGE, self.page_ceiling)
        skipped = (max(self.number("page_no", 1), 1) - 1) * size
        page = rows[skipped : skipped + size]
        start = skipped + 1 if page else skipped
        paging = {"start_offset": start, "end_offset": skipped + len(page), "total_count": len(rows)}
        return page, paging

    def paged(self, rows: Sequence[T], show: Callable[[T], Any]) -> Answer:
        page, paging = self.slice(rows)
        return success([show(row) for row in page], paging=paging)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is Python's, not JSON's")
