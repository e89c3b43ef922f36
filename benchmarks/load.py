"""Concurrent clients over kept connections, in processes of their own, so that their work is not ours to wait for."""

import http.client
import math
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from urllib.parse import urlsplit

PROCESSES = 2
TIMEOUT = 30


@dataclass(frozen=True)
class Target:
    """One client's request, sent again and again; ``pause`` seconds apart after an answer other than 200."""

    address: str
    headers: dict[str, str]
    body: bytes = b"{}"
    pause: float = 0.0


@dataclass(frozen=True)
class Measure:
    """Requests per second and latencies in milliseconds; ``failed`` counts answers other than 200."""

    rate: float
    median: float
    p95: float
    failed: int


def run(targets: list[Target], seconds: float) -> Measure:
    """All targets at once, one client each."""
    shares = [share for start in range(PROCESSES) if (share := targets[start::PROCESSES])]
    begin = time.time() + 0.5
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(_run_share, shares, [begin] * PROCESSES, [seconds] * PROCESSES))
    latencies = sorted(latency for share, _ in results for latency in share)
    return Measure(
        rate=len(latencies) / seconds,
        median=_pick(latencies, 0.5),
        p95=_pick(latencies, 0.95),
        failed=sum(failed for _, failed in results),
    )


def _run_share(targets: list[Target], begin: float, seconds: float) -> tuple[list[float], int]:
    with ThreadPoolExecutor(len(targets)) as pool:
        results = list(pool.map(lambda target: _repeat(target, begin, seconds), targets))
    return [latency for latencies, _ in results for latency in latencies], sum(failed for _, failed in results)


def _repeat(target: Target, begin: float, seconds: float) -> tuple[list[float], int]:
    parts = urlsplit(target.address)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=TIMEOUT)
    connection.connect()
    time.sleep(max(0.0, begin - time.time()))
    latencies, failed, end = [], 0, time.perf_counter() + seconds
    while (sent := time.perf_counter()) < end:
        connection.request("POST", parts.path, target.body, target.headers)
        answer = connection.getresponse()
        answer.read()
        latencies.append((time.perf_counter() - sent) * 1000)
        if answer.status != 200:
            failed += 1
            time.sleep(target.pause)
    connection.close()
    return latencies, failed


def _pick(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.floor(len(ordered) * share))] if ordered else math.nan
