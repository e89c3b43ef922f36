"""Who may see and do what with a batch. One over several meetings is for staff with the right for all of them, and
for whoever started it, as long as they manage each."""

from django.db.models import Exists, OuterRef, Q

from participants.models import ApiKey, Batch, BatchRow, Meeting
from participants.models.batch import BatchQuerySet
from participants.services import rights
from participants.services.rights import Caller
from participants.states import BatchKind

RIGHTS: dict[str, dict[str, str]] = {
    BatchKind.ENROL: {"stop": "add_participant", "retry": "add_participant", "undo": "remove_participant"},
    BatchKind.REMOVE: {"stop": "remove_participant", "retry": "remove_participant", "undo": "restore_participant"},
    BatchKind.PRESET: dict.fromkeys(("stop", "retry", "undo"), "change_participant"),
}
"""What each action needs, by the batch's kind."""
STARTING: dict[str, str] = {kind: actions["stop"] for kind, actions in RIGHTS.items()}
"""What starting a batch needs. Whoever may start one may also see those of others."""


def may_see(caller: Caller, batch: Batch) -> bool:
    if batch.meeting is None:
        return _holds_any(caller, batch.kind) or _list_own(caller).filter(pk=batch.pk).exists()
    return any(rights.may(caller, right, batch.meeting) for right in ("view_participant", STARTING[batch.kind]))


def may_act(caller: Caller, action: str, batch: Batch) -> bool:
    """``action`` is stop, retry or undo."""
    right = RIGHTS[batch.kind][action]
    if batch.meeting is not None:
        return rights.may(caller, right, batch.meeting)
    if rights.holds(caller, right):
        return True
    return _list_own(caller).filter(pk=batch.pk).exists()


def list_seen(caller: Caller) -> BatchQuerySet:
    """The batches that the user may see."""
    seen = Q(pk__in=_list_own(caller).values("pk"))
    for kind, right in STARTING.items():
        wide = _holds_any(caller, kind)
        if wide:
            seen |= Q(kind=kind)
        else:
            seen |= Q(kind=kind, meeting__in=rights.list_meetings(caller, right).values("pk"))
    return Batch.objects.with_relations().filter(seen)


def _holds_any(caller: Caller, kind: str) -> bool:
    return rights.holds(caller, "view_participant") or rights.holds(caller, STARTING[kind])


def _list_own(caller: Caller) -> BatchQuerySet:
    """Batches over several meetings that the user started and manages all of: that implies all that a batch does.

    A key starts none: each of its calls is about one meeting.
    """
    if isinstance(caller, ApiKey) or not (caller.is_active and caller.pk):
        return Batch.objects.none()
    managed = Meeting.objects.filter(managers=caller.pk).values("pk")
    others = BatchRow.objects.filter(batch=OuterRef("pk")).exclude(participant__meeting__in=managed)
    elsewhere = others.filter(participant__isnull=False)
    return Batch.objects.filter(~Exists(elsewhere), meeting=None, started_by=caller.pk)
