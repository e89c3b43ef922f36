"""The rows of a bulk enrolment, worked on chunk by chunk in few statements: people, participants, rows and events.

Each step runs in a transaction that holds the batch's row (``bulkwork``), so that a kill loses and doubles nothing:
a row is unworked, or all of it is stored.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.utils import timezone

from participants.models import Actor, Batch, BatchRow, EventKind, Meeting, Participant, Person, Preset
from participants.models.event import record_many
from participants.models.participant import ParticipantQuerySet
from participants.services import invitations, leases, people, removal
from participants.services.admission import count_occupied
from participants.services.forecasts import CHUNK, Choice, Forecast, Judge
from participants.services.rosters import Entry
from participants.states import RESTORABLE, BatchKind, ParticipantState, Prospect, Source

WORKED = ("entry", "participant", "code", "detail", "acted_at", "former_preset")
"""What working on a row writes."""


def pack(entry: Entry, choice: Choice) -> dict[str, Any]:
    """What a row keeps of its entry beside line and text."""
    named = choice.named.get(entry.preset)
    kept = replace(entry, preset=str(named.pk) if named else "", problem="").to_json()
    return {name: value for name, value in kept.items() if name not in ("line", "text")}


def unpack(row: BatchRow) -> Entry:
    """``preset`` is an id here, or blank."""
    return Entry.from_json({"line": row.line, "text": row.input, **(row.entry or {})})


def read_chunk(batch: Batch) -> list[BatchRow]:
    """The next rows that nobody has worked on yet."""
    return list(BatchRow.objects.filter(batch=batch).unworked().order_by("position")[:CHUNK])


def write_chunk(rows: list[BatchRow]) -> None:
    for row in rows:
        row.entry = None
    # One statement for all, which bulk_update's long CASEs are not: no row is ever inserted by it.
    BatchRow.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=WORKED)


class Enlisting:
    """Enrols the unworked rows. Remembers over its chunks who was named."""

    def __init__(self, batch: Batch, by: Actor) -> None:
        assert batch.meeting is not None  # a constraint of the table
        self._batch = batch
        self._meeting = batch.meeting
        self._by = by
        self._judge = Judge(batch.meeting, pre_enrol=batch.pre_enrol)

    def __call__(self) -> int:
        rows = read_chunk(self._batch)
        if not rows:
            return 0
        # As in ``enrolment.store``: capacity and "once per meeting" hold against concurrent enrolments.
        self._judge.count_places(Meeting.objects.select_for_update(no_key=True).get(pk=self._meeting.pk))
        entries = [unpack(row) for row in rows]
        forecasts = self._judge.judge(entries)
        self._mark_repeated(forecasts)
        presets = Preset.objects.in_bulk({entry.preset for entry in entries if entry.preset})
        choice = Choice(self._batch.preset, {str(pk): preset for pk, preset in presets.items()})
        _store(self._batch, [item for item in forecasts if item.taken], choice, self._by)
        for row, item in zip(rows, forecasts, strict=True):
            row.participant = item.participant
            row.code = "" if item.taken else item.prospect.value
        write_chunk(rows)
        return len(rows)

    def _mark_repeated(self, forecasts: list[Forecast]) -> None:
        """People whom this batch has met under another name before a worker died, which took its memory along."""
        named = [item.participant.pk for item in forecasts if item.participant]
        met = set(
            BatchRow.objects.filter(batch=self._batch, participant__in=named).values_list("participant", flat=True)
        )
        for item in forecasts:
            if item.participant and item.participant.pk in met:
                item.prospect = Prospect.DUPLICATE


def withdraw(batch: Batch, rows: ParticipantQuerySet, code: str, by: Actor) -> int:
    """Mark a chunk of these participants as removing, and their rows of this batch with the code."""
    keys = removal.mark_many(rows, by=by, limit=CHUNK)
    BatchRow.objects.filter(batch=batch, participant__in=keys, code="").update(code=code)
    return len(keys)


def list_failed(batch: Batch) -> ParticipantQuerySet:
    """Those who may be tried again: people blocked or deactivated since stay failed, and so do gone presets."""
    own = Participant.objects.filter(state=ParticipantState.FAILED, preset__gone_at=None, person__blocked_at=None)
    own = own.filter(person__erased_at=None).exclude(person__user__is_active=False)
    if batch.kind == BatchKind.ENROL:
        return own.filter(batch=batch)
    return own.filter(pk__in=BatchRow.objects.filter(batch=batch, code="").values("participant"))


def retry(batch: Batch, by: Actor) -> int:
    """Put a chunk of failed rows back to pending, as far as there are places."""
    assert batch.meeting is not None  # a constraint of the table
    meeting = Meeting.objects.select_for_update(no_key=True).get(pk=batch.meeting.pk)
    # What fails again meanwhile has failed anew, and waits for the next time somebody asks.
    rows = list_failed(batch).filter(updated_at__lte=batch.task_at).order_by("created_at", "pk")
    chunk = list(rows.only("pk", "meeting_id", "person_id")[: min(CHUNK, count_places(meeting, CHUNK))])
    # Only while they are failed: somebody may remove one at this moment, which no retry undoes.
    reopen(Participant.objects.filter(pk__in=[row.pk for row in chunk], state=ParticipantState.FAILED))
    record_many(EventKind.RETRIED, by, chunk)
    return len(chunk)


def count_places(meeting: Meeting, most: int) -> int:
    """Places left in a meeting that is locked, ``most`` where it has no capacity."""
    return most if meeting.capacity is None else max(0, meeting.capacity - count_occupied(meeting))


def _store(batch: Batch, taken: list[Forecast], choice: Choice, by: Actor) -> None:
    _make_people([item for item in taken if item.person is None], by)
    known = _lock_unchanged([item for item in taken if item.participant is not None])
    _add_participants(batch, [item for item in taken if item.participant is None], choice, by)
    _take_over(batch, known, choice, by)
    if batch.invites:
        _invite(items=[item for item in taken if item.taken], by=by)


def _invite(items: list[Forecast], by: Actor) -> None:
    """Each gets a link by mail, in the transaction that enrols them."""
    rows = []
    for item in items:
        if item.participant is not None:
            item.participant.person = item.person or item.participant.person
            rows.append(item.participant)
    invitations.issue_many(rows, by=by)


def _find_source(batch: Batch) -> Source:
    return Source.INVITE if batch.invites else Source.BULK


def _lock_unchanged(items: list[Forecast]) -> list[Forecast]:
    """Those whose row is still as it was foreseen; the others have been removed or retried at this very moment."""
    keys = [item.participant.pk for item in items if item.participant]
    rows = Participant.objects.filter(pk__in=keys).order_by("pk").select_for_update(no_key=True)
    states = dict(rows.values_list("pk", "state"))
    kept = []
    for item in items:
        assert item.participant is not None  # the caller has seen to it
        before, now = item.participant.state, states[item.participant.pk]
        if before == now or (before in RESTORABLE and now in RESTORABLE):
            kept.append(item)
        else:
            item.prospect = Prospect.REMOVED if now in RESTORABLE else Prospect.ALREADY_ENROLLED
    return kept


def reopen(rows: ParticipantQuerySet, **changes: Any) -> int:
    """Failed or removed rows back to pending, as ``enrolment.retry`` and ``removal.mark_restored`` do one by one."""
    cleared = {**leases.CLEARED}
    # A remover may be at work: its lease stays, and ours waits for it.
    del cleared["lease_id"], cleared["lease_until"]
    doubt = Q(outcome_unknown=True) | Q(verify_after__isnull=False)
    removed, now = Q(state__in=RESTORABLE), timezone.now()
    return rows.filter(state__in=(ParticipantState.FAILED, *RESTORABLE)).update(
        state=ParticipantState.PENDING,
        # SET reads the columns as they were, so the order of these does not matter.
        away_from=Case(When(removed, then=F("removed_at")), default=F("away_from")),
        away_until=Case(When(removed, then=Value(now)), default=F("away_until"), output_field=DateTimeField()),
        outcome_unknown=Case(When(doubt, then=Value(True)), default=Value(False)),
        verify_after=None,
        removed_at=None,
        removed_by=None,
        updated_at=now,
        **cleared,
        **changes,
    )


def _make_people(items: list[Forecast], by: Actor) -> None:
    """People for users and e-mail addresses that have none; somebody else's request may make them at this moment."""
    # In one order, or two lists that name the same new people could wait for each other's.
    items = sorted(items, key=lambda item: (item.user.pk if item.user else 0, item.entry.key))
    fresh = [_describe(item) for item in items]
    Person.objects.bulk_create(fresh, ignore_conflicts=True)
    users = [item.user.pk for item in items if item.user]
    mails = [item.entry.key for item in items if not item.user]
    of_users = {person.user_id: person for person in Person.objects.filter(user__in=users)}
    guests = {person.email: person for person in Person.objects.filter(user=None, email__in=mails)}
    for item in items:
        item.person = of_users[item.user.pk] if item.user else guests[item.entry.key]
    stored = {item.person.pk for item in items if item.person}
    record_many(EventKind.PERSON_MADE, by, [person for person in fresh if person.pk in stored])


