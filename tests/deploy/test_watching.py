"""The dashboard and the alert rules ask for nothing that is not exported."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import LazySettings

from participants.demo import alerts
from participants.services import gauges
from participants.watch import metrics
from tests.watch.scraping import TOKEN, Scrape, scrape

pytestmark = pytest.mark.django_db
DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "rollcall.json"
RULES = DEPLOY / "prometheus" / "alerts.yaml"


def read_dashboard() -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return dashboard


def read_rules() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def list_expressions() -> Iterator[str]:
    for panel in read_dashboard()["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    yield from (rule["expr"] for rule in read_rules())


@pytest.fixture
def exported(settings: LazySettings) -> Scrape:
    """What an idle process tells; metrics with labels have no series before their first event, but a name."""
    settings.METRICS_TOKEN = TOKEN
    gauges.forget()
    return scrape()


def list_names(exported: Scrape) -> set[str]:
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}
    return {name + ending for name, kind in exported.families.items() for ending in endings[kind]}


def test_every_metric_that_is_asked_for_is_exported(exported: Scrape) -> None:
    asked = {name for text in list_expressions() for name in re.findall(r"rollcall_\w+", text)}
    assert len(asked) > 20
    assert asked - list_names(exported) == set()


def test_every_metric_that_is_exported_is_on_the_dashboard(exported: Scrape) -> None:
    shown = json.dumps(read_dashboard())
    unasked = {"rollcall_budget_window_seconds"}
    assert {name for name in exported.families if name.startswith("rollcall_") and name not in shown} == unasked


def test_every_value_that_is_asked_for_can_be_there() -> None:
    known = {label: values for labels in metrics.LABELS.values() for label, values in labels.items()}
    known |= {"outcome": metrics.OUTCOMES, "queue": gauges.QUEUES, "status": metrics.STATUSES}
    known |= {
        "state": frozenset({"open", "half_open", "closed"}),
        "route": frozenset({"api:join", "readyz", "metrics"}),
    }
    asked = {found for text in list_expressions() for found in re.findall(r'(\w+)[!=]?=~?"([^"]+)"', text)}
    assert ("verdict", "ok") in asked
    assert [(label, values) for label, values in asked if not set(values.split("|")) <= known[label]] == []


def test_every_alert_says_what_is_wrong_what_to_do_and_how_urgent_it_is() -> None:
    rules = read_rules()
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        assert set(rule["annotations"]) == {"summary", "description"}, rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]


def test_every_panel_has_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in read_dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    numbers = [panel["id"] for panel in read_dashboard()["panels"]]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("arguments", alerts.CHECKS, ids=["check", "test"])
def test_promtool_takes_the_rules(arguments: tuple[str, ...]) -> None:
    """Where it is: ``make lint-deploy`` fetches it."""
    if (promtool := alerts.find()) is not None:
        done = alerts.run(promtool, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
