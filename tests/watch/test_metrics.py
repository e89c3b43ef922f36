"""Metrics: who may read them, what moves them, and that their labels stay few for ever."""

import ast
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from participants.models import Actor, Budget, Delivery, Meeting, Message, Participant
from participants.probes.gauges import BREAKER
from participants.realtimekit import FailureKind, Urgency
from participants.sandbox import Sandbox
from participants.services import (
    admission,
    chores,
    gauges,
    hooksending,
    inbox,
    invitations,
    meetings,
    news,
    outbox,
    passes,
)
from participants.services.intake import Reception
from participants.services.tokensearch import TOKEN_STATES
from participants.states import HookKind, ParticipantState
from participants.watch import metrics
from tests.factories import (
    AdminFactory,
    EnrolledFactory,
    GuestFactory,
    HookFactory,
    HookMessageFactory,
    MadeMeetingFactory,
    MeetingFactory,
    ParticipantFactory,
)
from tests.mailserver import use_mail_server
from tests.watch.scraping import HEADERS, TOKEN, Scrape, scrape

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _open(settings: LazySettings) -> Iterator[None]:
    settings.METRICS_TOKEN = TOKEN
    gauges.forget()
    yield
    gauges.forget()


@pytest.fixture
def look() -> Callable[[], Scrape]:
    """Scrape anew, whatever was kept; twice to see what moved."""

    def read() -> Scrape:
        gauges.forget()
        return scrape()

    return read


@pytest.fixture
def meeting(sandbox: Sandbox, by: Actor) -> Meeting:
    """A meeting made at the sandbox."""
    made = MeetingFactory()
    assert meetings.try_now(made, by=by) is None
    return made


def join(row: Participant) -> int:
    client = Client()
    assert row.person.user is not None
    client.force_login(row.person.user)
    return client.post(reverse("api:join", args=[row.meeting_id]), {}, content_type="application/json").status_code


def test_without_the_setting_there_is_nothing(settings: LazySettings) -> None:
    settings.METRICS_TOKEN = ""
    for headers in ({}, HEADERS, {"Authorization": "Bearer "}, {"Authorization": "Bearer"}):
        assert Client().get("/metrics", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "sent",
    ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer \xfc"],
    ids=["none", "scheme", "blank", "longer", "shorter", "basic", "bare", "odd"],
)
def test_only_the_token_opens_them(sent: str) -> None:
    answer = Client().get("/metrics", headers={"Authorization": sent} if sent else {})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert b"rollcall" not in answer.content


def test_a_session_does_not_open_them() -> None:
    client = Client()
    client.force_login(AdminFactory())
    assert client.get("/metrics").status_code == 401


