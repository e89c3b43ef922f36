"""The remote side of a meeting: made once, then brought to the title and status wanted now.

Our row is the truth. RealtimeKit has no key of ours and can't delete a meeting (contract 18, row 3), so a
meeting is made under a title that carries our reference, an unknown outcome is looked for by it, and only
then is the plain title applied.
"""

import time
import uuid
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from participants.errors import Busy, MeetingUnusable, Misconfigured
from participants.models import Actor, EventKind, Meeting
from participants.models.base import CHANGE_REFUSED
from participants.models.event import record
from participants.realtimekit import Deadline, OutcomeUnknown, RealtimeKit, RealtimeKitError, Refused
from participants.realtimekit import Meeting as RemoteMeeting
from participants.services import leases, livesessions
from participants.services.trouble import explain
from participants.states import MeetingState, MeetingStatus

VERIFY_AFTER = timedelta(seconds=60)
"""How long a new object may be missing from lists (contract 18, row 32)."""
_POLL = 0.1


def ensure_created(meeting: Meeting, *, deadline: Deadline, by: Actor, client: RealtimeKit) -> Meeting:
    """The meeting with its remote id, made first where need be.

    Raises MeetingUnusable (refused), Misconfigured or Busy.
    """
    while not meeting.realtimekit_id:
        if meeting.state == MeetingState.FAILED:
            raise MeetingUnusable(reason=meeting.last_error_detail)
        try:
            held_elsewhere = not settle(meeting.pk, deadline=deadline, by=by, client=client)
        except (Busy, Misconfigured):
            # Made, but its title or status not applied yet: converging does that.
            if not Meeting.objects.exclude(realtimekit_id=None).filter(pk=meeting.pk).exists():
                raise
        else:
            if held_elsewhere:
                time.sleep(min(_POLL, deadline.remaining()))
        meeting.refresh_from_db()
        if deadline.expired and not meeting.realtimekit_id:
            raise Busy(retry_after=2)
    return meeting


def settle(pk: uuid.UUID, *, deadline: Deadline, by: Actor, client: RealtimeKit, create_only: bool = False) -> bool:
    """Do what the meeting needs, each step under its lease. False when another process holds it.

    Raises Busy or Misconfigured; the row then says when it is tried again.
    """
    meeting = Meeting.objects.get(pk=pk)
    if meeting.state == MeetingState.PENDING:
        if not _create(meeting, deadline, by, client):
            return False
        meeting.refresh_from_db()
    if meeting.state != MeetingState.CREATED:
        return True
    if meeting.verify_after and meeting.verify_after <= timezone.now():
        _retire_extras(meeting, deadline, client)
    return not _find_changes(meeting) or _push(meeting, deadline, by, client)


def _create(meeting: Meeting, deadline: Deadline, by: Actor, client: RealtimeKit) -> bool:
    doubt = meeting.outcome_unknown
    free = Meeting.objects.filter(state=MeetingState.PENDING, outcome_unknown=doubt)
    lease = leases.claim(free, meeting, deadline, outcome_unknown=True)
    if lease is None:
        return False
    try:
        remote, fresh = _make_or_find(meeting, doubt, deadline, client)
    except Refused as error:
        _mark_failed(meeting, lease, error, by)
        return True
    except RealtimeKitError as error:
        leases.give_back(
            Meeting.objects.all(),
            meeting,
            lease,
            error,
            outcome_unknown=doubt or isinstance(error, OutcomeUnknown),
        )
        raise explain(error) from None
    _mark_created(meeting, lease, remote, by, doubtful=doubt or not fresh)
    return True


def _make_or_find(
    meeting: Meeting, doubt: bool, deadline: Deadline, client: RealtimeKit
) -> tuple[RemoteMeeting, bool]:
    """The remote meeting, and whether it was made by this very call."""
    if doubt and (found := _find_all(meeting, deadline, client)):
        return found[0], False
    try:
        return client.meetings.create(title=meeting.title_on_creation, deadline=deadline), True
    except OutcomeUnknown as lost:
        try:
            found = _find_all(meeting, deadline, client)
        except RealtimeKitError:
            raise lost from None  # a list that could not be asked for leaves the doubt as it is
        if found:
            return found[0], False
        raise


def _find_all(meeting: Meeting, deadline: Deadline, client: RealtimeKit) -> list[RemoteMeeting]:
    """Remote meetings whose title carries our reference, newest first."""
    searched = client.meetings.list(search=meeting.reference, deadline=deadline)
    found = [item for item in searched if meeting.reference in (item.title or "")]
    if not found:
        # A server whose search knows only whole titles must not make us create a second meeting.
        everything = client.meetings.list(deadline=deadline)
        found = [item for item in everything if meeting.reference in (item.title or "")]
    return sorted(found, key=lambda item: item.created_at.timestamp() if item.created_at else 0, reverse=True)


