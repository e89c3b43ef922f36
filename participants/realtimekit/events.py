"""What a delivery says (contract 16.3), read with every tolerance of contract 18: unknown kinds are kept, missing
fields are blank, and nothing that was signed makes this raise."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from participants.realtimekit.fields import read_time
from participants.realtimekit.redaction import clean, scrub

Json = Mapping[str, object]
STARTED, ENDED = "meeting.started", "meeting.ended"
JOINED, LEFT = "meeting.participantJoined", "meeting.participantLeft"


@dataclass(frozen=True)
class WebhookBody:
    """The body of a delivery, fit to be stored: without secrets and without what a database refuses.

    What is no JSON object is kept as ``value``; of what is no JSON at all only the ``size`` is kept, since secrets
    in it could not be told from the rest.
    """

    stored: dict[str, object] = field(repr=False)

    @classmethod
    def of(cls, raw: bytes) -> Self:
        try:
            scrubbed = scrub(json.loads(raw))
        except (ValueError, RecursionError):
            return cls({"unreadable": True, "size": len(raw)})
        return cls(scrubbed if isinstance(scrubbed, dict) else {"value": scrubbed})


@dataclass(frozen=True)
class WebhookPeer:
    """A connection that began or ended. Texts may be blank."""

    id: str
    custom_participant_id: str
    name: str
    preset_name: str
    joined_at: datetime | None
    left_at: datetime | None


@dataclass(frozen=True)
class WebhookEvent:
    """``kind`` is RealtimeKit's own word, blank where there is none. ``ended_at`` is told by ``meeting.ended`` alone:
    samples of other kinds carry such a field too, while the session may go on."""

    kind: str
    meeting_id: str
    session_id: str
    title: str
    started_at: datetime | None
    ended_at: datetime | None
    reason: str
    peer: WebhookPeer | None

    @classmethod
    def of(cls, body: Json) -> Self:
        meeting, recording = _read_object(body, "meeting"), _read_object(body, "recording")
        kind = _read_text(body, "event")
        return cls(
            kind=kind,
            meeting_id=(
                _read_text(meeting, "id")
                or _read_text(body, "meetingId", "meeting_id")
                or _read_text(recording, "meetingId", "meeting_id")
            ),
            session_id=(
                _read_text(meeting, "sessionId", "session_id")
                or _read_text(body, "sessionId", "session_id")
                or _read_text(recording, "roomUUID", "sessionId", "session_id")
            ),
            title=_read_text(meeting, "title") or _read_text(body, "title"),
            started_at=_read_time(meeting, body, "startedAt", "started_at", "createdAt", "created_at"),
            ended_at=_read_time(meeting, body, "endedAt", "ended_at") if kind == ENDED else None,
            reason=_read_text(body, "reason"),
            peer=_read_peer(body),
        )


def _read_peer(body: Json) -> WebhookPeer | None:
    participant = _read_object(body, "participant")
    if not participant:
        return None
    return WebhookPeer(
        id=_read_text(participant, "peerId", "peer_id"),
        custom_participant_id=_read_text(
            participant, "customParticipantId", "custom_participant_id", "clientSpecificId", "client_specific_id"
        ),
        name=_read_text(participant, "userDisplayName", "user_display_name", "displayName", "name"),
        preset_name=_read_text(participant, "presetName", "preset_name"),
        joined_at=read_time(participant, "joinedAt", "joined_at"),
        left_at=read_time(participant, "leftAt", "left_at"),
    )


def _read_object(body: Json, name: str) -> Json:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _read_time(meeting: Json, body: Json, *names: str) -> datetime | None:
    return read_time(meeting, *names) or read_time(body, *names)


def _read_text(holder: Json, *names: str) -> str:
    """The first that says something; a number counts as its digits."""
    return next(filter(None, _list_texts(holder, names)), "")


def _list_texts(holder: Json, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        value = holder.get(name)
        if isinstance(value, str):
            yield clean(value).strip()
        elif isinstance(value, int) and not isinstance(value, bool):
            yield str(value)