def test_prometheus_asks_each_process_by_its_own_address(settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get("/metrics", headers={**HEADERS, "host": "10.0.0.7:8000"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert answer["Cache-Control"] == "no-store"
    assert Client().post("/metrics", headers=HEADERS).status_code == 405


def test_joins_are_counted_by_verdict_and_by_where_the_token_came_from(
    meeting: Meeting, look: Callable[[], Scrape]
) -> None:
    row, removed = ParticipantFactory(meeting=meeting), EnrolledFactory(meeting=meeting, state="removed")
    before = look()
    assert (join(row), join(row), join(row), join(removed)) == (200, 200, 200, 403)
    after = look()

    def moved(**labels: str) -> float:
        return after.read("rollcall_joins_total", **labels) - before.read("rollcall_joins_total", **labels)

    assert moved(verdict="ok", cache="miss") == 1
    assert moved(verdict="ok", cache="hit") == 2
    assert moved(verdict="removed", cache="none") == 1
    assert moved() == 4


def test_requests_are_timed_by_the_name_of_their_route(meeting: Meeting, look: Callable[[], Scrape]) -> None:
    row = ParticipantFactory(meeting=meeting)
    name = "rollcall_http_request_seconds_count"
    before = look()
    join(row)
    Client().get("/nowhere/1/")
    Client().get("/nowhere/2/")
    after = look()
    assert after.read(name, route="api:join", status="2xx") - before.read(name, route="api:join", status="2xx") == 1
    unmatched = {"route": "unmatched", "status": "4xx"}
    assert after.read(name, **unmatched) - before.read(name, **unmatched) == 2
    assert not [sample for sample in after.samples if "nowhere" in str(sample.labels)]


def test_remote_calls_are_timed_by_operation_and_outcome(
    meeting: Meeting, sandbox: Sandbox, look: Callable[[], Scrape]
) -> None:
    row = ParticipantFactory(meeting=meeting)
    name = "rollcall_remote_call_seconds_count"
    before = look()
    join(row)
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    sandbox.faults.add("server_error", operation="participants.refresh", status=500)
    join(row)
    after = look()

    def moved(operation: str, outcome: str) -> float:
        labels = {"operation": operation, "outcome": outcome}
        return after.read(name, **labels) - before.read(name, **labels)

    assert moved("participants.add", "ok") == 1
    assert moved("participants.refresh_token", "outcome_unknown") == 1
    waited = "rollcall_budget_wait_seconds_count"
    assert after.read(waited, urgency="interactive") > before.read(waited, urgency="interactive")


def test_what_the_budget_holds_back_is_counted_by_what_held_it(meeting: Meeting, look: Callable[[], Scrape]) -> None:
    row = ParticipantFactory(meeting=meeting)
    before = look()
    Budget.objects.update(paused_until=timezone.now().timestamp() + 60)
    assert join(row) == 503
    after = look()
    name = "rollcall_remote_calls_held_back_total"
    assert after.read(name, reason="paused") > before.read(name, reason="paused")
    assert 50 < after.read("rollcall_budget_pause_seconds") <= 60


def test_the_breaker_is_in_one_state(meeting: Meeting, look: Callable[[], Scrape]) -> None:
    assert look().read("rollcall_breaker_state", state="closed") == 1
    Budget.objects.update(failures=10, probe_at=timezone.now().timestamp() + 3)
    after = look()
    assert {state: after.read("rollcall_breaker_state", state=state) for state in BREAKER} == {
        "closed": 0,
        "half_open": 0,
        "open": 1,
    }


def test_the_budget_says_what_was_used_of_it(meeting: Meeting, look: Callable[[], Scrape]) -> None:
    after = look()
    assert after.read("rollcall_budget_calls_limit") == 30000
    assert after.read("rollcall_budget_window_seconds") == 300
    assert after.read("rollcall_budget_calls_used") >= 1


def test_queues_say_how_many_wait_and_for_how_long(look: Callable[[], Scrape]) -> None:
    now = timezone.now()
    made = MadeMeetingFactory()
    rows = ParticipantFactory.create_batch(3, meeting=made)
    Participant.objects.filter(pk=rows[0].pk).update(updated_at=now - timedelta(minutes=5))
    later = {"updated_at": now - timedelta(minutes=9), "next_attempt_at": now + timedelta(minutes=1)}
    Participant.objects.filter(pk=rows[1].pk).update(**later)
    EnrolledFactory(meeting=made, state=ParticipantState.REMOVING)
    Delivery.objects.create(body_hash="1", received_at=now - timedelta(minutes=2))
    seen = look()
    assert seen.read("rollcall_queue_rows", queue="enrolments") == 3
    assert seen.read("rollcall_queue_rows", queue="removals") == 1
    assert seen.read("rollcall_queue_rows", queue="deliveries") == 1
    assert seen.read("rollcall_queue_rows", queue="mails") == 0
    assert seen.read("rollcall_queue_oldest_seconds", queue="enrolments") == pytest.approx(540, abs=30)
    # One that waits for its next try is not late.
    assert seen.read("rollcall_queue_overdue_seconds", queue="enrolments") == pytest.approx(300, abs=30)
    assert seen.read("rollcall_convergence_lag_seconds") == pytest.approx(300, abs=30)
    assert seen.read("rollcall_queue_oldest_seconds", queue="deliveries") == pytest.approx(120, abs=30)


def test_tokens_are_counted_by_what_they_are_worth(look: Callable[[], Scrape]) -> None:
    now, made = timezone.now(), MadeMeetingFactory()
    issued = now - timedelta(days=90)
    for left in (timedelta(days=30), timedelta(days=31), timedelta(hours=1), timedelta(seconds=5)):
        EnrolledFactory(meeting=made, token="t", token_issued_at=issued, token_expires_at=now + left)
    EnrolledFactory(meeting=made, token=None)
    EnrolledFactory(meeting=made, state="removed", token=None)
    seen = look()
    counted = {state: seen.read("rollcall_tokens", state=state) for state in TOKEN_STATES}
    assert counted == {"fresh": 2, "usable": 1, "expired": 1, "none": 1}


def test_a_count_ends_where_it_would_become_dear(look: Callable[[], Scrape]) -> None:
    ParticipantFactory.create_batch(3, meeting=MadeMeetingFactory())
    with CaptureQueriesContext(
        connection,
    ) as queries:
        look()
    counted = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert len(counted) == len(gauges.QUEUES) + len(TOKEN_STATES)
    assert [sql for sql in counted if f"LIMIT {gauges.MOST}" not in sql] == []


def test_several_who_scrape_cost_no_more_than_one(look: Callable[[], Scrape]) -> None:
    look()
    with CaptureQueriesContext(connection) as queries:
        scrape()
    assert len(queries) == 0


def test_when_workers_last_looked_and_chores_were_done_is_told(look: Callable[[], Scrape]) -> None:
    assert look().read("rollcall_worker_look_timestamp_seconds") == 0
    chores.note_look()
    seen = look()
    assert seen.read("rollcall_worker_look_timestamp_seconds") == pytest.approx(timezone.now().timestamp(), abs=30)
    assert {str(sample.labels["chore"]) for sample in seen.samples if "chore" in sample.labels} == set(chores.NAMES)


def test_with_the_database_away_the_rest_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch, look: Callable[[], Scrape]
) -> None:
    def break_off(execute: object, sql: str, params: object, many: bool, context: object) -> object:
        return execute("SELECT nothing_of_the_kind", None, False, context)  # type: ignore[operator]

    gauges.forget()
    with connection.execute_wrapper(break_off):
        seen = scrape()
    assert seen.read("rollcall_database_up") == 0
    assert "rollcall_http_request_seconds" in seen.families
    assert "rollcall_queue_rows" not in seen.families


def test_what_comes_and_goes_is_counted_by_outcome(
    by: Actor, settings: LazySettings, look: Callable[[], Scrape]
) -> None:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, "https://rollcall.example.org"
    use_mail_server(settings, "memorymail://")
    settings.HOOKS_ALLOW_HTTP = settings.HOOKS_ALLOW_PRIVATE = True
    row = EnrolledFactory(meeting=MadeMeetingFactory(), person=GuestFactory(email="bob@example.org"))
    before = look()
    Client().post("/webhooks/realtimekit/", {}, content_type="application/json")
    Delivery.objects.create(body_hash="1", received_at=timezone.now(), body={"event": "recording.statusUpdate"})
    inbox.work()
    invitations.issue(row, by=by, mail=True)
    outbox.work(by=by)
    hook = HookFactory(url="http://127.0.0.1:9/")
    HookMessageFactory(hook=hook, kind=HookKind.ENROLLED)
    hooksending.serve(hook.pk)
    passes.tick(by=by)
    after = look()

    def moved(name: str, **labels: str) -> float:
        return after.read(name, **labels) - before.read(name, **labels)

    assert moved("rollcall_deliveries_received_total", answer="forged") == 1
    assert moved("rollcall_deliveries_worked_total", outcome="ignored_event") == 1
    assert Message.objects.get().state == "sent"
    assert moved("rollcall_mails_total", outcome="sent") == 1
    assert moved("rollcall_hook_messages_total", outcome="delayed") == 1
    assert moved("rollcall_pass_seconds_count") == 1


def list_route_names() -> set[str]:
    def walk(patterns: list[URLPattern | URLResolver], before: tuple[str, ...]) -> Iterator[str]:
        for item in patterns:
            if isinstance(item, URLResolver):
                inner = (*before, item.namespace) if item.namespace else before
                yield from walk(item.url_patterns, inner)
            else:
                view = getattr(item.callback, "view_class", item.callback)
                yield ":".join([*before, item.name or f"{view.__module__}.{view.__name__}"])

    return set(walk(get_resolver().url_patterns, ())) | {"unmatched", "static"}


OF_GAUGES = {
    "queue": gauges.QUEUES,
    "state": frozenset(TOKEN_STATES) | frozenset(BREAKER),
    "chore": frozenset(chores.NAMES),
}


def test_every_value_of_a_label_is_of_a_closed_set(meeting: Meeting, by: Actor, look: Callable[[], Scrape]) -> None:
    rows = ParticipantFactory.create_batch(2, meeting=meeting)
    client = Client()
    client.force_login(AdminFactory())
    for row in rows:
        join(row)
        for path in (
            f"/admin/participants/participant/{row.pk}/change/",
            f"/api/v1/manage/participants/{row.pk}/",
            f"/nowhere/{row.pk}/",
            f"/static/{row.pk}.js",
            "/admin/nowhere/",
            "/api/nowhere/",
        ):
            client.get(path)
    metrics.note_join("made-up", "made-up")
    metrics.note_attempt(f"participants.{rows[0].pk}", "made-up", 0.1)
    metrics.note_request("api:join", 999, 0.1)
    routes, strange = list_route_names(), []
    for sample in look().samples:
        name = sample.name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
        name = name.removesuffix("_total").removesuffix("_created")
        known = metrics.LABELS.get(name, OF_GAUGES)
        for label, value in sample.labels.items():
            allowed = {"route": routes, "status": metrics.STATUSES}.get(label) or known.get(label, frozenset())
            if label != "le" and value not in allowed | {metrics.OTHER}:
                strange.append((sample.name, label, value))
    assert strange == []


def test_what_is_in_no_set_counts_as_other(look: Callable[[], Scrape]) -> None:
    before = look().read("rollcall_joins_total", verdict="other", cache="other")
    metrics.note_join("ada@example.org", "11111111-2222-4333-8444-555555555555")
    after = look()
    assert after.read("rollcall_joins_total", verdict="other", cache="other") == before + 1
    assert "ada@example.org" not in str(after.samples)


def test_the_sets_know_every_word_of_the_code() -> None:
    assert {admission.OK, *admission.CODES} <= metrics.VERDICTS
    assert {kind.value for kind in FailureKind} | {"ok"} == metrics.OUTCOMES
    assert {urgency.value for urgency in Urgency} == metrics.URGENCIES
    assert {reception.name.lower() for reception in Reception} <= metrics.RECEPTIONS
    assert {*news.EVENTS.values(), news.IGNORED, news.INCOMPLETE} <= metrics.DELIVERY_OUTCOMES


def test_the_set_of_operations_is_that_of_the_client() -> None:
    named: set[object] = set()
    for path in (ROOT / "participants" / "realtimekit").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Call":
                first = node.args[0]
                named |= {first.value} if isinstance(first, ast.Constant) else {"active_session.kick"}
    assert named | {"active_session.kick_all"} == metrics.OPERATIONS


def test_every_metric_with_labels_names_the_sets_of_their_values() -> None:
    for family in metrics.PROCESS.collect():
        labels = {label for sample in family.samples for label in sample.labels} - {"le", "route", "status"}
        assert labels <= set(metrics.LABELS.get(family.name, {})), family.name
