"""The rows of bulk removals and bulk preset changes, worked on chunk by chunk, and put back by undoing.

Each step runs in a transaction that holds the batch's row (``bulkwork``). RealtimeKit is told by converging passes.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from participants.models import Actor, Batch, BatchRow, EventKind, Meeting, Participant, Person, Preset
from participants.models.base import CHANGE_REFUSED
from participants.models.batch import BatchRowQuerySet
from participants.models.event import record_many
from participants.services import enlisting, removal
from participants.services.forecasts import CHUNK, Judge
from participants.services.rosters import Entry
from participants.states import RESTORABLE, ChangeProspect, ParticipantState, Prospect

NOT_RESTORED = {
    Prospect.BLOCKED: "Not restored: the person is blocked.",
    Prospect.DEACTIVATED: "Not restored: the user is deactivated.",
    Prospect.OVER_CAPACITY: "Not restored: the meeting has no place left.",
}
PRESET_GONE = "preset_gone"
MERGED = "merged"
_KEPT = {Prospect.NOT_FOUND, Prospect.SEVERAL_MATCH, Prospect.DUPLICATE, Prospect.MALFORMED}
_P = ChangeProspect


class Finder:
    """Whom the entries of a list mean in one meeting. Remembers who was named before."""

    def __init__(self, meeting: Meeting) -> None:
        self._meeting = meeting
        self._judge = Judge(meeting, pre_enrol=False)

    def find(self, entries: list[Entry]) -> list[tuple[Participant | None, str]]:
        """For each its participant, or None and the code of why there is none."""
        seen = self._judge.judge(entries)
        users = [item.user.pk for item in seen if item.user]
        people = [item.person.pk for item in seen if item.person]
        rows = Participant.objects.filter(Q(person__in=people) | Q(person__user__in=users), meeting=self._meeting)
        by_person = {row.person_id: row for row in rows.defer("token").select_related("preset")}
        found: list[tuple[Participant | None, str]] = []
        for item in seen:
            if item.prospect in _KEPT:
                found.append((None, item.prospect.value))
                continue
            row = by_person.get(item.person.pk) if item.person else None
            found.append((row, "" if row else _P.NOT_ENROLLED.value))
        return found


class _Changing(ABC):
    """What both kinds share: reading a chunk, finding who is meant, writing what became of it."""

    def __init__(self, batch: Batch, by: Actor) -> None:
        self._batch = batch
        self._by = by
        self._finder = Finder(batch.meeting) if batch.meeting else None

    def __call__(self) -> int:
        rows = enlisting.read_chunk(self._batch)
        if not rows:
            return 0
        self._resolve([row for row in rows if row.entry])
        self._change([row for row in rows if row.participant_id and row.code == BatchRow.UNWORKED])
        enlisting.write_chunk(rows)
        return len(rows)

    def _resolve(self, rows: list[BatchRow]) -> None:
        if not rows or self._finder is None:
            return
        found = self._finder.find([replace(enlisting.unpack(row), preset="") for row in rows])
        for row, (participant, code) in zip(rows, found, strict=True):
            row.participant = participant
            row.code = code or BatchRow.UNWORKED

    @abstractmethod
    def _change(self, rows: list[BatchRow]) -> None:
        """Do it to the participants of these unworked rows, and write on each row what became of it."""


class Removing(_Changing):
    """Marks the participants of unworked rows as removing: they are refused from then on."""

    def _change(self, rows: list[BatchRow]) -> None:
        keys = [row.participant_id for row in rows if row.participant_id]
        marked = removal.mark_many(Participant.objects.filter(pk__in=keys), by=self._by, limit=len(keys))
        stamps: dict[UUID | None, datetime | None] = dict(
            Participant.objects.filter(pk__in=marked).values_list("pk", "removed_at")
        )
        for row in rows:
            row.acted_at = stamps.pop(row.participant_id, None)
            row.code = "" if row.acted_at else _P.ALREADY_REMOVED.value


class Changing(_Changing):
    """Gives the participants of unworked rows the batch's preset; a failed enrolment is retried with it."""

    def _change(self, rows: list[BatchRow]) -> None:
        meetings = _lock_meetings(row.participant_id for row in rows)
        people = _lock_participants([row.participant_id for row in rows])
        changed: list[Participant] = []
        for row in rows:
            person = people.pop(row.participant_id, None)
            if person is None:
                row.code = _P.DUPLICATE.value
            elif person.state in RESTORABLE:
                row.code = _P.NOT_ENROLLED.value
            elif person.preset_id == self._batch.preset_id:
                row.code = _P.HAS_PRESET.value
            else:
                row.code, row.former_preset_id = "", person.preset_id
                changed.append(person)
        assert self._batch.preset is not None  # a batch of this kind is started with one
        _set_preset(changed, self._batch.preset, self._batch, self._by)
        retried = [row for row in changed if row.state == ParticipantState.FAILED]
        _reopen([row for row, obstacle in _find_obstacles(retried, meetings) if not obstacle], self._by)


