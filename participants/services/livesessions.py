"""Putting people out of a room's live session. Whether somebody is in there is told in many ways, or not at all."""

from participants.models import Meeting
from participants.realtimekit import Absent, Deadline, OutcomeUnknown, RealtimeKit, RealtimeKitError
from participants.services.listing import may_mean_absent


def put_out(meeting: Meeting, remote_id: str, *, deadline: Deadline, client: RealtimeKit) -> bool:
    """Kick one participant; False when RealtimeKit neither did so nor says plainly that nobody is in the room.

    Raises RealtimeKitError when it could not be asked. The room has to be known to exist.
    """
    room = str(meeting.realtimekit_id)
    try:
        client.active_session.kick(room, participant_ids=[remote_id], deadline=deadline)
    except RealtimeKitError as error:
        if isinstance(error, OutcomeUnknown) and error.status is None:
            return False
        if not may_mean_absent(error):
            raise
        return not _is_live(room, deadline, client)
    return True


def empty(meeting: Meeting, *, deadline: Deadline, client: RealtimeKit) -> None:
    """End the live session of a closed room; INACTIVE alone is not documented to eject anybody (contract 3)."""
    room = str(meeting.realtimekit_id)
    if _end(room, deadline, client) and not _is_live(room, deadline, client):
        return
    if not _end(room, deadline, client) and _is_live(room, deadline, client):
        raise OutcomeUnknown("active_session.kick_all", "kick_unconfirmed", "Somebody may still be in the room.")


def _end(room: str, deadline: Deadline, client: RealtimeKit) -> bool:
    """Kick everybody; False for an answer that may mean "no session", which is not always said with 404."""
    try:
        client.active_session.kick_all(room, deadline=deadline)
    except RealtimeKitError as error:
        if not may_mean_absent(error):
            raise
        return False
    return True


def _is_live(room: str, deadline: Deadline, client: RealtimeKit) -> bool:
    try:
        return client.active_session.get(room, deadline=deadline) is not None
    except RealtimeKitError as error:
        # The room itself answered a moment ago, so a 404 of whatever shape is about its session.
        return not (isinstance(error, Absent) or error.code == "route_unknown")
