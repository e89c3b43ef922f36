"""The calculator of docs/scale.md, and what the page says of it."""

from argparse import Namespace

import pytest

from benchmarks import capacity
from benchmarks.simulation.plan import Plan


def describe(**given: object) -> dict[str, str]:
    defaults = {"people": 100_000, "size": 30, "lessons": 1.0, "minutes": 45.0, "anew": False}
    others = {"lifetime": 100.0, "budget": "3000/300", "deliveries_kept": 30.0}
    return dict(capacity.describe(Namespace(**{**defaults, **others, **given})))


def test_the_budget_of_the_settings_carries_what_the_page_says() -> None:
    assert describe()["calls in the long run"] == "9.40 a second, 812,160 a day"
    assert describe(people=10_000_000)["enrolling everybody once"] == "12.31 days"


def test_what_asks_for_more_than_one_account_is_said_so() -> None:
    assert "MORE" not in describe(people=1_000_000)["together"]
    assert "MORE" in describe(people=10_000_000, lifetime=7.0)["together"]


@pytest.mark.parametrize(("size", "fits"), [(1_000, True), (30, False)])
def test_whether_the_list_of_meetings_can_be_read_depends_on_how_many_there_are(size: int, fits: bool) -> None:
    told = describe(people=10_000_000, size=size)["the list of meetings, read within a minute"]
    assert told.endswith("at most: fits") is fits


def test_rows_of_meetings_made_anew_are_made_for_each_lesson() -> None:
    rows = capacity.list_rows(Plan(people=1_000, lessons=2.0, anew=True), 30.0)
    assert rows["participants"] == 1_000 * 2 * capacity.WEEKS_OF_LESSONS
