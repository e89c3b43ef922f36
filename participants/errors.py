"""Domain errors. Each has a stable ``code`` and a sentence that says what to do; none knows HTTP.

``data`` carries the datum a caller needs, such as ``retry_after`` in seconds.
"""

from typing import Any


class RollcallError(Exception):
    """Base of what a caller may do wrong or meet; not of misconfiguration found at start."""

    code = "error"
    message = "This could not be done."

    def __init__(self, message: str = "", **data: Any) -> None:
        super().__init__(message or self.message)
        self.data = data


class NotAdmitted(RollcallError):
    """The judge said no; ``code`` is the admission code of design 5."""

    def __init__(self, code: str, message: str, **data: Any) -> None:
        super().__init__(message, **data)
        self.code = code


class Unrecognised(RollcallError):
    """Credentials that are none of ours, or no longer; the sentence says why."""

    code = "not_authenticated"
    message = "These credentials are not accepted."


class IdentityProviderAway(RollcallError):
    code = "identity_provider_unavailable"
    message = "The keys of the identity provider can't be fetched at the moment. Try again shortly."


class KeyEnded(RollcallError):
    code = "wrong_state"
    message = "This key was revoked, has expired, or was rotated just now. Look at it again."


class IdempotencyMismatch(RollcallError):
    code = "idempotency_mismatch"
    message = "This Idempotency-Key was used for another call. Use a new one for each call."


class CallInProgress(RollcallError):
    code = "idempotency_in_progress"
    message = "The first call with this Idempotency-Key is not answered yet. Send it again shortly."


class UnknownPreset(RollcallError):
    code = "unknown_preset"
    message = "RealtimeKit has no preset of that name. Choose one of the presets on the connection page."


class PresetGone(RollcallError):
    code = "preset_gone"
    message = "That preset no longer exists at RealtimeKit. Choose another one."


class PresetMissing(RollcallError):
    code = "preset_missing"
    message = "Name a preset, or give the meeting a default preset."


class UnknownUser(RollcallError):
    code = "unknown_user"
    message = "No active user has that id, username or e-mail address."


class AmbiguousUser(RollcallError):
    code = "ambiguous_user"
    message = "Several users match. Name the user by id or by username."


class InactiveUser(RollcallError):
    code = "inactive_user"
    message = "This user is deactivated. Activate the account first."


