"""A participant's events as a timeline."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from participants.admin.badges import Tone, render_moment
from participants.models import Event, EventKind, Participant, Person
from participants.models.event import ActorKind

SHOWN = 50
_TONES: dict[str, Tone] = {
    EventKind.FAILED: "bad",
    EventKind.MEETING_FAILED: "bad",
    EventKind.REMOVED: "quiet",
    EventKind.REMOVING: "wait",
    EventKind.LOST: "wait",
    EventKind.ADDED: "good",
    EventKind.ADOPTED: "good",
    EventKind.RESTORED: "good",
    EventKind.CONSENTED: "good",
    EventKind.BLOCKED: "bad",
}


@dataclass(frozen=True)
class Entry:
    title: str
    tone: Tone
    who: str
    when: SafeString
    details: list[tuple[str, str]]
    about: str = ""


def list_history(row: Participant, now: datetime) -> list[Entry]:
    """The newest first."""
    events = Event.objects.filter(participant=row).order_by("-created_at", "-pk")[:SHOWN]
    return [describe_event(event, now) for event in events]


def list_history_of_person(person: Person, now: datetime) -> list[Entry]:
    """In every meeting, the newest first; each says in which."""
    events = Event.objects.filter(person=person).select_related("person", "meeting")
    return [describe_event(event, now, about=True) for event in events.order_by("-created_at", "-pk")[:SHOWN]]


def describe_event(event: Event, now: datetime, *, about: bool = False) -> Entry:
    """``about`` names the person and the meeting too, which the caller has loaded with the event."""
    who = event.actor_name or event.get_actor_kind_display()
    if event.actor_kind == ActorKind.KEY:
        who = f"API key {event.actor_name}"
    details = [(key.replace("_", " "), _write(value)) for key, value in event.data.items() if value not in ("", None)]
    return Entry(
        event.get_kind_display(),
        _TONES.get(event.kind, "info"),
        f"{who} via {event.via}",
        render_moment(event.created_at, now),
        details,
        " in ".join(str(thing) for thing in (event.person, event.meeting) if thing) if about else "",
    )


def _write(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
