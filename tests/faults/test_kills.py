"""Processes are killed and RealtimeKit misbehaves while many are enrolled: nobody is lost, nobody is doubled."""

import os
import random
from typing import Any

import pytest

from participants.models import Actor, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import enrolment, people
from participants.states import Source
from tests.factories import AdminFactory
from tests.faults import invariants
from tests.faults.attendees import Attendees, Guest
from tests.faults.conftest import MakeStack, make_users
from tests.faults.scenario import Scenario, Size, Trouble
from tests.processes.conftest import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

BOUNDED = Size(rows=200, kills=20, budget=(600, 10.0), patience=600.0, hidden=3.0, hurried=True)
FULL = Size(rows=2000, kills=200, budget=(600, 10.0), patience=2400.0, hidden=20.0)
SIZES = [
    pytest.param(BOUNDED, id="bounded"),
    pytest.param(FULL, id="full", marks=pytest.mark.faults),
]
if os.environ.get("ROLLCALL_TEST_DATABASE") == "postgresql":
    STACKS = [("database", 2, 3), ("rq", 2, 3)]
else:
    STACKS = [("database", 1, 1)]
WARM = 3


def choose_engine(request: pytest.FixtureRequest, engine: str) -> dict[str, str]:
    if engine == "database":
        return {"TASKS_BACKEND": "database"}
    return {"TASKS_BACKEND": "rq", "TASKS_URL": request.getfixturevalue("valkey")}


def enrol_before(meeting: Meeting, by: Actor) -> list[Guest]:
    """A few people who hold a token when it all begins."""
    guests = []
    for user in make_users(WARM, "early"):
        person = people.person_of(user, by)
        result = enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
        assert result.participant.token
        guests.append(Guest(user.username, sign_in(user), warm=True))
    return guests


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("engine", "servers", "workers"), STACKS)
def test_nobody_is_lost_and_nobody_doubled(
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    meeting: Meeting,
    by: Actor,
    make_stack: MakeStack,
    seed: int,
    size: Size,
    engine: str,
    servers: int,
    workers: int,
) -> None:
    dice = random.Random(seed)
    stack = make_stack(servers=servers, workers=workers, budget=size.budget, **choose_engine(request, engine))
    early = enrol_before(meeting, by)
    names = [user.username for user in make_users(size.rows, "pupil")]
    attendees = Attendees(stack.addresses, str(meeting.pk), dice.randrange(2**32))
    attendees.invite(*early)
    scenario = Scenario(size, dice, sandbox, stack, meeting, sign_in(AdminFactory()), attendees)
    sandbox.requests.clear()
    scenario.begin()
    trouble = Trouble.script(sandbox, dice, hidden=size.hidden)
    started = scenario.enrol(names)
    scenario.invite(5)
    scenario.kill_until_done()
    scenario.rest()
    scenario.tell()
    sandbox.faults.clear()

    intended = list(Participant.objects.values_list("custom_participant_id", flat=True))
    assert len(intended) == size.rows + WARM
    invariants.check_remote_side(sandbox, meeting, intended)
    invariants.check_rows(sandbox, meeting)
    invariants.check_budget(sandbox, *size.budget)
    limited = [entry for entry in sandbox.requests.all() if entry.status == 429]
    assert len(limited) == trouble.count("rate_limited"), "RealtimeKit's limit was met"
    assert sum(invariants.check_counts(batch)["enrolled"] for batch in started) == size.rows
    check_cold_ones_can_join(sandbox, meeting, attendees)
    assert attendees.complaints == []
    assert attendees.codes[200] > 0
    assert scenario.killed == size.kills


def check_cold_ones_can_join(sandbox: Sandbox, meeting: Meeting, attendees: Attendees) -> None:
    """Rows that were adopted have no token until somebody needs one."""
    for row in invariants.check_tokens(sandbox, meeting)[:10]:
        user: Any = row.person.user
        answer = attendees.join(Guest(user.username, sign_in(user), warm=True), attendees.addresses[0])
        assert answer is not None
        assert sandbox.world.judge(answer.json()["token"]) == "ok"
