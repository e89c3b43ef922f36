"""RealtimeKit's things as frozen records, parsed at the door (contract 5 to 11).

Unknown fields are ignored, optional ones may be absent or null, unknown enum values stay as they came.
`raw` is the whole object without secrets, fit to be stored. Every `parse_*` raises UnreadableError.
"""

from dataclasses import dataclass, field
from datetime import datetime

from participants.realtimekit.envelopes import UnreadableError, read_count
from participants.realtimekit.fields import Data, read_id, read_text, read_time
from participants.realtimekit.redaction import scrub
from participants.realtimekit.tokens import ParticipantToken


@dataclass(frozen=True)
class App:
    id: str
    name: str
    created_at: datetime | None


@dataclass(frozen=True)
class Preset:
    """`raw` holds config, permissions and ui only where one preset was asked for; a list has none of them."""

    id: str
    name: str
    created_at: datetime | None
    updated_at: datetime | None
    raw: dict[str, object] = field(repr=False)


@dataclass(frozen=True)
class Meeting:
    """`status` is ACTIVE, INACTIVE, something newer, or None where the answer leaves it out."""

    id: str
    title: str | None
    status: str | None
    created_at: datetime | None
    updated_at: datetime | None
    raw: dict[str, object] = field(repr=False)


@dataclass(frozen=True)
class Participant:
    """`custom_participant_id` and `preset_name` are promised by the contract, but one that somebody else made
    without them must not make a whole meeting's list unreadable: they may be None."""

    id: str
    custom_participant_id: str | None
    preset_name: str | None
    name: str | None
    picture: str | None
    created_at: datetime | None
    updated_at: datetime | None
    raw: dict[str, object] = field(repr=False)


@dataclass(frozen=True)
class IssuedParticipant:
    """A participant as answered by add (token always there) or patch (token usually there)."""

    participant: Participant
    token: ParticipantToken | None


@dataclass(frozen=True)
class Session:
    """A live or past run of a meeting. `status` is LIVE, ENDED or something newer."""

    id: str
    meeting_id: str | None
    title: str | None
    status: str | None
    live_participants: int | None
    started_at: datetime | None
    ended_at: datetime | None
    created_at: datetime | None
    raw: dict[str, object] = field(repr=False)


@dataclass(frozen=True)
class Peer:
    """One connection in a session; ``left_at`` is None while it lasts, or where it was never noticed to end."""

    id: str
    custom_participant_id: str | None
    name: str | None
    preset_name: str | None
    joined_at: datetime | None
    left_at: datetime | None


def parse_app(data: Data) -> App:
    return App(read_id(data, "id"), read_id(data, "name"), read_time(data, "created_at"))


def parse_preset(data: Data) -> Preset:
    return Preset(
        id=read_id(data, "id"),
        name=read_id(data, "name"),
        created_at=read_time(data, "created_at"),
        updated_at=read_time(data, "updated_at"),
        raw=_scrub(data),
    )


def parse_named_app(data: Data) -> App | None:
    """For lists: every field is declared optional, and one app without a name must not hide the others."""
    return parse_app(data) if data.get("name") else None


def parse_named_preset(data: Data) -> Preset | None:
    """For lists, as above."""
    return parse_preset(data) if data.get("name") else None


def parse_meeting(data: Data) -> Meeting:
    return Meeting(
        id=read_id(data, "id"),
        title=read_text(data, "title"),
        status=read_text(data, "status"),
        created_at=read_time(data, "created_at"),
        updated_at=read_time(data, "updated_at"),
        raw=_scrub(data),
    )


def parse_participant(data: Data) -> Participant:
    return Participant(
        id=read_id(data, "id"),
        custom_participant_id=read_text(data, "custom_participant_id"),
        preset_name=read_text(data, "preset_name"),
        name=read_text(data, "name"),
        picture=read_text(data, "picture"),
        created_at=read_time(data, "created_at"),
        updated_at=read_time(data, "updated_at"),
        raw=_scrub(data),
    )


def parse_token(data: Data) -> ParticipantToken | None:
    """The token under its present or older names (contract 7); None if there is none."""
    for name in ("token", "auth_token", "authToken"):
        if data.get(name) is not None:
            return ParticipantToken.of(read_id(data, name))
    return None


def require_token(data: Data) -> ParticipantToken:
    token = parse_token(data)
    if token is None:
        raise UnreadableError("token is missing")
    return token


def parse_session(data: Data) -> Session:
    return Session(
        id=read_id(data, "id"),
        meeting_id=read_text(data, "associated_id") or read_text(data, "meeting_id"),
        title=read_text(data, "meeting_display_name"),
        status=read_text(data, "status"),
        live_participants=read_count(data.get("live_participants")),
        started_at=read_time(data, "started_at", "created_at"),
        ended_at=read_time(data, "ended_at"),
        created_at=read_time(data, "created_at", "started_at"),
        raw=_scrub(data),
    )


def parse_peer(data: Data) -> Peer:
    return Peer(
        id=read_id(data, "id"),
        custom_participant_id=read_text(data, "custom_participant_id"),
        name=read_text(data, "display_name"),
        preset_name=read_text(data, "preset_name"),
        joined_at=read_time(data, "joined_at"),
        left_at=read_time(data, "left_at"),
    )


def _scrub(data: Data) -> dict[str, object]:
    scrubbed = scrub(dict(data))
    return scrubbed if isinstance(scrubbed, dict) else {}
