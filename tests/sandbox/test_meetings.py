"""Meetings as contract 6 describes them."""

import pytest

from tests.sandbox.caller import Caller, FakeClock


def titles(caller: Caller, **query: object) -> list[str]:
    return [meeting["title"] for meeting in caller.get("meetings", **query).json()["data"]]


def test_an_empty_object_is_a_meeting_with_defaults(caller: Caller) -> None:
    meeting = caller.post("meetings", {}).json()["data"]
    assert (meeting["title"], meeting["status"], meeting["record_on_start"]) == (None, "ACTIVE", False)
    assert meeting["session_keep_alive_time_in_secs"] == 60


def test_search_finds_by_title_part_and_by_id(caller: Caller) -> None:
    algebra = caller.create_meeting("Algebra, group 7")
    caller.create_meeting("Geometry")
    assert titles(caller, search="GROUP") == ["Algebra, group 7"]
    assert titles(caller, search=algebra) == ["Algebra, group 7"]
    assert titles(caller, search=algebra[:8]) == []
    assert titles(caller, unknown_filter="x") == ["Algebra, group 7", "Geometry"]


def test_lists_are_filtered_by_status_and_time(caller: Caller, clock: FakeClock) -> None:
    caller.create_meeting("early")
    clock.advance(hours=1)
    late = caller.create_meeting("late")
    caller.patch(f"meetings/{late}", {"status": "INACTIVE"})
    assert titles(caller, status="ACTIVE") == ["early"]
    assert titles(caller, status="INACTIVE") == ["late"]
    assert titles(caller, start_time=clock().isoformat()) == ["late"]
    assert titles(caller, end_time="2027-01-11T08:30:00Z") == ["early"]


def test_a_patch_keeps_what_it_does_not_name_and_a_put_does_not(caller: Caller) -> None:
    body = {"title": "Algebra", "persist_chat": True, "session_keep_alive_time_in_secs": 300}
    path = f"meetings/{caller.post('meetings', body).json()['data']['id']}"
    patched = caller.patch(path, {"title": "Geometry", "status": "INACTIVE"}).json()["data"]
    assert (patched["title"], patched["persist_chat"], patched["status"]) == ("Geometry", True, "INACTIVE")
    replaced = caller.put(path, {"title": "Algebra"}).json()["data"]
    assert (replaced["persist_chat"], replaced["session_keep_alive_time_in_secs"]) == (False, 60)
    assert replaced["status"] == "INACTIVE"


def test_list_items_lack_the_ai_config(caller: Caller) -> None:
    made = caller.post("meetings", {"ai_config": {"transcription": {"language": "de"}}}).json()["data"]
    assert made["ai_config"] == {"transcription": {"language": "de"}}
    assert "ai_config" not in caller.get("meetings").json()["data"][0]


def test_storage_secrets_are_write_only(caller: Caller) -> None:
    storage = {"type": "aws", "bucket": "b", "access_key": "AKIA", "secret": "hush"}
    made = caller.post("meetings", {"recording_config": {"storage_config": storage}})
    assert made.json()["data"]["recording_config"]["storage_config"] == {"type": "aws", "bucket": "b"}
    assert "hush" not in caller.get("meetings").text


@pytest.mark.parametrize("body", [{"title": None}, {"status": None}, {"status": "OPEN"}])
def test_a_patch_takes_no_nulls(body: dict[str, object], caller: Caller) -> None:
    assert caller.patch(f"meetings/{caller.create_meeting()}", body).status_code == 400


def test_a_meeting_cannot_be_deleted(caller: Caller) -> None:
    assert caller.delete(f"meetings/{caller.create_meeting()}").status_code == 405


def test_titles_come_back_as_they_were_sent(caller: Caller) -> None:
    sent = ["Überblick \N{SNOWMAN} \N{GRINNING FACE}", "", "<b>\"'&", "x" * 5000]
    for title in sent:
        caller.create_meeting(title)
    assert titles(caller) == sent


def test_half_a_character_does_not_upset_the_server(caller: Caller) -> None:
    caller.create_meeting("\ud800")
    assert titles(caller) == ["?"]
