"""Every answer given without a scripted fault validates against the OpenAPI file of the contract."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from requests import Response

from participants.sandbox import Sandbox
from participants.sandbox.presetbodies import preset_body, role_named
from tests.sandbox.caller import Caller

CONTRACT = yaml.load(
    (Path(__file__).parent.parent / "fixtures" / "realtimekit-contract.openapi.yaml").read_text(),
    Loader=yaml.CSafeLoader,  # ten times as quick as the one written in Python
)
REGISTRY: Registry[Any] = Registry().with_resource("urn:contract", DRAFT202012.create_resource(CONTRACT))
METHODS = ("get", "post", "put", "patch", "delete")
DOCUMENTED = {
    operation["operationId"]: (path, method, min(code for code in operation["responses"] if code.startswith("2")))
    for path, operations in CONTRACT["paths"].items()
    for method, operation in operations.items()
    if method in METHODS
}
# Polls are no part of what this sandbox stands in for.
DOCUMENTED.pop("active_session.create_poll")
WEBHOOK = {"name": "lessons", "url": "https://school.example/hooks", "events": ["meeting.started"]}


def validator(pointer: str) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": f"urn:contract#{quote(pointer)}"},
        registry=REGISTRY,
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


def schema_of(operation: str) -> Draft202012Validator:
    path, method, status = DOCUMENTED[operation]
    escaped = path.replace("~", "~0").replace("/", "~1")
    return validator(f"/paths/{escaped}/{method}/responses/{status}/content/application~1json/schema")


def walk(caller: Caller, sandbox: Sandbox) -> Iterator[tuple[str, Response]]:
    """Each documented operation once, with the answer to it."""
    created = caller.post("meetings", {"title": "Algebra", "ai_config": {"transcription": {"language": "de"}}})
    yield "meetings.create", created
    meeting = f"meetings/{created.json()['data']['id']}"
    yield from walk_meeting(caller, meeting)
    added = caller.post(
        f"{meeting}/participants",
        {"custom_participant_id": "u-1", "preset_name": "group_call_host", "picture": "https://a.example/p.png"},
    )
    yield "meetings.add_participant", added
    person = f"{meeting}/participants/{added.json()['data']['id']}"
    sandbox.world.start_session(created.json()["data"]["id"], [added.json()["data"]["id"]] * 2)
    yield from walk_sessions(caller, meeting, added.json()["data"]["id"])
    yield "meetings.get_meeting_participants", caller.get(f"{meeting}/participants")
    yield "meetings.get_meeting_participant", caller.get(person)
    yield "meetings.edit_participant", caller.patch(person, {"name": "Ada", "picture": None})
    yield "meetings.refresh_participant_token", caller.post(f"{person}/token")
    yield "meetings.delete_meeting_participant", caller.delete(person)
    yield from walk_presets(caller)
    yield from walk_webhooks(caller)


def walk_meeting(caller: Caller, meeting: str) -> Iterator[tuple[str, Response]]:
    yield "meetings.get", caller.get("meetings", page_no=1, per_page=10)
    yield "meetings.get_meeting_by_id", caller.get(meeting)
    yield "meetings.update_meeting_by_id", caller.patch(meeting, {"recording_config": {"max_seconds": 60}})
    yield "meetings.replace_meeting_by_id", caller.put(meeting, {"title": None, "record_on_start": None})


def walk_sessions(caller: Caller, meeting: str, participant_id: str) -> Iterator[tuple[str, Response]]:
    active = caller.get(f"{meeting}/active-session")
    yield "active_session.get_active_session", active
    session = f"sessions/{active.json()['data']['id']}"
    kicked = caller.post(f"{meeting}/active-session/kick", {"participant_ids": [participant_id]})
    yield "active_session.kick_participants", kicked
    yield "active_session.kick_all_participants", caller.post(f"{meeting}/active-session/kick-all")
    yield "sessions.get_sessions", caller.get("sessions", status="ENDED")
    yield "sessions.get_session_details", caller.get(session)
    peers = caller.get(f"{session}/participants")
    yield "sessions.get_session_participants", peers
    peer_id = peers.json()["data"]["participants"][0]["id"]
    yield "sessions.get_session_participant_details", caller.get(f"{session}/participants/{peer_id}")


def walk_presets(caller: Caller) -> Iterator[tuple[str, Response]]:
    body = preset_body(role_named("tutor"))
    created = caller.post("presets", body)
    yield "presets.create", created
    preset = f"presets/{created.json()['data']['id']}"
    yield "presets.get", caller.get("presets")
    yield "presets.get_preset_by_id", caller.get(preset)
    yield "presets.update", caller.patch(preset, {"permissions": {"polls": {"can_vote": False}}})
    yield "presets.replace_preset_by_id", caller.put(preset, body)
    yield "presets.delete", caller.delete(preset)


def walk_webhooks(caller: Caller) -> Iterator[tuple[str, Response]]:
    created = caller.post("webhooks", WEBHOOK)
    yield "webhooks.create_webhook", created
    webhook = f"webhooks/{created.json()['data']['id']}"
    yield "webhooks.get_webhooks", caller.get("webhooks")
    yield "webhooks.get_webhook_by_id", caller.get(webhook)
    yield "webhooks.edit_webhook", caller.patch(webhook, {"enabled": False})
    yield "webhooks.replace_webhook", caller.put(webhook, WEBHOOK)
    yield "webhooks.delete_webhook", caller.delete(webhook)


@pytest.fixture(scope="module")
def answers() -> dict[str, Response]:
    with Sandbox() as sandbox:
        caller = Caller(sandbox)
        try:
            return dict(walk(caller, sandbox))
        finally:
            caller.close()


@pytest.mark.parametrize("operation", DOCUMENTED)
def test_an_answer_validates_against_the_contract(operation: str, answers: dict[str, Response]) -> None:
    answer = answers[operation]
    assert answer.status_code == int(DOCUMENTED[operation][2])
    assert answer.json()["success"] is True
    assert [error.message for error in schema_of(operation).iter_errors(answer.json())] == []


def test_formats_are_really_checked() -> None:
    assert {"date-time", "uuid", "uri"} <= set(Draft202012Validator.FORMAT_CHECKER.checkers)
    wrong = {"id": "no-uuid", "created_at": "2027-01-11T08:00:00Z", "updated_at": "2027-01-11T08:00:00Z"}
    assert not validator("/components/schemas/Meeting").is_valid(wrong)


def test_a_preset_added_by_name_is_complete(sandbox: Sandbox) -> None:
    preset = sandbox.world.add_preset("tutor")
    assert validator("/components/schemas/Preset").is_valid(preset.shown())


def test_the_default_presets_are_complete(sandbox: Sandbox) -> None:
    presets = sandbox.world.presets()
    assert [preset.name for preset in presets] == [
        "group_call_host",
        "group_call_participant",
        "webinar_presenter",
        "webinar_viewer",
    ]
    assert all(validator("/components/schemas/Preset").is_valid(preset.shown()) for preset in presets)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "meetings/not-a-uuid", 400),
        ("GET", "meetings/aaaa1111-0000-4000-8000-000000000001", 404),
        ("GET", "nowhere", 404),
        ("DELETE", "meetings", 405),
    ],
)
def test_an_error_has_a_shape_of_the_contract(method: str, path: str, status: int, caller: Caller) -> None:
    answer = caller.call(method, path)
    assert answer.status_code == status
    assert validator("/components/schemas/AnyError").is_valid(answer.json())
