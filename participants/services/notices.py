"""Notices by mail, where a meeting sends them: of being enrolled, changed, removed. They follow from the events.

A notice waits for a moment. What is taken back meanwhile tells nobody: enrolling and removing at once sends nothing,
and several changes send one mail, which says how things are when it is sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from participants import conf
from participants.models import Actor, EventKind, Meeting, Message, Participant, Person
from participants.services import outbox
from participants.services.outbox import Draft
from participants.states import NOTICES, REMOVABLE, MessageKind, MessageState, Source

_KINDS: dict[str, MessageKind] = {
    EventKind.ENROLLED: MessageKind.ENROLLED,
    EventKind.RESTORED: MessageKind.ENROLLED,
    EventKind.CHANGED: MessageKind.CHANGED,
    EventKind.REMOVING: MessageKind.REMOVED,
}
_TOLD_OTHERWISE = (Source.SIGNED_IN, Source.INVITE, Source.REQUEST)
"""Who came in by these knows: they did it themselves, or another mail says so."""
_CHANGES = {"title": "the title", "opens_at": "the time", "closes_at": "the time"}
_CHUNK = 500


@dataclass(frozen=True)
class _Waiting:
    """Mails of one participant that nobody has begun to send."""

    enrolled: bool = False
    changed: bool = False
    removed: bool = False


def follow(kind: str, about: Sequence[Participant | Meeting], data: Mapping[str, Any], by: Actor) -> None:
    """Queue the notices that an event calls for. Call in the transaction that writes it."""
    if kind == EventKind.MEETING_CHANGED:
        changes = dict.fromkeys(_CHANGES[name] for name in _CHANGES if name in data)
        for meeting in about:
            if changes and isinstance(meeting, Meeting) and meeting.sends_notices:
                _tell_everybody(meeting, " and ".join(changes), by)
        return
    wanted = _KINDS.get(kind)
    rows = [row for row in about if isinstance(row, Participant)]
    if wanted is None or not rows or data.get("source") in _TOLD_OTHERWISE or data.get("cause") == "merged":
        return
    rows = _choose(rows)
    for start in range(0, len(rows), _CHUNK):
        _queue(wanted, rows[start : start + _CHUNK], _describe(data), by)


def _choose(rows: list[Participant]) -> list[Participant]:
    """Those of meetings that send notices; one query for all whose meeting was not loaded."""
    missing = {row.meeting_id for row in rows if not Participant.meeting.is_cached(row)}
    telling = set(Meeting.objects.filter(pk__in=missing, sends_notices=True).values_list("pk", flat=True))
    return [
        row for row in rows if (row.meeting_id in telling if row.meeting_id in missing else row.meeting.sends_notices)
    ]


def _queue(wanted: MessageKind, rows: list[Participant], change: str, by: Actor) -> None:
    _load_people(rows)
    keys = [row.pk for row in rows]
    waiting = _find_waiting(keys)
    if wanted is MessageKind.ENROLLED:
        undone = {pk for pk, mails in waiting.items() if mails.removed}
        outbox.drop(Message.objects.filter(participant__in=undone, kind=MessageKind.REMOVED), "restored")
        told = {pk for pk, mails in waiting.items() if mails.enrolled}
    elif wanted is MessageKind.REMOVED:
        undone = {pk for pk, mails in waiting.items() if mails.enrolled}
        others = (MessageKind.INVITATION, MessageKind.ENROLLED, MessageKind.CHANGED)
        outbox.drop(Message.objects.filter(participant__in=keys, kind__in=others), "removed")
        told = set()
    else:
        undone = set()
        told = {pk for pk, mails in waiting.items() if mails.enrolled or mails.changed}
    drafts = [Draft(wanted, row, {"change": change} if change else {}) for row in rows if row.pk not in undone | told]
    outbox.queue(drafts, by=by, not_before=timezone.now() + conf.read_notice_delay())


def _find_waiting(keys: Sequence[Any]) -> dict[Any, _Waiting]:
    """Of each participant with such mails. An invitation not sent yet counts as "enrolled": they know of nothing."""
    kinds = (*NOTICES, MessageKind.INVITATION)
    found: dict[Any, set[str]] = {}
    rows = Message.objects.untouched().filter(participant__in=keys, kind__in=kinds)
    # Locked, in one order: whoever begins to send one now finds it dropped, or has it already and it is not here.
    for pk, kind in rows.order_by("pk").select_for_update(no_key=True).values_list("participant", "kind"):
        found.setdefault(pk, set()).add(kind)
    invited = set(
        Message.objects.filter(
            participant__in=found, kind=MessageKind.INVITATION, state=MessageState.SENT
        ).values_list("participant", flat=True)
    )
    return {
        pk: _Waiting(
            enrolled=MessageKind.ENROLLED in kinds_of or (MessageKind.INVITATION in kinds_of and pk not in invited),
            changed=MessageKind.CHANGED in kinds_of,
            removed=MessageKind.REMOVED in kinds_of,
        )
        for pk, kinds_of in found.items()
    }


def _tell_everybody(meeting: Meeting, change: str, by: Actor) -> None:
    """Of a new title or time: whoever is enrolled."""
    rows = Participant.objects.filter(meeting=meeting, state__in=REMOVABLE).exclude(person__email="")
    keys = list(rows.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), _CHUNK):
        some = Participant.objects.filter(pk__in=keys[start : start + _CHUNK]).select_related("person")
        _queue(MessageKind.CHANGED, list(some.only("pk", "meeting_id", "person")), change, by)


def _load_people(rows: list[Participant]) -> None:
    missing = {row.person_id for row in rows if not Participant.person.is_cached(row)}
    people = Person.objects.in_bulk(missing)
    for row in rows:
        if row.person_id in missing:
            row.person = people[row.person_id]


def _describe(data: Mapping[str, Any]) -> str:
    parts = [word for name, word in (("preset", "your role"), ("name", "your name there")) if name in data]
    return " and ".join(parts)
