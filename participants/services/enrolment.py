"""Enrolling, retrying, changing and restoring one participant.

The wish is committed first; RealtimeKit is told at once, and by converging if that fails (design 2.1). A result
answers "saved here, applied there or not yet, and why".
"""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from participants.errors import (
    InactiveUser,
    MeetingFull,
    ParticipantRemoved,
    PersonBlocked,
    PersonMerged,
    PresetGone,
    RollcallError,
    WrongState,
)
from participants.models import Actor, EventKind, Meeting, Participant, Person, Preset
from participants.models.event import record
from participants.models.participant import NAME_LIMIT
from participants.realtimekit import Deadline
from participants.services import presets, removal
from participants.services.admission import has_room
from participants.services.settling import try_now
from participants.states import RESTORABLE, ParticipantState, Source


@dataclass(frozen=True)
class Result:
    """``created`` is whether the row is new; ``trouble`` why RealtimeKit has not got the change yet, if so."""

    participant: Participant
    created: bool = False
    trouble: RollcallError | None = None


def enrol(
    *,
    meeting: Meeting,
    person: Person,
    preset: Preset | None,
    source: Source,
    by: Actor,
    name: str = "",
    deadline: Deadline | None = None,
) -> Result:
    """Enrol a person. Somebody enrolled already stays as they are; a failed row is retried.

    Raises ParticipantRemoved, PersonBlocked, PersonMerged, InactiveUser, PresetMissing, PresetGone or MeetingFull.
    """
    row, created = store(meeting=meeting, person=person, preset=preset, source=source, by=by, name=name)
    if row.state != ParticipantState.PENDING:
        return Result(row)
    trouble = try_now(row, by=by, deadline=deadline)
    return Result(row, created, trouble)


def store(
    *, meeting: Meeting, person: Person, preset: Preset | None, source: Source, by: Actor, name: str = ""
) -> tuple[Participant, bool]:
    """The local half of ``enrol``: the row, and whether it is new."""
    with transaction.atomic():
        # The meeting's row lock makes capacity and "once per meeting" hold against concurrent enrolments.
        meeting = (
            Meeting.objects.select_for_update(of=("self",), no_key=True)
            .select_related("default_preset")
            .get(pk=meeting.pk)
        )
        existing = Participant.objects.with_relations().filter(meeting=meeting, person=person).first()
        if existing is not None:
            return _meet_existing(existing, meeting, preset, by), False
        _check_person(removal.lock_person(person.pk))
        chosen = presets.choose(meeting, preset)
        if not has_room(meeting):
            raise MeetingFull(capacity=meeting.capacity)
        row = Participant.objects.create(
            meeting=meeting,
            person=person,
            custom_participant_id=person.custom_participant_id,
            preset=chosen,
            name=" ".join(name.split())[:NAME_LIMIT],
            source=source,
            enrolled_by=by.user,
        )
        record(EventKind.ENROLLED, by, participant=row, preset=chosen.name, source=source.value)
    return Participant.objects.with_relations().get(pk=row.pk), True


def retry(participant: Participant, *, by: Actor, deadline: Deadline | None = None) -> Result:
    """Try again now: a failed row goes back to pending; one that waits does not wait longer. Raises as ``enrol``."""
    with transaction.atomic():
        # As in ``store``: a failed row takes no place, so another may have been given its place meanwhile.
        meeting = Meeting.objects.select_for_update(no_key=True).get(pk=participant.meeting_id)
        row = Participant.objects.with_relations().get(pk=participant.pk)
        if row.state == ParticipantState.FAILED:
            row = _meet_existing(row, meeting, None, by)
        elif row.last_error_code:
            Participant.objects.filter(pk=row.pk).update(last_error_code="", next_attempt_at=None)
    row.refresh_from_db()
    return Result(row, trouble=try_now(row, by=by, deadline=deadline))


def change(
    participant: Participant,
    *,
    by: Actor,
    preset: Preset | None = None,
    name: str | None = None,
    deadline: Deadline | None = None,
) -> Result:
    """Change preset, name or both; RealtimeKit applies it at the next join (contract 7).

    Raises PresetGone, or WrongState for a removed participant. A failed row is retried with the change, which may
    raise as ``enrol``.
    """
    changes: dict[str, Any] = {}
    with transaction.atomic():
        # The meeting first, as everywhere: two orders of locking would be a deadlock.
        meeting = Meeting.objects.select_for_update(no_key=True).get(pk=participant.meeting_id)
        row = Participant.objects.with_relations().select_for_update(of=("self",), no_key=True).get(pk=participant.pk)
        if row.state in RESTORABLE:
            raise WrongState("A removed participant can't be changed. Restore them first.")
        if preset is not None and preset.pk != row.preset_id:
            if preset.gone_at:
                raise PresetGone
            changes["preset"] = preset
        if name is not None and (cleaned := " ".join(name.split())[:NAME_LIMIT]) != row.name:
            changes["name"] = cleaned
        if not changes and row.state != ParticipantState.FAILED:
            return Result(row)
        Participant.objects.filter(pk=row.pk).update(
            **changes, last_error_code="", last_error_detail="", updated_at=timezone.now()
        )
        told: dict[str, Any] = {key: str(value) for key, value in changes.items()}
        record(EventKind.CHANGED, by, participant=row, **told)
        row = Participant.objects.with_relations().get(pk=row.pk)
        if row.state == ParticipantState.FAILED:
            row = _meet_existing(row, meeting, None, by)
    return Result(row, trouble=try_now(row, by=by, deadline=deadline))


def restore(participant: Participant, *, by: Actor, deadline: Deadline | None = None) -> Result:
    """Undo a removal: the person is added anew. Raises as ``removal.mark_restored``."""
    row = removal.mark_restored(participant, by=by)
    return Result(row, trouble=try_now(row, by=by, deadline=deadline))


def _meet_existing(row: Participant, meeting: Meeting, preset: Preset | None, by: Actor) -> Participant:
    if row.state in RESTORABLE:
        raise ParticipantRemoved(participant=str(row.pk))
    if row.state != ParticipantState.FAILED:
        return row
    _check_person(row.person)
    if not has_room(meeting):
        raise MeetingFull(capacity=meeting.capacity)
    return _retry(row, preset, by)


def _retry(row: Participant, preset: Preset | None, by: Actor) -> Participant:
    chosen = preset or row.preset
    if chosen.gone_at:
        raise PresetGone
    moved = Participant.objects.filter(pk=row.pk, state=ParticipantState.FAILED).update(
        state=ParticipantState.PENDING,
        preset=chosen,
        attempts=0,
        next_attempt_at=None,
        last_error_code="",
        last_error_detail="",
        updated_at=timezone.now(),
    )
    if moved:
        record(EventKind.RETRIED, by, participant=row)
    return Participant.objects.with_relations().get(pk=row.pk)


def _check_person(person: Person) -> None:
    if person.blocked_at or person.erased_at:
        raise PersonBlocked
    if person.merged_into_id:
        raise PersonMerged
    if not person.is_active:
        raise InactiveUser
