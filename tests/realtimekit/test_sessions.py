"""Runs of meetings and who was in them, read as the contract says (9, 10)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from participants.realtimekit import Absent, Credentials, OutcomeUnknown, Peer, RealtimeKit
from participants.sandbox import Sandbox
from tests.realtimekit.conftest import PREFIX, ScriptedServer, data, reply
from tests.realtimekit.samples import CUSTOM_ID, MEETING_ID, SESSION_ID, complaint, peer, session

NOON = datetime(2027, 1, 11, 12, 0, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def connect(sandbox: Sandbox) -> RealtimeKit:
    return RealtimeKit(
        Credentials(sandbox.base_url, sandbox.account_id, sandbox.app_id, sandbox.api_token),
    )


def play(sandbox: Sandbox, rounds: int = 1, people: int = 1) -> str:
    """A meeting with that many ended sessions of that many people, and a live one."""
    meeting = sandbox.world.create_meeting("Algebra")
    ids = [sandbox.world.add_participant(meeting.id, f"u-{n}", "group_call_host").id for n in range(people)]
    for _ in range(rounds):
        sandbox.world.start_session(meeting.id, ids)
        sandbox.world.end_session(meeting.id)
    sandbox.world.start_session(meeting.id, ids)
    return meeting.id


def test_the_sessions_of_one_meeting_are_listed(sandbox: Sandbox) -> None:
    meeting_id, _other = play(sandbox, rounds=2), play(sandbox)
    with connect(sandbox) as client:
        found = client.sessions.list(meeting_id)
        assert [client.sessions.get(each.id) for each in found] == found
    assert {each.meeting_id for each in found} == {meeting_id}
    assert sorted(str(each.status) for each in found) == ["ENDED", "ENDED", "LIVE"]
    assert all((each.ended_at is None) is (each.status == "LIVE") for each in found)
    assert {each.title for each in found} == {"Algebra"}


def test_everybody_who_was_in_a_session_is_listed_however_many(sandbox: Sandbox) -> None:
    play(sandbox, people=205)
    with connect(sandbox) as client:
        (live,) = (each for each in client.sessions.list_since(NOON - timedelta(days=3650)) if not each.ended_at)
        peers = client.sessions.participants(live.id)
    assert {each.custom_participant_id for each in peers} == {f"u-{n}" for n in range(205)}
    assert all(each.joined_at and each.left_at is None for each in peers)


def test_a_filter_that_is_not_understood_brings_no_strangers(server: ScriptedServer, client: RealtimeKit) -> None:
    rows = [session(), session(id="other", associated_id="elsewhere")]
    server.will(data({"sessions": rows}, paging={"total_count": 2}))
    assert [each.id for each in client.sessions.list(MEETING_ID)] == [SESSION_ID]
    assert server.requests[0].query == {"associated_id": MEETING_ID, "page_no": "1", "per_page": "100"}


def test_the_newest_are_read_until_a_page_is_old(server: ScriptedServer, client: RealtimeKit) -> None:
    def page(*numbers: int) -> Any:
        rows = [session(id=f"s{n}", created_at=(NOON - timedelta(hours=n)).isoformat()) for n in numbers]
        return data({"sessions": rows}, paging={"total_count": 900})

    server.will(page(1, 2), page(3, 4), page(5, 6), reply(400, complaint(400, "page_no")))
    found = client.sessions.list_since(NOON - timedelta(hours=3.5))
    assert [each.id for each in found] == ["s1", "s2", "s3"]
    assert [request.query["page_no"] for request in server.requests] == ["1", "2", "3", "0"]
    assert server.requests[0].query["sort_order"] == "DESC"


def test_a_peer_may_lack_everything_but_its_id(server: ScriptedServer, client: RealtimeKit) -> None:
    bare = {"id": "p2", "left_at": None, "joined_at": "not a time", "new_field": 1}
    none: Any = data({"participants": []})
    server.will(data({"participants": [peer(), bare]}), none, none)
    whole, other = client.sessions.participants(SESSION_ID)
    assert (whole.custom_participant_id, whole.name) == (CUSTOM_ID, "Ada Example")
    assert whole.left_at == datetime(2027, 1, 11, 9, 20, 2, tzinfo=UTC)
    assert other == Peer("p2", None, None, None, None, None)
    assert server.requests[0].path == f"{PREFIX}/sessions/{SESSION_ID}/participants"


def test_a_session_that_is_not_there_is_absent(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(reply(404, complaint(404, "Session not found")))
    with pytest.raises(Absent):
        client.sessions.get(SESSION_ID)


def test_a_peer_without_an_id_is_no_answer(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(data({"participants": [peer(id=None)]}))
    with pytest.raises(OutcomeUnknown):
        client.sessions.participants(SESSION_ID)
