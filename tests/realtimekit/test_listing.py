"""A list is complete or an error, however the server pages."""

from collections.abc import Callable
from typing import Any

import pytest

from participants.realtimekit import NotDelivered, OutcomeUnknown, RealtimeKit
from tests.realtimekit.conftest import FakeTime, Handler, ScriptedServer, data, hang_up, reply
from tests.realtimekit.samples import MEETING_ID, complaint, numbered, participant

Rows = list[dict[str, Any]]


class PagedServer:
    """Answers every page of a list by one of the habits seen or feared."""

    def __init__(
        self,
        server: ScriptedServer,
        rows: Rows,
        *,
        first_page: int = 1,
        clamp: int = 1000,
        ignores_paging: bool = False,
        total: Callable[[int, int], int | None] = lambda all_rows, page_rows: all_rows,
        refuses_page_zero: int | None = None,
    ) -> None:
        self.rows = rows
        self.first_page = first_page
        self.clamp = clamp
        self.ignores_paging = ignores_paging
        self.total = total
        self.refuses_page_zero = refuses_page_zero
        self.asked: list[int] = []
        self.server = server
        server.script = _Endless(self.answer)  # type: ignore[assignment]  # a queue that never empties

    def answer(self, handler: Handler) -> None:
        query = self.server.requests[-1].query
        page_no, per_page = int(query["page_no"]), min(int(query["per_page"]), self.clamp)
        self.asked.append(page_no)
        if page_no == 0 and self.refuses_page_zero:
            reply(self.refuses_page_zero, complaint(self.refuses_page_zero, "page_no"))(handler)
            return
        start = max(0, page_no - self.first_page) * per_page
        page = self.rows if self.ignores_paging else self.rows[start : start + per_page]
        total = self.total(len(self.rows), len(page))
        paging: dict[str, object] = {} if total is None else {"paging": {"total_count": float(total)}}
        reply(200, {"success": True, "data": page, **paging})(handler)


class _Endless:
    def __init__(self, step: Callable[[Handler], None]) -> None:
        self._step = step

    def popleft(self) -> Callable[[Handler], None]:
        return self._step


def no_total(all_rows: int, page_rows: int) -> None:
    return None


def listed(client: RealtimeKit) -> list[str]:
    return sorted(found.id for found in client.participants.list(MEETING_ID))


def ids(rows: Rows) -> list[str]:
    return sorted(str(row["id"]) for row in rows)


def test_a_short_list_costs_one_call(server: ScriptedServer, client: RealtimeKit) -> None:
    paged = PagedServer(server, numbered(7))
    assert listed(client) == ids(paged.rows)
    assert paged.asked == [1]


def test_an_empty_list_that_says_so_costs_one_call(server: ScriptedServer, client: RealtimeKit) -> None:
    paged = PagedServer(server, [])
    assert listed(client) == []
    assert paged.asked == [1]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 250])
@pytest.mark.parametrize("first_page", [0, 1])
@pytest.mark.parametrize("total", [lambda all_rows, page_rows: all_rows, no_total], ids=["total", "no total"])
@pytest.mark.parametrize("clamp", [1000, 50], ids=["as asked", "clamped"])
def test_every_row_is_found_once_whatever_the_paging(
    server: ScriptedServer,
    client: RealtimeKit,
    count: int,
    first_page: int,
    total: Callable[[int, int], int | None],
    clamp: int,
) -> None:
    rows = numbered(count)
    PagedServer(server, rows, first_page=first_page, total=total, clamp=clamp)
    assert listed(client) == ids(rows)


@pytest.mark.parametrize("total", [no_total, lambda all_rows, page_rows: all_rows, lambda all_rows, page_rows: 0])
def test_a_server_that_ignores_paging_is_asked_until_nothing_new_comes(
    server: ScriptedServer, client: RealtimeKit, total: Callable[[int, int], int | None]
) -> None:
    rows = numbered(130)
    PagedServer(server, rows, ignores_paging=True, total=total)
    assert listed(client) == ids(rows)


def test_a_total_that_counts_the_page_does_not_end_the_list(server: ScriptedServer, client: RealtimeKit) -> None:
    rows = numbered(230)
    PagedServer(server, rows, total=lambda all_rows, page_rows: page_rows)
    assert listed(client) == ids(rows)


