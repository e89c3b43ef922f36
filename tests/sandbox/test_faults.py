"""Each scripted fault, as a caller sees it and as the world is afterwards."""

import time
from typing import Any

import pytest
import requests
from requests.exceptions import ChunkedEncodingError, ConnectionError, JSONDecodeError  # noqa: A004 - the names of requests

from participants.sandbox import Sandbox
from tests.sandbox.caller import Caller, FakeClock

PERSON = {"custom_participant_id": "u-1", "preset_name": "group_call_host"}


def test_a_lost_answer_leaves_the_write_done(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    sandbox.faults.lose_next_answer()
    with pytest.raises(ConnectionError):
        caller.post(f"meetings/{meeting_id}/participants", PERSON)
    assert len(sandbox.world.participants(meeting_id)) == 1
    [entry] = sandbox.requests.of("participants.add")
    assert (entry.status, entry.delivered, entry.body) == (None, False, PERSON)
    assert caller.post(f"meetings/{meeting_id}/participants", PERSON).status_code == 201


def test_a_dropped_request_leaves_nothing_done(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    sandbox.faults.add("drop", "participants.add")
    with pytest.raises(ConnectionError):
        caller.post(f"meetings/{meeting_id}/participants", PERSON)
    assert sandbox.world.participants(meeting_id) == []
    assert [entry.delivered for entry in sandbox.requests.of("participants.add")] == [False]


def test_down_drops_everything_until_up(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.down()
    for path in ("meetings", "presets"):
        with pytest.raises(ConnectionError):
            caller.get(path)
    assert caller.control("GET", "health").status_code == 200
    sandbox.faults.up()
    assert caller.get("meetings").status_code == 200


@pytest.mark.parametrize("retry_after", [3, "Mon, 11 Jan 2027 08:00:30 GMT"])
def test_a_rate_limit_says_how_long_to_wait(retry_after: int | str, caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("rate_limited", retry_after=retry_after)
    answer = caller.get("meetings")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (429, 1015)
    assert answer.headers["Retry-After"] == str(retry_after)
    assert caller.get("meetings").status_code == 200


def test_a_rate_limit_may_keep_the_wait_to_itself(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("rate_limited", retry_after=None)
    assert "Retry-After" not in caller.get("meetings").headers


@pytest.mark.parametrize("status", [500, 502, 503, 520])
@pytest.mark.parametrize(
    ("shape", "start"),
    [("A", b'{"success":false,"error"'), ("C", b'{"success":false,"errors"'), ("html", b"<html>"), ("empty", b"")],
)
def test_a_server_error_comes_in_any_shape(
    status: int, shape: str, start: bytes, caller: Caller, sandbox: Sandbox
) -> None:
    sandbox.faults.add("server_error", status=status, shape=shape)
    answer = caller.post("meetings", {"title": "x"})
    assert answer.status_code == status
    assert answer.content.startswith(start)
    assert bool(answer.content) is (shape != "empty")
    assert sandbox.world.meetings() == []


def test_a_server_error_may_come_after_the_write(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("server_error", "meetings.create", status=502, shape="html", performed=True)
    assert caller.post("meetings", {"title": "x"}).status_code == 502
    assert [meeting.title for meeting in sandbox.world.meetings()] == ["x"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
@pytest.mark.parametrize("shape", ["A", "B", "C", "html"])
def test_a_refusal_comes_in_any_shape(status: int, shape: str, caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("refuse", "meetings.create", status=status, message="not like this", shape=shape)
    answer = caller.post("meetings", {"title": "x"})
    assert answer.status_code == status
    assert "not like this" in answer.text
    assert sandbox.world.meetings() == []


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ("empty", b""),
        ("no_data", b'{"success":true}'),
        ("unsuccessful", b'{"success":false,"error":{"code":500,"message":"Internal server error"}}'),
    ],
)
def test_a_malformed_answer_says_success_and_holds_none(
    body: str, content: bytes, caller: Caller, meeting_id: str, sandbox: Sandbox
) -> None:
    sandbox.faults.add("malformed", "participants.add", body=body)
    answer = caller.post(f"meetings/{meeting_id}/participants", PERSON)
    assert (answer.status_code, answer.content) == (201, content)
    assert len(sandbox.world.participants(meeting_id)) == 1


@pytest.mark.parametrize("body", ["truncated", "html"])
def test_a_malformed_answer_may_not_be_json(body: str, caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("malformed", "meetings.create", body=body)
    answer = caller.post("meetings", {"title": "x"})
    assert answer.status_code == 201
    with pytest.raises(JSONDecodeError):
        answer.json()
    assert len(sandbox.world.meetings()) == 1


def test_an_answer_may_break_off_before_its_announced_end(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("malformed", "meetings.create", body="cut_off")
    with pytest.raises((ChunkedEncodingError, ConnectionError)):
        caller.post("meetings", {"title": "x"})
    assert len(sandbox.world.meetings()) == 1


def test_a_malformed_answer_may_have_wrong_types(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    sandbox.faults.add("malformed", body="wrong_types", times=2)
    added: dict[str, Any] = caller.post(f"meetings/{meeting_id}/participants", PERSON).json()
    listed: dict[str, Any] = caller.get("meetings").json()
    assert added["success"] is True
    assert not any(isinstance(value, str) for value in added["data"].values())
    assert not isinstance(listed["data"], list)


def test_a_new_participant_may_be_missing_from_lists_for_a_while(
    caller: Caller, meeting_id: str, sandbox: Sandbox, clock: FakeClock
) -> None:
    sandbox.faults.add("hide_new", "participants.add", seconds=30)
    sandbox.faults.lose_next_answer()
    with pytest.raises(ConnectionError):
        caller.post(f"meetings/{meeting_id}/participants", PERSON)
    second = caller.add(meeting_id, "u-2")["id"]
    path = f"meetings/{meeting_id}/participants"
    listed = caller.get(path).json()
    assert [row["id"] for row in listed["data"]] == [second]
    assert listed["paging"]["total_count"] == 1
    [hidden, _] = sandbox.world.participants(meeting_id)
    assert caller.get(f"{path}/{hidden.id}").status_code == 200
    clock.advance(seconds=30)
    assert [row["id"] for row in caller.get(path).json()["data"]] == [hidden.id, second]


def test_the_server_may_clamp_the_page(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    sandbox.faults.add("page_size", "participants.list", times=None, size=2)
    for number in range(3):
        caller.add(meeting_id, f"u-{number}")
    page = caller.get(f"meetings/{meeting_id}/participants", per_page=100).json()
    assert (len(page["data"]), page["paging"]["total_count"]) == (2, 3)
    assert len(caller.get(f"meetings/{meeting_id}/participants", page_no=2).json()["data"]) == 1


def test_a_slow_answer_outlasts_the_callers_patience(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("latency", "meetings.create", seconds=30, performed=True)
    with pytest.raises(requests.Timeout):
        caller.session.post(f"{caller.kit}/meetings", json={"title": "x"}, timeout=0.5)
    assert len(sandbox.world.meetings()) == 1


def test_latency_delays_only_its_own_request(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("latency", "meetings.list", seconds=30)
    with pytest.raises(requests.Timeout):
        caller.session.get(f"{caller.kit}/meetings", timeout=0.1)
    began = time.monotonic()
    assert caller.get("presets").status_code == 200
    assert time.monotonic() - began < 5


def test_a_dripping_body_arrives_whole(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("drip", "presets.list", interval=0.0001)
    assert len(caller.get("presets").json()["data"]) == 4


def test_faults_of_a_kind_pass_others_by(caller: Caller, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add("server_error", "meetings.create")
    assert caller.get("meetings").status_code == 200
    assert caller.post("meetings", {}).status_code == 500
    assert caller.post("meetings", {}).status_code == 201
    assert fault.fired == 1


def test_endings_come_in_the_order_they_were_added(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("server_error", times=2, skip=1)
    sandbox.faults.add("rate_limited", skip=1)
    assert [caller.get("meetings").status_code for _ in range(5)] == [200, 500, 500, 429, 200]


def test_a_seed_repeats_what_chance_decides(caller: Caller, sandbox: Sandbox) -> None:
    def seen() -> list[int]:
        sandbox.faults.clear()
        sandbox.faults.add("server_error", times=None, probability=0.6, seed=7)
        return [caller.get("meetings").status_code for _ in range(20)]

    first = seen()
    assert seen() == first
    assert set(first) == {200, 500}


def test_clear_ends_all_trouble(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add("drop", times=None)
    sandbox.faults.down()
    sandbox.faults.clear()
    assert caller.get("meetings").status_code == 200


@pytest.mark.parametrize(
    ("kind", "options", "complaint"),
    [
        ("lost_answer", {}, "no fault is called lost_answer"),
        ("drop", {"operation": "participants.enrol"}, "no operation is called participants.enrol"),
        ("latency", {"second": 1}, "latency has no option second"),
        ("malformed", {"body": "odd"}, "body is one of"),
    ],
)
def test_a_typo_in_the_script_is_an_error(
    kind: str, options: dict[str, Any], complaint: str, sandbox: Sandbox
) -> None:
    with pytest.raises(ValueError, match=complaint):
        sandbox.faults.add(kind, **options)
