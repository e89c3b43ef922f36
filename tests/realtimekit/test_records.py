"""Answers become frozen records: required fields strictly, optional ones absent or null, the rest ignored."""

import dataclasses
from datetime import UTC, datetime

import pytest

from participants.realtimekit.envelopes import UnreadableError
from participants.realtimekit.records import (
    parse_app,
    parse_meeting,
    parse_participant,
    parse_preset,
    parse_session,
)
from tests.realtimekit.samples import meeting, participant, preset, session


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse_meeting(meeting()).title = "other"  # type: ignore[misc]  # that is the point


def test_optional_fields_may_be_absent_or_null() -> None:
    bare = parse_meeting({"id": "m"})
    assert (bare.title, bare.status, bare.created_at, bare.updated_at) == (None, None, None, None)
    nulled = parse_participant(participant(name=None, picture=None, created_at=None))
    assert (nulled.name, nulled.picture, nulled.created_at) == (None, None, None)
    ended = parse_session({"id": "s", "ended_at": None})
    assert (ended.meeting_id, ended.live_participants, ended.ended_at) == (None, None, None)


def test_unknown_fields_are_ignored_but_kept_in_raw() -> None:
    found = parse_participant(participant(sip_enabled=False, preset_id="x"))
    assert found.raw["sip_enabled"] is False


def test_unknown_statuses_stay_as_they_came() -> None:
    assert parse_meeting(meeting(status="PAUSED")).status == "PAUSED"
    assert parse_session(session(status="ENDING")).status == "ENDING"


@pytest.mark.parametrize("bad", [None, "", "  ", 7, True, ["x"], {"id": "x"}, "a\x00b", "\ud800"])
def test_an_id_must_be_a_storable_non_empty_string(bad: object) -> None:
    for parse in (parse_app, parse_preset, parse_meeting, parse_participant, parse_session):
        with pytest.raises(UnreadableError, match="id is not"):
            parse({"name": "x", "id": bad})


@pytest.mark.parametrize("bad", [7, True, ["x"], {"x": 1}])
def test_a_text_of_the_wrong_type_is_unreadable(bad: object) -> None:
    with pytest.raises(UnreadableError, match="title"):
        parse_meeting(meeting(title=bad))
    with pytest.raises(UnreadableError, match="preset_name"):
        parse_participant(participant(preset_name=bad))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-11T08:00:00.000Z", datetime(2027, 1, 11, 8, tzinfo=UTC)),
        ("2027-01-11T08:00:00Z", datetime(2027, 1, 11, 8, tzinfo=UTC)),
        ("2027-01-11T10:00:00+02:00", datetime(2027, 1, 11, 8, tzinfo=UTC)),
        (" 2027-01-11 08:00:00 ", datetime(2027, 1, 11, 8, tzinfo=UTC)),
        ("2027-01-11T08:00:00.123456789Z", datetime(2027, 1, 11, 8, 0, 0, 123456, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:00", None),
        ("yesterday", None),
        ("", None),
        (1799654400, None),
        (None, None),
    ],
)
def test_times_are_read_leniently_as_utc(text: object, moment: datetime | None) -> None:
    assert parse_meeting(meeting(created_at=text)).created_at == moment


@pytest.mark.parametrize(
    ("value", "count"), [(3, 3), (3.0, 3), ("3", 3), (-1, None), ("many", None), (True, None), (None, None)]
)
def test_counts_come_as_numbers_of_any_kind(value: object, count: int | None) -> None:
    assert parse_session(session(live_participants=value)).live_participants == count


def test_a_preset_keeps_its_whole_configuration() -> None:
    config = {"view_type": "GROUP_CALL", "max_screenshare_count": 1}
    assert parse_preset(preset(config=config)).raw["config"] == config


def test_text_a_database_refuses_is_cleaned() -> None:
    found = parse_participant(participant(name="A\x00da\ud800", notes={"k\x00": ["\x00x"]}))
    assert found.name == "Ada"
    assert found.raw["notes"] == {"k": ["x"]}
