"""The attendance of the last weeks, as they begin and end where the reader is."""

from datetime import UTC, date, datetime, timedelta

import pytest

from participants.services import overview
from participants.services.overview import Week
from participants.services.zones import find_zone
from tests.factories import AdminFactory, EnrolledFactory, MadeMeetingFactory, PresenceFactory, SessionFactory

pytestmark = pytest.mark.django_db
SUNDAY_EVENING = datetime(2027, 1, 10, 23, 30, tzinfo=UTC)
"""Monday already in Berlin."""


def hold(began: datetime, *, expected: int = 2, came: int = 1, besides: int = 0) -> None:
    session = SessionFactory(started_at=began, meeting=MadeMeetingFactory())
    for number in range(expected + besides):
        columns = {"joined": 0} if number < came or number >= expected else {}
        row = EnrolledFactory(meeting=session.meeting)
        PresenceFactory(session=session, participant=row, was_enrolled=number < expected, **columns)


def read(now: datetime, zone: str) -> list[Week]:
    return overview.list_weeks(AdminFactory(), now, find_zone(zone))


def test_a_session_is_of_the_week_that_it_is_in_where_the_reader_is() -> None:
    hold(SUNDAY_EVENING)
    now = SUNDAY_EVENING + timedelta(hours=1)
    for zone, mondays in (("UTC", (4, 11)), ("Europe/Berlin", (11,)), ("America/New_York", (4,))):
        weeks = {week.begins: week.sessions for week in read(now, zone)[-2:]}
        assert max(weeks) == date(2027, 1, mondays[-1]), zone
        assert weeks[date(2027, 1, mondays[0])] == 1, zone
        assert sum(weeks.values()) == 1, zone


def test_a_week_in_which_the_clocks_change_begins_and_ends_at_midnight() -> None:
    berlin = find_zone("Europe/Berlin")
    for change in (date(2027, 3, 28), date(2027, 10, 31)):  # Sundays
        monday = change - timedelta(days=6)
        hold(datetime.combine(monday, datetime.min.time(), tzinfo=berlin))
        hold(datetime.combine(change, datetime.max.time(), tzinfo=berlin))
        hold(datetime.combine(change + timedelta(days=1), datetime.min.time(), tzinfo=berlin))
        now = datetime.combine(change + timedelta(days=3), datetime.min.time(), tzinfo=berlin)
        assert [(week.begins, week.sessions) for week in read(now, "Europe/Berlin")[-3:]] == [
            (monday - timedelta(weeks=1), 0),
            (monday, 2),
            (monday + timedelta(weeks=1), 1),
        ]


def test_the_share_is_of_those_who_were_expected() -> None:
    hold(SUNDAY_EVENING, expected=4, came=3, besides=5)
    week = read(SUNDAY_EVENING, "UTC")[-1]
    assert (week.expected, week.came, week.percent, week.minutes) == (4, 3, 75, 8 * 60)
