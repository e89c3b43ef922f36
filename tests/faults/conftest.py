import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from participants.models import Actor, Meeting
from participants.sandbox import Sandbox
from participants.services import meetings, sync
from tests.factories import MeetingFactory
from tests.faults.stack import Stack
from tests.processes.conftest import make_environment, valkey

__all__ = ["valkey"]

MakeStack = Callable[..., Stack]


@pytest.fixture
def seed() -> int:
    """Shown when a test fails, since it is among its fixtures' output; ``FAULTS_SEED`` replays it."""
    chosen = os.environ.get("FAULTS_SEED")
    value = int(chosen) if chosen else random.SystemRandom().randrange(2**32)
    sys.stderr.write(f"FAULTS_SEED={value}\n")
    return value


@pytest.fixture
def meeting(sandbox: Sandbox, by: Actor, transactional_db: None) -> Meeting:
    """A meeting made at the sandbox, with the presets that are there."""
    sync.pull(by=by)
    made: Meeting = MeetingFactory()
    assert meetings.try_now(made, by=by) is None
    return made


@pytest.fixture
def make_stack(
    sandbox: Sandbox, settings: LazySettings, transactional_db: None, tmp_path: Path
) -> Iterator[MakeStack]:
    """A stack with so many servers and workers, not started; ended after the test."""
    stacks: list[Stack] = []

    def make(*, servers: int, workers: int, budget: tuple[int, float], every: float = 1.0, **more: str) -> Stack:
        calls, seconds = budget
        sandbox.limit = calls * 7 // 6, seconds  # Cloudflare's is 3,500 where our budget is 3,000
        # This process reads the settings too, when it makes a call of its own.
        settings.REALTIMEKIT_BUDGET = budget
        environment = {
            **make_environment(sandbox, settings),
            "REALTIMEKIT_BUDGET": f"{calls}/{seconds:g}",
            "LOG_LEVEL": "WARNING",
            **more,
        }
        stack = Stack(environment, tmp_path)
        for _ in range(servers):
            stack.add_server()
        for _ in range(workers):
            stack.add_worker("--every", f"{every:g}")
        stacks.append(stack)
        return stack

    yield make
    for stack in stacks:
        stack.end()


def make_users(count: int, prefix: str) -> list[User]:
    """Stored together: hashing passwords one by one takes longer than the test."""
    return User.objects.bulk_create(
        User(username=f"{prefix}{number}", email=f"{prefix}{number}@example.org", first_name=prefix.title())
        for number in range(count)
    )
