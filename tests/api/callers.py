"""The columns of the matrix that belong to people, and how a row of it is written."""

PERMISSIONS = (
    "view_meeting",
    "add_meeting",
    "change_meeting",
    "view_participant",
    "add_participant",
    "change_participant",
    "remove_participant",
    "restore_participant",
    "issue_token",
    "block_person",
    "view_connection",
    "view_session",
    "view_presence",
    "correct_presence",
    "export_data",
    "manage_hooks",
    "view_invitation",
    "send_invitation",
    "revoke_invitation",
    "view_message",
    "retry_message",
    "view_accessrequest",
    "decide_accessrequest",
)
PEOPLE = (
    "anonymous",
    "deactivated",
    "guest",
    "plain",
    "enrolled",
    "manager",
    "other_manager",
    "staff",
    *PERMISSIONS,
    "superuser",
)
"""``guest`` came by the invitation of the participant; ``plain`` is signed in and no more; a permission's name stands
for staff who hold that permission only."""
EVERYBODY = " ".join(PEOPLE[3:])
"""Who is signed in."""
Answers = dict[str, int]


def expect(**by_status: str) -> Answers:
    """Callers by the status they meet: ``_200="manager superuser"``. ``staff`` stands for permissions not named."""
    found = {"anonymous": 401, "deactivated": 401, "guest": 401}
    for status, callers in by_status.items():
        found |= dict.fromkeys(callers.split(), int(status.removeprefix("_")))
    for permission in PERMISSIONS:
        found.setdefault(permission, found["staff"])
    return found


NOT_MANAGING = "plain enrolled"
