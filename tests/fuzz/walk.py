"""A walk over the whole API by its own schema: schemathesis sends, and all of its checks look at the answers."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from django.test import Client
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.engine import Status, events, from_schema
from schemathesis.openapi.checks import (
    EnsureResourceAvailability,
    JsonSchemaError,
    RejectedPositiveData,
    UseAfterFree,
)

from participants.api.errors import STATUS
from participants.services.attendancefilters import FILTERS
from tests.fuzz.door import ADDRESS, opened

RULES = {
    # between fields, or between a field and what there is
    *("user_or_guest", "closes_before_it_opens", "default_preset_needed", "one_source", "one_person"),
    *("filter_without_all", "messages_or_state", "participants_or_all", "unknown_participant"),
    # of text: none but blanks, or characters that no database holds
    *("blank", "null_characters_not_allowed", "surrogate_characters_not_allowed"),
}
"""Codes of invalid fields for what a JSON Schema does not say; a request that fits the schema may meet them."""

RULES_OF_FIELDS = (
    # one of several, and what goes with one of them alone
    (r"people|from_users\.non_field_errors", "required"),
    (r"with_presets", "invalid"),
    # differences that a comparison has not got
    (r"items", "invalid"),
    # names that nobody can have, since they can't be printed
    (r"user|managers\.\d+|from_group|(from_users\.)?group", "invalid"),
)


@dataclass
class Finding:
    failure: Failure
    phase: str
    request: str

    def __str__(self) -> str:
        told = f"{self.failure.operation}, {self.phase}: {self.failure.title}\n{self.failure.message[:1500]}"
        return f"{told}\n{self.request[:1500]}"


@dataclass
class Walk:
    """What came of it: requests by phase, answers by status, operations reached, and what the checks found."""

    sent: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = f"{sum(self.sent.values())} requests, {dict(self.sent)}; answers {dict(sorted(self.statuses.items()))}"
        return "\n\n".join([*self.errors, *map(str, self.findings.values()), told])


def walk(*, session: str, csrf: str, seed: int, examples: int, phases: dict[str, Any]) -> Walk:
    """Send everything that the schema gives rise to, as somebody who is signed in."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "base-url": ADDRESS,
            "headers": {"X-CSRFToken": csrf},
            "auth": {"openapi": {"session": {"api_key": session}}},
            "generation": {"max-examples": examples, "no-shrink": True},
            "phases": phases,
            "continue-on-failure": True,
        }
    )
    published = Client().get("/api/schema/?format=json").json()
    schema = schemathesis.openapi.from_dict(published, config=config)
    schema.hook("filter_failure")(is_finding)
    found = Walk()
    with opened():
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                _note(found, event)
            elif isinstance(event, events.NonFatalError):
                found.errors.append(f"{event.label}: {event.value}")
            elif isinstance(event, events.FatalError):
                raise event.exception
    return found


def is_finding(context: Any, failure: Failure, case: Any, response: Response) -> bool:
    """All but four: a refusal that has a code of its own, such as a preset nobody has or hours that end before they
    begin; that a meeting just made was not compared with RealtimeKit yet; that a field is missing which was not
    asked for; and that what was removed, revoked or withdrawn still says so, where the schema promises its last state
    and not 204."""
    if isinstance(failure, EnsureResourceAvailability):
        return "/drift/" not in case.path
    if isinstance(failure, UseAfterFree):
        return _leaves_nothing(case, str(failure.operation))
    if isinstance(failure, JsonSchemaError) and case.query.get("fields"):
        return failure.schema_path[-1] != "required"
    return not (isinstance(failure, RejectedPositiveData) and _names_a_rule(response))


def _leaves_nothing(case: Any, label: str) -> bool:
    """Whether the schema promises 204 for it, as in ``DELETE /path/{id}/``."""
    method, path = label.split(" ", 1)
    return "204" in case.operation.schema.raw_schema["paths"][path][method.lower()]["responses"]


def _names_a_rule(response: Response) -> bool:
    problem = json.loads(response.content)
    if problem["code"] != "invalid":
        return STATUS.get(problem["code"]) == response.status_code
    return all(map(_is_rule, problem["errors"]))


def _is_rule(error: dict[str, str]) -> bool:
    name, code = error["field"], error["code"]
    if code == "invalid_filter":
        return name in FILTERS and FILTERS[name].kind == "text"  # unprintable
    return code in RULES or any(code == one and re.fullmatch(names, name) for names, one in RULES_OF_FIELDS)


def _note(found: Walk, event: events.ScenarioFinished) -> None:
    recorder, phase = event.recorder, event.phase.value
    for interaction in recorder.interactions.values():
        found.sent[phase] += 1
        found.statuses[interaction.response.status_code if interaction.response else 0] += 1
    for node in recorder.cases.values():
        found.reached[node.value.operation.label] += 1
    for key, checks in recorder.checks.items():
        for check in checks:
            if check.status is Status.FAILURE and check.failure_info is not None:
                failure = check.failure_info.failure
                answer = recorder.interactions[key].response
                body = answer.content[:600].decode(errors="replace") if answer else ""
                finding = Finding(failure, phase, f"{check.failure_info.code_sample}\n{body}")
                found.findings.setdefault((str(failure.operation), failure.title), finding)
