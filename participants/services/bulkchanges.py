"""Bulk removals and bulk preset changes of people who are enrolled: looked at first, then started as a batch."""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Case, Count, F, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Coalesce, Left, NullIf

from participants.errors import PresetGone, RosterTooLong
from participants.models import Actor, Batch, BatchRow, Meeting, Participant, Preset
from participants.realtimekit import Deadline
from participants.services import batches, enlisting
from participants.services.bulksteps import Finder
from participants.services.forecasts import CHUNK, Choice
from participants.services.rosters import ROWS, SHOWN, Entry
from participants.states import RESTORABLE, BatchKind, ChangeProspect

_P = ChangeProspect
_NO_CHOICE = Choice(None)


@dataclass(frozen=True)
class Seen:
    """One row of a dry run."""

    line: int
    text: str
    prospect: str
    detail: str = ""


def count(rows: QuerySet[Participant], *, preset: Preset | None = None) -> dict[str, int]:
    """The dry run over participants: how many meet with which prospect. Without a preset, of a removal."""
    grouped = rows.annotate(prospect=_judge_in_sql(preset)).order_by().values("prospect").annotate(n=Count("pk"))
    return {item["prospect"]: item["n"] for item in grouped}


def preview_rows(rows: QuerySet[Participant], *, preset: Preset | None = None) -> list[Seen]:
    """The dry run over participants, one by one, in the order ``start`` takes them. Raises RosterTooLong."""
    found = list(rows.order_by("meeting", "pk").values_list(_name(), _judge_in_sql(preset))[: ROWS + 1])
    _check_length(len(found))
    return [Seen(line, name, prospect) for line, (name, prospect) in enumerate(found, start=1)]


def preview(meeting: Meeting, entries: list[Entry], *, preset: Preset | None = None) -> list[Seen]:
    """The dry run over a list, in its order. Without a preset, of a removal."""
    finder, seen = Finder(meeting), list[Seen]()
    met: set[uuid.UUID] = set()
    for start in range(0, len(entries), CHUNK):
        chunk = entries[start : start + CHUNK]
        for entry, (row, code) in zip(chunk, finder.find(chunk), strict=True):
            prospect = code or (judge(row, preset) if row and row.pk not in met else _P.DUPLICATE.value)
            met.update({row.pk} if row else ())
            seen.append(Seen(entry.line, entry.text, prospect, entry.problem))
    return seen


def preview_ids(meeting: Meeting, keys: list[uuid.UUID], *, preset: Preset | None = None) -> list[Seen]:
    """The dry run over ids of participants, in their order."""
    rows, met, seen = _find_ids(meeting, keys), set[uuid.UUID](), list[Seen]()
    for line, key in enumerate(keys, start=1):
        row = rows.get(key)
        prospect = _P.DUPLICATE.value if key in met else judge(row, preset) if row else _P.NOT_FOUND.value
        met.add(key)
        seen.append(Seen(line, str(key), prospect))
    return seen


def tally(seen: Iterable[Seen]) -> dict[str, int]:
    return dict(Counter(item.prospect for item in seen))


def judge(row: Participant, preset: Preset | None) -> str:
    gone = row.state in RESTORABLE
    if preset is None:
        return (_P.ALREADY_REMOVED if gone else _P.WILL_REMOVE).value
    if gone:
        return _P.NOT_ENROLLED.value
    return (_P.HAS_PRESET if row.preset_id == preset.pk else _P.WILL_CHANGE).value


def start(
    rows: QuerySet[Participant],
    *,
    by: Actor,
    preset: Preset | None = None,
    meeting: Meeting | None = None,
    deadline: Deadline | None = None,
) -> Batch:
    """Start a batch over these participants as they are now. Without a preset it removes them.

    ``meeting`` is theirs where that is known, so that a batch of nobody has one too.

    Raises RosterTooLong or PresetGone.
    """
    _check_preset(preset)
    # Meeting by meeting, so that a chunk locks few of them.
    found = list(rows.order_by("meeting", "pk").values_list("pk", "meeting", _name())[: ROWS + 1])
    _check_length(len(found))
    meetings = {meeting.pk} if meeting else {key for _, key, _ in found}

    def read(batch: Batch) -> Iterator[BatchRow]:
        for place, (pk, _, shown) in enumerate(found):
            yield _make_row(batch, place, place + 1, shown, participant_id=pk)

    return batches.begin(
        _make(preset, meetings.pop() if len(meetings) == 1 else None), read, by=by, deadline=deadline
    )


def start_list(meeting: Meeting, entries: list[Entry], *, by: Actor, preset: Preset | None = None) -> Batch:
    """Start a batch over people of one meeting as a list names them. Raises PresetGone."""
    _check_preset(preset)

    def read(batch: Batch) -> Iterator[BatchRow]:
        for place, entry in enumerate(entries):
            kept = enlisting.pack(entry, _NO_CHOICE)
            yield _make_row(batch, place, entry.line, entry.text, entry=kept, detail=entry.problem[:200])

    return batches.begin(_make(preset, meeting.pk), read, by=by)


def start_ids(meeting: Meeting, keys: list[uuid.UUID], *, by: Actor, preset: Preset | None = None) -> Batch:
    """Start a batch over participants of one meeting by their ids; others are skipped. Raises PresetGone."""
    _check_preset(preset)
    rows = _find_ids(meeting, keys)

    def read(batch: Batch) -> Iterator[BatchRow]:
        met: set[uuid.UUID] = set()
        for place, key in enumerate(keys):
            row = rows.get(key)
            code = _P.DUPLICATE.value if key in met else BatchRow.UNWORKED if row else _P.NOT_FOUND.value
            met.add(key)
            yield _make_row(batch, place, place + 1, str(key), participant_id=row.pk if row else None, code=code)

    return batches.begin(_make(preset, meeting.pk), read, by=by)


def _make(preset: Preset | None, meeting: uuid.UUID | None) -> Batch:
    return Batch(kind=BatchKind.PRESET if preset else BatchKind.REMOVE, meeting_id=meeting, preset=preset)


def _make_row(batch: Batch, place: int, line: int, text: str, **more: object) -> BatchRow:
    return BatchRow(batch=batch, position=place, line=line, input=text[:SHOWN], **{"code": BatchRow.UNWORKED, **more})


def _name() -> Left:
    return Left(Coalesce(NullIf("name", Value("")), F("person__display_name")), SHOWN, output_field=TextField())


def _check_length(length: int) -> None:
    if length > ROWS:
        raise RosterTooLong("At most 20,000 people can be chosen at once. Filter the list further.", limit=ROWS)


def _find_ids(meeting: Meeting, keys: list[uuid.UUID]) -> dict[uuid.UUID, Participant]:
    rows = Participant.objects.filter(meeting=meeting).only("state", "preset_id", "meeting_id")
    found: dict[uuid.UUID, Participant] = {}
    for start in range(0, len(keys), CHUNK):
        found |= rows.in_bulk(keys[start : start + CHUNK])
    return found


def _check_preset(preset: Preset | None) -> None:
    if preset is not None and preset.gone_at:
        raise PresetGone


def _judge_in_sql(preset: Preset | None) -> Case:
    gone = Q(state__in=RESTORABLE)
    if preset is None:
        return Case(When(gone, then=Value(_P.ALREADY_REMOVED.value)), default=Value(_P.WILL_REMOVE.value))
    return Case(
        When(gone, then=Value(_P.NOT_ENROLLED.value)),
        When(preset=preset, then=Value(_P.HAS_PRESET.value)),
        default=Value(_P.WILL_CHANGE.value),
    )
