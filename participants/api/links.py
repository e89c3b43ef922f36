"""OpenAPI links: which call may follow an answer, and with what of it; for readers, and tests that walk the API."""

from typing import Any

_MEETING = {"meeting_id": "$response.body#/id"}
_PARTICIPANT = {"participant_id": "$response.body#/id"}
_BATCH = {"batch_id": "$response.body#/id"}
_HOOK = {"hook_id": "$response.body#/id"}
_OF_MEETING = (
    *("manage_meetings_get", "manage_meetings_patch", "manage_participants_list", "manage_participants_enrol"),
    *("manage_enrolments_start", "manage_removals_start", "manage_preset_changes_start", "manage_sessions_list"),
    *("manage_meeting_attendance", "manage_meetings_kick", "manage_meetings_end", "manage_drift_compare"),
    *("meetings_join", "meetings_admission"),
)
_OF_PARTICIPANT = (
    *("manage_participants_get", "manage_participants_patch", "manage_participants_remove"),
    *("manage_participants_restore", "manage_participants_token", "manage_participants_admission"),
)
_OF_BATCH = (
    *("manage_batches_get", "manage_batches_rows", "manage_batches_stop", "manage_batches_retry"),
    "manage_batches_undo",
)
_OF_HOOK = (
    *("manage_hooks_get", "manage_hooks_patch", "manage_hooks_delete", "manage_hooks_rotate", "manage_hooks_test"),
    *("manage_hook_messages_list", "manage_hooks_replay"),
)
_Following = tuple[tuple[str, ...], dict[str, str]]
FOLLOWING: dict[tuple[str, str], _Following] = {
    ("manage_meetings_create", "201"): (_OF_MEETING, _MEETING),
    ("manage_participants_enrol", "201"): (_OF_PARTICIPANT, _PARTICIPANT),
    ("manage_participants_enrol", "200"): (_OF_PARTICIPANT, _PARTICIPANT),
    ("manage_enrolments_start", "202"): (_OF_BATCH, _BATCH),
    ("manage_removals_start", "202"): (_OF_BATCH, _BATCH),
    ("manage_preset_changes_start", "202"): (_OF_BATCH, _BATCH),
    ("manage_drift_compare", "201"): (
        ("manage_drift_get", "manage_drift_items", "manage_drift_apply"),
        {"meeting_id": "$response.body#/meeting"},
    ),
    ("manage_hooks_create", "201"): (_OF_HOOK, _HOOK),
    ("manage_hooks_test", "200"): (("manage_hook_messages_get",), {"message_id": "$response.body#/id"}),
    ("manage_meetings_list", "200"): (_OF_MEETING, {"meeting_id": "$response.body#/results/0/id"}),
    ("manage_participants_list", "200"): (_OF_PARTICIPANT, {"participant_id": "$response.body#/results/0/id"}),
    ("manage_attendance_list", "200"): (
        ("manage_attendance_correct", "manage_attendance_withdraw_correction"),
        {"presence_id": "$response.body#/results/0/id"},
    ),
}
"""By operation and status: what may follow, and where its parameters are in the answer."""


def link_operations(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook. Raises KeyError for an operation that the table names and the API has not."""
    operations = {
        operation["operationId"]: operation
        for methods in result.get("paths", {}).values()
        for operation in methods.values()
    }
    for (name, status), (following, parameters) in FOLLOWING.items():
        for other in following:
            operations[other]
        links = {other: {"operationId": other, "parameters": parameters} for other in following}
        operations[name]["responses"][status]["links"] = links
    return result