@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_a_server_that_stumbles_over_page_zero_is_still_read(
    server: ScriptedServer, client: RealtimeKit, status: int
) -> None:
    rows = numbered(3)
    PagedServer(server, rows, total=no_total, refuses_page_zero=status)
    assert listed(client) == ids(rows)


def test_a_list_shorter_than_promised_is_incomplete(server: ScriptedServer, client: RealtimeKit) -> None:
    PagedServer(server, numbered(4), total=lambda all_rows, page_rows: 5, refuses_page_zero=400)
    with pytest.raises(OutcomeUnknown) as caught:
        client.participants.list(MEETING_ID)
    assert caught.value.code == "listing_incomplete"


def test_a_list_without_an_end_is_given_up(server: ScriptedServer, client: RealtimeKit) -> None:
    served = iter(range(10_000))

    def answer(handler: Handler) -> None:
        data([participant(id=f"p-{next(served)}")])(handler)

    server.script = _Endless(answer)  # type: ignore[assignment]  # a queue that never empties
    with pytest.raises(OutcomeUnknown) as caught:
        client.participants.list(MEETING_ID)
    assert caught.value.code == "listing_incomplete"
    assert len(server.requests) == 1000


def test_a_row_that_slipped_across_a_page_while_another_was_deleted_is_found(
    server: ScriptedServer, client: RealtimeKit
) -> None:
    rows = numbered(150)
    after = rows[1:]

    def page(of: Rows, start: int) -> Callable[[Handler], None]:
        return data(of[start : start + 100], paging={"total_count": len(of)})

    server.will(page(rows, 0), page(after, 100), page(after, 0), page(after, 100))
    assert listed(client) == ids(after)


def test_people_added_while_the_list_is_read_do_not_make_it_incomplete(
    server: ScriptedServer, client: RealtimeKit
) -> None:
    newest_first = numbered(101)[::-1]
    grown = [participant(id="p-new"), *newest_first]
    server.will(
        data(newest_first[:100], paging={"total_count": 101}),
        data(grown[100:], paging={"total_count": 102}),
        data(grown[200:], paging={"total_count": 102}),
    )
    assert listed(client) == ids(newest_first)


def test_a_page_that_stays_lost_fails_the_whole_list(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(data(numbered(100), paging={"total_count": 150}), hang_up, hang_up, hang_up)
    with pytest.raises(OutcomeUnknown):
        client.participants.list(MEETING_ID)


def test_a_page_that_is_lost_once_is_asked_for_again(server: ScriptedServer, client: RealtimeKit) -> None:
    rows = numbered(150)
    paging = {"total_count": 150}
    server.will(data(rows[:100], paging=paging), hang_up, data(rows[100:], paging=paging))
    assert listed(client) == ids(rows)


def test_all_pages_share_one_time_budget(server: ScriptedServer, client: RealtimeKit, fake_time: FakeTime) -> None:
    wait = reply(429, b"", {"Retry-After": "12"})
    paging = {"total_count": 300}
    server.will(wait, data(numbered(100), paging=paging), wait, data(numbered(100, 101), paging=paging), wait)
    with pytest.raises(NotDelivered):
        client.participants.list(MEETING_ID)
    assert sum(fake_time.slept) < 30


@pytest.mark.parametrize(
    "answered",
    [{"participants": "odd"}, {}, "text", [1], [participant(), None], [participant(id=None)]],
)
def test_a_list_of_the_wrong_shape_is_unreadable_not_empty(
    server: ScriptedServer, client: RealtimeKit, answered: object
) -> None:
    server.will(*[data(answered)] * 3)
    with pytest.raises(OutcomeUnknown) as caught:
        client.participants.list(MEETING_ID)
    assert caught.value.code == "unreadable_answer"


def test_rows_nested_under_their_name_are_found(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(data({"participants": numbered(2), "paging": {"total_count": 2}}))
    assert listed(client) == ["p-1", "p-2"]


def test_one_odd_participant_does_not_hide_the_others(server: ScriptedServer, client: RealtimeKit) -> None:
    odd = {"id": "made-by-hand", "custom_participant_id": None}
    server.will(data([odd, participant()], paging={"total_count": 2}))
    first, second = client.participants.list(MEETING_ID)
    assert (first.custom_participant_id, first.preset_name, first.created_at) == (None, None, None)
    assert second.custom_participant_id == "u-4711"
