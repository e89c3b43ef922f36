"""Example bodies of the OpenAPI document. The ids and the token are invented."""

from typing import Any

_MEETING: dict[str, Any] = {
    "id": "0190a3a0-1111-7000-8000-000000000001",
    "realtimekit_id": "aaaa1111-0000-4000-8000-000000000001",
    "title": "Algebra, group 7",
    "status": "ACTIVE",
    "opens_at": None,
    "closes_at": None,
}

JOIN: dict[str, Any] = {
    "token": "eyJ…",
    "expires_at": "2027-04-21T08:01:00Z",
    "refresh_after": "2027-04-20T08:01:00Z",
    "expiry_source": "jwt",
    "server_time": "2027-01-11T08:01:00Z",
    "participant": {
        "id": "0190a3a0-2222-7000-8000-000000000002",
        "realtimekit_id": "bbbb2222-0000-4000-8000-000000000002",
        "custom_participant_id": "5b2f6f0e-6d0b-4f0f-9d2e-0d6a5f6e7a11",
        "name": "Ada Example",
        "preset": "group_call_participant",
    },
    "meeting": _MEETING,
}

ADMISSION: dict[str, Any] = {
    "code": "too_early",
    "message": "The meeting has not opened yet.",
    "opens_at": "2027-01-11T09:00:00Z",
    "meeting": {**_MEETING, "opens_at": "2027-01-11T09:00:00Z"},
}

MEETING_INPUT: dict[str, Any] = {
    "title": "Algebra, group 7",
    "opens_at": "2027-01-11T09:00:00Z",
    "closes_at": "2027-01-11T10:00:00Z",
    "default_preset": "group_call_participant",
    "managers": ["grace"],
}

ENROL_USER: dict[str, Any] = {"user": "ada", "preset": "group_call_participant"}
ENROL_GUEST: dict[str, Any] = {"guest": {"name": "Bob Example", "email": "bob@example.org"}}
CHANGE: dict[str, Any] = {"preset": "group_call_host"}

CONNECTION: dict[str, Any] = {
    "budget": {
        "calls": 3000,
        "seconds": 300,
        "used": 1460,
        "available": 64,
        "available_to_background": 4,
        "reserved": 60,
    },
    "paused_until": None,
    "breaker": {"state": "closed", "failures": 0, "probe_at": None},
    "server_time": "2027-01-11T08:01:00Z",
}

ENROL_MANY: dict[str, Any] = {
    "people": ["ada", "bob@example.org", {"email": "c@example.org", "name": "C", "preset": "group_call_host"}],
    "preset": "group_call_participant",
    "pre_enrol": True,
    "dry_run": False,
}
DRY_RUN: dict[str, Any] = {
    "counts": {"will_enrol": 1, "not_found": 1},
    "rows": [
        {"line": 1, "input": "ada", "outcome": "will_enrol", "detail": ""},
        {"line": 2, "input": "bob@example.org", "outcome": "not_found", "detail": ""},
    ],
}
BATCH: dict[str, Any] = {
    "id": "0190a3a0-3333-7000-8000-000000000003",
    "meeting": "0190a3a0-1111-7000-8000-000000000001",
    "state": "running",
    "counts": {"pending": 1200, "enrolled": 780, "failed": 0, "skipped": 20},
    "total": 2000,
    "waiting_until": None,
    "rate_per_minute": 600,
    "expected_end": "2027-01-11T08:03:00Z",
    "preset": "group_call_participant",
    "pre_enrol": True,
    "started_by": "grace",
    "created_at": "2027-01-11T08:00:00Z",
    "stopped_at": None,
    "undone_at": None,
}

PROBLEM: dict[str, Any] = {
    "type": "urn:rollcall:problem:too_early",
    "title": "Forbidden",
    "status": 403,
    "detail": "The meeting has not opened yet.",
    "code": "too_early",
    "opens_at": "2027-01-11T09:00:00Z",
}

KICK: dict[str, Any] = {
    "participants": ["0190a3a0-2222-7000-8000-000000000002", "0190a3a0-2222-7000-8000-000000000003"]
}

KICKED: dict[str, Any] = {
    "results": [
        {"participant": "0190a3a0-2222-7000-8000-000000000002", "outcome": "kicked"},
        {"participant": "0190a3a0-2222-7000-8000-000000000003", "outcome": "not_inside"},
    ]
}

CORRECTION: dict[str, Any] = {"seconds": 2700, "reason": "Followed by telephone while the line was down."}

ATTENDANCE: dict[str, Any] = {
    "next": None,
    "previous": None,
    "results": [
        {
            "participant": "0190a3a0-2222-7000-8000-000000000002",
            "custom_participant_id": "5b2f6f0e-6d0b-4f0f-9d2e-0d6a5f6e7a11",
            "name": "Ada Example",
            "present": False,
            "first_joined_at": "2027-01-11T09:05:00Z",
            "last_left_at": "2027-01-11T09:50:00Z",
            "seconds_present": 2700,
            "seconds": 2700,
            "corrected": False,
            "late_seconds": 300,
            "left_early_seconds": 600,
            "share_of_window": 0.75,
            "intervals": [
                {
                    "session": "0190a3a0-3333-7000-8000-000000000004",
                    "peer_id": "dddd4444-0000-4000-8000-000000000005",
                    "joined_at": "2027-01-11T09:05:00Z",
                    "left_at": "2027-01-11T09:50:00Z",
                    "known_by": "webhook",
                }
            ],
        }
    ],
}
