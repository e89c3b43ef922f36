"""What staff do to several people in one go. Every wish is stored; RealtimeKit is told until the shared time is up.

The rest is left to converging, so an answer says per person what held here and what held at RealtimeKit.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from participants.errors import Busy, InactiveUser, Misconfigured, ParticipantRemoved, RollcallError
from participants.models import Actor, Meeting, Participant, Person, Preset
from participants.models.base import CHANGE_REFUSED
from participants.realtimekit import Deadline
from participants.services import admission, enrolment, joining, moderation, people, removal, settling
from participants.states import RESTORABLE, ParticipantState, Source

LEAST = 1.0
"""Seconds below which no further remote call is begun."""


@dataclass(frozen=True)
class Outcome:
    """What became of one person. ``trouble`` is why it does not hold at RealtimeKit, or was not done at all.

    ``person`` is given where they could not be enrolled.

    Codes: ``enrolled, already, pending, failed, removed, removing, restored, refreshed, changed, retried,
    unchanged, refused`` (RealtimeKit declined a change), those of ``moderation.Outcome``, or the code of the
    error that prevented it.
    """

    name: str
    code: str
    participant: Participant | None = None
    trouble: RollcallError | None = None
    person: Person | None = None


class _Time:
    """The shared time of one submission; over too when RealtimeKit would refuse every row alike."""

    def __init__(self) -> None:
        self.deadline = Deadline.after(settling.STAFF_SECONDS)
        self.trouble: RollcallError | None = None

    @property
    def over(self) -> bool:
        return self.trouble is not None or self.deadline.remaining() < LEAST

    def settle(self, row: Participant, by: Actor) -> RollcallError | None:
        if self.over:
            return self.trouble or Busy("There was no time left to tell RealtimeKit. It will be told shortly.")
        trouble = settling.try_now(row, by=by, deadline=self.deadline)
        if isinstance(trouble, Misconfigured):
            self.trouble = trouble
        return trouble


def enrol_users(
    *, meeting: Meeting, users: Iterable[User], preset: Preset | None, by: Actor, name: str = ""
) -> list[Outcome]:
    """Enrol users one by one; what stops one of them does not stop the next."""
    time = _Time()
    return [_enrol_user(meeting, user, preset, by, name, time) for user in users]


def refresh(rows: Iterable[Participant], *, by: Actor) -> list[Outcome]:
    """Fetch a new token for each, who is judged first. Tokens are cached and not returned."""
    time = _Time()
    return list(_each(rows, lambda row: _refresh(row, by, time)))


def change_preset(rows: Iterable[Participant], *, preset: Preset, by: Actor) -> list[Outcome]:
    time = _Time()
    return list(_each(rows, lambda row: _change_preset(row, preset, by, time)))


def remove(rows: Iterable[Participant], *, by: Actor) -> list[Outcome]:
    """All are refused from this moment on, in one transaction; then RealtimeKit is told."""
    wanted = list(rows)
    with transaction.atomic():
        # In one order, or two members of staff who remove the same people could wait for each other for ever.
        ordered = sorted(wanted, key=lambda row: row.pk)
        marked = {row.pk: found for row in ordered if (found := removal.mark(row.pk, by=by))}
    report = removal.finish(marked.values(), by=by)
    held = {row.pk for row in report.done}
    for row in wanted:
        row.refresh_from_db()
    return [_describe_removal(row, row.pk in marked, row.pk in held, report.trouble) for row in wanted]


def restore(rows: Iterable[Participant], *, by: Actor) -> list[Outcome]:
    time = _Time()
    return list(_each(rows, lambda row: _restore(row, by, time)))


def retry(rows: Iterable[Participant], *, by: Actor) -> list[Outcome]:
    time = _Time()
    return list(_each(rows, lambda row: _retry(row, by, time)))


def kick(rows: Iterable[Participant], *, by: Actor) -> list[Outcome]:
    """Put them out of the sessions of their meetings, in one shared time; they stay enrolled."""
    wanted, deadline = list(rows), Deadline.after(moderation.SECONDS)
    told: dict[uuid.UUID, Outcome] = {}
    for meeting in {row.meeting_id: row.meeting for row in wanted}.values():
        people_in = [row for row in wanted if row.meeting_id == meeting.pk]
        try:
            report = moderation.kick(meeting, people_in, by=by, deadline=deadline)
        except RollcallError as error:
            report = moderation.Report([(row, moderation.Outcome.NOT_REACHED) for row in people_in], error)
        for row, outcome in report.people:
            trouble = report.trouble if outcome == moderation.Outcome.NOT_REACHED else None
            told[row.pk] = Outcome(row.effective_name, outcome.value, row, trouble)
    return [told[row.pk] for row in wanted]


def _each(rows: Iterable[Participant], act: Callable[[Participant], Outcome]) -> Iterator[Outcome]:
    for row in rows:
        try:
            yield act(row)
        except RollcallError as error:
            yield Outcome(row.effective_name, error.code, row, error)


def _enrol_user(meeting: Meeting, user: User, preset: Preset | None, by: Actor, name: str, time: _Time) -> Outcome:
    shown, person = user.get_full_name() or user.get_username(), None
    try:
        if not user.is_active:
            raise InactiveUser
        person = people.person_of(user, by)
        row, _ = enrolment.store(meeting=meeting, person=person, preset=preset, source=Source.ADMIN, by=by, name=name)
    except ParticipantRemoved as error:
        found = Participant.objects.with_relations().filter(meeting=meeting, person=person).first()
        return Outcome(shown, error.code, found, error, person)
    except RollcallError as error:
        return Outcome(shown, error.code, None, error, person)
    if row.state != ParticipantState.PENDING:
        return Outcome(shown, "already", row)
    return _describe(row, "enrolled", time.settle(row, by), name=shown)


def _refresh(row: Participant, by: Actor, time: _Time) -> Outcome:
    admission.judge_row(row, timezone.now()).enforce()
    if time.over:
        raise time.trouble or Busy("There was no time left to ask RealtimeKit. Try again.")
    try:
        admitted = joining.obtain(row, by=by, renew=True)
    except Misconfigured as error:
        time.trouble = error
        raise
    return Outcome(row.effective_name, "refreshed", admitted.participant)


def _change_preset(row: Participant, preset: Preset, by: Actor, time: _Time) -> Outcome:
    if row.preset_id == preset.pk and row.state == ParticipantState.ENROLLED and not row.find_drift():
        return Outcome(row.effective_name, "unchanged", row)
    result = enrolment.change(row, preset=preset, by=by, deadline=time.deadline)
    return _describe(result.participant, "changed", result.trouble)


def _restore(row: Participant, by: Actor, time: _Time) -> Outcome:
    restored = removal.mark_restored(row, by=by)
    return _describe(restored, "restored", time.settle(restored, by))


def _retry(row: Participant, by: Actor, time: _Time) -> Outcome:
    if row.state == ParticipantState.REMOVED:
        return Outcome(row.effective_name, "unchanged", row)
    result = enrolment.retry(row, by=by, deadline=time.deadline)
    done = "removed" if row.state in RESTORABLE else "retried"
    return _describe(result.participant, done, result.trouble)


def _describe(row: Participant, done: str, trouble: RollcallError | None, *, name: str = "") -> Outcome:
    """``done`` when it holds at RealtimeKit, else what the row says."""
    code = done
    if row.state == ParticipantState.FAILED:
        code = "failed"
    elif row.state in (ParticipantState.PENDING, ParticipantState.REMOVING):
        code = row.state
    elif row.last_error_code == CHANGE_REFUSED:
        code = "refused"
    elif trouble is not None:
        code = "pending"
    return Outcome(name or row.effective_name, code, row, trouble)


def _describe_removal(row: Participant, marked: bool, held: bool, trouble: RollcallError | None) -> Outcome:
    if not marked:
        return Outcome(row.effective_name, "already", row)
    return Outcome(row.effective_name, "removed" if held else "removing", row, None if held else trouble)
