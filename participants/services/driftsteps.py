"""Carrying out what was decided on one difference; the very UPDATE that stores it checks its premise once more.

A step stores the wish on the row concerned, where converging finds it; ``finish`` brings the rows there at once, as
far as the time goes. Only strangers have no row: for them the item itself is the wish, and waits until it is done.
"""

import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from participants.errors import HeldBack, Misconfigured, RollcallError
from participants.models import Actor, DriftItem, EventKind, Meeting, Participant
from participants.models.base import CHANGE_REFUSED
from participants.models.event import record
from participants.models.participant import ParticipantQuerySet
from participants.realtimekit import Absent, Deadline, RealtimeKit, RealtimeKitError
from participants.services import adoption, enrolment, leases, livesessions, meetings, presets, rooms, settling
from participants.services.driftfinding import clean_name
from participants.services.listing import Listings
from participants.services.tokens import settle_absence
from participants.services.trouble import explain, translated
from participants.states import DriftAction, DriftKind, DriftOutcome, MeetingState, ParticipantState

ROW_SECONDS = 20.0


@dataclass(frozen=True)
class Result:
    outcome: DriftOutcome
    code: str = ""
    detail: str = ""


STALE = Result(DriftOutcome.NO_LONGER_TRUE)
STORED = Result(DriftOutcome.STORED)
APPLIED = Result(DriftOutcome.APPLIED)


