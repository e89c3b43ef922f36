"""Every operation asks what the contract says and gives back what was answered."""

from datetime import UTC, datetime

import pytest

from participants.realtimekit import (
    Absent,
    App,
    Misconfigured,
    OutcomeUnknown,
    RealtimeKit,
)
from tests.realtimekit.conftest import ACCOUNT, API_TOKEN, PREFIX, ScriptedServer, data, reply
from tests.realtimekit.samples import (
    CUSTOM_ID,
    MEETING_ID,
    PARTICIPANT_ID,
    SESSION_ID,
    TOKEN,
    complaint,
    edge,
    meeting,
    participant,
    preset,
    session,
)

MEETING = f"{PREFIX}/meetings/{MEETING_ID}"
PARTICIPANT = f"{MEETING}/participants/{PARTICIPANT_ID}"


def asked(server: ScriptedServer) -> tuple[str, str]:
    return server.requests[-1].method, server.requests[-1].path


def test_every_request_carries_the_bearer_token_and_says_who_asks(
    server: ScriptedServer, client: RealtimeKit
) -> None:
    server.will(data(meeting()))
    client.meetings.get(MEETING_ID)
    headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {API_TOKEN}"
    assert headers["user-agent"].startswith("Rollcall/")
    assert "cookie" not in headers


def test_apps_are_listed_for_the_account(server: ScriptedServer, client: RealtimeKit) -> None:
    rows = [{"id": "app-1", "name": "School", "created_at": "2027-01-01T00:00:00Z"}, {"id": "nameless"}]
    server.will(data(rows, paging={"total_count": 2}))
    assert client.apps.list() == [App("app-1", "School", datetime(2027, 1, 1, tzinfo=UTC))]
    assert asked(server) == ("GET", f"/accounts/{ACCOUNT}/realtime/kit/apps")


