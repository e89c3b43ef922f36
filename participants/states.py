"""Vocabularies and allowed moves, as data (design 3). Nothing here touches a database."""

from django.db.models import TextChoices


class ParticipantState(TextChoices):
    PENDING = "pending", "Pending"
    ENROLLED = "enrolled", "Enrolled"
    FAILED = "failed", "Failed"
    REMOVING = "removing", "Removing"
    REMOVED = "removed", "Removed"


class MeetingState(TextChoices):
    PENDING = "pending", "Pending"
    CREATED = "created", "Created"
    FAILED = "failed", "Failed"


class MeetingStatus(TextChoices):
    """Staff's wish, in RealtimeKit's words (contract 6)."""

    ACTIVE = "ACTIVE", "Active"
    INACTIVE = "INACTIVE", "Inactive"


class AdmissionPolicy(TextChoices):
    INVITED = "invited", "Only people who are enrolled"
    SIGNED_IN = "signed_in", "Everybody who is signed in"


class Source(TextChoices):
    """How a participant came to be enrolled."""

    ADMIN = "admin", "Admin page"
    API = "api", "API"
    BULK = "bulk", "Bulk enrolment"
    GROUP = "group", "Group"
    SIGNED_IN = "signed_in", "Signed in and joined"
    INVITE = "invite", "Invitation"
    REQUEST = "request", "Access request"
    SYNC = "sync", "Found at RealtimeKit"


class ExpirySource(TextChoices):
    JWT = "jwt", "Read from the token"
    ASSUMED = "assumed", "Assumed from the issue time"


_P, _M = ParticipantState, MeetingState

PARTICIPANT_MOVES: frozenset[tuple[str, str]] = frozenset(
    {
        (_P.PENDING, _P.ENROLLED),  # added or adopted
        (_P.PENDING, _P.FAILED),  # refused
        (_P.FAILED, _P.PENDING),  # retried
        (_P.ENROLLED, _P.PENDING),  # gone remotely
        (_P.PENDING, _P.REMOVING),
        (_P.FAILED, _P.REMOVING),
        (_P.ENROLLED, _P.REMOVING),
        (_P.REMOVING, _P.REMOVED),  # deleted remotely, and nobody is left there
        (_P.REMOVING, _P.PENDING),  # restored
        (_P.REMOVED, _P.PENDING),  # restored
    }
)
MEETING_MOVES: frozenset[tuple[str, str]] = frozenset(
    {(_M.PENDING, _M.CREATED), (_M.PENDING, _M.FAILED), (_M.FAILED, _M.PENDING)}
)

OCCUPYING = (_P.PENDING, _P.ENROLLED)
"""States that count towards a meeting's capacity."""

REMOVABLE = (_P.PENDING, _P.FAILED, _P.ENROLLED)
RESTORABLE = (_P.REMOVING, _P.REMOVED)


def may_move(moves: frozenset[tuple[str, str]], old: str, new: str) -> bool:
    return (old, new) in moves
