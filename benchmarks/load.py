"""Concurrent clients over kept connections, in processes of their own, so that their work is not ours to wait for."""

import http.client
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from urllib.parse import urlsplit

PROCESSES = 2
TIMEOUT = 30


@dataclass(frozen=True)
class Target:
    """One client's request, sent again and again; ``pause`` seconds apart after an answer other than 200.

    ``every`` so many seconds, counted from the moment each was sent; 0 is at once.
    """

    address: str
    headers: dict[str, str]
    body: bytes = b"{}"
    pause: float = 0.0
    every: float = 0.0


@dataclass(frozen=True)
class Measure:
    """Requests per second and latencies in milliseconds; ``failed`` counts answers other than 200."""

    rate: float
    median: float
    p95: float
    failed: int
    p99: float = math.nan
    count: int = 0
    mean: float = math.nan


@dataclass(frozen=True)
class _Job:
    """What one process does: its targets again and again, one client each; or each once, by so many clients."""

    targets: list[Target]
    begin: float
    seconds: float
    clients: int = 0


_Results = tuple[list[float], int]


def run(targets: list[Target], seconds: float) -> Measure:
    """All targets at once, one client each."""
    with running(targets, seconds) as finish:
        return finish()


@contextmanager
def running(targets: list[Target], seconds: float, *, clients: int = 0) -> Iterator[Callable[[], Measure]]:
    """As ``run``, beside what the caller does meanwhile; what is yielded waits for the end.

    With ``clients`` each target is asked once at most, by so many clients.
    """
    begin = time.time() + 0.5
    each = math.ceil(clients / PROCESSES)
    jobs = [_Job(share, begin, seconds, each) for share in _share(targets)]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        asked = [pool.submit(_run_job, job) for job in jobs]
        yield lambda: _sum_up([job.result() for job in asked], seconds)


def run_each(targets: list[Target], *, clients: int) -> tuple[Measure, float]:
    """Every target once, by so many clients as fast as they are answered; and the seconds it took."""
    began = time.time() + 0.5
    with running(targets, math.inf, clients=clients) as finish:
        measure = finish()
    seconds = time.time() - began
    return replace(measure, rate=measure.count / seconds), seconds


def _share(targets: list[Target]) -> list[list[Target]]:
    return [share for start in range(PROCESSES) if (share := targets[start::PROCESSES])]


def _sum_up(results: list[_Results], seconds: float) -> Measure:
    latencies = sorted(latency for share, _ in results for latency in share)
    return Measure(
        rate=len(latencies) / seconds,
        median=_pick(latencies, 0.5),
        p95=_pick(latencies, 0.95),
        p99=_pick(latencies, 0.99),
        failed=sum(failed for _, failed in results),
        count=len(latencies),
        mean=sum(latencies) / len(latencies) if latencies else math.nan,
    )


def _run_job(job: _Job) -> _Results:
    def work(share: list[Target]) -> _Results:
        return _ask_each(share, job.begin, job.seconds) if job.clients else _repeat(share[0], job.begin, job.seconds)

    step = job.clients or len(job.targets)
    shares = [share for start in range(step) if (share := job.targets[start::step])]
    with ThreadPoolExecutor(len(shares)) as pool:
        results = list(pool.map(work, shares))
    return [latency for latencies, _ in results for latency in latencies], sum(failed for _, failed in results)


def _repeat(target: Target, begin: float, seconds: float) -> _Results:
    connection = _connect(target, begin)
    latencies, failed, end = [], 0, time.perf_counter() + seconds
    while (sent := time.perf_counter()) < end:
        latency, is_good = _ask(connection, target)
        latencies.append(latency)
        if not is_good:
            failed += 1
            time.sleep(target.pause)
        if target.every:
            time.sleep(max(0.0, sent + target.every - time.perf_counter()))
    connection.close()
    return latencies, failed


def _ask_each(targets: list[Target], begin: float, seconds: float) -> _Results:
    connection = _connect(targets[0], begin)
    latencies, failed, end = [], 0, time.perf_counter() + seconds
    for target in targets:
        if (sent := time.perf_counter()) >= end:
            break
        latency, is_good = _ask(connection, target)
        latencies.append(latency)
        failed += not is_good
        if target.every:
            time.sleep(max(0.0, sent + target.every - time.perf_counter()))
    connection.close()
    return latencies, failed


def _connect(target: Target, begin: float) -> http.client.HTTPConnection:
    parts = urlsplit(target.address)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=TIMEOUT)
    connection.connect()
    time.sleep(max(0.0, begin - time.time()))
    return connection


def _ask(connection: http.client.HTTPConnection, target: Target) -> tuple[float, bool]:
    sent = time.perf_counter()
    connection.request("POST", urlsplit(target.address).path, target.body, target.headers)
    answer = connection.getresponse()
    answer.read()
    return (time.perf_counter() - sent) * 1000, answer.status == 200


def _pick(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.floor(len(ordered) * share))] if ordered else math.nan
