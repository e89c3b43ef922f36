"""Enrolling in a meeting as contract 7 and 18 describe it."""

import pytest

from participants.sandbox import Sandbox
from participants.sandbox.settings import Duplicates
from tests.sandbox.caller import Caller, FakeClock

EMPTY: tuple[dict[str, str] | None, ...] = (None, {})


def test_a_duplicate_makes_a_second_record_by_default(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    first, second = caller.add(meeting_id), caller.add(meeting_id)
    assert first["id"] != second["id"]
    assert [row.id for row in sandbox.world.participants(meeting_id)] == [first["id"], second["id"]]


def test_a_duplicate_may_conflict(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    sandbox.duplicates = "conflict"
    caller.add(meeting_id)
    body = {"custom_participant_id": "u-1", "preset_name": "group_call_host"}
    assert caller.post(f"meetings/{meeting_id}/participants", body).status_code == 409
    assert len(sandbox.world.participants(meeting_id)) == 1


def test_a_duplicate_may_be_the_same_record_with_a_new_token(
    caller: Caller, meeting_id: str, sandbox: Sandbox
) -> None:
    sandbox.duplicates = "same"
    first, second = caller.add(meeting_id), caller.add(meeting_id)
    assert first["id"] == second["id"]
    assert first["token"] != second["token"]
    assert sandbox.world.accepts(first["token"])


@pytest.mark.parametrize("policy", ["conflict", "same"])
def test_one_custom_id_in_two_meetings_is_no_duplicate(
    policy: Duplicates, caller: Caller, meeting_id: str, sandbox: Sandbox
) -> None:
    sandbox.duplicates = policy
    assert caller.add(meeting_id)["id"] != caller.add(caller.create_meeting())["id"]


def test_a_removed_participant_may_be_added_again(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    sandbox.duplicates = "conflict"
    gone = caller.add(meeting_id)["id"]
    caller.delete(f"meetings/{meeting_id}/participants/{gone}")
    assert caller.add(meeting_id)["id"] != gone


def test_lists_and_gets_hold_no_token(caller: Caller, meeting_id: str) -> None:
    person = caller.add(meeting_id)
    path = f"meetings/{meeting_id}/participants"
    assert person["token"].startswith("eyJ")
    assert "token" not in caller.get(path).json()["data"][0]
    assert "token" not in caller.get(f"{path}/{person['id']}").json()["data"]


def test_a_list_comes_page_by_page(caller: Caller, meeting_id: str) -> None:
    ids = [caller.add(meeting_id, f"u-{number}")["id"] for number in range(5)]
    path = f"meetings/{meeting_id}/participants"
    pages = [caller.get(path, page_no=number, per_page=2).json() for number in (0, 1, 2, 3, 4)]
    shown = [[row["id"] for row in page["data"]] for page in pages]
    assert shown == [ids[:2], ids[:2], ids[2:4], ids[4:], []]
    assert pages[2]["paging"] == {"start_offset": 3, "end_offset": 4, "total_count": 5}
    assert pages[4]["paging"]["total_count"] == 5


def test_a_page_holds_25_unless_told_and_100_at_most(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    for number in range(101):
        sandbox.world.add_participant(meeting_id, f"u-{number}", "group_call_host")
    path = f"meetings/{meeting_id}/participants"
    assert len(caller.get(path).json()["data"]) == 25
    assert len(caller.get(path, per_page=1000).json()["data"]) == 100


def test_a_patch_changes_what_it_names(caller: Caller, meeting_id: str, sandbox: Sandbox, clock: FakeClock) -> None:
    person = caller.add(meeting_id)
    clock.advance(minutes=1)
    body = {"preset_name": "webinar_viewer", "custom_participant_id": "other"}
    changed = caller.patch(f"meetings/{meeting_id}/participants/{person['id']}", body).json()["data"]
    assert (changed["name"], changed["preset_name"]) == ("Ada", "webinar_viewer")
    assert changed["custom_participant_id"] == "u-1"
    assert changed["updated_at"] > changed["created_at"] == person["created_at"]
    assert sandbox.world.participant_of(changed["token"]) == person["id"]


def test_a_patch_to_an_unknown_preset_changes_nothing(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    person = caller.add(meeting_id)["id"]
    body = {"name": "Eve", "preset_name": "unknown"}
    answer = caller.patch(f"meetings/{meeting_id}/participants/{person}", body)
    assert (answer.status_code, "No preset found" in answer.text) == (400, True)
    assert [row.name for row in sandbox.world.participants(meeting_id)] == ["Ada"]


def test_a_deletion_answers_without_an_id_and_is_not_repeated(caller: Caller, meeting_id: str) -> None:
    path = f"meetings/{meeting_id}/participants/{caller.add(meeting_id)['id']}"
    deleted = caller.delete(path)
    assert deleted.status_code == 200
    assert set(deleted.json()["data"]) == {"custom_participant_id", "preset_id", "created_at", "updated_at"}
    assert caller.delete(path).status_code == 404
    assert caller.get(path).status_code == 404
    assert caller.post(f"{path}/token").status_code == 404
    assert caller.patch(path, {"name": "x"}).status_code == 404


def test_a_participant_is_not_found_in_another_meeting(caller: Caller, meeting_id: str) -> None:
    person, other = caller.add(meeting_id)["id"], caller.create_meeting()
    assert caller.get(f"meetings/{other}/participants/{person}").status_code == 404


def test_refresh_takes_an_empty_object_or_nothing(caller: Caller, meeting_id: str) -> None:
    path = f"meetings/{meeting_id}/participants/{caller.add(meeting_id)['id']}/token"
    assert [caller.post(path, body).status_code for body in EMPTY] == [200, 200]


def test_a_preset_added_or_removed_by_a_test_counts_at_once(
    caller: Caller, meeting_id: str, sandbox: Sandbox
) -> None:
    sandbox.world.add_preset("tutor")
    assert caller.add(meeting_id, preset="tutor")["preset_name"] == "tutor"
    sandbox.world.remove_preset("tutor")
    body = {"custom_participant_id": "u-2", "preset_name": "tutor"}
    assert caller.post(f"meetings/{meeting_id}/participants", body).status_code == 400


def test_an_app_made_through_the_api_has_no_presets(caller: Caller, sandbox: Sandbox) -> None:
    app_id = caller.post(f"{caller.account}/apps", {"name": "Second"}).json()["data"]["app"]["id"]
    second = Caller(sandbox, app_id=app_id)
    caller.create_meeting("of the first")
    assert second.get("presets").json()["data"] == []
    assert second.get("meetings").json()["data"] == []
    second.close()
