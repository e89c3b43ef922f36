from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings

from participants.models import Actor, Hook
from participants.services import hooks
from participants.states import TELLABLE
from tests.hooks.receiver import Receiver

Adding = Callable[..., Hook]


@pytest.fixture(autouse=True)
def _may_reach_this_machine(settings: LazySettings) -> None:
    settings.HOOKS_ALLOW_HTTP = True
    settings.HOOKS_ALLOW_PRIVATE = True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def other() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def add_hook(url: str, by: Actor, *, name: str = "Timetable", **more: object) -> Hook:
    given = {"kinds": list(TELLABLE), **more}
    return hooks.create(name=name, url=url, by=by, **given).hook  # type: ignore[arg-type]  # as the tests give them


@pytest.fixture
def hook(receiver: Receiver, by: Actor, db: None) -> Hook:
    """Told of everything."""
    return add_hook(receiver.url, by)
