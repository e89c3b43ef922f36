"""Participants of a meeting (contract 7). Tokens come with add, patch and refresh only."""

from dataclasses import replace

from participants.sandbox import schemas
from participants.sandbox.answers import Answer, Refusal, success
from participants.sandbox.call import Call
from participants.sandbox.records import Participant


def add(call: Call) -> Answer:
    meeting = call.meeting()
    body = call.body(schemas.PARTICIPANT)
    participant = call.world.add_participant(
        meeting.id,
        body["custom_participant_id"],
        body["preset_name"],
        name=body.get("name"),
        picture=body.get("picture"),
        hide_for=call.hide_for,
    )
    return _with_token(call, participant, status=201)


def list_participants(call: Call) -> Answer:
    meeting = call.meeting()
    with call.world.lock:
        rows = call.world.roster.listed(meeting.id, call.world.now())
    return call.paged(rows, Participant.shown)


def get(call: Call) -> Answer:
    return success(_participant(call).shown())


def patch(call: Call) -> Answer:
    """`preset_name: null` changes nothing: a participant always has one."""
    changes = call.body(schemas.PARTICIPANT_PATCH)
    with call.world.lock:
        participant = replace(_participant(call), updated_at=call.world.now())
        preset_name = changes.pop("preset_name", None)
        if preset_name is not None:
            preset = call.world.require_preset(call.app_id, preset_name)
            changes |= {"preset_id": preset.id, "preset_name": preset.name}
        participant = call.world.roster.put(replace(participant, **changes))
    return _with_token(call, participant, status=200)


def delete(call: Call) -> Answer:
    with call.world.lock:
        participant = _participant(call)
        call.world.roster.drop(participant)
    return success(participant.deleted())


def refresh(call: Call) -> Answer:
    """Older tokens stay good (contract 4)."""
    return success({"token": call.world.issue_token(_participant(call))})


def _participant(call: Call) -> Participant:
    meeting = call.meeting()
    participant = call.world.roster.get(call.id("participant_id"))
    if participant is None or participant.meeting_id != meeting.id:
        raise Refusal(404, "Participant not found")
    return participant


def _with_token(call: Call, participant: Participant, *, status: int) -> Answer:
    return success({**participant.shown(), "token": call.world.issue_token(participant)}, status=status)
