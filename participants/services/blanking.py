"""Rows about an erased person: their texts go, their times and counts stay."""

from typing import Any

from django.db.models import Q
from django.utils import timezone

from participants.models import (
    AccessRequest,
    Attendance,
    BatchRow,
    DriftItem,
    Event,
    ExternalIdentity,
    Invitation,
    Message,
    Participant,
    Presence,
    VerifiedEmail,
)
from participants.models.appendonly import forgetting
from participants.services.personaldata import Identity
from participants.services.scrubbing import ERASED
from participants.states import MessageState, RequestState

CHUNK = 500
_KEPT = frozenset(
    {
        *("source", "cause", "preset", "code", "realtimekit_id", "realtimekit_ids", "batch", "into", "guest"),
        *("session", "kind", "mail", "of", "changed", "outcome", "api_key", "report", "list", "file", "rows"),
    }
)
"""What the details of an event about somebody say beside numbers, without saying who it is."""


def blank_rows(known: Identity) -> int:
    """How many rows had something to blank. Safe to repeat."""
    now, mine = timezone.now(), Q(participant__in=known.participants)
    count = _blank(
        Participant,
        Q(pk__in=known.participants),
        {"name": "", "applied_name": "", "applied_picture": "", "last_error_detail": "", "raw": {}},
    )
    count += _blank(Attendance, known.connected, {"name": ERASED})
    count += _blank(Presence, mine & ~Q(correction_reason=""), {"correction_reason": ERASED})
    count += _blank(DriftItem, known.connected, dict.fromkeys(("name", "ours", "theirs", "detail"), ""))
    count += _blank(BatchRow, mine, {"input": ERASED, "detail": "", "entry": None})
    asked = Q(person__in=known.people)
    denied = {"state": RequestState.DENIED, "decided_at": now}
    AccessRequest.objects.filter(asked, state=RequestState.OPEN).update(**denied)
    count += _blank(AccessRequest, asked, {"message": "", "answer": ""})
    count += _blank_mails(asked)
    Invitation.objects.filter(mine, revoked_at=None).update(revoked_at=now, updated_at=now)
    count += _blank(Invitation, mine, {"device_hash": ""})
    if known.user is not None:
        for model in (VerifiedEmail, ExternalIdentity):
            count += model.objects.filter(user=known.user).delete()[0]
    return count + _blank_events(known)


def _blank_mails(asked: Q) -> int:
    waiting = Message.objects.filter(asked, state=MessageState.WAITING)
    waiting.update(state=MessageState.DROPPED, secret=None, last_error_code="erased", lease_id=None, lease_until=None)
    blank: dict[str, Any] = {"address": "", "subject": "", "data": {}, "last_error_detail": "", "entry_hash": ""}
    return _blank(Message, asked, blank)


def _blank(model: Any, among: Q, values: dict[str, Any]) -> int:
    done = Q(**{name: value for name, value in values.items() if value is not None})
    done &= Q(**{f"{name}__isnull": True for name, value in values.items() if value is None})
    return int(model.objects.filter(among).exclude(done).update(**values))


def _blank_events(known: Identity) -> int:
    about = Q(person__in=known.people) | Q(participant__in=known.participants)
    count = 0
    with forgetting():
        if known.user is not None:
            done = Event.objects.filter(actor=known.user).exclude(actor_name=ERASED, address="")
            count += done.update(actor_name=ERASED, address="")
        # Of a guest, who is no actor: from where a link was opened, or a text agreed to.
        came = Event.objects.filter(about, actor=None, key=None, via__in=("invitation", "join"))
        count += came.exclude(address="").update(address="")
        fresh = Event.objects.filter(about).exclude(data={}).order_by("pk")
        last = None
        while page := list((fresh.filter(pk__gt=last) if last else fresh).only("pk", "data")[:CHUNK]):
            for event in page:
                kept = _keep(event.data)
                if kept != event.data:
                    count += Event.objects.filter(pk=event.pk).update(data=kept)
            last = page[-1].pk
    return count


def _keep(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key in _KEPT or isinstance(value, bool | int | float)}
