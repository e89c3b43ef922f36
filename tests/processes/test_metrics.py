"""Several processes of one machine are one to Prometheus, whichever of them answers."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command

from participants.models import Actor, Participant
from participants.sandbox import Sandbox
from participants.services import meetings
from participants.states import ParticipantState
from tests.factories import MeetingFactory, ParticipantFactory
from tests.processes.conftest import Server, Worker, find_port, sign_in, wait_until
from tests.watch.scraping import HEADERS, TOKEN, Scrape

pytestmark = pytest.mark.django_db(transaction=True)
JOINS = 24


def scrape(address: str) -> Scrape:
    # A connection of its own each time, so that any of the processes may answer.
    answer = requests.get(f"{address}/metrics", headers=HEADERS, timeout=10)
    assert answer.status_code == 200
    return Scrape.of(answer.text)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder that processes started from here on share; they make it."""
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "metrics"))
    return tmp_path / "metrics"


def test_whichever_process_answers_tells_of_all_of_them(
    shared: Path,
    sandbox: Sandbox,
    by: Actor,
    start_server: Callable[[], Server],
    start_worker: Callable[..., Worker],
) -> None:
    meeting = MeetingFactory()
    assert meetings.try_now(meeting, by=by) is None
    rows = ParticipantFactory.create_batch(5, meeting=meeting)
    server = start_server()
    start_worker("--every", "0.5")
    wait_until(lambda: Participant.objects.filter(state=ParticipantState.ENROLLED).count() == 5)
    join = f"{server.address}/api/v1/meetings/{meeting.pk}/join/"
    sessions = [sign_in(row.person.user) for row in rows]
    for number in range(JOINS):
        answer = sessions[number % 5].post(join, json={}, headers={"Connection": "close"}, timeout=15)
        assert answer.status_code == 200
    for _ in range(6):
        seen = scrape(server.address)
        assert seen.read("rollcall_joins_total", verdict="ok") == JOINS
        # Of the worker, which is no web server.
        assert seen.read("rollcall_remote_call_seconds_count", operation="participants.add", outcome="ok") == 5
        assert seen.read("rollcall_queue_rows", queue="enrolments") == 0
    assert seen.read("rollcall_worker_look_timestamp_seconds") > 0
    assert len({path.stem.rpartition("_")[2] for path in shared.glob("histogram_*.db")}) >= 3  # as many processes


def test_a_worker_on_a_machine_of_its_own_is_asked_at_its_own_port(
    sandbox: Sandbox, by: Actor, start_worker: Callable[..., Worker]
) -> None:
    meeting = MeetingFactory()
    assert meetings.try_now(meeting, by=by) is None
    ParticipantFactory.create_batch(3, meeting=meeting)
    port = find_port()
    worker = start_worker("--metrics-port", str(port), "--every", "0.5", METRICS_TOKEN=TOKEN)
    wait_until(lambda: Participant.objects.filter(state=ParticipantState.ENROLLED).count() == 3)
    address = f"http://127.0.0.1:{port}"
    wait_until(lambda: scrape(address).read("rollcall_pass_seconds_count") >= 1)
    seen = scrape(address)
    assert seen.read("rollcall_remote_call_seconds_count", operation="participants.add") == 3
    assert "rollcall_queue_rows" not in seen.families
    assert requests.get(f"{address}/metrics", timeout=5).status_code == 401
    assert requests.get(f"{address}/", headers=HEADERS, timeout=5).status_code == 404
    assert worker.stop() == 0


def test_metrics_without_a_token_are_refused_at_the_start() -> None:
    with pytest.raises(CommandError, match="METRICS_TOKEN"):
        call_command("worker", "--metrics-port", "9100")
