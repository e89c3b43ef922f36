"""Links that the demo says were sent and opened, and a webhook that was told of things, before it was started."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from participants.demo import cast
from participants.models import Actor, Event, EventKind, Hook, HookMessage, Meeting, Participant
from participants.models.hookqueue import tell_of_participants
from participants.services import guests, hooks, invitations, outbox
from participants.states import HookKind, HookMessageState

_NAME, _URL = "School register", "https://register.demo.example/rollcall"
_REFUSED: dict[str, Any] = {
    "state": HookMessageState.FAILED,
    "attempts": 10,
    "milliseconds": 1204,
    "status": 500,
    "excerpt": "Internal Server Error",
    "last_error_code": "status_500",
    "last_error_detail": "The receiver answered 500 Internal Server Error.",
}
_TAKEN: dict[str, Any] = {"state": HookMessageState.DELIVERED, "attempts": 1, "milliseconds": 86, "status": 204}
_TOLD: tuple[tuple[HookKind, str, timedelta, dict[str, Any]], ...] = (
    (HookKind.ENROLLED, "elif", timedelta(days=4), _REFUSED),
    (HookKind.ENROLLED, "ada", timedelta(minutes=20), _TAKEN),
    (HookKind.REMOVED, "farid", timedelta(minutes=5), {}),
)
"""What, of whom in the physics room, how long ago, and what became of it; of the last one nothing yet."""


def seed(now: datetime, *, by: Actor) -> None:
    """Each once; what staff made of it since stays as it is."""
    for room in cast.ROOMS:
        for invited in room.invited:
            _invite(room, invited, by)
    if not Event.objects.filter(kind=EventKind.HOOK_ADDED).exists():
        _add_hook(now, by)


def _invite(room: cast.Room, invited: cast.Invited, by: Actor) -> None:
    row = Participant.objects.with_relations().filter(meeting=room.id, person__email=invited.email).first()
    if row is None or row.events.filter(kind=EventKind.INVITED).exists():
        return
    with transaction.atomic():
        issued = invitations.issue(row, by=by, mail=not outbox.find_obstacle())
        if invited.opens:
            visitor = Actor(via="invitation")
            guests.open_link(issued.secret, device=invited.email, user=None, replacing=False, by=visitor)
        if invited.revoked:
            invitations.revoke(issued.invitation, by=by)


def _add_hook(now: datetime, by: Actor) -> None:
    meeting = Meeting.objects.get(pk=cast.PHYSICS.id)
    with transaction.atomic():
        kinds = {kind for kind, *_ in _TOLD}
        hook = hooks.create(name=_NAME, url=_URL, kinds=kinds, meetings=[meeting], by=by).hook
        for kind, username, ago, became in _TOLD:
            rows = Participant.objects.filter(meeting=meeting, person__user__username=username)
            _tell(hook, kind, rows.get(), now - ago, became)
        # Off before any sender sees it on: nothing of a demo leaves this machine by itself.
        hooks.switch(hook, on=False, by=by)


def _tell(hook: Hook, kind: HookKind, row: Participant, at: datetime, became: dict[str, Any]) -> None:
    tell_of_participants(kind, [row.pk], at=at)
    message = HookMessage.objects.filter(hook=hook).latest("created_at")  # those before it are of the past already
    if became == _TAKEN:
        Hook.objects.filter(pk=hook.pk).update(succeeded_at=at)
        became = became | {"attempted_at": at, "delivered_at": at}
    elif became == _REFUSED:
        became = became | {"attempted_at": at + timedelta(days=3)}
    HookMessage.objects.filter(pk=message.pk).update(created_at=at, **became)
