"""Participant tokens: what is in them, and whom they let in."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from participants.sandbox import Sandbox
from tests.sandbox.caller import Caller, FakeClock


def claims(token: str) -> dict[str, Any]:
    """Decoded as the web SDK does: the middle part through plain base64, without the URL alphabet."""
    assert token.startswith("eyJ")
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4), validate=True))
    return decoded


def test_a_token_names_app_meeting_and_participant(
    caller: Caller, meeting_id: str, sandbox: Sandbox, clock: FakeClock
) -> None:
    person = caller.add(meeting_id)
    found = claims(person["token"])
    issued = int(clock().timestamp())
    assert found.pop("jti")
    assert found == {
        "orgId": sandbox.app_id,
        "meetingId": meeting_id,
        "participantId": person["id"],
        "iat": issued,
        "exp": issued + 100 * 24 * 3600,
    }
    assert sandbox.world.participant_of(person["token"]) == person["id"]


def test_the_payload_decodes_without_the_url_alphabet_whatever_the_app_is_called() -> None:
    with Sandbox(app_id="~?>~?>~?>\x7f\u00e4") as sandbox:
        meeting = sandbox.world.create_meeting("x")
        person = sandbox.world.add_participant(meeting.id, "u-1", "group_call_host")
        tokens = [sandbox.world.issue_token(person) for _ in range(20)]
    assert {claims(token)["orgId"] for token in tokens} == {"~?>~?>~?>\x7f\u00e4"}
    assert not any(set("-_=") & set(token.split(".")[1]) for token in tokens)


def test_the_lifetime_is_set_for_tokens_to_come(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    sandbox.token_lifetime = timedelta(seconds=90)
    short = claims(caller.add(meeting_id)["token"])
    sandbox.token_lifetime = None
    endless = claims(caller.add(meeting_id, "u-2")["token"])
    assert short["exp"] - short["iat"] == 90
    assert "exp" not in endless


def test_a_token_is_good_until_it_expires(
    caller: Caller, meeting_id: str, sandbox: Sandbox, clock: FakeClock
) -> None:
    sandbox.token_lifetime = timedelta(hours=1)
    token = caller.add(meeting_id)["token"]
    clock.advance(minutes=59)
    assert sandbox.world.accepts(token)
    clock.advance(minutes=1)
    assert sandbox.world.judge(token) == "expired"
    assert not sandbox.world.accepts(token)


def test_only_deletion_revokes(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    person = caller.add(meeting_id)
    path = f"meetings/{meeting_id}/participants/{person['id']}"
    refreshed = caller.post(f"{path}/token").json()["data"]["token"]
    sandbox.world.start_session(meeting_id, [person["id"]])
    caller.post(f"meetings/{meeting_id}/active-session/kick-all")
    assert sandbox.world.accepts(person["token"])
    assert sandbox.world.accepts(refreshed)
    caller.delete(path)
    assert [sandbox.world.judge(token) for token in (person["token"], refreshed)] == ["participant_gone"] * 2


def test_an_inactive_meeting_lets_nobody_in(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    token = caller.add(meeting_id)["token"]
    sandbox.world.set_meeting_status(meeting_id, "INACTIVE")
    assert sandbox.world.judge(token) == "meeting_inactive"
    sandbox.world.set_meeting_status(meeting_id, "ACTIVE")
    assert sandbox.world.accepts(token)


def test_a_forged_token_lets_nobody_in(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    head, payload, signature = caller.add(meeting_id)["token"].split(".")
    other = caller.add(meeting_id, "u-2")["token"].split(".")[1]
    for forged in (f"{head}.{other}.{signature}", f"{head}.{payload}.", f"{head}.{payload}", "eyJ", "", "é.é.é"):
        assert sandbox.world.judge(forged) == "bad_token"
        with pytest.raises(ValueError, match="not a token"):
            sandbox.world.participant_of(forged)
