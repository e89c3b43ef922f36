"""Answers as in contract 19, for tests to change one thing in."""

import base64
import json
from typing import Any

MEETING_ID = "aaaa1111-0000-4000-8000-000000000001"
PARTICIPANT_ID = "bbbb2222-0000-4000-8000-000000000002"
SESSION_ID = "cccc3333-0000-4000-8000-000000000004"
CUSTOM_ID = "u-4711"


def make_jwt(**claims: object) -> str:
    def encode(part: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()

    return ".".join((encode({"alg": "RS256"}), encode(claims), "c2lnbmF0dXJl"))


TOKEN = make_jwt(meetingId=MEETING_ID, participantId=PARTICIPANT_ID)


def meeting(**changes: object) -> dict[str, Any]:
    return {
        "id": MEETING_ID,
        "title": "Algebra, group 7",
        "status": "ACTIVE",
        "record_on_start": False,
        "created_at": "2027-01-11T08:00:00.000Z",
        "updated_at": "2027-01-11T08:00:00.000Z",
        **changes,
    }


def participant(**changes: object) -> dict[str, Any]:
    return {
        "id": PARTICIPANT_ID,
        "custom_participant_id": CUSTOM_ID,
        "preset_name": "group_call_participant",
        "name": "Ada Example",
        "picture": None,
        "created_at": "2027-01-11T08:01:00.000Z",
        "updated_at": "2027-01-11T08:01:00.000Z",
        **changes,
    }


def numbered(count: int, first: int = 1) -> list[dict[str, Any]]:
    return [participant(id=f"p-{n}", custom_participant_id=f"u-{n}") for n in range(first, first + count)]


def preset(**changes: object) -> dict[str, Any]:
    return {
        "id": "pppp0000-0000-4000-8000-000000000001",
        "name": "group_call_host",
        "created_at": "2027-01-10T08:00:00.000Z",
        "updated_at": "2027-01-10T08:00:00.000Z",
        **changes,
    }


def session(**changes: object) -> dict[str, Any]:
    return {
        "id": SESSION_ID,
        "associated_id": MEETING_ID,
        "meeting_display_name": "Algebra, group 7",
        "status": "LIVE",
        "live_participants": 3.0,
        "started_at": "2027-01-11T09:00:02.000Z",
        **changes,
    }


def peer(**changes: object) -> dict[str, Any]:
    return {
        "id": "dddd4444-0000-4000-8000-000000000005",
        "user_id": PARTICIPANT_ID,
        "custom_participant_id": CUSTOM_ID,
        "display_name": "Ada Example",
        "preset_name": "group_call_participant",
        "joined_at": "2027-01-11T09:00:02.000Z",
        "left_at": "2027-01-11T09:20:02.000Z",
        "duration": 20,
        **changes,
    }


def complaint(code: int, message: str) -> dict[str, Any]:
    """Shape A: RealtimeKit itself."""
    return {"success": False, "error": {"code": code, "message": message}}


def edge(code: int, message: str) -> dict[str, Any]:
    """Shape C: Cloudflare's edge and account layer."""
    return {
        "success": False,
        "errors": [{"code": code, "message": message}],
        "messages": [],
        "result": None,
    }
