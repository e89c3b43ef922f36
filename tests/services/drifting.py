"""What the tests of syncing and reconciling share: rows old enough to be judged, and things done behind our back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from participants.models import Actor, DriftItem, DriftReport, Meeting, Participant
from participants.sandbox import Sandbox
from participants.sandbox.records import Participant as RemoteParticipant
from participants.services import drift
from participants.states import DriftAction

PRESET = "group_call_participant"


def age() -> None:
    """As if nobody had touched a row for five minutes."""
    then = timezone.now() - timedelta(minutes=5)
    Participant.objects.update(created_at=then, updated_at=then)
    Meeting.objects.update(created_at=then)


def add_remotely(sandbox: Sandbox, meeting: Meeting, custom_id: str, **fields: Any) -> RemoteParticipant:
    """As a dashboard or another program would."""
    preset = fields.pop("preset", PRESET)
    return sandbox.world.add_participant(str(meeting.realtimekit_id), custom_id, preset, **fields)


def change_remotely(sandbox: Sandbox, row: Participant, **fields: Any) -> None:
    (remote,) = [one for one in list_remote(sandbox, row.meeting) if one.id == row.realtimekit_id]
    with sandbox.world.lock:
        sandbox.world.roster.put(replace(remote, **fields))


def delete_remotely(sandbox: Sandbox, row: Participant) -> None:
    sandbox.world.remove_participant(str(row.meeting.realtimekit_id), str(row.realtimekit_id))


def list_remote(sandbox: Sandbox, meeting: Meeting) -> list[RemoteParticipant]:
    return sandbox.world.participants(str(meeting.realtimekit_id))


def find_only_item(report: DriftReport) -> DriftItem:
    (item,) = report.items.all()
    return item


def apply(report: DriftReport, by: Actor, action: DriftAction) -> DriftItem:
    """Decide on the report's only item, and carry it out."""
    item = find_only_item(report)
    assert drift.decide(report, {item.pk: action}, by=by) == 1
    drift.work(report, by=by)
    item.refresh_from_db()
    return item
