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


class RemovalCause(TextChoices):
    """Why a participant was removed, where that decides whether they may come back by themselves."""

    LEFT_GROUP = "group", "Left the group"
    MERGED = "merged", "Merged into another person"


class VerifiedBy(TextChoices):
    """Who says that an e-mail address is a user's own."""

    STAFF = "staff", "A member of staff"
    PROVIDER = "provider", "The sign-in provider"
    MAIL = "mail", "A link sent to the address"


class KeyScope(TextChoices):
    """What an API key may be allowed. Which rights each stands for is said in ``services.rights``."""

    MEETINGS_READ = "meetings:read", "See meetings"
    MEETINGS_WRITE = "meetings:write", "Create and change meetings"
    PARTICIPANTS_READ = "participants:read", "See participants"
    PARTICIPANTS_WRITE = "participants:write", "Enrol, change and restore participants"
    PARTICIPANTS_REMOVE = "participants:remove", "Remove participants"
    BATCHES = "batches", "Change many at once"
    TOKENS_ISSUE = "tokens:issue", "Issue participant tokens"
    REPORTS_READ = "reports:read", "See sessions and attendance, and take them away as files"
    REPORTS_CORRECT = "reports:correct", "Correct minutes"
    SESSIONS_MODERATE = "sessions:moderate", "Put people out of a session, and end it"
    INVITATIONS_SEND = "invitations:send", "Invite, look after invitations and their mails"
    REQUESTS_DECIDE = "requests:decide", "Decide who of those that ask is let in"
    HOOKS_MANAGE = "hooks:manage", "Manage outgoing webhooks; needs a key to every meeting"
    CONNECTION_READ = "connection:read", "See the state of the connection"


class ExpirySource(TextChoices):
    JWT = "jwt", "Read from the token"
    ASSUMED = "assumed", "Assumed from the issue time"


class BatchKind(TextChoices):
    """What a batch does to its people."""

    ENROL = "enrol", "Bulk enrolment"
    REMOVE = "remove", "Bulk removal"
    PRESET = "preset", "Bulk preset change"


class BatchTask(TextChoices):
    """What is still to be done to a batch's rows here, before or beside telling RealtimeKit."""

    WORK = "work", "Work on the rows"
    STOP = "stop", "Withdraw what was not sent"
    UNDO = "undo", "Undo"
    RETRY = "retry", "Retry what failed"


class Hold(TextChoices):
    """Why a batch waits: nothing of it can be told to RealtimeKit before a certain moment."""

    PAUSED = "paused", "RealtimeKit asked everybody to pause"
    BREAKER = "breaker", "RealtimeKit does not answer"
    BUDGET = "budget", "the budget of calls is used up"
    RETRY = "retry", "every row waits for its next try"


class KnownBy(TextChoices):
    """How a time of a session or a connection is known."""

    WEBHOOK = "webhook", "Told by a delivery"
    PULLED = "pulled", "Read from RealtimeKit"
    ESTIMATED = "estimated", "Estimated"


class DeliveryState(TextChoices):
    NEW = "new", "Waiting"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class HookKind(TextChoices):
    """What the receivers of our own webhooks are told of; the names are a contract with them."""

    ENROLLED = "participant.enrolled", "Somebody was enrolled"
    REMOVED = "participant.removed", "Somebody was removed"
    JOINED = "attendance.joined", "Somebody joined"
    LEFT = "attendance.left", "Somebody left"
    SESSION_ENDED = "session.ended", "A session ended"
    PING = "test.ping", "Test"


TELLABLE = (HookKind.ENROLLED, HookKind.REMOVED, HookKind.JOINED, HookKind.LEFT, HookKind.SESSION_ENDED)
"""Kinds that a hook can be set to; a test is sent to any."""
TELLABLE_CHOICES = [(kind.value, kind.label) for kind in TELLABLE]


class HookMessageState(TextChoices):
    WAITING = "waiting", "Waiting"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Not delivered"


class HookOff(TextChoices):
    """Why a hook is switched off."""

    STAFF = "staff", "Switched off by staff"
    GONE = "gone", "The receiver answered 410 Gone"
    FAILING = "failing", "The receiver failed for days"


class ReportSubject(TextChoices):
    PARTICIPANTS = "participants", "Participants"
    SESSIONS = "sessions", "Sessions"
    ATTENDANCE = "attendance", "Attendance"
    EVENTS = "events", "Events"


class ExportState(TextChoices):
    PENDING = "pending", "Being made"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class BatchState(TextChoices):
    """How far a batch is. Computed, never stored."""

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
    SKIPPED = "skipped", "Skipped"


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


class ChangeProspect(TextChoices):
    """What a bulk removal or preset change makes of one row. All but the first two are why it is skipped."""

    WILL_REMOVE = "will_remove", "Will be removed"
    WILL_CHANGE = "will_change", "Will be changed"
    ALREADY_REMOVED = "already_removed", "Already removed"
    HAS_PRESET = "has_preset", "Has the preset already"
    NOT_ENROLLED = "not_enrolled", "Not enrolled"
    NOT_FOUND = "not_found", "Not found"
    SEVERAL_MATCH = "several_match", "Several match"
    DUPLICATE = "duplicate", "Twice in the list"
    MALFORMED = "malformed", "Unreadable"


