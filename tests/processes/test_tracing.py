"""Traces of real processes, sent to a real collector; and nothing of them where no setting asks for them."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings

from participants.models import Actor, Participant
from participants.sandbox import Sandbox
from participants.services import meetings
from participants.states import ParticipantState
from tests.factories import MeetingFactory, ParticipantFactory, UserFactory
from tests.processes.conftest import ROOT, Server, Worker, make_environment, sign_in, wait_until
from tests.watch.collector import Collector, Span

pytestmark = pytest.mark.django_db(transaction=True)
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Processes started from here on send their traces there, five times a second."""
    with Collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{running.host}/")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        yield running


def find(collector: Collector, name: str) -> list[Span]:
    return [span for span in collector.read_spans() if span.name == name]


def test_a_join_is_a_span_with_its_remote_calls_below_and_holds_no_secret(
    collector: Collector, sandbox: Sandbox, by: Actor, start_server: Callable[[], Server]
) -> None:
    meeting = MeetingFactory()
    assert meetings.try_now(meeting, by=by) is None
    row = ParticipantFactory(meeting=meeting, person__user=UserFactory(email="ada@example.org"))
    session = sign_in(row.person.user)
    server = start_server()
    sandbox.requests.clear()
    answer = session.post(
        f"{server.address}/api/v1/meetings/{meeting.pk}/join/?email=ada@example.org&secret=hunter2",
        json={},
        headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "X-Secret": "hunter2"},
        timeout=15,
    )
    assert answer.status_code == 200
    wait_until(lambda: bool(find(collector, "POST api:join")))
    wait_until(lambda: bool(find(collector, "realtimekit participants.add")))
    (joined,), (added,) = find(collector, "POST api:join"), find(collector, "realtimekit participants.add")
    request_id = answer.headers["X-Request-ID"]
    assert joined.attributes == {
        "http.request.method": "POST",
        "http.route": "api:join",
        "http.response.status_code": "200",
        "rollcall.caller": "session",
        "rollcall.cache": "miss",
        "rollcall.verdict": "ok",
        "rollcall.meeting": str(meeting.pk),
        "rollcall.participant": str(row.pk),
        "rollcall.request_id": request_id,
    }
    assert (added.parent_id, added.trace_id) == (joined.span_id, joined.trace_id)
    assert set(added.attributes) == {
        "rollcall.outcome",
        "rollcall.attempt",
        "http.response.status_code",
        "cf_ray",
    }
    # A stranger may not decide on our traces, and RealtimeKit is told nothing of them.
    assert joined.trace_id.hex() != TRACE
    sent = collector.read_everything()
    secrets = [answer.json()["token"], sandbox.api_token, "ada@example.org", "hunter2", "sessionid"]
    secrets.append(row.person.display_name)
    assert [secret for secret in secrets if secret in sent] == []


def test_a_trusted_proxy_s_trace_goes_on(
    collector: Collector,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    start_server: Callable[[], Server],
) -> None:
    monkeypatch.setenv("DJANGO_TRUSTED_PROXIES", "127.0.0.1")
    server = start_server()
    session = sign_in(UserFactory())
    session.get(f"{server.address}/api/v1/me/", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, timeout=9)
    wait_until(lambda: bool(find(collector, "GET api:me")))
    (span,) = find(collector, "GET api:me")
    assert (span.trace_id.hex(), span.parent_id.hex()) == (TRACE, "b7ad6b7169203331")


def test_a_pass_of_a_worker_is_a_span_with_its_remote_calls_below(
    collector: Collector, sandbox: Sandbox, by: Actor, start_worker: Callable[..., Worker]
) -> None:
    meeting = MeetingFactory()
    assert meetings.try_now(meeting, by=by) is None
    ParticipantFactory.create_batch(3, meeting=meeting)
    start_worker("--threads", "2", "--every", "0.5")
    wait_until(lambda: Participant.objects.filter(state=ParticipantState.ENROLLED).count() == 3)
    wait_until(lambda: len(find(collector, "realtimekit participants.add")) == 3)
    wait_until(lambda: bool(find(collector, "chore sync")))
    added = find(collector, "realtimekit participants.add")
    wait_until(lambda: {span.parent_id for span in added} <= {s.span_id for s in find(collector, "worker pass")})


# Packages of others import OpenTelemetry's interface where they find it, which alone does nothing.
LOADED = """
import sys
import django
django.setup()
import config.wsgi
print(sorted({"opentelemetry.sdk.trace", "opentelemetry.exporter", "sentry_sdk"} & set(sys.modules)))
"""


def test_without_the_settings_none_of_it_is_loaded(sandbox: Sandbox, settings: LazySettings) -> None:
    environment = {**make_environment(sandbox, settings), "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
