"""Admission as staff read it: each check of the judge, the first that fails in plain words, and what fixes it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.urls import reverse

from participants.admin.access import ORIGIN, may
from participants.admin.badges import write_time
from participants.admin.wording import link_action
from participants.models import Participant
from participants.services.admission import Case, Verdict, run_checks
from participants.states import RESTORABLE, MeetingState, ParticipantState

PASSED = {
    "not_found": "The meeting exists",
    "blocked": "They are not blocked and their account is active",
    "removed": "They have not been removed from the meeting",
    "not_enrolled": "They are enrolled",
    "meeting_inactive": "The meeting is active",
    "too_early": "The meeting has opened",
    "closed": "The meeting has not closed",
    "full": "There is a place for them",
    "enrolment_failed": "RealtimeKit has not refused them",
    "consent_required": "They have agreed to the consent text",
}

_OF_THE_ENROLLED = frozenset({"not_enrolled", "full", "enrolment_failed", "consent_required"})


@dataclass(frozen=True)
class Fix:
    url: str
    label: str


@dataclass(frozen=True)
class Check:
    """One line of the panel. Only the first that fails has ``why`` and, where the user may do it, a ``fix``.

    One that is not ``judged`` means nothing since an earlier one failed.
    """

    label: str
    passed: bool
    why: str = ""
    fix: Fix | None = None
    judged: bool = True


@dataclass(frozen=True)
class Panel:
    checks: list[Check]
    headline: str
    admitted: bool
    note: str = ""
    fix: Fix | None = None


def judge_for_staff(row: Participant, request: HttpRequest, now: datetime) -> Panel:
    checks: list[Check] = []
    first: Verdict | None = None
    removed = row.state in RESTORABLE
    for code, verdict in run_checks(Case(row.meeting, row.person, row, now)):
        if code == "consent_required" and row.meeting.consent_id is None:
            continue  # most meetings ask for none
        if removed and code in _OF_THE_ENROLLED:
            checks.append(Check(PASSED[code], passed=False, judged=False))
        elif verdict is None:
            checks.append(Check(PASSED[code], passed=True))
        elif first is None:
            first = verdict
            checks.append(Check(_DENIED[code], False, explain(verdict, row), _find_fix(code, row, request)))
        else:
            checks.append(Check(_DENIED[code], passed=False))
    if first is not None:
        no = "Not yet" if first.code == "consent_required" else "No"
        return Panel(checks, f"{no}. {explain(first, row)}", admitted=False)
    if row.state == ParticipantState.PENDING:
        fix = (
            Fix(link_action("retry", row.pk), "Try now") if may(request, "change_participant", row.meeting) else None
        )
        note = "RealtimeKit has not been told yet. Nothing is lost: the next join, or the next pass, finishes it."
        return Panel(checks, "Yes, they can join now.", admitted=True, note=note, fix=fix)
    return Panel(checks, "Yes, they can join now.", admitted=True)


def explain(verdict: Verdict, row: Participant) -> str:
    """The failing check in words for staff; the judge's own message speaks to the person."""
    tell = _EXPLANATIONS.get(verdict.code)
    return tell(row) if tell else verdict.message


_DENIED = {
    "not_found": "The meeting does not exist",
    "blocked": "They are blocked, or their account is not active",
    "removed": "They were removed from the meeting",
    "not_enrolled": "They are not enrolled",
    "meeting_inactive": "The meeting is inactive",
    "too_early": "The meeting has not opened yet",
    "closed": "The meeting is over",
    "full": "The meeting is full",
    "enrolment_failed": "RealtimeKit refused",
    "consent_required": "They have not agreed to the consent text yet",
}


def _explain_blocked(row: Participant) -> str:
    person = row.person
    if person.erased_at:
        return f"{row.effective_name} was erased at their own wish."
    if person.blocked_at:
        reason = f" Reason: {person.block_reason}" if person.block_reason else ""
        return f"{row.effective_name} has been blocked since {write_time(person.blocked_at)}.{reason}"
    return f"The user account of {row.effective_name} is deactivated."


def _explain_removed(row: Participant) -> str:
    who = f" by {row.removed_by}" if row.removed_by else ""
    return f"{row.effective_name} was removed{who} on {write_time(row.removed_at)}."


def _explain_failure(row: Participant) -> str:
    if row.state == ParticipantState.FAILED:
        return f"RealtimeKit refused this enrolment: {row.last_error_detail or row.last_error_code}"
    meeting = row.meeting
    return f"RealtimeKit refused to make the meeting: {meeting.last_error_detail or meeting.last_error_code}"


_EXPLANATIONS: dict[str, Callable[[Participant], str]] = {
    "blocked": _explain_blocked,
    "removed": _explain_removed,
    "meeting_inactive": lambda row: "The meeting is set to inactive, which keeps everybody out.",
    "too_early": lambda row: f"The meeting opens on {write_time(row.meeting.opens_at)}.",
    "closed": lambda row: f"The meeting closed on {write_time(row.meeting.closes_at)}.",
    "enrolment_failed": _explain_failure,
    "consent_required": lambda row: "They can once they agree to the consent text: the join page asks them.",
}


def _find_fix(code: str, row: Participant, request: HttpRequest) -> Fix | None:
    """A link to what fixes it, if this user may do that."""
    meeting = row.meeting
    if code == "blocked":
        return _fix_person(row, request)
    if code == "removed" and may(request, "restore_participant", meeting):
        return Fix(link_action("restore", row.pk), "Restore them")
    if code in _FIELDS and may(request, "change_meeting", meeting):
        anchor, label = _FIELDS[code]
        return Fix(f"{_link_meeting(row)}#{anchor}", label)
    if code == "enrolment_failed":
        return _fix_failure(row, request)
    return None


_FIELDS = {
    "meeting_inactive": ("id_status", "Change the status"),
    "too_early": ("id_opens_at_0", "Change the opening time"),
    "closed": ("id_closes_at_0", "Change the closing time"),
}


def _fix_person(row: Participant, request: HttpRequest) -> Fix | None:
    person = row.person
    if person.blocked_at and may(request, "block_person"):
        return Fix(_return_to(row, reverse("admin:participants_person_unblock", args=[person.pk])), "Unblock them")
    if not person.blocked_at and person.user_id and request.user.has_perm("auth.change_user"):
        url = _return_to(row, reverse("admin:auth_user_change", args=[person.user_id]))
        return Fix(f"{url}#id_is_active", "Activate the account")
    return None


def _fix_failure(row: Participant, request: HttpRequest) -> Fix | None:
    if row.state != ParticipantState.FAILED and row.meeting.state == MeetingState.FAILED:
        allowed = may(request, "change_meeting", row.meeting)
        return Fix(_link_meeting(row), "Correct the meeting") if allowed else None
    if not may(request, "change_participant", row.meeting):
        return None
    if row.preset.gone_at or row.last_error_code == "preset_not_found":
        return Fix(link_action("change_preset", row.pk), "Choose another preset")
    return Fix(link_action("retry", row.pk), "Retry")


def _link_meeting(row: Participant) -> str:
    return _return_to(row, reverse("admin:participants_meeting_change", args=[row.meeting_id]))


def _return_to(row: Participant, url: str) -> str:
    """The address of a fix, from which saving comes back to the participant."""
    return f"{url}?{ORIGIN}={row.pk}"
