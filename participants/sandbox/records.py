"""The things the sandbox remembers. Frozen: a change is a new record, so readers in other threads see whole ones."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from participants.sandbox.answers import Json

Status = Literal["ACTIVE", "INACTIVE"]

MEETING_DEFAULTS: Mapping[str, Any] = {
    "record_on_start": False,
    "live_stream_on_start": False,
    "persist_chat": False,
    "session_keep_alive_time_in_secs": 60,
    "transcribe_on_end": False,
    "summarize_on_end": False,
}


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, as on RealtimeKit's wire."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class Record:
    id: str
    created_at: datetime

    def to_state(self) -> Json:
        """The JSON that `from_state` reads back; times keep their microseconds."""
        return {item.name: _plain(getattr(self, item.name)) for item in dataclasses.fields(self)}

    @classmethod
    def from_state(cls, state: Json) -> Self:
        return cls(**{name: _rich(name, value) for name, value in state.items()})


@dataclass(frozen=True, kw_only=True)
class App(Record):
    name: str

    def shown(self) -> Json:
        return {"id": self.id, "name": self.name, "created_at": stamp(self.created_at)}


@dataclass(frozen=True, kw_only=True)
class Owned(Record):
    """Belongs to one app and knows when it was last changed."""

    app_id: str
    updated_at: datetime

    def times(self) -> Json:
        return {"created_at": stamp(self.created_at), "updated_at": stamp(self.updated_at)}


@dataclass(frozen=True, kw_only=True)
class Preset(Owned):
    name: str
    config: Json
    permissions: Json
    ui: Json

    def listed(self) -> Json:
        return {"id": self.id, "name": self.name, **self.times()}

    def shown(self) -> Json:
        return {**self.listed(), "config": self.config, "permissions": self.permissions, "ui": self.ui}


@dataclass(frozen=True, kw_only=True)
class Meeting(Owned):
    title: str | None = None
    status: Status = "ACTIVE"
    settings: Json = field(default_factory=lambda: dict(MEETING_DEFAULTS))

    def shown(self) -> Json:
        return {"id": self.id, "title": self.title, "status": self.status, **self.settings, **self.times()}

    def listed(self) -> Json:
        """List items lack `ai_config` (contract 6)."""
        return {name: value for name, value in self.shown().items() if name != "ai_config"}


@dataclass(frozen=True, kw_only=True)
class Participant(Owned):
    meeting_id: str
    custom_participant_id: str
    preset_id: str
    preset_name: str
    name: str | None = None
    picture: str | None = None

    def shown(self) -> Json:
        """Never holds a token: those are made per answer and kept nowhere."""
        return {
            "id": self.id,
            "custom_participant_id": self.custom_participant_id,
            "preset_name": self.preset_name,
            "name": self.name,
            "picture": self.picture,
            **self.times(),
        }

    def deleted(self) -> Json:
        """The documented body of DELETE, which has no `id` (contract 7)."""
        return {
            "custom_participant_id": self.custom_participant_id,
            "preset_id": self.preset_id,
            **self.times(),
        }


@dataclass(frozen=True, kw_only=True)
class Webhook(Owned):
    name: str
    url: str
    events: list[str]
    enabled: bool = True

    def shown(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "url": self.url,
            "events": self.events,
            "enabled": self.enabled,
            **self.times(),
        }


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One connection of a participant in a session."""

    id: str
    participant_id: str
    custom_participant_id: str
    preset_name: str
    name: str | None
    picture: str | None
    joined_at: datetime
    left_at: datetime | None = None
    kicked: bool = False

    def length(self, now: datetime) -> timedelta:
        return (self.left_at or now) - self.joined_at

    def shown(self, now: datetime) -> Json:
        shown: Json = {
            "id": self.id,
            "user_id": self.participant_id,
            "custom_participant_id": self.custom_participant_id,
            "display_name": self.name,
            "preset_name": self.preset_name,
            "joined_at": stamp(self.joined_at),
            "duration": round(self.length(now) / timedelta(minutes=1), 3),
            "created_at": stamp(self.joined_at),
            "updated_at": stamp(self.left_at or self.joined_at),
        }
        return {**shown, "left_at": stamp(self.left_at)} if self.left_at else shown

    def kicked_row(self) -> Json:
        """A row of the kick answer; its id is the participant's (contract 19.7)."""
        row: Json = {"id": self.participant_id, "name": self.name, "picture": self.picture}
        times = {"created_at": stamp(self.joined_at), "updated_at": stamp(self.left_at or self.joined_at)}
        return {**{key: value for key, value in row.items() if value is not None}, **times}


@dataclass(frozen=True, kw_only=True)
class Session(Owned):
    """One run of a meeting. `ended_at` is None while it is live."""

    meeting_id: str
    title: str
    peers: list[Peer] = field(default_factory=list)
    max_concurrent: int = 0
    ended_at: datetime | None = None

    @property
    def present(self) -> list[Peer]:
        return [peer for peer in self.peers if peer.left_at is None]

    def shown(self, now: datetime) -> Json:
        minutes = sum((peer.length(now) for peer in self.peers), timedelta()) / timedelta(minutes=1)
        shown: Json = {
            "id": self.id,
            "associated_id": self.meeting_id,
            "meeting_display_name": self.title,
            "organization_id": self.app_id,
            "type": "meeting",
            "status": "ENDED" if self.ended_at else "LIVE",
            "live_participants": len(self.present),
            "max_concurrent_participants": self.max_concurrent,
            "minutes_consumed": round(minutes, 3),
            "started_at": stamp(self.created_at),
            **self.times(),
        }
        return {**shown, "ended_at": stamp(self.ended_at)} if self.ended_at else shown

    @classmethod
    def from_state(cls, state: Json) -> Self:
        peers = [Peer(**{name: _rich(name, value) for name, value in peer.items()}) for peer in state["peers"]]
        return super().from_state({**state, "peers": peers})


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Peer):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    return value


def _rich(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name.endswith("_at") and value is not None else value