def test_presets_are_listed_by_search_and_read_one_by_one(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(data([preset()], paging={"total_count": 1}), data(preset(config={"view_type": "GROUP_CALL"})))
    assert [found.name for found in client.presets.list(search="host")] == ["group_call_host"]
    assert server.requests[0].query == {"search": "host", "page_no": "1", "per_page": "100"}
    assert client.presets.get("x/y").raw["config"] == {"view_type": "GROUP_CALL"}
    assert asked(server) == ("GET", f"{PREFIX}/presets/x%2Fy")


def test_a_preset_without_a_name_does_not_hide_the_others(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(data([preset(id="nameless", name=None), preset()], paging={"total_count": 2}))
    assert [found.name for found in client.presets.list()] == ["group_call_host"]


def test_a_meeting_is_created_listed_read_and_edited(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(
        data(meeting(), status=201),
        data([meeting()], paging={"total_count": 1.0}),
        data(meeting(status="ARCHIVED")),
        data(meeting(status="INACTIVE")),
    )
    assert client.meetings.create(title="Algebra, group 7").id == MEETING_ID
    assert asked(server) == ("POST", f"{PREFIX}/meetings")
    assert server.requests[-1].json == {"title": "Algebra, group 7"}
    assert [found.title for found in client.meetings.list(search="Algebra")] == ["Algebra, group 7"]
    assert client.meetings.get(MEETING_ID).status == "ARCHIVED"
    assert asked(server) == ("GET", MEETING)
    assert client.meetings.patch(MEETING_ID, status="INACTIVE").status == "INACTIVE"
    assert asked(server) == ("PATCH", MEETING)
    assert server.requests[-1].json == {"status": "INACTIVE"}


def test_adding_a_participant_gives_the_participant_and_its_token(
    server: ScriptedServer, client: RealtimeKit
) -> None:
    server.will(data(participant(token=TOKEN), status=201))
    issued = client.participants.add(
        MEETING_ID, custom_participant_id=CUSTOM_ID, preset_name="group_call_participant", name="Ada Example"
    )
    assert asked(server) == ("POST", f"{MEETING}/participants")
    assert server.requests[0].json == {
        "custom_participant_id": CUSTOM_ID,
        "preset_name": "group_call_participant",
        "name": "Ada Example",
    }
    assert issued.participant.id == PARTICIPANT_ID
    assert issued.token is not None
    assert issued.token.value == TOKEN


@pytest.mark.parametrize("name", ["auth_token", "authToken"])
def test_older_names_of_the_token_are_understood(server: ScriptedServer, client: RealtimeKit, name: str) -> None:
    server.will(data(participant(**{name: TOKEN}), status=201))
    issued = client.participants.add(MEETING_ID, custom_participant_id=CUSTOM_ID, preset_name="p")
    assert issued.token is not None
    assert issued.token.value == TOKEN


@pytest.mark.parametrize(
    "answered",
    [
        participant(),
        participant(token=None),
        participant(token=""),
        participant(token=7),
        participant(token=TOKEN, id=None),
        participant(token=TOKEN, custom_participant_id="somebody-else"),
        [participant(token=TOKEN)],
    ],
    ids=["no token", "null", "empty", "number", "no id", "somebody else", "a list"],
)
def test_an_add_whose_answer_cannot_be_relied_on_has_an_unknown_outcome(
    server: ScriptedServer, client: RealtimeKit, answered: object
) -> None:
    server.will(data(answered, status=201))
    with pytest.raises(OutcomeUnknown) as caught:
        client.participants.add(MEETING_ID, custom_participant_id=CUSTOM_ID, preset_name="p")
    assert caught.value.code == "unreadable_answer"
    assert len(server.requests) == 1


def test_a_participant_is_read_changed_refreshed_and_deleted(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(
        data(participant()),
        data(participant(name="")),
        data(participant(preset_name="host", token=TOKEN)),
        data({"token": TOKEN}),
        data({"custom_participant_id": CUSTOM_ID, "preset_id": "x"}),
    )
    assert client.participants.get(MEETING_ID, PARTICIPANT_ID).custom_participant_id == CUSTOM_ID
    assert asked(server) == ("GET", PARTICIPANT)
    assert client.participants.patch(MEETING_ID, PARTICIPANT_ID, name="").token is None
    assert asked(server) == ("PATCH", PARTICIPANT)
    assert server.requests[-1].json == {"name": ""}
    assert client.participants.patch(MEETING_ID, PARTICIPANT_ID, preset_name="host").token is not None
    assert client.participants.refresh_token(MEETING_ID, PARTICIPANT_ID).value == TOKEN
    assert asked(server) == ("POST", f"{PARTICIPANT}/token")
    client.participants.delete(MEETING_ID, PARTICIPANT_ID)
    assert asked(server) == ("DELETE", PARTICIPANT)


@pytest.mark.parametrize(
    "answer",
    [reply(204, b""), reply(200, {"success": True}), reply(200, {"success": True, "data": {}})],
    ids=["204", "no data", "empty data"],
)
def test_a_delete_needs_no_data_in_its_answer(server: ScriptedServer, client: RealtimeKit, answer: object) -> None:
    server.will(answer)  # type: ignore[arg-type]  # pytest's marks lose the type
    client.participants.delete(MEETING_ID, PARTICIPANT_ID)
    assert asked(server) == ("DELETE", PARTICIPANT)


def test_deleting_nobody_is_reported_as_absent(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(reply(404, complaint(404, "Participant not found")))
    with pytest.raises(Absent):
        client.participants.delete(MEETING_ID, PARTICIPANT_ID)


def test_the_active_session_is_found_directly_or_nested(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(data(session()), data({"session": session(live_participants="4")}))
    found = client.active_session.get(MEETING_ID)
    assert found is not None
    assert (found.id, found.meeting_id, found.status, found.live_participants) == (
        SESSION_ID,
        MEETING_ID,
        "LIVE",
        3,
    )
    nested = client.active_session.get(MEETING_ID)
    assert nested is not None
    assert nested.live_participants == 4


def test_kicks_say_whether_anybody_was_there(server: ScriptedServer, client: RealtimeKit) -> None:
    gone = reply(404, complaint(404, "No active session found"))
    server.will(data({"action": "kick", "participants": []}), gone, data({"action": "kick-all"}), gone, gone)
    assert client.active_session.kick(MEETING_ID, participant_ids=[PARTICIPANT_ID]) is True
    assert asked(server) == ("POST", f"{MEETING}/active-session/kick")
    assert server.requests[-1].json == {"participant_ids": [PARTICIPANT_ID], "custom_participant_ids": []}
    assert client.active_session.kick(MEETING_ID, custom_participant_ids=[CUSTOM_ID]) is False
    assert client.active_session.kick_all(MEETING_ID) is True
    assert asked(server) == ("POST", f"{MEETING}/active-session/kick-all")
    assert client.active_session.kick_all(MEETING_ID) is False
    assert client.active_session.get(MEETING_ID) is None


def test_an_edge_404_is_never_taken_for_an_empty_room(server: ScriptedServer, client: RealtimeKit) -> None:
    wrong_route = reply(404, edge(7003, "Could not route to /accounts/x"))
    server.will(wrong_route, wrong_route, wrong_route)
    with pytest.raises(Misconfigured):
        client.active_session.get(MEETING_ID)
    with pytest.raises(Misconfigured):
        client.active_session.kick(MEETING_ID, participant_ids=["p"])
    with pytest.raises(Misconfigured):
        client.active_session.kick_all(MEETING_ID)


@pytest.mark.parametrize("bad", ["", ".", ".."])
def test_a_missing_or_climbing_id_is_refused_before_any_request(
    server: ScriptedServer, client: RealtimeKit, bad: str
) -> None:
    with pytest.raises(ValueError, match="meeting_id"):
        client.meetings.get(bad)
    with pytest.raises(ValueError, match="participant_id"):
        client.participants.delete(MEETING_ID, bad)
    with pytest.raises(ValueError, match="preset_id"):
        client.presets.get(bad)
    assert server.requests == []


def test_an_empty_change_is_refused_before_any_request(server: ScriptedServer, client: RealtimeKit) -> None:
    with pytest.raises(ValueError, match="nothing to change"):
        client.meetings.patch(MEETING_ID)
    with pytest.raises(ValueError, match="nothing to change"):
        client.participants.patch(MEETING_ID, PARTICIPANT_ID)
    with pytest.raises(ValueError, match="nobody to kick"):
        client.active_session.kick(MEETING_ID)
    assert server.requests == []
