"""Reads a list to its end, whatever the server thinks of pages (contract 1.1, 18 row 9).

Somebody missing from a complete list counts as gone, so this either has every row or raises.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from participants.realtimekit import failures
from participants.realtimekit.calls import Call
from participants.realtimekit.deadlines import Deadline
from participants.realtimekit.envelopes import Envelope
from participants.realtimekit.errors import Absent, OutcomeUnknown, Refused
from participants.realtimekit.fields import read_id
from participants.realtimekit.transport import Transport

R = TypeVar("R")
PER_PAGE = 100
PAGE_CAP = 1000
PASSES = 3


@dataclass(frozen=True)
class _Page(Generic[R]):
    rows: dict[str, R | None]
    is_full: bool
    total: int | None


@dataclass
class _Listing(Generic[R]):
    """What one pass over the pages has seen. `promised` is how many there were when it began."""

    rows: dict[str, R | None] = field(default_factory=dict)
    promised: int | None = None
    latest: int | None = None
    shrank: bool = False

    def take(self, page: _Page[R]) -> bool:
        """Merge a page; False if it brought nothing new."""
        grown = not page.rows.keys() <= self.rows.keys()
        self.rows.update(page.rows)
        if page.total is not None:
            self.promised = page.total if self.promised is None else self.promised
            self.shrank = self.shrank or (self.latest is not None and page.total < self.latest)
            self.latest = page.total
        return grown

    def ends_with(self, page: _Page[R]) -> bool:
        # A full page is never the last word: some servers count the page instead of the list.
        return self.latest is not None and len(self.rows) >= self.latest and not page.is_full

    @property
    def is_short(self) -> bool:
        return self.promised is not None and len(self.rows) < self.promised


def list_all(
    transport: Transport,
    call: Call,
    parse: Callable[[dict[str, object]], R | None],
    *,
    name: str,
    search: str | None = None,
    deadline: Deadline | None = None,
) -> list[R]:
    """Every row once, parsed; without those `parse` answers None for. `name` is where they lie in an object.

    Raises OutcomeUnknown `listing_incomplete` when the pages end before the rows do.
    """
    deadline = transport.start_deadline(deadline)
    given: Mapping[str, str | int] = call.query if search is None else {**call.query, "search": search}

    def fetch(page_no: int) -> _Page[R]:
        asked = replace(call, query={**given, "page_no": page_no, "per_page": PER_PAGE})
        return transport.perform(asked, lambda envelope: _parse_page(envelope, name, parse), deadline=deadline)

    seen: object = None
    for _ in range(PASSES):
        listing = _walk(fetch)
        if listing is None:
            break
        # A row deleted while we read moves another one across a page border, unseen: read again, until the
        # total holds still or, where it counts something else, two passes agree.
        if not listing.is_short and (not listing.shrank or listing.rows.keys() == seen):
            return [row for row in listing.rows.values() if row is not None]
        seen = listing.rows.keys()
    raise transport.fail(call.operation, failures.LISTING_INCOMPLETE)


def list_latest(
    transport: Transport,
    call: Call,
    parse: Callable[[dict[str, object]], R | None],
    *,
    name: str,
    is_old: Callable[[R], bool],
    deadline: Deadline | None = None,
) -> list[R]:
    """Rows of a list that is asked for newest first, page by page until one holds nothing but old ones.

    Unlike ``list_all`` it vouches for nothing: whoever is not in it may be there all the same.
    """
    deadline = transport.start_deadline(deadline)
    listing = _Listing[R]()

    def fetch(page_no: int) -> _Page[R]:
        asked = replace(call, query={**call.query, "page_no": page_no, "per_page": PER_PAGE})
        return transport.perform(asked, lambda envelope: _parse_page(envelope, name, parse), deadline=deadline)

    for page_no in range(1, PAGE_CAP + 1):
        page = fetch(page_no)
        rows = [row for row in page.rows.values() if row is not None]
        if not listing.take(page) or listing.ends_with(page) or (rows and all(map(is_old, rows))):
            break
    # Were pages counted from 0, the newest would be on that one.
    _take_page_zero(fetch, listing)
    return [row for row in listing.rows.values() if row is not None and not is_old(row)]


def _walk(fetch: Callable[[int], _Page[R]]) -> _Listing[R] | None:
    """One pass; None if the pages do not end."""
    listing = _Listing[R]()
    for page_no in range(1, PAGE_CAP + 1):
        page = fetch(page_no)
        if not listing.take(page) or listing.ends_with(page):
            break
    else:
        return None
    # Whether pages count from 0 or from 1 is not documented.
    if listing.promised is None or (listing.is_short and not listing.shrank):
        _take_page_zero(fetch, listing)
    return listing


def _take_page_zero(fetch: Callable[[int], _Page[R]], listing: _Listing[R]) -> None:
    try:
        listing.take(fetch(0))
    except (Refused, Absent):
        return
    except OutcomeUnknown as error:
        # A server that counts from 1 may stumble over page 0; its own pages were read all the same.
        if error.code != "server_error":
            raise


def _parse_page(envelope: Envelope, name: str, parse: Callable[[dict[str, object]], R | None]) -> _Page[R]:
    rows = envelope.rows(name)
    total = envelope.total_count if envelope.total_count or not rows else None
    return _Page({read_id(row, "id"): parse(row) for row in rows}, len(rows) >= PER_PAGE, total)