def _mark_created(meeting: Meeting, lease: uuid.UUID, remote: RemoteMeeting, by: Actor, *, doubtful: bool) -> None:
    now = timezone.now()
    with transaction.atomic():
        written = (
            Meeting.objects.held(meeting.pk, lease)
            .moving_to(MeetingState.CREATED)
            .update(
                state=MeetingState.CREATED,
                realtimekit_id=remote.id,
                applied_title=(remote.title or meeting.title_on_creation)[:200],
                applied_status=(remote.status or MeetingStatus.ACTIVE).upper()[:32],
                raw=dict(remote.raw),
                seen_at=now,
                outcome_unknown=False,
                verify_after=now + VERIFY_AFTER if doubtful else None,
                updated_at=now,
                **leases.CLEARED,
            )
        )
        if written:
            record(EventKind.MEETING_MADE, by, meeting=meeting, realtimekit_id=remote.id)


def _mark_failed(meeting: Meeting, lease: uuid.UUID, error: Refused, by: Actor) -> None:
    with transaction.atomic():
        written = leases.give_back(
            Meeting.objects.moving_to(MeetingState.FAILED),
            meeting,
            lease,
            error,
            state=MeetingState.FAILED,
            outcome_unknown=False,
            next_attempt_at=None,
        )
        if written:
            record(EventKind.MEETING_FAILED, by, meeting=meeting, code=error.code, detail=error.message)


def _find_changes(meeting: Meeting) -> dict[str, Any]:
    changes = meeting.find_drift(timezone.now())
    if meeting.last_error_code == CHANGE_REFUSED:
        changes.pop("title", None)
    return changes


def _push(meeting: Meeting, deadline: Deadline, by: Actor, client: RealtimeKit) -> bool:
    lease = leases.claim(Meeting.objects.filter(state=MeetingState.CREATED), meeting, deadline)
    if lease is None:
        return False
    meeting.refresh_from_db()
    changes = _find_changes(meeting)
    try:
        if changes:
            client.meetings.patch(str(meeting.realtimekit_id), **changes, deadline=deadline)
        if changes.get("status") == MeetingStatus.INACTIVE:
            livesessions.empty(meeting, deadline=deadline, client=client)
    except RealtimeKitError as error:
        if isinstance(error, Refused) and "title" in changes:
            refused = {"last_error_code": CHANGE_REFUSED, "next_attempt_at": None}
            leases.give_back(Meeting.objects.all(), meeting, lease, error, **refused)
            # A refused title must not keep the room open: the status goes alone.
            return "status" not in changes or settle(meeting.pk, deadline=deadline, by=by, client=client)
        leases.give_back(Meeting.objects.all(), meeting, lease, error)
        raise explain(error) from None
    _mark_applied(meeting, lease, changes, by)
    return True


def _mark_applied(meeting: Meeting, lease: uuid.UUID, changes: dict[str, Any], by: Actor) -> None:
    now = timezone.now()
    applied = {f"applied_{name}": value for name, value in changes.items()}
    with transaction.atomic():
        kept = {} if "title" in changes or meeting.last_error_code != CHANGE_REFUSED else _keep_error(meeting)
        written = Meeting.objects.held(meeting.pk, lease).update(
            **{**applied, **leases.CLEARED, **kept, "seen_at": now, "updated_at": now}
        )
        if written and changes:
            record(EventKind.MEETING_APPLIED, by, meeting=meeting, **changes)


def _keep_error(meeting: Meeting) -> dict[str, str]:
    return {"last_error_code": meeting.last_error_code, "last_error_detail": meeting.last_error_detail}


def _retire_extras(meeting: Meeting, deadline: Deadline, client: RealtimeKit) -> None:
    """Close what a lost Create left behind: meetings with our reference that are not the recorded one."""
    lease = leases.claim(Meeting.objects.filter(verify_after=meeting.verify_after), meeting, deadline)
    if lease is None:
        return
    try:
        for extra in _find_all(meeting, deadline, client):
            if extra.id != meeting.realtimekit_id:
                client.meetings.patch(extra.id, status=MeetingStatus.INACTIVE.value, deadline=deadline)
    except RealtimeKitError as error:
        leases.give_back(Meeting.objects.all(), meeting, lease, error)
        raise explain(error) from None
    Meeting.objects.held(meeting.pk, lease).update(verify_after=None, **leases.CLEARED)
