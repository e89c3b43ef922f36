"""Outcomes of staff work, in words: what held here, what held at RealtimeKit, and what to do next."""

from dataclasses import dataclass

from django.urls import reverse

from participants.admin.badges import Tone
from participants.errors import NotAdmitted
from participants.services.staffwork import Outcome


@dataclass(frozen=True)
class Line:
    """One row of a results table."""

    name: str
    label: str
    tone: Tone
    text: str
    link: str = ""
    link_label: str = ""

    @property
    def good(self) -> bool:
        return self.tone in ("good", "quiet")


_DONE: dict[str, tuple[str, Tone, str]] = {
    "enrolled": ("Enrolled", "good", "Enrolled here and at RealtimeKit."),
    "already": ("No change", "quiet", "Nothing had to be changed."),
    "unchanged": ("No change", "quiet", "Nothing had to be changed."),
    "removed": ("Removed", "good", "Refused here from now on, and deleted at RealtimeKit: old tokens are void."),
    "removing": (
        "Removing",
        "wait",
        "Refused here from now on. RealtimeKit does not know yet; it is told again until the deletion holds.",
    ),
    "restored": ("Restored", "good", "Enrolled again here and at RealtimeKit."),
    "refreshed": ("Refreshed", "good", "A new token was fetched from RealtimeKit and cached."),
    "changed": ("Changed", "good", "Changed here and at RealtimeKit; it applies from the next join."),
    "retried": ("Done", "good", "It holds here and at RealtimeKit."),
    "kicked": ("Put out", "good", "RealtimeKit put them out. They stay enrolled, and may come back."),
    "not_inside": ("Not inside", "quiet", "They were not in the session, so nothing was done."),
    "unconfirmed": ("Not sure", "wait", "RealtimeKit was told, but does not say whether they are out. Look again."),
    "not_reached": ("Not reached", "bad", "RealtimeKit could not be told, so they are where they were. Try again."),
    "pending": ("Pending", "wait", "Stored here. RealtimeKit does not know yet; nothing is lost."),
    "failed": ("Failed", "bad", "RealtimeKit refused."),
    "refused": ("Refused", "bad", "Stored here, but RealtimeKit refused the change; the old value holds there."),
}
_LABELS = {
    "removed": "Removed",
    "blocked": "Blocked",
    "inactive_user": "Deactivated",
    "meeting_inactive": "Inactive meeting",
    "too_early": "Too early",
    "closed": "Closed",
    "enrolment_failed": "Failed",
    "consent_required": "No consent",
    "full": "Full",
    "preset_gone": "Preset gone",
    "preset_missing": "No preset",
    "provider_unavailable": "Not reached",
    "provider_misconfigured": "Not connected",
}
# The judge's own messages speak to the person at the door.
_NOT_ADMITTED = {
    "blocked": "They are blocked, or their account is not active.",
    "removed": "They were removed from the meeting.",
    "meeting_inactive": "The meeting is inactive.",
    "too_early": "The meeting has not opened yet.",
    "closed": "The meeting is over.",
    "enrolment_failed": "RealtimeKit refused the enrolment: correct it and retry first.",
    "consent_required": "They have not agreed to the consent text; the join page asks them.",
}


def describe(outcome: Outcome, *, enrolling: bool = False, unblocks: bool = False) -> Line:
    """``enrolling``: somebody removed before is an obstacle, and "already" means enrolled. ``unblocks``: a right."""
    row, trouble = outcome.participant, outcome.trouble
    link, link_label = ("", "")
    if row is not None:
        link, link_label = reverse("admin:participants_participant_change", args=[row.pk]), "Open"
    obstacle = trouble is not None and trouble.code == outcome.code
    if obstacle and trouble is not None:
        if outcome.code == "removed" and row is not None:
            link, link_label = link_action("restore", row.pk), "Restore"
        if unblocks and outcome.person is not None and outcome.person.blocked_at:
            link, link_label = reverse("admin:participants_person_unblock", args=[outcome.person.pk]), "Unblock"
        label = _LABELS.get(outcome.code, "Not done")
        return Line(outcome.name, label, "bad", _tell_staff(outcome), link, link_label)
    label, tone, text = _DONE[outcome.code]
    if enrolling and outcome.code == "already":
        label, text = "Already enrolled", "Was enrolled before; nothing was changed."
    if outcome.code == "failed" and row is not None:
        text = f"RealtimeKit refused: {row.last_error_detail or row.last_error_code}. Correct it, then retry."
        link, link_label = link_action("retry", row.pk), "Retry"
    elif outcome.code == "refused" and row is not None:
        text = f"{text} It said: {row.last_error_detail}"
    elif trouble is not None:
        text = f"{text} Why: {trouble.data.get('reason') or trouble}"
    return Line(outcome.name, label, tone, text, link, link_label)


def link_action(name: str, pk: object) -> str:
    return reverse("admin:participants_participant_act", args=[pk, name])


def _tell_staff(outcome: Outcome) -> str:
    """The error's sentence, with the reason behind it that only staff are told."""
    error = outcome.trouble
    if isinstance(error, NotAdmitted):
        return f"Not done, because they can't join now. {_NOT_ADMITTED.get(error.code, str(error))}"
    reason = str(error.data.get("reason", "")) if error is not None else ""
    said = str(error) if error is not None else ""
    return f"{said} ({reason})" if reason and reason not in said else said
