"""schemathesis over the whole API: no 5xx, no status and no shape that the schema does not promise, nothing taken
that the schema forbids, nothing refused that it allows. ``FUZZ_EXAMPLES`` asks for more, ``FUZZ_SEED`` for others."""

import logging
import os
import sys
from collections.abc import Iterator

import pytest
from django.conf import LazySettings, settings
from django.contrib.auth.models import User
from django.test import Client

from participants.models import Actor, Preset
from participants.sandbox import Sandbox
from participants.services import enrolment, meetings, people, sync
from participants.states import Source
from tests.factories import AdminFactory, UserFactory
from tests.fuzz import EXAMPLES
from tests.fuzz.walk import Walk, walk

pytestmark = pytest.mark.django_db(transaction=True)
SEED = int(os.environ.get("FUZZ_SEED", "20270111"))
WALKS_EDGES = "FUZZ_EXAMPLES" in os.environ or settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
"""The edges of every field take five minutes: on the stricter database always, on both by ``make fuzz``."""
STATEFUL = {"max-steps": 8, "generation": {"max-examples": 6 * EXAMPLES}}


@pytest.fixture(autouse=True)
def _quiet(settings: LazySettings) -> Iterator[None]:
    """Thousands of refusals are the point; and nobody is counted, or the walk would end at the door."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    settings.CSRF_USE_SESSIONS = True  # one cookie to carry instead of two
    logger = logging.getLogger("django")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


def walk_as(user: User, phases: dict[str, object]) -> Walk:
    client = Client()
    client.force_login(user)
    token = client.get("/api/v1/me/").json()["csrf_token"]
    return walk(
        session=client.cookies[settings.SESSION_COOKIE_NAME].value,
        csrf=token,
        seed=SEED,
        examples=EXAMPLES,
        phases=phases,
    )


def check(found: Walk) -> None:
    sys.stdout.write(f"{found}\n")  # with -s, or where it fails
    assert not found.findings, str(found)
    assert not found.errors, str(found)
    assert all(status < 500 or status == 503 for status in found.statuses)
    assert 0 not in found.statuses


def test_whoever_may_do_everything_meets_what_the_schema_promises(sandbox: Sandbox, by: Actor) -> None:
    sync.pull(by=by)
    UserFactory(username="ada", email="ada@example.org")
    meetings.create(by=by, title="Algebra", default_preset=Preset.objects.get(name="group_call_participant"))
    phases: dict[str, object] = {"stateful": STATEFUL, "coverage": {"enabled": WALKS_EDGES}}
    found = walk_as(AdminFactory(username="grace"), phases)
    check(found)
    assert (found.sent["coverage"] > 1_000) is WALKS_EDGES
    assert found.sent["stateful"] > 40


def test_whoever_takes_part_meets_it_too(sandbox: Sandbox, by: Actor) -> None:
    sync.pull(by=by)
    preset = Preset.objects.get(name="group_call_participant")
    meeting, _ = meetings.create(by=by, title="Algebra", default_preset=preset)
    user = UserFactory(username="ada", email="ada@example.org")
    person = people.person_of(user, by)
    enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    found = walk_as(user, {"coverage": {"enabled": False}, "stateful": {"enabled": False}})
    check(found)