def list_restorable(batch: Batch) -> BatchRowQuerySet:
    """Rows of a removal whose participant is removed as this batch removed them, not by anybody since."""
    rows = BatchRow.objects.filter(batch=batch, code="", participant__removed_at=F("acted_at"))
    return rows.filter(participant__state__in=RESTORABLE)


def restore(batch: Batch, by: Actor) -> int:
    """Undo a chunk of a removal, as far as people may be enrolled and there are places."""
    rows = list(list_restorable(batch).order_by("position")[:CHUNK])
    keys = [row.participant_id for row in rows]
    meetings = _lock_meetings(keys)
    people = Person.objects.filter(participants__in=keys).order_by("pk")
    # Nobody is restored while they are being removed everywhere, as in ``removal.lock_person``.
    list(Person.objects.select_for_update(no_key=True).filter(pk__in=people.values("pk")).order_by("pk").only("pk"))
    locked = _lock_participants(keys)
    # Removed anew while we waited for the lock: the removal is somebody else's now.
    mine = [
        locked[row.participant_id]
        for row in rows
        if locked[row.participant_id].state in RESTORABLE and locked[row.participant_id].removed_at == row.acted_at
    ]
    obstacles: dict[UUID | None, str] = {row.pk: obstacle for row, obstacle in _find_obstacles(mine, meetings)}
    restored = [row for row in mine if not obstacles[row.pk]]
    enlisting.reopen(Participant.objects.filter(pk__in=[row.pk for row in restored]))
    record_many(EventKind.RESTORED, by, restored, batch=str(batch.pk))
    for row in rows:
        obstacle = obstacles.get(row.participant_id)
        if obstacle is None:
            continue  # no longer found by ``list_restorable``
        row.code = obstacle or BatchRow.UNDONE
        row.detail = NOT_RESTORED.get(Prospect(obstacle), "") if obstacle in Prospect.values else ""
        if obstacle == PRESET_GONE:
            row.detail = "Not restored: the preset no longer exists. Change the preset first."
        elif obstacle == MERGED:
            row.detail = "Not restored: the guest was merged into a user's person."
    enlisting.write_chunk(rows)
    return len(rows)


def list_changed(batch: Batch) -> BatchRowQuerySet:
    """Rows of a preset change whose preset is still the one the batch set."""
    return _narrow(batch, Q(participant__preset=batch.preset_id, former_preset__isnull=False))


def put_back(batch: Batch, by: Actor) -> int:
    """Undo a chunk of a preset change."""
    rows = list(list_changed(batch).order_by("position").select_related("former_preset")[:CHUNK])
    _lock_meetings(row.participant_id for row in rows)
    locked = _lock_participants([row.participant_id for row in rows])
    groups: dict[UUID, tuple[Preset, list[Participant]]] = {}
    for row in rows:
        former, person = row.former_preset, locked[row.participant_id]
        if former is None or person.preset_id != batch.preset_id:
            continue  # changed while we waited for the lock: no longer found by ``list_changed``
        row.code = BatchRow.UNDONE
        if former.gone_at:
            row.code, row.detail = PRESET_GONE, f"The preset {former.name[:100]!r} no longer exists."
        else:
            groups.setdefault(former.pk, (former, []))[1].append(person)
    for former, people in groups.values():
        _set_preset(people, former, batch, by)
    enlisting.write_chunk(rows)
    return len(rows)


def list_refused(batch: Batch) -> BatchRowQuerySet:
    """Rows of a preset change that RealtimeKit refused."""
    state = Q(participant__state=ParticipantState.ENROLLED, participant__last_error_code=CHANGE_REFUSED)
    return _narrow(batch, Q(participant__preset=batch.preset_id) & state)


