"""One budget for several processes: real ones, on the test's own database."""

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest
from django.conf import LazySettings

from participants import gateway
from participants.models.budget import Ledger, Limits
from participants.realtimekit import Deadline, NotDelivered
from participants.sandbox import Sandbox
from participants.services import budget
from tests.processes.conftest import ROOT, make_environment

pytestmark = pytest.mark.django_db(transaction=True)

HAMMER = """
import json, sys, time
import django
django.setup()
from participants.models.budget import Ledger, Limits
calls, seconds, now, last, background = json.loads(sys.argv[1])
ledger = Ledger(Limits(calls, seconds), now)
print("ready", flush=True)
sys.stdin.readline()
end, seen = time.time() + last, []
while time.time() < end:
    asked = time.time()
    if ledger.take(background=background) is not None:
        seen.append((asked, time.time()))
    else:
        time.sleep(0.002)
print(json.dumps(seen), flush=True)
"""
Admissions = list[tuple[float, float]]


def hammer(environment: dict[str, str], *arguments: Sequence[object]) -> list[Admissions]:
    """One process for each list of arguments, begun together: when each asked for a call and when it had it."""
    command = [sys.executable, "-c", HAMMER]
    processes = [
        subprocess.Popen(
            [*command, json.dumps(given)],
            cwd=ROOT,
            env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for given in arguments
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [json.loads(process.communicate(timeout=30)[0]) for process in processes]


@pytest.fixture
def environment(sandbox: Sandbox, settings: LazySettings) -> dict[str, str]:
    return make_environment(sandbox, settings)


def test_four_processes_get_exactly_one_burst_between_them(environment: dict[str, str]) -> None:
    limits, now = (3000, 300.0), 1_800_000_000.0
    seen = hammer(environment, *[[*limits, now, 0.7, False]] * 4)
    assert sum(map(len, seen)) == 120
    assert Ledger(Limits(*limits), now).read().used == 120


def test_four_processes_stay_under_the_budget_in_every_window_and_use_it(environment: dict[str, str]) -> None:
    calls, window, last = 300, 3.0, 4.5
    seen = sorted(pair for one in hammer(environment, *[[calls, window, None, last, False]] * 4) for pair in one)
    for start, _ in seen:
        inside = [asked for asked, had in seen if asked >= start and had <= start + window]
        assert len(inside) <= calls
    limits = Limits(calls, window)
    possible = limits.burst + (seen[-1][1] - seen[0][0]) / limits.cost
    assert 0.9 * possible <= len(seen) <= possible + 1


def test_three_in_the_background_leave_the_reserve_to_a_fourth(environment: dict[str, str]) -> None:
    now = 1_800_000_000.0
    *others, fourth = hammer(environment, *[[3000, 300.0, now, 0.6, True]] * 3, [3000, 300.0, now, 1.2, False])
    assert len(fourth) >= 60
    assert sum(map(len, others)) <= 60
    assert sum(map(len, others)) + len(fourth) == 120


def test_a_429_met_by_another_process_pauses_this_one(
    sandbox: Sandbox, environment: dict[str, str], settings: LazySettings
) -> None:
    sandbox.faults.add("rate_limited", times=1, retry_after=120)
    subprocess.run(
        [sys.executable, "manage.py", "sync"], cwd=ROOT, env=environment, capture_output=True, timeout=30, check=False
    )
    assert sandbox.requests.count() == 1
    assert budget.read_state().paused_until is not None
    with pytest.raises(NotDelivered) as caught:
        gateway.get_client().presets.list(deadline=Deadline.after(5))
    assert caught.value.code == "paused"
    assert sandbox.requests.count() == 1
