"""One rule in two forms: ``should_be_active`` in SQL and ``wants_active`` on a row."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from participants.models import Meeting
from participants.models.meeting import OPENS_EARLY, should_be_active
from tests.factories import MadeMeetingFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2027, 1, 11, 12, 0, tzinfo=UTC)
HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)
EDGES = [None, NOON - HOUR, NOON, NOON + HOUR]
WINDOWS = [(o, c) for o, c in itertools.product(EDGES, EDGES) if o is None or c is None or o < c]
MOMENTS = sorted(
    {
        edge - early + step
        for edge, early, step in itertools.product(
            EDGES[1:], (timedelta(), OPENS_EARLY), (-HOUR / 2, -MOMENT, timedelta(), MOMENT, HOUR / 2)
        )
        if edge is not None
    }
)


@pytest.fixture
def grid() -> list[Meeting]:
    return [
        MadeMeetingFactory(status=status, enforce_window=enforced, opens_at=opens_at, closes_at=closes_at)
        for status in ("ACTIVE", "INACTIVE")
        for enforced in (True, False)
        for opens_at, closes_at in WINDOWS
    ]


def test_the_table_and_the_row_agree_at_every_moment(grid: list[Meeting]) -> None:
    for now in MOMENTS:
        found = set(Meeting.objects.filter(should_be_active(now)).values_list("pk", flat=True))
        assert found == {meeting.pk for meeting in grid if meeting.wants_active(now)}


def test_drift_in_the_table_and_on_the_row_agree_at_every_moment(grid: list[Meeting]) -> None:
    for meeting, applied in zip(grid, itertools.cycle(["ACTIVE", "INACTIVE", "", "PAUSED"]), strict=False):
        meeting.applied_status = applied
        meeting.save()
    for now in MOMENTS:
        found = set(Meeting.objects.drifted(now).values_list("pk", flat=True))
        assert found == {meeting.pk for meeting in grid if meeting.find_drift(now)}


@pytest.mark.parametrize(
    ("moment", "wanted"),
    [
        (NOON - OPENS_EARLY - MOMENT, False),
        (NOON - OPENS_EARLY, True),
        (NOON + HOUR - MOMENT, True),
        (NOON + HOUR, False),
    ],
)
def test_a_room_opens_a_minute_early_and_closes_on_time(moment: datetime, wanted: bool) -> None:
    meeting = Meeting(opens_at=NOON, closes_at=NOON + HOUR)
    assert meeting.wants_active(moment) is wanted


def test_staffs_wish_outweighs_the_window() -> None:
    assert not Meeting(status="INACTIVE").wants_active(NOON)
    assert not Meeting(status="INACTIVE", enforce_window=False).wants_active(NOON)
    assert Meeting(closes_at=NOON, enforce_window=False).wants_active(NOON + HOUR)
