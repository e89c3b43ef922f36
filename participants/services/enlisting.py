"""Storing one chunk of a bulk enrolment in few statements: people, participants, rows and events."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Case, Q, Value, When
from django.utils import timezone

from participants.models import Actor, Batch, BatchRow, EventKind, Participant, Person
from participants.models.event import record_many
from participants.models.participant import ParticipantQuerySet
from participants.services import leases, people
from participants.services.forecasts import Choice, Forecast
from participants.states import RESTORABLE, ParticipantState, Source


def store(batch: Batch, forecasts: list[Forecast], choice: Choice, position: int, *, by: Actor) -> None:
    """``position`` is the first row's place in the list. Call in a transaction that holds the meeting's lock."""
    taken = [item for item in forecasts if item.taken]
    _make_people([item for item in taken if item.person is None], by)
    known = [item for item in taken if item.participant is not None]
    _add_participants(batch, [item for item in taken if item.participant is None], choice, by)
    _take_over(batch, known, choice, by)
    BatchRow.objects.bulk_create(
        BatchRow(
            batch=batch,
            position=place,
            line=item.entry.line,
            input=item.entry.text,
            participant=item.participant,
            code="" if item.taken else item.prospect.value,
            detail=item.entry.problem[:200],
        )
        for place, item in enumerate(forecasts, start=position)
    )


def reopen(rows: ParticipantQuerySet, **changes: Any) -> int:
    """Failed or removed rows back to pending, as ``enrolment.retry`` and ``removal.mark_restored`` do one by one."""
    cleared = {**leases.CLEARED}
    # A remover may be at work: its lease stays, and ours waits for it.
    del cleared["lease_id"], cleared["lease_until"]
    doubt = Q(outcome_unknown=True) | Q(verify_after__isnull=False)
    return rows.filter(state__in=(ParticipantState.FAILED, *RESTORABLE)).update(
        state=ParticipantState.PENDING,
        outcome_unknown=Case(When(doubt, then=Value(True)), default=Value(False)),
        verify_after=None,
        removed_at=None,
        removed_by=None,
        updated_at=timezone.now(),
        **cleared,
        **changes,
    )


def _make_people(items: list[Forecast], by: Actor) -> None:
    """People for users and e-mail addresses that have none; somebody else's request may make them at this moment."""
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
            source=Source.BULK,
            enrolled_by=by.user,
            batch=batch,
        )
    Participant.objects.bulk_create([item.participant for item in items if item.participant])
    for preset, group in _group_by_preset(items, choice).items():
        record_many(EventKind.ENROLLED, by, group, preset=preset, source=Source.BULK.value, batch=str(batch.pk))


def _take_over(batch: Batch, items: list[Forecast], choice: Choice, by: Actor) -> None:
    """Rows that are there: failed ones are retried, those withdrawn with an earlier batch restored."""
    presets = {choice.of(item.entry).name: choice.of(item.entry) for item in items}
    for name, group in _group_by_preset(items, choice).items():
        rows = Participant.objects.filter(pk__in=[row.pk for row in group])
        reopen(rows, preset=presets[name], batch=batch, source=Source.BULK, enrolled_by=by.user)
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
