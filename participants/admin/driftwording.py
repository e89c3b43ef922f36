"""Differences in words: what each kind means, what each action does, and one difference as a line of a table."""

from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.badges import Tone
from participants.models import DriftItem
from participants.states import DriftAction, DriftKind, DriftOutcome


@dataclass(frozen=True)
class Lead:
    """What a kind means, and what is done by each of its actions."""

    text: str
    consequences: dict[DriftAction, str] = field(default_factory=dict)


_PUSH = "What is wanted here is sent to RealtimeKit again. It holds at their next join."
_TAKE = "What RealtimeKit has becomes what is wanted here."
LEADS: dict[DriftKind, Lead] = {
    DriftKind.REMOTE_ONLY: Lead(
        "Made elsewhere, as in Cloudflare's dashboard: nobody is enrolled here under their id. Adopting enrols them "
        "as they are; whoever is left alone can go on joining with a token that others gave them.",
        {
            DriftAction.ADOPT: "They are enrolled here as they are there, as a guest unless we know their id.",
            DriftAction.REMOVE: "They are put out of the room and deleted at RealtimeKit, which voids their tokens.",
        },
    ),
    DriftKind.UNIDENTIFIED: Lead(
        "They carry no id to know them by, or the preset of a recorder. RealtimeKit's own helpers look like this, so "
        "leave them alone unless you know better.",
        {DriftAction.REMOVE: "They are put out of the room and deleted at RealtimeKit."},
    ),
    DriftKind.LOCAL_ONLY: Lead(
        "Enrolled here, but deleted at RealtimeKit by somebody else.",
        {DriftAction.ADD_AGAIN: "They are added again, once RealtimeKit's list has confirmed that they are missing."},
    ),
    DriftKind.DUPLICATE: Lead(
        "Several participants carry the id of one person.",
        {DriftAction.KEEP_ONE: "The one on record here is kept, else the newest; the others are deleted."},
    ),
    DriftKind.SHOULD_BE_REMOVED: Lead(
        "Removed from the meeting here, yet somebody made them anew at RealtimeKit.",
        {DriftAction.REMOVE: "They are put out of the room and deleted at RealtimeKit."},
    ),
    DriftKind.PRESET_DIFFERS: Lead(
        "Their preset was changed at RealtimeKit.", {DriftAction.OURS: _PUSH, DriftAction.THEIRS: _TAKE}
    ),
    DriftKind.NAME_DIFFERS: Lead(
        "Their name was changed at RealtimeKit.", {DriftAction.OURS: _PUSH, DriftAction.THEIRS: _TAKE}
    ),
    DriftKind.PICTURE_DIFFERS: Lead(
        "Their picture was changed at RealtimeKit. A picture belongs to the person, so ours can only be sent again.",
        {DriftAction.OURS: _PUSH},
    ),
    DriftKind.TITLE_DIFFERS: Lead(
        "The meeting was renamed at RealtimeKit. The next sync brings ours back unless you take theirs over now.",
        {DriftAction.OURS: "Our title is sent again.", DriftAction.THEIRS: "The meeting is renamed here."},
    ),
    DriftKind.STATUS_DIFFERS: Lead(
        "The room was opened or closed at RealtimeKit. The next sync brings ours back unless you take theirs over "
        "now.",
        {
            DriftAction.OURS: "The room is opened or closed as wanted here; closing ends the running session.",
            DriftAction.THEIRS: "The meeting's status here becomes what it is there.",
        },
    ),
    DriftKind.MEETING_GONE: Lead(
        "RealtimeKit answers, and no longer knows this meeting: nobody can join it. Create a new one, and enrol "
        "everybody of this one there."
    ),
}
_TONES: dict[DriftOutcome, Tone] = {
    DriftOutcome.OPEN: "quiet",
    DriftOutcome.WAITING: "wait",
    DriftOutcome.STORED: "wait",
    DriftOutcome.APPLIED: "good",
    DriftOutcome.NO_LONGER_TRUE: "info",
    DriftOutcome.FAILED: "bad",
}
_HERE = {
    DriftKind.LOCAL_ONLY: "Enrolled",
    DriftKind.SHOULD_BE_REMOVED: "Removed",
    DriftKind.DUPLICATE: "Enrolled once",
    DriftKind.MEETING_GONE: "Made",
}


@dataclass(frozen=True)
class Line:
    """``choices`` are value, label and whether it is the default; none once it is decided."""

    pk: int
    who: str
    link: str
    sub: str
    here: SafeString
    there: SafeString
    choices: list[tuple[str, str, bool]]
    badge: SafeString
    why: str


def describe_item(item: DriftItem, allowed: list[str] | None = None) -> Line:
    kind, outcome = DriftKind(item.kind), DriftOutcome(item.outcome)
    times = len(item.remote_ids)
    here = item.ours or _HERE.get(kind, "Not enrolled")
    if kind == DriftKind.REMOTE_ONLY and item.participant_id and outcome == DriftOutcome.OPEN:
        here = "Refused once"
    there = item.theirs or ("–" if not times else "There")
    if kind in (DriftKind.LOCAL_ONLY, DriftKind.MEETING_GONE):
        there = "Missing"
    if kind in (DriftKind.NAME_DIFFERS, DriftKind.PICTURE_DIFFERS) and not item.theirs:
        there = "None"
    if times > 1:
        there = f"{there}, {times} times" if item.theirs else f"{times} times"
    actions = [value for value in item.actions if value in (allowed or [])]
    choices = [(value, DriftAction(value).label, value == item.safe_action) for value in actions]
    done = f"{DriftAction(item.action).label}: {outcome.label.lower()}" if item.action else outcome.label
    return Line(
        pk=item.pk,
        who=item.name or item.custom_participant_id or "Without a name",
        link=reverse("admin:participants_participant_change", args=[item.participant_id])
        if item.participant_id
        else "",
        sub=item.custom_participant_id or (item.remote_ids[0] if item.remote_ids else ""),
        here=_let_break(here),
        there=_let_break(there),
        choices=choices if outcome == DriftOutcome.OPEN else [],
        badge=badges.render_badge(done, _TONES[outcome]),
        why=item.detail or item.code,
    )


def _let_break(text: str) -> SafeString:
    """A preset's name may break after an underscore, not in the middle of a word."""
    return format_html_join(SafeString("_<wbr>"), "{}", ((part,) for part in text.split("_")))
