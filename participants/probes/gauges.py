"""How things stand, in the shape of metrics. Every label's values come from a closed set here too."""

import logging
from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from participants.services import gauges
from participants.services.gauges import Standing

logger = logging.getLogger(__name__)

BREAKER = ("closed", "half_open", "open")


class Gauges:
    """A collector of prometheus_client. With the database away it says that, and nothing else."""

    def collect(self) -> Iterator[Metric]:
        try:
            standing = gauges.read()
        except (DatabaseError, InterfaceError):
            logger.exception("The database could not be asked how things stand.")
            yield _make("rollcall_database_up", "Whether the database answered", 0)
            return
        yield _make("rollcall_database_up", "Whether the database answered", 1)
        yield from _describe_queues(standing)
        yield from _describe_tokens(standing)
        yield from _describe_budget(standing)
        yield from _describe_workers(standing)


def _make(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _describe_queues(standing: Standing) -> Iterator[Metric]:
    rows = GaugeMetricFamily("rollcall_queue_rows", f"Rows that wait, up to {gauges.MOST}", labels=["queue"])
    oldest = GaugeMetricFamily("rollcall_queue_oldest_seconds", "Age of the oldest row that waits", labels=["queue"])
    overdue = GaugeMetricFamily(
        "rollcall_queue_overdue_seconds", "For how long a row that is due has been left lying", labels=["queue"]
    )
    for queue in standing.queues:
        rows.add_metric([queue.name], queue.rows)
        oldest.add_metric([queue.name], queue.oldest)
        overdue.add_metric([queue.name], queue.overdue)
    yield from (rows, oldest, overdue)
    yield _make(
        "rollcall_convergence_lag_seconds",
        "How late the latest change is that RealtimeKit waits for",
        standing.lag,
    )


def _describe_tokens(standing: Standing) -> Iterator[Metric]:
    tokens = GaugeMetricFamily(
        "rollcall_tokens", f"Enrolled participants by the state of their token, up to {gauges.MOST}", labels=["state"]
    )
    for state, count in standing.tokens.items():
        tokens.add_metric([state], count)
    yield tokens


def _describe_budget(standing: Standing) -> Iterator[Metric]:
    state = standing.budget
    yield _make("rollcall_budget_calls_limit", "Calls that the budget allows in its window", state.limits.calls)
    yield _make("rollcall_budget_window_seconds", "The budget's window", state.limits.seconds)
    yield _make("rollcall_budget_calls_used", "Calls made in the window that ends now", state.used)
    yield _make("rollcall_budget_calls_available", "Calls that could be made at once", state.available)
    yield _make("rollcall_budget_pause_seconds", "How long RealtimeKit is left alone after a 429", state.pause_left)
    breaker = GaugeMetricFamily("rollcall_breaker_state", "1 for the state of the circuit breaker", labels=["state"])
    for name in BREAKER:
        breaker.add_metric([name], float(name == state.breaker))
    yield breaker


def _describe_workers(standing: Standing) -> Iterator[Metric]:
    looked = standing.looked_at.timestamp() if standing.looked_at else 0
    yield _make("rollcall_worker_look_timestamp_seconds", "When a worker last looked at the rows, or 0", looked)
    done = GaugeMetricFamily(
        "rollcall_chore_done_timestamp_seconds", "When a regular chore was last done; 0 for never", labels=["chore"]
    )
    for name, at in standing.chores.items():
        done.add_metric([name], at.timestamp() if at else 0)
    yield done
