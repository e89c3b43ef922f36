"""Meetings (contract 6). There is no way to delete one."""

from dataclasses import replace

from participants.sandbox import schemas
from participants.sandbox.answers import Answer, Json, success
from participants.sandbox.call import Call
from participants.sandbox.records import MEETING_DEFAULTS, Meeting
from participants.sandbox.validation import Fields, Rule, complain

# Not in the documented body of POST and PUT; refusing it shows the caller a mistake that ignoring it would hide.
MEETING_WITH_STATUS: Fields = {**schemas.MEETING, "status": Rule("string", nullable=True)}


def create(call: Call) -> Answer:
    settings = _settings(call)
    title = settings.pop("title", None)
    meeting = Meeting(**call.world.fresh(call.app_id), title=title, settings={**MEETING_DEFAULTS, **settings})
    with call.world.lock:
        call.world.meeting_rows.put(meeting)
    return success(meeting.shown(), status=201)


def list_meetings(call: Call) -> Answer:
    status = call.choice("status", ("ACTIVE", "INACTIVE"))
    wanted = call.query.get("search", "").lower()
    in_time = call.created_between()
    rows = [
        meeting
        for meeting in call.world.meeting_rows.all()
        if meeting.app_id == call.app_id
        and status in (None, meeting.status)
        and (wanted == meeting.id or wanted in (meeting.title or "").lower())
        and in_time(meeting)
    ]
    return call.paged(rows, Meeting.listed)


def get(call: Call) -> Answer:
    return success(call.meeting().shown())


def patch(call: Call) -> Answer:
    changes = call.body(schemas.MEETING_PATCH)
    with call.world.lock:
        meeting = call.meeting()
        title = changes.pop("title", meeting.title)
        status = changes.pop("status", meeting.status)
        return _save(call, replace(meeting, title=title, status=status, settings={**meeting.settings, **changes}))


def put(call: Call) -> Answer:
    """Unset fields fall back to their defaults; the status, no part of the body, stays (contract 6, unknown)."""
    settings = _settings(call)
    title = settings.pop("title", None)
    with call.world.lock:
        return _save(call, replace(call.meeting(), title=title, settings={**MEETING_DEFAULTS, **settings}))


def _settings(call: Call) -> Json:
    settings = call.body(MEETING_WITH_STATUS)
    if "status" in settings:
        complain("status", "is not allowed")
    nulls = [name for name in ("record_on_start", "live_stream_on_start") if settings.get(name, 0) is None]
    return {**settings, **dict.fromkeys(nulls, False)}


def _save(call: Call, meeting: Meeting) -> Answer:
    return success(call.world.meeting_rows.put(replace(meeting, updated_at=call.world.now())).shown())