def _describe(item: Forecast) -> Person:
    if item.user is not None:
        return Person(user=item.user, **people.describe(item.user))
    return Person(email=item.entry.key, display_name=item.entry.name or item.entry.key[:100])


def _add_participants(batch: Batch, items: list[Forecast], choice: Choice, by: Actor) -> None:
    for item in items:
        assert item.person is not None  # made or found before
        item.participant = Participant(
            meeting=batch.meeting,
            person=item.person,
            custom_participant_id=item.person.custom_participant_id,
            preset=choice.of(item.entry),
            source=_find_source(batch),
            enrolled_by=by.user,
            batch=batch,
        )
    Participant.objects.bulk_create([item.participant for item in items if item.participant])
    for preset, group in _group_by_preset(items, choice).items():
        record_many(
            EventKind.ENROLLED, by, group, preset=preset, source=_find_source(batch).value, batch=str(batch.pk)
        )


def _take_over(batch: Batch, items: list[Forecast], choice: Choice, by: Actor) -> None:
    """Rows that are there: failed ones are retried, those withdrawn with an earlier batch restored."""
    presets = {choice.of(item.entry).name: choice.of(item.entry) for item in items}
    for name, group in _group_by_preset(items, choice).items():
        rows = Participant.objects.filter(pk__in=[row.pk for row in group])
        reopen(rows, preset=presets[name], batch=batch, source=_find_source(batch), enrolled_by=by.user)
        for kind, chosen in (
            (EventKind.RETRIED, [row for row in group if row.state == ParticipantState.FAILED]),
            (EventKind.RESTORED, [row for row in group if row.state != ParticipantState.FAILED]),
        ):
            record_many(kind, by, chosen, preset=name, batch=str(batch.pk))


def _group_by_preset(items: Iterable[Forecast], choice: Choice) -> dict[str, list[Participant]]:
    groups: dict[str, list[Participant]] = {}
    for item in items:
        if item.participant is not None:
            groups.setdefault(choice.of(item.entry).name, []).append(item.participant)
    return groups
