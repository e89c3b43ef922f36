"""Requests held back until a test lets them go."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from participants.sandbox import Sandbox
from tests.sandbox.caller import TIMEOUT, Caller


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_held_requests_wait_together_and_pass_together(
    caller: Caller, meeting_id: str, sandbox: Sandbox, pool: ThreadPoolExecutor
) -> None:
    person = caller.add(meeting_id)["id"]
    address = f"{caller.kit}/meetings/{meeting_id}/participants/{person}/token"

    def refresh() -> int:
        return requests.post(address, headers=dict(caller.session.headers), timeout=TIMEOUT).status_code

    with sandbox.faults.hold("participants.refresh") as gate:
        waiting = [pool.submit(refresh) for _ in range(5)]
        assert gate.wait_for(5)
        assert caller.get("meetings").status_code == 200
        assert not any(future.done() for future in waiting)
        assert sandbox.requests.count("participants.refresh") == 5
        gate.release()
        assert [future.result(TIMEOUT) for future in waiting] == [200] * 5
        assert refresh() == 200
    assert gate.arrived == 6


def test_leaving_the_block_releases(caller: Caller, sandbox: Sandbox, pool: ThreadPoolExecutor) -> None:
    with sandbox.faults.hold("meetings.list") as gate:
        waiting = pool.submit(caller.get, "meetings")
        gate.wait_for(1)
    assert waiting.result(TIMEOUT).status_code == 200


def test_a_request_may_be_held_after_its_write(caller: Caller, sandbox: Sandbox, pool: ThreadPoolExecutor) -> None:
    with sandbox.faults.hold("meetings.create", performed=True) as gate:
        waiting = pool.submit(caller.create_meeting, "x")
        gate.wait_for(1)
        assert [meeting.title for meeting in sandbox.world.meetings()] == ["x"]
        assert not waiting.done()


def test_waiting_for_too_many_is_an_error(sandbox: Sandbox) -> None:
    with (
        sandbox.faults.hold("meetings.list") as gate,
        pytest.raises(TimeoutError, match="0 of 1 requests arrived"),
    ):
        gate.wait_for(1, timeout=0.01)


def test_stop_lets_held_requests_go(pool: ThreadPoolExecutor) -> None:
    before = threading.active_count()
    with Sandbox() as sandbox:
        caller = Caller(sandbox)
        with sandbox.faults.hold("meetings.list") as gate:
            waiting = pool.submit(caller.get, "meetings")
            gate.wait_for(1)
            sandbox.stop()
    assert isinstance(waiting.exception(TIMEOUT), requests.ConnectionError) or waiting.result().ok
    caller.close()
    # One of the pool's own threads is still there.
    assert threading.active_count() <= before + 1
