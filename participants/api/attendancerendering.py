"""Sessions and attendance to the dictionaries that go over the wire."""

from participants.api.rendering import Body, render_time
from participants.models import Presence, Session
from participants.services.attendance import Record


def render_session(session: Session, counts: dict[str, int]) -> Body:
    return {
        "id": str(session.pk),
        "realtimekit_id": session.realtimekit_id,
        "meeting": str(session.meeting_id) if session.meeting_id else None,
        "title": session.title,
        "live": session.is_live,
        "started_at": render_time(session.started_at),
        "started_known_by": session.started_known_by,
        "ended_at": render_time(session.ended_at),
        "ended_known_by": session.ended_known_by,
        "end_reason": session.end_reason,
        "opens_at": render_time(session.opens_at),
        "closes_at": render_time(session.closes_at),
        "pulled_at": render_time(session.pulled_at),
        "counts": {
            "expected": counts.get("expected", 0),
            "came": counts.get("joined", 0),
            "present": counts.get("present", 0),
        },
    }


def render_record(record: Record) -> Body:
    return {
        "participant": str(record.participant.pk) if record.participant else None,
        "custom_participant_id": record.custom_participant_id,
        "name": record.name,
        "present": record.is_present,
        "first_joined_at": render_time(record.first_joined_at),
        "last_left_at": render_time(record.last_left_at),
        "seconds_present": record.seconds_present,
        "seconds": record.seconds,
        "corrected": record.is_corrected,
        "late_seconds": record.late_seconds,
        "left_early_seconds": record.left_early_seconds,
        "share_of_window": record.share_of_window,
        "intervals": [
            {
                "session": str(stay.session_id),
                "peer_id": stay.peer_id,
                "joined_at": render_time(stay.joined_at),
                "left_at": render_time(stay.left_at),
                "known_by": stay.known_by,
            }
            for stay in record.stays
        ],
    }


def render_my_presence(row: Presence) -> Body:
    """As the person themselves may see it: without who corrected it, and why."""
    session = row.session
    meeting = session.meeting
    return {
        "id": str(row.pk),
        "session": str(session.pk),
        "meeting": {"id": str(meeting.pk), "title": meeting.title} if meeting else None,
        "started_at": render_time(session.started_at),
        "ended_at": render_time(session.ended_at),
        "state": row.describe_state(),
        "first_joined_at": render_time(row.first_joined_at),
        "last_left_at": render_time(row.last_left_at),
        "seconds": row.seconds,
        "rejoins": row.rejoins,
        "late_seconds": row.late_seconds,
        "left_early_seconds": row.left_early_seconds,
        "share_of_window": row.share_of_window,
        "share_of_session": row.share_of_session,
    }


def render_presence(row: Presence) -> Body:
    participant = row.participant
    return {
        **render_my_presence(row),
        "participant": str(participant.pk),
        "person": str(participant.person_id),
        "name": participant.effective_name,
        "custom_participant_id": participant.custom_participant_id,
        "preset": participant.preset.name,
        "was_enrolled": row.was_enrolled,
        "connections": row.connections,
        "measured_seconds": row.measured_seconds,
        "correction": _render_correction(row),
    }


def _render_correction(row: Presence) -> Body | None:
    if row.corrected_seconds is None:
        return None
    return {
        "seconds": row.corrected_seconds,
        "reason": row.correction_reason,
        "by": row.corrected_by.get_username() if row.corrected_by else None,
        "by_key": row.corrected_key.name if row.corrected_key else None,
        "at": render_time(row.corrected_at),
    }