class InvitationState(TextChoices):
    """What a personal link is good for. Computed, never stored."""

    UNOPENED = "unopened", "Not opened yet"
    OPENED = "opened", "Opened"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"
    REPLACED = "replaced", "Replaced by a newer one"


class DevicePolicy(TextChoices):
    """Which devices may open one personal link."""

    ANY = "any", "Any device"
    FIRST = "first", "The first device only"


class MessageKind(TextChoices):
    """What a mail is about; each has a text of its own."""

    INVITATION = "invitation", "Invitation"
    ENROLLED = "enrolled", "Enrolled"
    CHANGED = "changed", "Changed"
    REMOVED = "removed", "Removed"
    APPROVED = "approved", "Access request approved"
    DENIED = "denied", "Access request denied"


NOTICES = (MessageKind.ENROLLED, MessageKind.CHANGED, MessageKind.REMOVED)
"""Mails that a meeting sends by itself, where it does."""


class MessageState(TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    DROPPED = "dropped", "Not needed any more"


class RequestState(TextChoices):
    """What has become of somebody's wish to be let in."""

    OPEN = "open", "Open"
    APPROVED = "approved", "Approved"
    DENIED = "denied", "Denied"


class ConsentState(TextChoices):
    """Whether a participant agreed to the consent text that their meeting has now."""

    AGREED = "agreed", "Agreed"
    WAITING = "waiting", "Not yet"
    NOT_ASKED = "not_asked", "Not asked"


class DriftKind(TextChoices):
    """One way in which RealtimeKit and our rows disagree."""

    REMOTE_ONLY = "remote_only", "Only at RealtimeKit"
    UNIDENTIFIED = "unidentified", "At RealtimeKit, with nothing to know them by"
    LOCAL_ONLY = "local_only", "Missing at RealtimeKit"
    DUPLICATE = "duplicate", "More than once at RealtimeKit"
    SHOULD_BE_REMOVED = "should_be_removed", "Removed here, still at RealtimeKit"
    PRESET_DIFFERS = "preset_differs", "Another preset"
    NAME_DIFFERS = "name_differs", "Another name"
    PICTURE_DIFFERS = "picture_differs", "Another picture"
    TITLE_DIFFERS = "title_differs", "Another title"
    STATUS_DIFFERS = "status_differs", "Another status"
    MEETING_GONE = "meeting_gone", "The meeting is gone"


class DriftAction(TextChoices):
    """What may be done about one difference."""

    ADOPT = "adopt", "Adopt"
    REMOVE = "remove", "Delete at RealtimeKit"
    ADD_AGAIN = "add_again", "Add again"
    KEEP_ONE = "keep_one", "Keep one"
    OURS = "ours", "Ours wins"
    THEIRS = "theirs", "Theirs wins"


class DriftOutcome(TextChoices):
    """What has become of one difference."""

    OPEN = "open", "Not decided"
    WAITING = "waiting", "Waiting its turn"
    STORED = "stored", "Saved here, RealtimeKit follows"
    APPLIED = "applied", "Done"
    NO_LONGER_TRUE = "no_longer_true", "No longer true"
    FAILED = "failed", "Not done"


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

DRIFT_ACTIONS: dict[DriftKind, tuple[DriftAction, ...]] = {
    DriftKind.REMOTE_ONLY: (DriftAction.ADOPT, DriftAction.REMOVE),
    DriftKind.UNIDENTIFIED: (DriftAction.REMOVE,),
    DriftKind.LOCAL_ONLY: (DriftAction.ADD_AGAIN,),
    DriftKind.DUPLICATE: (DriftAction.KEEP_ONE,),
    DriftKind.SHOULD_BE_REMOVED: (DriftAction.REMOVE,),
    DriftKind.PRESET_DIFFERS: (DriftAction.OURS, DriftAction.THEIRS),
    DriftKind.NAME_DIFFERS: (DriftAction.OURS, DriftAction.THEIRS),
    DriftKind.PICTURE_DIFFERS: (DriftAction.OURS,),
    DriftKind.TITLE_DIFFERS: (DriftAction.OURS, DriftAction.THEIRS),
    DriftKind.STATUS_DIFFERS: (DriftAction.OURS, DriftAction.THEIRS),
    DriftKind.MEETING_GONE: (),
}
"""What may be done about each kind; one difference may allow less."""

SAFE_ACTIONS: dict[DriftKind, DriftAction] = {
    kind: actions[0]
    for kind, actions in DRIFT_ACTIONS.items()
    if actions and kind not in (DriftKind.REMOTE_ONLY, DriftKind.UNIDENTIFIED)
}
"""What carries out a wish that is on record here. Strangers are neither adopted nor deleted by default."""

TAKEN = (Prospect.WILL_ENROL, Prospect.WILL_PRE_ENROL)
"""Prospects of rows that a bulk enrolment works on; all others are skipped."""


def list_sources(moves: frozenset[tuple[str, str]], new: str) -> tuple[str, ...]:
    """The states from which a row may move to ``new``."""
    return tuple(sorted(old for old, to in moves if to == new))


REMOVABLE = list_sources(PARTICIPANT_MOVES, _P.REMOVING)
RESTORABLE = (_P.REMOVING, _P.REMOVED)
