"""Who is in the room: started by the test, seen and ended through the API (contract 9 to 11)."""

import pytest

from participants.sandbox import Sandbox
from tests.sandbox.caller import Caller, FakeClock


@pytest.fixture
def people(caller: Caller, meeting_id: str, sandbox: Sandbox) -> list[str]:
    """Three participants, all inside."""
    ids = [caller.add(meeting_id, f"u-{number}")["id"] for number in range(3)]
    sandbox.world.start_session(meeting_id, ids)
    return ids


def present(sandbox: Sandbox, meeting_id: str) -> list[str]:
    session = sandbox.world.session(meeting_id)
    assert session is not None
    return [peer.custom_participant_id for peer in session.present]


def test_without_a_session_everything_is_404(caller: Caller, meeting_id: str) -> None:
    active = f"meetings/{meeting_id}/active-session"
    answers = [
        caller.get(active),
        caller.post(f"{active}/kick", {"participant_ids": ["x"], "custom_participant_ids": []}),
        caller.post(f"{active}/kick-all"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert {answer.json()["error"]["message"] for answer in answers} == {"No active session found"}


def test_kick_takes_participant_ids_and_custom_ids(
    caller: Caller, meeting_id: str, people: list[str], sandbox: Sandbox
) -> None:
    body = {"participant_ids": [people[0]], "custom_participant_ids": ["u-1"]}
    answer = caller.post(f"meetings/{meeting_id}/active-session/kick", body).json()["data"]
    assert [row["id"] for row in answer["participants"]] == people[:2]
    assert present(sandbox, meeting_id) == ["u-2"]


def test_a_kicked_participant_is_not_in_the_session_any_more(
    caller: Caller, meeting_id: str, people: list[str], sandbox: Sandbox
) -> None:
    path = f"meetings/{meeting_id}/active-session/kick"
    assert caller.post(path, {"participant_ids": people[:1]}).status_code == 200
    assert caller.post(path, {"participant_ids": people[:1]}).status_code == 404
    sandbox.world.start_session(meeting_id, people[:1])
    assert present(sandbox, meeting_id) == ["u-1", "u-2", "u-0"]


def test_kick_of_nobody_in_particular_is_refused(caller: Caller, meeting_id: str, people: list[str]) -> None:
    body: dict[str, list[str]] = {"participant_ids": [], "custom_participant_ids": []}
    assert caller.post(f"meetings/{meeting_id}/active-session/kick", body).status_code == 400


def test_two_tabs_are_two_peers_and_one_kick(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    person = caller.add(meeting_id)["id"]
    sandbox.world.start_session(meeting_id, [person, person])
    active = f"meetings/{meeting_id}/active-session"
    assert caller.get(active).json()["data"]["live_participants"] == 2
    kicked = caller.post(f"{active}/kick", {"participant_ids": [person]}).json()["data"]["participants"]
    assert [row["id"] for row in kicked] == [person]
    assert present(sandbox, meeting_id) == []


def test_kick_all_ends_the_session_and_locks_nothing(
    caller: Caller, meeting_id: str, people: list[str], sandbox: Sandbox
) -> None:
    first = sandbox.world.session(meeting_id)
    answer = caller.post(f"meetings/{meeting_id}/active-session/kick-all").json()["data"]
    assert answer["kicked_participants_count"] == 3
    assert sandbox.world.session(meeting_id) is None
    assert first is not None
    assert sandbox.world.start_session(meeting_id, people[:1]).id != first.id
    listed = caller.get("sessions", associated_id=meeting_id, sort_order="DESC").json()["data"]["sessions"]
    assert [session["status"] for session in listed] == ["LIVE", "ENDED"]


def test_an_emptied_room_closes_after_its_keep_alive(
    caller: Caller, meeting_id: str, people: list[str], clock: FakeClock
) -> None:
    active = f"meetings/{meeting_id}/active-session"
    caller.post(f"{active}/kick", {"participant_ids": people})
    clock.advance(seconds=59)
    assert caller.get(active).status_code == 200
    clock.advance(seconds=1)
    assert [row["status"] for row in caller.get("sessions").json()["data"]["sessions"]] == ["ENDED"]
    assert caller.get(active).status_code == 404


def test_a_session_counts_heads_and_minutes(
    caller: Caller, meeting_id: str, people: list[str], sandbox: Sandbox, clock: FakeClock
) -> None:
    clock.advance(minutes=10)
    session_id = sandbox.world.end_session(meeting_id).id
    session = caller.get(f"sessions/{session_id}").json()["data"]
    assert (session["status"], session["associated_id"]) == ("ENDED", meeting_id)
    assert (session["live_participants"], session["max_concurrent_participants"]) == (0, 3)
    assert session["minutes_consumed"] == 30
    assert session["ended_at"] == "2027-01-11T08:10:00.000Z"
    rows = caller.get(f"sessions/{session_id}/participants", search="u-1").json()
    assert "paging" not in rows
    assert [(row["user_id"], row["duration"]) for row in rows["data"]["participants"]] == [(people[1], 10)]


def test_sessions_are_found_by_meeting_and_status(caller: Caller, meeting_id: str, people: list[str]) -> None:
    other = caller.create_meeting("Other")

    def count(**query: object) -> int:
        return int(caller.get("sessions", **query).json()["paging"]["total_count"])

    assert (count(associated_id=meeting_id), count(associated_id=other)) == (1, 0)
    assert (count(status="LIVE"), count(status="ENDED"), count(search="algebra")) == (1, 0, 1)


def test_ending_what_is_not_live_is_an_error(meeting_id: str, sandbox: Sandbox) -> None:
    with pytest.raises(LookupError, match="no live session"):
        sandbox.world.end_session(meeting_id)