def _narrow(batch: Batch, condition: Q) -> BatchRowQuerySet:
    """Rows acted on that meet a condition on their participant.

    Through a CASE, or PostgreSQL, whose statistics know nothing of a new batch yet, begins with everybody in any
    meeting who has the preset, and looks through the batch for each: 20 s instead of 20 ms.
    """
    meets = Case(When(condition, then=Value(True)), default=Value(False))
    return BatchRow.objects.filter(batch=batch, code="").alias(meets=meets).filter(meets=True)


def count_retryable(batch: Batch) -> int:
    """How many a retry that was asked for has not come to yet."""
    left = enlisting.list_failed(batch).filter(updated_at__lte=batch.task_at).count()
    return left + list_refused(batch).filter(participant__updated_at__lte=batch.task_at).count()


def retry(batch: Batch, by: Actor) -> int:
    """Try a chunk of refused changes and failed enrolments again. A removal is never refused."""
    before = Q(participant__updated_at__lte=batch.task_at)
    refused = list(list_refused(batch).filter(before).values_list("participant", flat=True)[:CHUNK])
    failed = (
        enlisting.list_failed(batch).filter(updated_at__lte=batch.task_at).order_by("meeting", "created_at", "pk")
    )
    keys = refused or list(failed.values_list("pk", flat=True)[:CHUNK])
    meetings = _lock_meetings(keys)
    rows = list(_lock_participants(keys).values())
    if refused:
        Participant.objects.filter(pk__in=refused, last_error_code=CHANGE_REFUSED).update(
            last_error_code="", last_error_detail="", next_attempt_at=None, updated_at=timezone.now()
        )
        record_many(EventKind.RETRIED, by, rows)
        return len(refused)
    allowed = [row for row, obstacle in _find_obstacles(rows, meetings) if not obstacle]
    _reopen(allowed, by)
    # 0 ends the task: whoever is left finds no place.
    return len(allowed)


def _lock_meetings(participants: Iterable[UUID | None]) -> dict[UUID, Meeting]:
    """Their meetings, in one order: capacity holds, and no two of these wait for each other."""
    keys = Participant.objects.filter(pk__in=[pk for pk in participants if pk]).values("meeting")
    return {
        row.pk: row
        for row in Meeting.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk").defer("raw")
    }


def _lock_participants(keys: Iterable[UUID | None]) -> dict[UUID | None, Participant]:
    rows = Participant.objects.select_related("person", "person__user", "preset").defer("token")
    locked = rows.select_for_update(of=("self",), no_key=True).filter(pk__in=list(keys)).order_by("pk")
    return {row.pk: row for row in locked}


def _find_obstacles(rows: Iterable[Participant], meetings: dict[UUID, Meeting]) -> list[tuple[Participant, str]]:
    """For each why it may not be enrolled again, or blank; places are given in this order."""
    found, given = [], Counter[UUID]()
    places: dict[UUID, int] = {}
    for row in rows:
        obstacle, meeting = "", meetings[row.meeting_id]
        if meeting.pk not in places:
            places[meeting.pk] = enlisting.count_places(meeting, 2 * CHUNK)
        if row.person.blocked_at or row.person.erased_at:
            obstacle = Prospect.BLOCKED.value
        elif row.person.merged_into_id:
            obstacle = MERGED
        elif not row.person.is_active:
            obstacle = Prospect.DEACTIVATED.value
        elif row.preset.gone_at:
            obstacle = PRESET_GONE
        elif given[meeting.pk] >= places[meeting.pk]:
            obstacle = Prospect.OVER_CAPACITY.value
        else:
            given[meeting.pk] += 1
        found.append((row, obstacle))
    return found


def _set_preset(rows: list[Participant], preset: Preset, batch: Batch, by: Actor) -> None:
    """As ``enrolment.change`` does one by one. What RealtimeKit refused before is not what is wanted now."""
    Participant.objects.filter(pk__in=[row.pk for row in rows]).update(
        preset=preset, last_error_code="", last_error_detail="", updated_at=timezone.now()
    )
    for row in rows:
        row.preset = preset
    record_many(EventKind.CHANGED, by, rows, preset=preset.name, batch=str(batch.pk))


def _reopen(rows: list[Participant], by: Actor) -> None:
    enlisting.reopen(Participant.objects.filter(pk__in=[row.pk for row in rows]))
    record_many(EventKind.RETRIED, by, rows)
