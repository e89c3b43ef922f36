"""Small pieces of markup that several pages share: badges, moments, links."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil

from participants.models import Meeting, Participant, Person, Preset
from participants.services import consents
from participants.services.tokencache import inspect
from participants.states import ConsentState, MeetingState, MeetingStatus, ParticipantState

Tone = Literal["good", "wait", "bad", "info", "quiet"]
NOTHING = SafeString('<span class="rc-quiet">–</span>')
_STATE_TONES: dict[str, Tone] = {
    ParticipantState.PENDING: "wait",
    ParticipantState.ENROLLED: "good",
    ParticipantState.FAILED: "bad",
    ParticipantState.REMOVING: "wait",
    ParticipantState.REMOVED: "quiet",
    MeetingState.CREATED: "good",
}


@dataclass(frozen=True)
class Phase:
    """What a meeting is at one moment; ``at`` is the time that goes with the words."""

    label: str
    tone: Tone
    at: datetime | None = None


def render_badge(label: str, tone: Tone, hint: str = "") -> SafeString:
    return format_html('<span class="rc-badge rc-{}" title="{}">{}</span>', tone, hint, label)


def render_state(row: Participant | Meeting) -> SafeString:
    return render_badge(row.get_state_display(), _STATE_TONES[row.state], row.last_error_detail)


def describe_phase(meeting: Meeting, now: datetime) -> Phase:
    if meeting.state == MeetingState.FAILED:
        return Phase("Failed", "bad")
    if meeting.gone_at:
        return Phase("Gone at RealtimeKit", "bad", meeting.gone_at)
    if meeting.status == MeetingStatus.INACTIVE:
        return Phase("Inactive", "quiet")
    if meeting.closes_at and meeting.closes_at <= now:
        return Phase("Closed", "quiet", meeting.closes_at)
    if meeting.state == MeetingState.PENDING:
        return Phase("Pending", "wait")
    if meeting.opens_at and meeting.opens_at > now:
        return Phase(f"Opens in {timeuntil(meeting.opens_at, now, depth=1)}", "info", meeting.opens_at)
    return Phase("Open now", "good")


def render_phase(meeting: Meeting, now: datetime) -> SafeString:
    phase = describe_phase(meeting, now)
    return render_badge(phase.label, phase.tone, meeting.last_error_detail or write_time(phase.at))


def render_window(meeting: Meeting) -> SafeString:
    opens, closes = meeting.opens_at, meeting.closes_at
    if opens is None and closes is None:
        return SafeString('<span class="rc-quiet">Always</span>')
    if opens and closes and opens.date() == closes.date():
        text = f"{opens:%-d %b %Y, %H:%M}–{closes:%H:%M}"
    elif opens and closes:
        text = f"{opens:%-d %b %Y, %H:%M} – {closes:%-d %b %Y, %H:%M}"
    else:
        text = f"from {opens:%-d %b %Y, %H:%M}" if opens else f"until {closes:%-d %b %Y, %H:%M}"
    return format_html('<span class="rc-time">{}</span>', text)


def render_consent(row: Participant) -> SafeString:
    """Whether they agreed to what their meeting asks now, and in the hint what they agreed to last."""
    last = (
        f"Agreed to version {row.consented_to.number} on {write_time(row.consented_at)}" if row.consented_to else ""
    )
    state = consents.find_state(row)
    if state == ConsentState.NOT_ASKED:
        return render_badge(state.label, "quiet", last)
    if state == ConsentState.AGREED:
        return render_badge(state.label, "good", last)
    return render_badge(state.label, "wait", last or "The join page asks them")


def render_token(row: Participant, now: datetime) -> SafeString:
    """Fresh, usable, expired or none, and until when; never the token."""
    state, expires = inspect(row, now), row.token_expires_at
    if not row.token or expires is None:
        hint = "Stored, but no key decrypts it" if expires else "The next join fetches one"
        return render_badge("None", "quiet", hint)
    hint = f"Expires {write_time(expires)}. {row.get_token_expiry_source_display()}."
    if state.fresh:
        badge = render_badge("Fresh", "good", hint)
    elif state.usable:
        badge = render_badge("Usable", "wait", f"{hint} The next join renews it.")
    else:
        badge = render_badge("Expired", "bad", f"{hint} The next join renews it.")
    words = f"until {expires:%-d %b %Y}" if state.usable else f"since {expires:%-d %b %Y}"
    return format_html('{} <span class="rc-sub">{}</span>', badge, words)


def render_moment(moment: datetime | None, now: datetime) -> SafeString:
    """How long ago (or ahead), with the exact time behind it."""
    if moment is None:
        return NOTHING
    span = timesince(moment, now, depth=1) if moment <= now else timeuntil(moment, now, depth=1)
    # Django says "0 minutes" of anything below one.
    words = "just now" if span.startswith("0") else f"{span} ago" if moment <= now else f"in {span}"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), write_time(moment), words)


def render_preset(preset: Preset | None) -> SafeString:
    if preset is None:
        return NOTHING
    # A name may break after an underscore, not in the middle of a word.
    name = format_html_join(SafeString("_<wbr>"), "{}", ((part,) for part in preset.name.split("_")))
    if preset.gone_at:
        warning = render_badge("Gone", "bad", "This preset no longer exists at RealtimeKit.")
        return format_html('<span class="rc-code">{}</span> {}', name, warning)
    return format_html('<span class="rc-code">{}</span>', name)


def render_person(person: Person) -> SafeString:
    """Name over e-mail."""
    name = person.display_name or person.email or "Unnamed person"
    below = person.email or ("Guest" if person.user_id is None else "")
    return format_html('<span class="rc-name">{}</span><span class="rc-sub">{}</span>', name, below)


def write_time(moment: datetime | None) -> str:
    return f"{moment:%-d %B %Y, %H:%M} UTC" if moment else ""
