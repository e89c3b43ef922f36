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
    "server_time": "2027-01-11T08:01:00Z",
    "meeting": {**_MEETING, "opens_at": "2027-01-11T09:00:00Z"},
}

AGREE: dict[str, Any] = {"consent": "0190a3a0-5555-7000-8000-000000000005"}

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

HOOK_INPUT: dict[str, Any] = {
    "name": "Timetable",
    "url": "https://timetable.example.org/rollcall",
    "kinds": ["participant.enrolled", "participant.removed", "attendance.joined"],
    "meetings": [],
}

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
    "background": {"looked_at": "2027-01-11T08:00:57Z", "running": True},
    "webhook": {
        "url": "https://rollcall.example.org/webhooks/realtimekit/",
        "last_delivery_at": "2027-01-11T08:00:41Z",
        "waiting": 0,
        "failed": 0,
        "key": {
            "fingerprint": "0b6e4a0c4c1f0d6f7b1f3c0a8f9f5c2d7a1e4b3c6d5e8f7a9b0c1d2e3f4a5b6c",
            "fetched_at": "2027-01-10T21:14:00Z",
            "pinned": False,
        },
    },
    "server_time": "2027-01-11T08:01:00Z",
}

ENROL_MANY: dict[str, Any] = {
    "people": ["ada", "bob@example.org", {"email": "c@example.org", "name": "C", "preset": "group_call_host"}],
    "preset": "group_call_participant",
    "pre_enrol": True,
    "dry_run": False,
}
REMOVE_MANY: dict[str, Any] = {"people": ["ada", "bob@example.org"], "dry_run": False}
REMOVE_ALL: dict[str, Any] = {"all": True, "filter": {"preset": "webinar_viewer"}, "dry_run": True}
CHANGE_MANY: dict[str, Any] = {
    "participants": ["0190a3a0-2222-7000-8000-000000000002"],
    "preset": "group_call_host",
    "dry_run": False,
}
REMOVALS_SEEN: dict[str, Any] = {
    "counts": {"will_remove": 1, "not_enrolled": 1},
    "rows": [
        {"line": 1, "input": "ada", "outcome": "will_remove", "detail": ""},
        {"line": 2, "input": "bob@example.org", "outcome": "not_enrolled", "detail": ""},
    ],
}
ENROL_FROM_MEETING: dict[str, Any] = {
    "from_meeting": "0190a3a0-4444-7000-8000-000000000004",
    "with_presets": True,
    "dry_run": True,
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
    "kind": "enrol",
    "meeting": "0190a3a0-1111-7000-8000-000000000001",
    "state": "running",
    "counts": {"pending": 1200, "enrolled": 780, "failed": 0, "skipped": 20},
    "total": 2000,
    "waiting_until": None,
    "waiting_for": None,
    "working": False,
    "rate_per_minute": 600,
    "expected_end": "2027-01-11T08:03:00Z",
    "preset": "group_call_participant",
    "pre_enrol": True,
    "started_by": "grace",
    "started_by_key": None,
    "created_at": "2027-01-11T08:00:00Z",
    "stopped_at": None,
    "undone_at": None,
}

DRIFT: dict[str, Any] = {
    "id": "0190a3a0-4444-7000-8000-000000000004",
    "meeting": "0190a3a0-1111-7000-8000-000000000001",
    "made_at": "2027-01-11T08:00:00Z",
    "remote_count": 31,
    "local_count": 30,
    "in_flight": 0,
    "total": 2,
    "kinds": {"remote_only": 1, "preset_differs": 1},
    "outcomes": {"open": 2, "waiting": 0, "stored": 0, "applied": 0, "no_longer_true": 0, "failed": 0},
    "applied_at": None,
    "applied_by": None,
    "applied_by_key": None,
}
DRIFT_CHOICES: dict[str, Any] = {
    "report": "0190a3a0-4444-7000-8000-000000000004",
    "items": [{"id": 12, "action": "adopt"}, {"id": 13, "action": "ours"}],
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
