from collections.abc import Iterator

import pytest

from participants.sandbox import Sandbox
from tests.sandbox.caller import Caller, FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(clock: FakeClock) -> Iterator[Sandbox]:
    with Sandbox(clock=clock) as running:
        yield running


@pytest.fixture
def caller(sandbox: Sandbox) -> Iterator[Caller]:
    caller = Caller(sandbox)
    yield caller
    caller.close()


@pytest.fixture
def meeting_id(caller: Caller) -> str:
    return caller.create_meeting()