@dataclass
class Step:
    """One pass over one report's items. ``begun`` is the ``time.monotonic`` from which a listing may be shared."""

    meeting: Meeting
    by: Actor
    deadline: Deadline
    client: RealtimeKit
    listings: Listings
    begun: float

    def take(self, item: DriftItem) -> Result:
        """Raises Busy or Misconfigured when RealtimeKit has to be asked and can't be: the item then waits on."""
        return STEPS[DriftKind(item.kind), DriftAction(item.action)](self, item)

    def adopt(self, item: DriftItem) -> Result:
        if item.participant_id is not None:
            return self.adopt_failed(item)
        if self.is_ours_by_now(item):
            return STALE
        with translated():
            custom_id = item.custom_participant_id
            found = self.listings.find(self.meeting, custom_id, since=self.begun, deadline=self.deadline)
        if not any(one.id in item.remote_ids for one in found):
            return STALE
        row = adoption.adopt(
            self.meeting,
            found[0],
            by=self.by,
            deadline=self.deadline,
            client=self.client,
            has_extras=len(found) > 1,
        )
        if row is None:
            return STALE
        DriftItem.objects.filter(pk=item.pk).update(participant=row)
        item.participant = row
        return STORED if row.verify_after else APPLIED

    def adopt_failed(self, item: DriftItem) -> Result:
        """Refused once, yet there: with the doubt on record, adding looks for them first."""
        rows = self.find_row(item, ParticipantState.FAILED)
        if item.participant is None or not rows.unleased().update(outcome_unknown=True):
            return STALE
        enrolment.retry(item.participant, by=self.by, deadline=self.deadline)
        return STORED

    def delete_strangers(self, item: DriftItem) -> Result:
        if item.participant_id is None and self.is_ours_by_now(item):
            return STALE
        if item.participant_id is not None and not self.find_row(item, ParticipantState.FAILED).exists():
            return STALE
        with translated():
            everybody = self.listings.list(self.meeting, since=self.begun, deadline=self.deadline)
            deleted = [one.id for one in everybody if one.id in item.remote_ids]
            for remote_id in deleted:
                self.delete(item.custom_participant_id, remote_id)
        if not deleted:
            return STALE
        custom_id = item.custom_participant_id
        told = {"realtimekit_ids": deleted, "custom_participant_id": custom_id}
        record(EventKind.STRANGERS_DELETED, self.by, meeting=self.meeting, deleted=told)
        return APPLIED

    def delete(self, custom_id: str, remote_id: str) -> None:
        """Kick, delete, kick: as a removal."""
        self.put_out(remote_id)
        self.listings.delete(self.meeting, custom_id, remote_id, deadline=self.deadline)
        self.put_out(remote_id)

    def put_out(self, remote_id: str) -> None:
        # Deletion alone revokes the token: a kick that fails or hangs does not hold it up.
        with suppress(RealtimeKitError):
            soon = Deadline.after(self.deadline.remaining() / 3)
            livesessions.put_out(self.meeting, remote_id, deadline=soon, client=self.client)

    def remove(self, item: DriftItem) -> Result:
        """Removed here long ago: verifying deletes whoever still carries the custom id."""
        rows = self.find_row(item, ParticipantState.REMOVED).filter(verify_after=None).unleased()
        if not rows.update(verify_after=timezone.now(), next_attempt_at=None):
            return STALE
        for remote_id in item.remote_ids:
            self.put_out(str(remote_id))
        return STORED

    def keep_one(self, item: DriftItem) -> Result:
        """Verifying keeps the one on record, else the newest, and deletes the others."""
        rows = self.find_recorded(item).filter(verify_after=None)
        return STORED if rows.update(verify_after=timezone.now(), next_attempt_at=None) else STALE

    def add_again(self, item: DriftItem) -> Result:
        """Believed only from the meeting and its complete list once more (design 2.3)."""
        row = item.participant
        lease = None if row is None else leases.claim(self.find_recorded(item), row, self.deadline)
        if row is None or lease is None:
            return STALE
        row = Participant.objects.with_relations().get(pk=row.pk)
        gone = Absent("participants.list", "participant_absent", "RealtimeKit no longer lists this participant.")
        try:
            settle_absence(
                row, lease, gone, deadline=self.deadline, by=self.by, listings=self.listings, since=self.begun
            )
        except Absent as error:
            leases.give_back(Participant.objects.all(), row, lease, None, next_attempt_at=None)
            if error is gone:
                return STALE
            raise explain(error) from None
        except RealtimeKitError as error:
            leases.give_back(Participant.objects.all(), row, lease, error)
            raise explain(error) from None
        except RollcallError:
            leases.give_back(Participant.objects.all(), row, lease, None, next_attempt_at=None)
            raise
        return STORED

    def push_preset(self, item: DriftItem) -> Result:
        wanted = self.find_recorded(item).filter(preset__name=item.ours)
        return self.push(wanted, {"applied_preset": item.theirs[:255]})

    def push_name(self, item: DriftItem) -> Result:
        rows = self.find_recorded(item)
        row = rows.select_related("person").first()
        same = row is not None and row.effective_name == item.ours
        return self.push(rows, {"applied_name": item.theirs}) if same else STALE

    def push_picture(self, item: DriftItem) -> Result:
        rows = self.find_recorded(item).filter(person__picture_url=item.ours)
        return self.push(rows, {"applied_picture": item.theirs})

    def push(self, rows: ParticipantQuerySet, told: dict[str, str]) -> Result:
        """What RealtimeKit has goes on record, so that converging sees the difference and pushes ours."""
        changes = {**told, "last_error_code": "", "last_error_detail": "", "next_attempt_at": None}
        return STORED if rows.update(**changes, updated_at=timezone.now()) else STALE

    def take_preset(self, item: DriftItem) -> Result:
        row = self.find_recorded(item).filter(preset__name=item.ours).first()
        if row is None:
            return STALE
        preset = presets.resolve(item.theirs, deadline=self.deadline, client=self.client)
        return self.tell(enrolment.change(row, preset=preset, by=self.by, deadline=self.deadline))

    def take_name(self, item: DriftItem) -> Result:
        row = self.find_recorded(item).select_related("person").first()
        if row is None or row.effective_name != item.ours:
            return STALE
        return self.tell(enrolment.change(row, name=clean_name(item.theirs), by=self.by, deadline=self.deadline))

    def tell(self, result: enrolment.Result) -> Result:
        return STORED if result.trouble else APPLIED

    def push_meeting(self, item: DriftItem) -> Result:
        if item.kind == DriftKind.TITLE_DIFFERS:
            same, told = Q(title=item.ours), {"applied_title": item.theirs[:200]}
        else:
            same, told = Q(applied_status=item.ours), {"applied_status": item.theirs[:32]}
        rows = Meeting.objects.filter(same, pk=self.meeting.pk, state=MeetingState.CREATED).unleased()
        if not rows.update(**told, last_error_code="", next_attempt_at=None, updated_at=timezone.now()):
            return STALE
        try:
            done = rooms.settle(self.meeting.pk, deadline=self.deadline, by=self.by, client=self.client)
        except RollcallError:
            return STORED  # the wish is on record, and converging goes on with it
        return APPLIED if done else STORED

    def take_meeting(self, item: DriftItem) -> Result:
        meeting = Meeting.objects.get(pk=self.meeting.pk)
        is_title = item.kind == DriftKind.TITLE_DIFFERS
        if (meeting.title if is_title else meeting.applied_status) != item.ours:
            return STALE
        try:
            if is_title:
                trouble = meetings.edit(meeting, by=self.by, title=item.theirs)
            else:
                trouble = meetings.edit(meeting, by=self.by, status=item.theirs)
        except ValidationError as error:
            return Result(DriftOutcome.FAILED, "invalid", "; ".join(error.messages)[:400])
        return STORED if trouble else APPLIED

    def is_ours_by_now(self, item: DriftItem) -> bool:
        same = Q(realtimekit_id__in=item.remote_ids)
        if item.custom_participant_id:
            same |= Q(custom_participant_id=item.custom_participant_id)
        return Participant.objects.filter(same, meeting=self.meeting).exists()

    def find_row(self, item: DriftItem, state: ParticipantState) -> ParticipantQuerySet:
        return Participant.objects.filter(Q(pk=item.participant_id), state=state)

    def find_recorded(self, item: DriftItem) -> ParticipantQuerySet:
        """The row as the report saw it: enrolled, with the same participant, and nobody at work on it."""
        rows = self.find_row(item, ParticipantState.ENROLLED).filter(realtimekit_id=item.recorded_id)
        return rows.filter(outcome_unknown=False).unleased()  # type: ignore[return-value]


