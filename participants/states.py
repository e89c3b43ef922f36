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


class KnownBy(TextChoices):
    """How a time of a session or a connection is known."""

    WEBHOOK = "webhook", "Told by a delivery"
    PULLED = "pulled", "Read from RealtimeKit"
    ESTIMATED = "estimated", "Estimated"


class DeliveryState(TextChoices):
    NEW = "new", "Waiting"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class ReportSubject(TextChoices):
    PARTICIPANTS = "participants", "Participants"
    SESSIONS = "sessions", "Sessions"
    ATTENDANCE = "attendance", "Attendance"


class ExportState(TextChoices):
    PENDING = "pending", "Being made"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class BatchState(TextChoices):
    """How far a bulk enrolment is. Computed, never stored."""

    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    STOPPED = "stopped", "Stopped"
    DONE = "done", "Done"
    UNDONE = "undone", "Undone"


class RowOutcome(TextChoices):
    """What has become of one row of a batch. Computed, never stored."""

    PENDING = "pending", "Pending"
    ENROLLED = "enrolled", "Enrolled"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Not enrolled"


class Prospect(TextChoices):
    """What a bulk enrolment makes of one row (design 5). All but the first two are why it is skipped."""

    WILL_ENROL = "will_enrol", "Will be enrolled"
    WILL_PRE_ENROL = "will_pre_enrol", "Will be enrolled as a guest"
    ALREADY_ENROLLED = "already_enrolled", "Already enrolled"
    NOT_FOUND = "not_found", "Not found"
    SEVERAL_MATCH = "several_match", "Several match"
    DEACTIVATED = "deactivated", "Deactivated"
    BLOCKED = "blocked", "Blocked"
    REMOVED = "removed", "Removed earlier"
    DUPLICATE = "duplicate", "Twice in the list"
    MALFORMED = "malformed", "Unreadable"
    OVER_CAPACITY = "over_capacity", "No place left"


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

TAKEN = (Prospect.WILL_ENROL, Prospect.WILL_PRE_ENROL)
"""Prospects of rows that a bulk enrolment works on; all others are skipped."""


def list_sources(moves: frozenset[tuple[str, str]], new: str) -> tuple[str, ...]:
    """The states from which a row may move to ``new``."""
    return tuple(sorted(old for old, to in moves if to == new))


REMOVABLE = list_sources(PARTICIPANT_MOVES, _P.REMOVING)
RESTORABLE = (_P.REMOVING, _P.REMOVED)
