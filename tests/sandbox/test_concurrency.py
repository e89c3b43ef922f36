"""Many callers at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from requests.exceptions import ConnectionError  # noqa: A004 - the name of requests

from participants.sandbox import Sandbox
from tests.sandbox.caller import TIMEOUT, Caller


def test_concurrent_writes_are_all_kept_and_all_in_the_file(tmp_path: Path) -> None:
    with Sandbox(state_file=tmp_path / "state.json") as sandbox:
        caller = Caller(sandbox)
        meeting_id = caller.create_meeting()
        with ThreadPoolExecutor(8) as pool:
            ids = set(pool.map(lambda number: caller.add(meeting_id, f"u-{number}")["id"], range(100)))
        caller.close()
    with Sandbox(state_file=tmp_path / "state.json") as again:
        assert {row.id for row in again.world.participants(meeting_id)} == ids
        assert len(ids) == 100


def test_concurrent_duplicates_conflict_but_once(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    sandbox.duplicates = "conflict"
    body = {"custom_participant_id": "u-1", "preset_name": "group_call_host"}
    path = f"meetings/{meeting_id}/participants"
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: caller.post(path, body).status_code, range(20)))
    assert sorted(statuses) == [201] + [409] * 19


def test_a_hundred_callers_are_let_in_at_once(caller: Caller, sandbox: Sandbox) -> None:
    headers = dict(caller.session.headers)

    def ask(_: int) -> int:
        return requests.get(f"{caller.kit}/presets", headers=headers, timeout=TIMEOUT).status_code

    with sandbox.faults.hold("presets.list") as gate, ThreadPoolExecutor(100) as pool:
        asked = pool.map(ask, range(100))
        gate.wait_for(100)
        gate.release()
        assert set(asked) == {200}


def test_the_limit_lets_exactly_so_many_through(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.limit = (30, 300.0)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: caller.get("meetings").status_code, range(50)))
    assert statuses.count(200) == 30


def test_six_answers_in_ten_lost_still_leave_every_write(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add("lose_answer", "participants.add", times=None, probability=0.6, seed=3)
    heard = 0
    for number in range(20):
        try:
            caller.add(meeting_id, f"u-{number}")
            heard += 1
        except ConnectionError:
            continue
    assert heard == 20 - fault.fired
    assert 5 < fault.fired < 20
    assert len(sandbox.world.participants(meeting_id)) == 20
