"""What outgoing webhooks are told, written in the same transaction as what it tells of: a kill loses nothing.

Without a hook that wants to know, one query of a small table is all that this costs. Payloads name people by their
ids alone; ``docs/webhooks.md`` is their contract with receivers.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from participants.models.hook import Hook, HookMessage
from participants.models.meeting import Meeting
from participants.models.participant import Participant
from participants.models.session import Attendance, Session
from participants.states import HookKind

CHUNK = 500
Body = dict[str, Any]


class Audience:
    """The hooks in force that want to know of these kinds, read once."""

    def __init__(self, *kinds: HookKind) -> None:
        hooks = [hook for hook in Hook.objects.active().only("pk", "kinds") if set(hook.kinds) & set(kinds)]
        chosen: dict[uuid.UUID, set[uuid.UUID]] = {}
        if hooks:
            pairs = Hook.meetings.through.objects.filter(hook__in=hooks).values_list("hook_id", "meeting_id")
            for hook_id, meeting_id in pairs:
                chosen.setdefault(hook_id, set()).add(meeting_id)
        self._hooks = [(hook, chosen.get(hook.pk)) for hook in hooks]

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def address(self, kind: HookKind, meeting_id: uuid.UUID, at: datetime, data: Body) -> Iterator[HookMessage]:
        """One message to each that wants this kind of news of this meeting."""
        for hook, meetings in self._hooks:
            if kind in hook.kinds and (meetings is None or meeting_id in meetings):
                yield compose(hook, kind, at, data, meeting_id=meeting_id)


def compose(
    hook: Hook, kind: HookKind, at: datetime, data: Body, *, meeting_id: uuid.UUID | None = None
) -> HookMessage:
    """A message that is not stored yet."""
    payload = {"type": kind.value, "timestamp": write_time(at), "data": data}
    return HookMessage(
        hook=hook, kind=kind, webhook_id=f"msg_{uuid.uuid4().hex}", payload=payload, meeting_id=meeting_id
    )


def tell_of_participants(kind: HookKind, keys: Sequence[uuid.UUID], *, at: datetime, **more: Any) -> None:
    """Have hooks told that these participants were enrolled or removed, as they are in this transaction."""
    audience = Audience(kind)
    if not audience:
        return
    for start in range(0, len(keys), CHUNK):
        rows = Participant.objects.filter(pk__in=keys[start : start + CHUNK])
        rows = rows.select_related("meeting", "person", "preset").defer("token", "raw", "meeting__raw", "preset__raw")
        _store(
            message
            for row in rows
            for message in audience.address(kind, row.meeting_id, at, _describe(kind, row, more))
        )


def tell_of_session(
    session: Session, *, joined: Collection[uuid.UUID], left: Collection[uuid.UUID], ended: bool
) -> None:
    """Have hooks told of these connections (ids), and of the session's end; the session has a meeting.

    In the order in which it happens: joined, left, ended.
    """
    wanted = [(HookKind.JOINED, joined), (HookKind.LEFT, left)]
    kinds = [kind for kind, keys in wanted if keys] + ([HookKind.SESSION_ENDED] if ended else [])
    audience = Audience(*kinds)
    if not audience or session.meeting is None:
        return
    for kind, keys in wanted:
        for row in _read_attendances(keys):
            at = (row.joined_at if kind == HookKind.JOINED else row.left_at) or row.created_at
            data = _describe_attendance(kind, session, row)
            _store(audience.address(kind, session.meeting.pk, at, data))
    if ended:
        at = session.ended_at or session.updated_at
        data = {"meeting": _name_meeting(session.meeting), "session": _describe_session(session)}
        told = {"known_by": session.ended_known_by, "reason": session.end_reason or None}
        _store(audience.address(HookKind.SESSION_ENDED, session.meeting.pk, at, data | told))


def write_time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _store(messages: Iterable[HookMessage]) -> None:
    HookMessage.objects.bulk_create(messages, batch_size=CHUNK)


def _read_attendances(keys: Collection[uuid.UUID]) -> Iterator[Attendance]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), CHUNK):
        rows = Attendance.objects.filter(pk__in=ordered[start : start + CHUNK], is_recorder=False)
        yield from rows.select_related("participant__person").defer("participant__token", "participant__raw")


def _describe(kind: HookKind, row: Participant, more: Body) -> Body:
    data = {
        "meeting": _name_meeting(row.meeting),
        "participant": _name_participant(row),
        "preset": row.preset.name,
        "source": row.source,
    }
    if kind == HookKind.ENROLLED:
        return {**data, "restored": bool(more.get("restored"))}
    return {**data, "removed_at": write_time(row.removed_at), "cause": row.removal_cause or None}


def _describe_attendance(kind: HookKind, session: Session, row: Attendance) -> Body:
    assert session.meeting is not None  # narrowed by the caller
    data: Body = {
        "meeting": _name_meeting(session.meeting),
        "session": _describe_session(session),
        "participant": _name_participant(row.participant) if row.participant else None,
        "custom_participant_id": row.custom_participant_id,
        "peer_id": row.peer_id,
        "joined_at": write_time(row.joined_at),
    }
    if kind == HookKind.JOINED:
        return {**data, "known_by": row.joined_known_by}
    return {**data, "left_at": write_time(row.left_at), "known_by": row.left_known_by}


def _describe_session(session: Session) -> Body:
    return {
        "id": str(session.pk),
        "realtimekit_id": session.realtimekit_id,
        "started_at": write_time(session.started_at),
        "ended_at": write_time(session.ended_at),
    }


def _name_meeting(meeting: Meeting) -> Body:
    return {"id": str(meeting.pk), "realtimekit_id": meeting.realtimekit_id, "title": meeting.title}


def _name_participant(row: Participant) -> Body:
    return {
        "id": str(row.pk),
        "custom_participant_id": row.custom_participant_id,
        "person": str(row.person_id),
        "user": row.person.user_id,
    }
