"""What each process counts and times. What lies in the rows is read from them when somebody asks for metrics.

Every label's values come from a closed set, given here; a value that is in none counts as ``other``. No id, name or
address is ever a label: each value is one more time series in the operator's Prometheus, for ever.
"""

import functools

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # else each series comes twice
PROCESS = CollectorRegistry()
OTHER = "other"
VERDICTS = frozenset(
    {
        *("ok", "not_found", "blocked", "removed", "not_enrolled", "meeting_inactive", "too_early", "closed", "full"),
        *("enrolment_failed", "consent_required", "rate_limited", "provider_unavailable", "provider_misconfigured"),
    }
)
CACHE = frozenset({"hit", "stale", "miss", "none"})
OPERATIONS = frozenset(
    {
        *("apps.list", "presets.list", "presets.get"),
        *("meetings.list", "meetings.create", "meetings.get", "meetings.patch"),
        *("participants.add", "participants.list", "participants.get", "participants.patch"),
        *("participants.delete", "participants.refresh_token"),
        *("sessions.list", "sessions.get", "sessions.participants"),
        *("active_session.get", "active_session.kick", "active_session.kick_all"),
        *("webhooks.list", "webhooks.create", "webhooks.patch"),
    }
)
OUTCOMES = frozenset({"ok", "not_delivered", "outcome_unknown", "refused", "misconfigured", "absent"})
HOLDS = frozenset({"budget_exhausted", "paused", "breaker_open"})
URGENCIES = frozenset({"interactive", "background", "probe"})
RECEPTIONS = frozenset({"stored", "repeated", "forged", "undecided", "unreadable", "not_stored"})
DELIVERY_OUTCOMES = frozenset(
    {"session_started", "session_ended", "joined", "left", "ignored_event", "incomplete", "failed"}
)
MAIL_OUTCOMES = frozenset({"sent", "dropped", "delayed", "failed"})
HOOK_OUTCOMES = frozenset({"delivered", "delayed", "failed"})
RESULTS = ("settled", "waiting", "withdrawn", "renewed")
STATUSES = frozenset({"1xx", "2xx", "3xx", "4xx", "5xx"})

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_REMOTE = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WAITS = (0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)

HTTP = Histogram(
    "rollcall_http_request_seconds",
    "Requests by the name of their route and the class of their status",
    ["route", "status"],
    buckets=_QUICK,
    registry=PROCESS,
)
JOINS = Counter(
    "rollcall_joins", "Joins by verdict and by where the token came from", ["verdict", "cache"], registry=PROCESS
)
REMOTE = Histogram(
    "rollcall_remote_call_seconds",
    "Attempts at RealtimeKit by operation and by what the outcome says of it",
    ["operation", "outcome"],
    buckets=_REMOTE,
    registry=PROCESS,
)
BUDGET_WAIT = Histogram(
    "rollcall_budget_wait_seconds",
    "How long calls waited for the shared budget, a pause or the circuit breaker before they were made",
    ["urgency"],
    buckets=_WAITS,
    registry=PROCESS,
)
HELD_BACK = Counter(
    "rollcall_remote_calls_held_back", "Calls that were not made, and by what", ["reason"], registry=PROCESS
)
RECEIVED = Counter("rollcall_deliveries_received", "Webhooks at the door, by answer", ["answer"], registry=PROCESS)
WORKED = Counter(
    "rollcall_deliveries_worked", "Webhooks that were worked on, each attempt", ["outcome"], registry=PROCESS
)
MAILS = Counter("rollcall_mails", "Mails by what became of an attempt", ["outcome"], registry=PROCESS)
HOOK_MESSAGES = Counter(
    "rollcall_hook_messages", "Outgoing webhooks by what became of an attempt", ["outcome"], registry=PROCESS
)
PASS = Histogram("rollcall_pass_seconds", "Passes over the rows by workers", buckets=_WAITS, registry=PROCESS)
ROWS = Counter("rollcall_pass_rows", "Rows that passes had in hand, by result", ["result"], registry=PROCESS)


LABELS = {
    "rollcall_joins": {"verdict": VERDICTS, "cache": CACHE},
    "rollcall_remote_call_seconds": {"operation": OPERATIONS, "outcome": OUTCOMES},
    "rollcall_budget_wait_seconds": {"urgency": URGENCIES},
    "rollcall_remote_calls_held_back": {"reason": HOLDS},
    "rollcall_deliveries_received": {"answer": RECEPTIONS},
    "rollcall_deliveries_worked": {"outcome": DELIVERY_OUTCOMES},
    "rollcall_mails": {"outcome": MAIL_OUTCOMES},
    "rollcall_hook_messages": {"outcome": HOOK_OUTCOMES},
    "rollcall_pass_rows": {"result": frozenset(RESULTS)},
}
"""The values of each label but ``route``, whose values are the names in the URL configuration."""


def note_request(route: str, status: int, seconds: float) -> None:
    _find_requests(route, status // 100).observe(seconds)


def note_join(verdict: str, cache: str) -> None:
    _find_joins(_pick(verdict, VERDICTS), _pick(cache, CACHE)).inc()


# These two lie in the way of every join. Finding a series takes longer than adding to it.
@functools.cache
def _find_requests(route: str, hundreds: int) -> Histogram:
    return HTTP.labels(route, _pick(f"{hundreds}xx", STATUSES))


@functools.cache
def _find_joins(verdict: str, cache: str) -> Counter:
    return JOINS.labels(verdict, cache)


def note_attempt(operation: str, outcome: str, seconds: float) -> None:
    REMOTE.labels(_pick(operation, OPERATIONS), _pick(outcome, OUTCOMES)).observe(seconds)


def note_wait(urgency: str, seconds: float) -> None:
    BUDGET_WAIT.labels(_pick(urgency, URGENCIES)).observe(seconds)


def note_hold(reason: str) -> None:
    HELD_BACK.labels(_pick(reason, HOLDS)).inc()


def note_reception(answer: str) -> None:
    RECEIVED.labels(_pick(answer, RECEPTIONS)).inc()


def note_delivery(outcome: str) -> None:
    WORKED.labels(_pick(outcome, DELIVERY_OUTCOMES)).inc()


def note_mail(outcome: str) -> None:
    MAILS.labels(_pick(outcome, MAIL_OUTCOMES)).inc()


def note_hook_message(outcome: str) -> None:
    HOOK_MESSAGES.labels(_pick(outcome, HOOK_OUTCOMES)).inc()


def note_pass(seconds: float, *rows: int) -> None:
    """``rows`` are counts of RESULTS, in that order."""
    PASS.observe(seconds)
    for result, count in zip(RESULTS, rows, strict=True):
        ROWS.labels(result).inc(count)


def _pick(value: str, known: frozenset[str]) -> str:
    return value if value in known else OTHER
