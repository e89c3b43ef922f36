"""A sandbox with a state file knows its world again after a restart, and keeps no token."""

import json
import stat
from pathlib import Path

import pytest

from participants.sandbox import Sandbox
from participants.sandbox.storage import StateUnreadableError
from tests.sandbox.caller import Caller, FakeClock


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sandbox.json"


def test_a_restarted_sandbox_knows_everything_it_knew(state_file: Path, clock: FakeClock) -> None:
    with Sandbox(state_file=state_file, clock=clock) as sandbox:
        caller = Caller(sandbox)
        meeting_id = caller.create_meeting("Algebra")
        kept, removed = caller.add(meeting_id), caller.add(meeting_id, "u-2")
        caller.delete(f"meetings/{meeting_id}/participants/{removed['id']}")
        sandbox.world.add_preset("tutor")
        sandbox.world.remove_preset("webinar_viewer")
        caller.post("webhooks", {"name": "w", "url": "https://a.example/", "events": ["meeting.ended"]})
        sandbox.world.start_session(meeting_id, [kept["id"]])
        caller.close()
        world = sandbox.world
        before = (world.meetings(), world.participants(meeting_id), world.presets(), world.session(meeting_id))
        public_key = world.webhook_key.public_pem
    with Sandbox(state_file=state_file, clock=clock) as again:
        world = again.world
        after = (world.meetings(), world.participants(meeting_id), world.presets(), world.session(meeting_id))
        assert after == before
        assert [webhook.url for webhook in world.webhook_rows.all()] == ["https://a.example/"]
        assert world.webhook_key.public_pem == public_key
        assert world.accepts(kept["token"])
        assert not world.accepts(removed["token"])


def test_the_state_file_holds_no_token(state_file: Path) -> None:
    with Sandbox(state_file=state_file) as sandbox:
        caller = Caller(sandbox)
        person = caller.add(caller.create_meeting())
        caller.close()
        content = state_file.read_text()
    assert person["id"] in content
    assert person["token"] not in content
    assert "eyJ" not in content
    assert sandbox.api_token not in content
    assert stat.S_IMODE(state_file.stat().st_mode) == 0o600


def test_a_write_is_in_the_file_when_it_is_answered(state_file: Path) -> None:
    with Sandbox(state_file=state_file) as sandbox:
        caller = Caller(sandbox)
        meeting_id = caller.create_meeting()
        person = caller.add(meeting_id)["id"]
        caller.close()
        last = json.loads(state_file.read_text().splitlines()[-1])
    assert (last["kind"], last["id"]) == ("participant", person)


def test_a_write_cut_off_by_a_kill_is_forgotten(state_file: Path) -> None:
    with Sandbox(state_file=state_file) as sandbox:
        kept = sandbox.world.create_meeting("kept").id
    with state_file.open("a") as file:
        file.write('{"kind":"meeting","id":"half')
    with Sandbox(state_file=state_file) as again:
        assert [meeting.id for meeting in again.world.meetings()] == [kept]


def test_a_restart_drops_the_history_from_the_file(state_file: Path) -> None:
    with Sandbox(state_file=state_file) as sandbox:
        meeting_id = sandbox.world.create_meeting("x").id
        for _ in range(20):
            sandbox.world.set_meeting_status(meeting_id, "INACTIVE")
    grown = len(state_file.read_text().splitlines())
    with Sandbox(state_file=state_file):
        assert len(state_file.read_text().splitlines()) == grown - 20


def test_a_file_that_is_not_a_state_file_is_left_alone(state_file: Path) -> None:
    state_file.parent.mkdir()
    state_file.write_text("dear diary\n")
    with pytest.raises(StateUnreadableError, match="line 1"):
        Sandbox(state_file=state_file).start()
    assert state_file.read_text() == "dear diary\n"


def test_a_second_sandbox_on_the_same_port_touches_nothing(state_file: Path) -> None:
    with Sandbox(state_file=state_file) as sandbox:
        port = int(sandbox.address.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            Sandbox(state_file=state_file, port=port).start()
        meeting_id = sandbox.world.create_meeting("after").id
    with Sandbox(state_file=state_file) as again:
        assert [meeting.id for meeting in again.world.meetings()] == [meeting_id]


def test_reset_leaves_the_default_world_and_the_keys(state_file: Path) -> None:
    with Sandbox(state_file=state_file) as sandbox:
        public_key = sandbox.world.webhook_key.public_pem
        sandbox.world.create_meeting("x")
        sandbox.reset()
        assert sandbox.world.meetings() == []
        assert len(sandbox.world.presets()) == 4
    with Sandbox(state_file=state_file) as again:
        assert again.world.meetings() == []
        assert len(again.world.presets()) == 4
        assert again.world.webhook_key.public_pem == public_key


@pytest.mark.parametrize("kept_in_file", [True, False])
def test_stop_and_start_is_an_outage_of_the_same_world(state_file: Path, *, kept_in_file: bool) -> None:
    with Sandbox(state_file=state_file if kept_in_file else None) as sandbox:
        address, meeting_id = sandbox.base_url, sandbox.world.create_meeting("x").id
        sandbox.stop()
        sandbox.start()
        assert sandbox.base_url == address
        assert [meeting.id for meeting in sandbox.world.meetings()] == [meeting_id]
        sandbox.world.create_meeting("y")
    assert [meeting.title for meeting in sandbox.world.meetings()] == ["x", "y"]
