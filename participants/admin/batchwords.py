"""What the pages say of batches, by kind: enrolments, removals, preset changes."""

from dataclasses import dataclass

from participants.admin.badges import Tone
from participants.admin.bulk import LABELS, REASONS
from participants.models import Batch
from participants.services.batches import Progress
from participants.states import BatchKind, ChangeProspect, Hold, RowOutcome


@dataclass(frozen=True)
class Words:
    """``outcomes`` label the counts. ``undo`` says what undoing does to those of whom it is true, ``kept`` to whom
    not. ``done`` and ``stopped`` answer a click, after how many people it was."""

    outcomes: dict[str, str]
    reasons: dict[str, tuple[str, Tone, str]]
    stopped: str
    undo: str
    button: str
    kept: str
    done: str
    nothing: str


_CODES = {code: (LABELS[code], *REASONS[code]) for code in REASONS}
_SHARED: dict[str, tuple[str, Tone, str]] = {
    **{code: _CODES[code] for code in ("not_found", "several_match", "duplicate", "malformed")},
    ChangeProspect.NOT_ENROLLED: ("Not enrolled", "quiet", "They are not enrolled in the meeting."),
    "blocked": ("Not restored", "bad", "The person is blocked. Unblock them first."),
    "deactivated": ("Not restored", "bad", "The user is deactivated. Activate the account first."),
    "over_capacity": ("Not restored", "bad", "The meeting has no place left. Raise its capacity."),
    "merged": ("Merged", "quiet", "The guest is part of a user’s person by now."),
    "preset_gone": ("Preset gone", "bad", "The preset no longer exists at RealtimeKit."),
    "stopped": ("Stopped", "quiet", "It was stopped before they were reached; nothing was changed."),
    "undone": ("Undone", "quiet", "It was undone; they are as they were before."),
}
_REMOVAL: dict[str, tuple[str, Tone, str]] = {
    **_SHARED,
    ChangeProspect.ALREADY_REMOVED: ("Removed earlier", "quiet", "They had been removed before."),
    "restored": ("Restored since", "quiet", "Somebody has restored them since."),
}
_CHANGE: dict[str, tuple[str, Tone, str]] = {
    **_SHARED,
    ChangeProspect.HAS_PRESET: ("Has it already", "quiet", "They had this preset already."),
    "removed": ("Removed since", "quiet", "They have been removed since."),
    "changed_since": ("Changed since", "quiet", "Somebody has given them another preset since."),
}


def _label(*names: str) -> dict[str, str]:
    return dict(zip(RowOutcome.values, names, strict=True))


WORDS: dict[str, Words] = {
    BatchKind.ENROL: Words(
        outcomes=dict(RowOutcome.choices),
        reasons=_CODES,
        stopped="who were still waiting will not be enrolled",
        undo="whom it enrolled will be removed: refused from that moment on, put out of the running meeting and "
        "deleted at RealtimeKit, which voids every token they hold",
        button="Undo and remove",
        kept="Whoever was enrolled before stays enrolled",
        done="are removed: refused from now on, and deleted at RealtimeKit shortly",
        nothing="It has enrolled nobody who could be removed.",
    ),
    BatchKind.REMOVE: Words(
        outcomes=_label("Removing", "Removed", "Failed", "Skipped"),
        reasons=_REMOVAL,
        stopped="who had not been reached stay as they are",
        undo="whom it removed will be enrolled again with the preset they had, as far as there are places",
        button="Undo and restore",
        kept="Whoever was removed before stays removed, and so does who is blocked or deactivated",
        done="are restored, as far as they may be enrolled and there are places; RealtimeKit is told shortly",
        nothing="It has removed nobody who could be restored.",
    ),
    BatchKind.PRESET: Words(
        outcomes=_label("Pending", "Changed", "Failed", "Skipped"),
        reasons=_CHANGE,
        stopped="who had not been reached keep the preset they have",
        undo="whose preset it changed will get back the one they had before",
        button="Undo for",
        kept="Whoever was given another preset since keeps it",
        done="get back the preset they had; RealtimeKit is told shortly",
        nothing="It has changed no preset that could be put back.",
    ),
}
HOLDS: dict[str, str] = {
    Hold.PAUSED: "Waiting for Cloudflare’s budget until",
    Hold.BUDGET: "Waiting for Cloudflare’s budget until",
    Hold.BREAKER: "RealtimeKit does not answer; next try at",
    Hold.RETRY: "Every row waits for its next try, the first at",
}
HINTS: dict[str, str] = {
    Hold.PAUSED: "Cloudflare has asked for a pause",
    Hold.BUDGET: "the calls of this time are used up",
}


def describe_hold(progress: Progress) -> str:
    """Why it waits and until when, in a sentence without its stop; blank while it moves."""
    if progress.hold is None or progress.waiting_until is None:
        return ""
    hint = HINTS.get(progress.hold, "")
    return f"{HOLDS[progress.hold]} {progress.waiting_until:%H:%M:%S} UTC" + (f" ({hint})" if hint else "")


def describe_place(batch: Batch) -> str:
    return batch.meeting.title if batch.meeting else "Several meetings"
