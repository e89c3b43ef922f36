"""The official Python SDK drives every operation with strict response validation: a wrong type raises."""

from collections.abc import Iterator
from typing import Any, TypedDict

import pytest
from cloudflare import Cloudflare, ConflictError, NotFoundError, RateLimitError

from participants.sandbox import Sandbox
from participants.sandbox.presetbodies import preset_body, role_named
from participants.sandbox.routing import OPERATIONS


class Where(TypedDict):
    account_id: str
    app_id: str


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Cloudflare]:
    with Cloudflare(
        api_token=sandbox.api_token,
        base_url=sandbox.base_url,
        max_retries=0,
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.fixture
def where(sandbox: Sandbox) -> Where:
    return {"account_id": sandbox.account_id, "app_id": sandbox.app_id}


def drive_apps(client: Cloudflare, where: Where) -> None:
    kit, account_id = client.realtime_kit, where["account_id"]
    assert [app.id for app in kit.apps.get(account_id=account_id).data or []] == [where["app_id"]]
    made = kit.apps.post(account_id=account_id, name="Second").data
    assert made is not None
    assert made.app is not None
    assert made.app.name == "Second"


def drive_presets(client: Cloudflare, where: Where) -> None:
    presets = client.realtime_kit.presets
    body: dict[str, Any] = preset_body(role_named("tutor"))
    made = presets.create(**where, **body).data
    listed = presets.get(**where, search="tutor").data
    assert [preset.id for preset in listed] == [made.id]
    assert presets.get_preset_by_id(made.id, **where).data.name == "tutor"
    changed = presets.update(made.id, **where, permissions={"polls": {"can_vote": False}}).data
    assert changed.permissions.polls.can_vote is False
    assert changed.permissions.polls.can_view is True
    assert presets.replace_preset_by_id(made.id, **where, **body).data.permissions.polls.can_vote is True
    assert presets.delete(made.id, **where).data.name == "tutor"


def drive_meetings(client: Cloudflare, where: Where) -> str:
    meetings = client.realtime_kit.meetings
    made = meetings.create(**where, title="Algebra", session_keep_alive_time_in_secs=120).data
    assert made is not None
    assert [meeting.id for meeting in meetings.get(**where, page_no=1, per_page=50).data] == [made.id]
    found = meetings.get_meeting_by_id(made.id, **where).data
    assert found is not None
    assert found.session_keep_alive_time_in_secs == 120
    closed = meetings.update_meeting_by_id(made.id, **where, status="INACTIVE").data
    assert closed is not None
    assert closed.status == "INACTIVE"
    replaced = meetings.replace_meeting_by_id(made.id, **where, title="Geometry").data
    assert replaced is not None
    assert (replaced.title, replaced.session_keep_alive_time_in_secs) == ("Geometry", 60)
    return made.id


def drive_participants(client: Cloudflare, where: Where, meeting_id: str) -> str:
    meetings = client.realtime_kit.meetings
    made = meetings.add_participant(
        meeting_id, **where, custom_participant_id="u-1", preset_name="group_call_host", name="Ada"
    ).data
    assert made is not None
    assert [row.id for row in meetings.get_meeting_participants(meeting_id, **where).data] == [made.id]
    assert (
        meetings.get_meeting_participant(made.id, **where, meeting_id=meeting_id).data.custom_participant_id == "u-1"
    )
    edited = meetings.edit_participant(made.id, **where, meeting_id=meeting_id, preset_name="webinar_viewer").data
    assert edited is not None
    assert edited.preset_name == "webinar_viewer"
    refreshed = meetings.refresh_participant_token(made.id, **where, meeting_id=meeting_id).data.token
    assert len({made.token, edited.token, refreshed}) == 3
    return made.id


def drive_sessions(client: Cloudflare, where: Where, meeting_id: str, participant_id: str) -> None:
    active, sessions = client.realtime_kit.active_session, client.realtime_kit.sessions
    session = active.get_active_session(meeting_id, **where).data
    assert session is not None
    assert session.live_participants == 1
    kicked = active.kick_participants(
        meeting_id, **where, participant_ids=[participant_id], custom_participant_ids=[]
    ).data
    assert kicked is not None
    assert [row.id for row in kicked.participants or []] == [participant_id]
    emptied = active.kick_all_participants(meeting_id, **where).data
    assert emptied is not None
    assert emptied.kicked_participants_count == 0
    listed = sessions.get_sessions(**where, associated_id=meeting_id).data
    assert listed is not None
    assert [row.status for row in listed.sessions or []] == ["ENDED"]
    details = sessions.get_session_details(session.id, **where).data
    assert details is not None
    peers = sessions.get_session_participants(session.id, **where).data
    assert peers is not None
    [peer] = peers.participants or []
    assert peer.id is not None
    one = sessions.get_session_participant_details(peer.id, **where, session_id=session.id).data
    assert one is not None
    assert one.participant is not None
    assert one.participant.user_id == participant_id


def drive_webhooks(client: Cloudflare, where: Where) -> None:
    webhooks = client.realtime_kit.webhooks
    assert webhooks.get_webhooks(**where).data == []
    made = webhooks.create_webhook(
        **where, name="lessons", url="https://school.example/hooks", events=["meeting.started"]
    ).data
    assert made.enabled is True
    assert [webhook.id for webhook in webhooks.get_webhooks(**where).data] == [made.id]
    assert webhooks.get_webhook_by_id(made.id, **where).data.url == "https://school.example/hooks"
    assert webhooks.edit_webhook(made.id, **where, enabled=False).data.enabled is False
    replaced = webhooks.replace_webhook(
        made.id, **where, name="all", url="https://school.example/2", events=["meeting.ended"]
    ).data
    assert (replaced.name, replaced.enabled) == ("all", True)
    assert webhooks.delete_webhook(made.id, **where).data.id == made.id


def test_the_official_sdk_drives_every_operation(client: Cloudflare, where: Where, sandbox: Sandbox) -> None:
    drive_apps(client, where)
    drive_presets(client, where)
    meeting_id = drive_meetings(client, where)
    participant_id = drive_participants(client, where, meeting_id)
    sandbox.world.start_session(meeting_id, [participant_id])
    drive_sessions(client, where, meeting_id, participant_id)
    deleted = client.realtime_kit.meetings.delete_meeting_participant(
        participant_id, **where, meeting_id=meeting_id
    ).data
    assert deleted is not None
    assert deleted.custom_participant_id == "u-1"
    drive_webhooks(client, where)
    driven = {entry.operation for entry in sandbox.requests.all()}
    # The last three have no method in the SDK.
    assert driven == OPERATIONS - {"webhooks.all", "well_known", "unknown"}


def test_the_sdk_knows_our_errors_by_its_own_classes(client: Cloudflare, where: Where, sandbox: Sandbox) -> None:
    meetings = client.realtime_kit.meetings
    meeting_id = sandbox.world.create_meeting("Algebra").id
    sandbox.duplicates = "conflict"
    sandbox.world.add_participant(meeting_id, "u-1", "group_call_host")
    with pytest.raises(ConflictError):
        meetings.add_participant(meeting_id, **where, custom_participant_id="u-1", preset_name="group_call_host")
    with pytest.raises(NotFoundError):
        client.realtime_kit.active_session.get_active_session(meeting_id, **where)
    sandbox.faults.add("rate_limited", retry_after=7)
    with pytest.raises(RateLimitError) as limited:
        meetings.get(**where)
    assert limited.value.response.headers["Retry-After"] == "7"
    assert [error.code for error in limited.value.errors] == [1015]
