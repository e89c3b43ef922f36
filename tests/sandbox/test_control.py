"""The control endpoint, as another process uses it."""

from typing import Any

import pytest
from requests.exceptions import ConnectionError  # noqa: A004 - the name of requests

from participants.sandbox import Sandbox
from tests.sandbox.caller import Caller


def test_control_needs_the_api_token(sandbox: Sandbox) -> None:
    stranger = Caller(sandbox, api_token="wrong")
    assert stranger.control("GET", "world").status_code == 401
    stranger.close()


def test_faults_are_added_and_cleared(caller: Caller) -> None:
    body = {"kind": "server_error", "operation": "meetings.list", "times": None, "status": 503, "shape": "html"}
    assert caller.control("POST", "faults", body).status_code == 200
    assert [caller.get("meetings").status_code for _ in range(2)] == [503, 503]
    caller.control("DELETE", "faults")
    assert caller.get("meetings").status_code == 200


@pytest.mark.parametrize("body", [{}, {"kind": "odd"}, {"kind": "drop", "operation": "odd"}, ["drop"]])
def test_a_fault_that_makes_no_sense_is_refused(body: Any, caller: Caller) -> None:
    assert caller.control("POST", "faults", body).status_code == 400


def test_requests_are_shown_without_secrets(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    sandbox.faults.lose_next_answer()
    with pytest.raises(ConnectionError):
        caller.add(meeting_id)
    caller.patch(f"meetings/{meeting_id}", {"title": "x", "token": "eyJhidden"})
    shown = caller.control("GET", "requests")
    created, lost, patched = shown.json()["requests"]
    assert (created["operation"], created["status"], created["delivered"]) == ("meetings.create", 201, True)
    assert (lost["operation"], lost["status"], lost["delivered"]) == ("participants.add", None, False)
    assert patched["body"] == {"title": "x", "token": "[redacted]"}
    assert sandbox.api_token not in shown.text
    caller.control("DELETE", "requests")
    assert sandbox.requests.all() == []


def test_the_world_is_shown_without_tokens(caller: Caller, meeting_id: str) -> None:
    person = caller.add(meeting_id)
    world = caller.control("GET", "world")
    [meeting] = world.json()["meetings"]
    assert (meeting["id"], meeting["title"]) == (meeting_id, "Algebra")
    assert [row["id"] for row in meeting["participants"]] == [person["id"]]
    assert "eyJ" not in world.text


def test_settings_are_changed_one_by_one(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    caller.control("POST", "settings", {"token_lifetime_seconds": 60})
    caller.control("POST", "settings", {"duplicates": "conflict"})
    shown = caller.control("POST", "settings", {"limit": [10, 5]}).json()
    assert shown == {
        "token_lifetime_seconds": 60,
        "duplicates": "conflict",
        "limit": [10, 5],
        "delivery_retries": [1.0, 3.0, 10.0],
    }
    assert (sandbox.duplicates, sandbox.limit) == ("conflict", (10, 5.0))
    assert caller.control("POST", "settings", {"token_lifetime_seconds": None}).ok
    assert sandbox.token_lifetime is None


@pytest.mark.parametrize(
    "body",
    [{"duplicates": "third"}, {"limit": 7}, {"limit": ["many", 1]}, {"token_lifetime_seconds": "1h"}, {"odd": 1}],
)
def test_a_setting_that_makes_no_sense_changes_nothing(body: Any, caller: Caller, sandbox: Sandbox) -> None:
    before = (sandbox.token_lifetime, sandbox.duplicates, sandbox.limit)
    assert caller.control("POST", "settings", body).status_code == 400
    assert (sandbox.token_lifetime, sandbox.duplicates, sandbox.limit) == before


def test_a_token_is_judged(caller: Caller, meeting_id: str) -> None:
    person = caller.add(meeting_id)

    def judged(token: object) -> Any:
        return caller.control("POST", "token", {"token": token}).json()

    assert judged(person["token"]) == {"accepted": True, "participant_id": person["id"], "reason": "ok"}
    caller.delete(f"meetings/{meeting_id}/participants/{person['id']}")
    assert judged(person["token"])["reason"] == "participant_gone"
    assert judged("eyJ") == {"accepted": False, "participant_id": None, "reason": "bad_token"}
    assert caller.control("POST", "token", {"token": 7}).status_code == 400


def test_reset_is_as_new(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    sandbox.duplicates = "conflict"
    sandbox.limit = (2, 300.0)
    sandbox.faults.add("drop", times=None)
    assert caller.control("POST", "reset").status_code == 200
    assert caller.get(f"meetings/{meeting_id}").status_code == 404
    assert [entry.operation for entry in sandbox.requests.all()] == ["meetings.get"]
    assert (sandbox.duplicates, sandbox.limit) == ("second", (3500, 300.0))


def test_an_unknown_control_is_not_found(caller: Caller) -> None:
    assert caller.control("GET", "nothing").status_code == 404
    assert caller.control("GET", "faults").status_code == 404