STEPS: dict[tuple[DriftKind, DriftAction], Callable[[Step, DriftItem], Result]] = {
    (DriftKind.REMOTE_ONLY, DriftAction.ADOPT): Step.adopt,
    (DriftKind.REMOTE_ONLY, DriftAction.REMOVE): Step.delete_strangers,
    (DriftKind.UNIDENTIFIED, DriftAction.REMOVE): Step.delete_strangers,
    (DriftKind.LOCAL_ONLY, DriftAction.ADD_AGAIN): Step.add_again,
    (DriftKind.DUPLICATE, DriftAction.KEEP_ONE): Step.keep_one,
    (DriftKind.SHOULD_BE_REMOVED, DriftAction.REMOVE): Step.remove,
    (DriftKind.PRESET_DIFFERS, DriftAction.OURS): Step.push_preset,
    (DriftKind.PRESET_DIFFERS, DriftAction.THEIRS): Step.take_preset,
    (DriftKind.NAME_DIFFERS, DriftAction.OURS): Step.push_name,
    (DriftKind.NAME_DIFFERS, DriftAction.THEIRS): Step.take_name,
    (DriftKind.PICTURE_DIFFERS, DriftAction.OURS): Step.push_picture,
    (DriftKind.TITLE_DIFFERS, DriftAction.OURS): Step.push_meeting,
    (DriftKind.TITLE_DIFFERS, DriftAction.THEIRS): Step.take_meeting,
    (DriftKind.STATUS_DIFFERS, DriftAction.OURS): Step.push_meeting,
    (DriftKind.STATUS_DIFFERS, DriftAction.THEIRS): Step.take_meeting,
}


def finish(step: Step, keys: Iterable[uuid.UUID]) -> None:
    """Bring the rows that steps have touched where they should be, as far as the time goes; converging does the rest.

    Raises Busy or Misconfigured when RealtimeKit could not be told of one; of the others it is told all the same,
    unless it would refuse every row alike.
    """
    begun = time.monotonic()
    rows, trouble = Participant.objects.with_relations().in_bulk(list(keys)), None
    for row in rows.values():
        if step.deadline.remaining() < 1:
            break
        until = Deadline.after(min(ROW_SECONDS, step.deadline.remaining()))
        try:
            # They share one listing, begun after they were read: it answers every doubt they carry.
            settling.settle(row, deadline=until, by=step.by, client=step.client, listings=step.listings, as_of=begun)
        except RollcallError as error:
            if isinstance(error, HeldBack | Misconfigured):
                raise
            trouble = error
    if trouble is not None:
        raise trouble


def describe(row: Participant) -> Result:
    """What has become of a wish that is stored, as its row says."""
    if row.state == ParticipantState.FAILED or row.last_error_code == CHANGE_REFUSED:
        return Result(DriftOutcome.FAILED, row.last_error_code, row.last_error_detail)
    settled = row.state in (ParticipantState.ENROLLED, ParticipantState.REMOVED)
    waits = row.verify_after is not None and row.verify_after <= timezone.now()
    if not settled or waits or (row.state == ParticipantState.ENROLLED and row.find_drift()):
        return Result(DriftOutcome.STORED, row.last_error_code, row.last_error_detail)
    return APPLIED
