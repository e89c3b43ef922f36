"""Reports of errors: where it broke and in which request; not who asked, what they sent, or any secret."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.watch.collector import Collector
from tests.watch.crashing import COOKIE, EMAIL, PASSWORD, TOKEN

ROOT = Path(__file__).parents[2]
API_TOKEN = "an-api-token-of-cloudflare-that-nobody-sees"
PROGRAM = """
import sys
import django
django.setup()
from tests.watch import crashing
crashing.ask(sys.argv[1])
"""
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def run(collector: Collector, broken: str) -> tuple[int, str]:
    """One request of a process that reports to the collector; its status and its id."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "REALTIMEKIT_API_TOKEN": API_TOKEN,
        "SENTRY_DSN": f"http://{KEY}@{collector.host}/7",
        "SENTRY_ENVIRONMENT": "staging",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, broken],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    status, request_id = done.stdout.split()
    return int(status), request_id


def read_one(collector: Collector) -> dict[str, Any]:
    (report,) = collector.read_reports()
    return report


def test_a_broken_page_is_reported_once_with_the_place_and_the_request(collector: Collector) -> None:
    status, request_id = run(collector, "crash")
    assert status == 500
    report = read_one(collector)
    (error,) = report["exception"]["values"]
    assert error["type"] == "ValueError"
    assert error["value"] == "[address] can't join with [token], [api token] 3"
    last = error["stacktrace"]["frames"][-1]
    assert (last["function"], last["module"]) == ("crash", "tests.watch.crashing")
    assert report["tags"] == {"request_id": request_id}
    assert report["environment"] == "staging"
    assert collector.bodies[0][0] == "/api/7/envelope/"


@pytest.mark.parametrize("broken", ["crash", "log"])
def test_no_report_holds_a_secret_or_who_asked(collector: Collector, broken: str) -> None:
    run(collector, broken)
    report, sent = read_one(collector), collector.read_everything()
    secrets = (TOKEN, TOKEN.split(".")[1], API_TOKEN, EMAIL, COOKIE, "sessionid", "Authorization")
    assert [secret for secret in secrets if secret in sent] == []
    assert PASSWORD not in sent
    assert {"request", "user", "breadcrumbs", "extra"} & set(report) == set()
    errors = report.get("exception", {}).get("values", [])
    frames = [frame for error in errors for frame in error["stacktrace"]["frames"]]
    assert not [frame for frame in frames if "vars" in frame]


def test_a_line_of_the_log_that_tells_of_an_error_is_reported_too(collector: Collector) -> None:
    assert run(collector, "log")[0] == 200
    report = read_one(collector)
    assert report["level"] == "error"
    assert report["logger"] == "participants"
    assert "[address]" in str(report["logentry"])