class SignInFailed(RollcallError):
    """A sign-in by a provider came to nothing; ``code`` says why, and ``status`` is of the page that tells it."""

    def __init__(self, code: str, message: str, *, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class EmailUnverified(RollcallError):
    code = "email_unverified"
    message = "Confirm your e-mail address first: open the site in this browser and follow what it asks for."


class SecondFactorNeeded(RollcallError):
    code = "second_factor_required"
    message = "Your account needs a second factor. Open the site in this browser and follow what it asks for."


class PersonBlocked(RollcallError):
    code = "blocked"
    message = "This person is blocked. Unblock them first."


class ParticipantRemoved(RollcallError):
    code = "removed"
    message = "This person was removed from the meeting. Restore them instead of enrolling them anew."


class PersonMerged(RollcallError):
    code = "merged"
    message = "This guest was merged into a user's person. Enrol the user instead."


class MergeRefused(RollcallError):
    """The sentence says which rule stands in the way."""

    code = "merge_refused"
    message = "These two can't be merged."


class EraseRefused(RollcallError):
    """The sentence says which rule stands in the way."""

    code = "erase_refused"
    message = "This person can't be erased."


class EmailMissing(RollcallError):
    code = "email_missing"
    message = "This user has no e-mail address. Enter one first."


class EmailTaken(RollcallError):
    code = "email_taken"
    message = "This e-mail address is verified as another user's. Withdraw that first."


class MeetingFull(RollcallError):
    code = "full"
    message = "The meeting has reached its capacity. Raise the capacity or remove somebody."


class MeetingUnusable(RollcallError):
    code = "meeting_failed"
    message = "RealtimeKit refused to make this meeting. Correct it and retry."


class WrongState(RollcallError):
    code = "wrong_state"
    message = "The participant is not in a state that allows this."


class CorrectionRefused(RollcallError):
    code = "correction_refused"
    message = "These minutes can't be corrected so."


class UnknownTimeZone(RollcallError):
    code = "unknown_time_zone"
    message = "There is no such time zone. Give a name such as Europe/Berlin."


class RosterTooLong(RollcallError):
    """``limit`` is how many people one list may hold."""

    code = "too_many_people"
    message = "At most 20,000 people can be enrolled at once. Split the list."


class FileRefused(RollcallError):
    code = "unreadable_file"
    message = "This file can't be read. Save the list as CSV or as an Excel workbook (.xlsx)."


class SourceForbidden(RollcallError):
    """People may be taken only from where the caller may see them."""

    code = "permission_denied"
    message = "You may not see the people you want to enrol."


class UnknownGroup(RollcallError):
    code = "unknown_group"
    message = "There is no group of that id or name. Names are case-sensitive."


class UnknownMeeting(RollcallError):
    code = "unknown_meeting"
    message = "There is no such meeting to take people from, or you may not see it."


class NobodyFound(RollcallError):
    code = "nobody_found"
    message = "There is nobody to enrol."


class RefreshTooSoon(RollcallError):
    code = "rate_limited"
    message = "A new token was asked for less than a minute ago."


class HookRefused(RollcallError):
    """The sentence says what is wrong with it; ``field`` is the field of the form."""

    code = "hook_refused"
    message = "This webhook can't be stored so."


class Busy(RollcallError):
    """RealtimeKit is unreachable, slow, or somebody else holds the row; ``retry_after`` says when to return."""

    code = "provider_unavailable"
    message = "RealtimeKit can't be reached at the moment. Nothing is lost; try again shortly."


class HeldBack(Busy):
    """Nobody was called: the shared budget, a pause or the circuit breaker forbids it, for every row alike."""


class Misconfigured(RollcallError):
    """``reason`` is for staff only."""

    code = "provider_misconfigured"
    message = "The connection to RealtimeKit needs an administrator."


class UnreadableFilter(RollcallError):
    """``field`` is the parameter, ``label`` what staff call it."""

    code = "unreadable_filter"
    message = "This filter can't be read. Correct it or remove it."


class TooManyRows(RollcallError):
    """``limit`` is how many rows one spreadsheet may hold."""

    code = "too_many_rows"
    message = "More than 100,000 rows match. Narrow the filter, or download the list as CSV, which has no limit."


class TooSlow(RollcallError):
    code = "too_slow"
    message = "This looks at too many rows. Narrow it: a meeting, or the dates of the sessions, help most."


class ReportUnnamed(RollcallError):
    code = "report_unnamed"
    message = "Give the report a name of at most 100 characters."


class ExportGone(RollcallError):
    code = "export_gone"
    message = "This file is no longer kept, or not made yet. Export the list again."


class RightsChanged(RollcallError):
    code = "rights_changed"
    message = "You may no longer see everything in this file. Export the list again."


class InvitationUnknown(RollcallError):
    code = "invitation_unknown"
    message = (
        "This link is not an invitation of ours. Copy it whole from the mail, or ask the organiser for a new one."
    )


class InvitationRevoked(RollcallError):
    """``replaced`` is whether a newer link was made."""

    code = "invitation_revoked"
    message = "This invitation was revoked. Ask the organiser if that is a mistake."


class InvitationExpired(RollcallError):
    """``expired_at`` says since when."""

    code = "invitation_expired"
    message = "This invitation has expired. Ask the organiser for a new one."


class InvitationUsed(RollcallError):
    code = "invitation_used"
    message = (
        "This invitation was opened on another device first, and works only there. Use that device, or ask the "
        "organiser for a new one."
    )


class SignedInAsOther(RollcallError):
    """``name`` is whom the invitation is for, ``signed_in`` who is signed in."""

    code = "signed_in_as_other"
    message = "This invitation is for somebody else than who is signed in here. Choose who you want to be."


class MailUnready(RollcallError):
    """``reason`` is for staff only."""

    code = "mail_unready"
    message = "Mail is not set up on this server. Copy the link and send it yourself, or ask an administrator."


class AddressMissing(RollcallError):
    code = "address_missing"
    message = "They have no e-mail address. Copy the link and send it some other way."


class ExpiryPast(RollcallError):
    code = "expiry_past"
    message = "The invitation must expire in the future, at most a year ahead."


class UnknownPlaceholder(RollcallError):
    """``field`` is subject or text."""

    code = "unknown_placeholder"
    message = "There is no such placeholder."


class PlaceholderMissing(RollcallError):
    """``field`` is subject or text."""

    code = "placeholder_missing"
    message = "The text must hold {link}, or nobody can open the invitation."


class TextMissing(RollcallError):
    """``field`` is subject or text."""

    code = "text_missing"
    message = "Write a subject of at most 200 and a text of at most 5,000 characters."


class RequestsClosed(RollcallError):
    code = "requests_closed"
    message = "This meeting takes no access requests. Ask the organiser to enrol you."


class AlreadyEnrolled(RollcallError):
    code = "already_enrolled"
    message = "You are enrolled in this meeting already. Join it."


class AskedLately(RollcallError):
    """``retry_after`` says when the person may ask again."""

    code = "asked_lately"
    message = "Your request was denied. You may ask again a day later."


class AlreadyDecided(RollcallError):
    code = "already_decided"
    message = "Somebody has decided on this request already. Reload the list."
