"""Putting people out of a room that is in use, and ending its session. Says what became of each.

Nobody is removed by it: whoever was put out may come back with the token they hold (contract 18, row 25).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.utils import timezone

from participants.errors import Busy, RollcallError
from participants.gateway import get_client, waiting_slot
from participants.models import Actor, EventKind, Meeting, Participant, Session
from participants.models.event import record
from participants.realtimekit import Deadline, RealtimeKitError
from participants.services import livesessions
from participants.services.listing import may_mean_absent
from participants.services.trouble import explain
from participants.services.waking import wake

SECONDS = 10.0
LIMIT = 100
"""People put out by one request: each is a call of its own, since an answer for many does not say who was inside."""


class Outcome(StrEnum):
    KICKED = "kicked"
    NOT_INSIDE = "not_inside"
    UNCONFIRMED = "unconfirmed"
    """RealtimeKit was told, but its answer does not say whether they are out."""
    NOT_REACHED = "not_reached"
    """RealtimeKit could not be told; nothing happened."""


@dataclass
class Report:
    """What became of each, in the order asked for; ``trouble`` is the first reason why one was not reached."""

    people: list[tuple[Participant, Outcome]] = field(default_factory=list)
    trouble: RollcallError | None = None


def kick(meeting: Meeting, people: Sequence[Participant], *, by: Actor, deadline: Deadline | None = None) -> Report:
    """Put people out of the meeting's session. Raises Busy or Misconfigured when nobody could be reached."""
    deadline, report = deadline or Deadline.after(SECONDS), Report()
    for person in people:
        if report.trouble is not None or deadline.expired:
            report.trouble = report.trouble or Busy()
            outcome = Outcome.NOT_REACHED
        else:
            outcome = _kick(meeting, person, deadline, report)
        report.people.append((person, outcome))
        if outcome in (Outcome.KICKED, Outcome.UNCONFIRMED):
            record(EventKind.KICKED, by, participant=person, outcome=outcome.value)
    if report.trouble is not None and all(outcome == Outcome.NOT_REACHED for _, outcome in report.people):
        raise report.trouble
    _look_soon(meeting)
    return report


def end(meeting: Meeting, *, by: Actor, deadline: Deadline | None = None) -> bool:
    """End the meeting's session for everybody; False if there was none.

    Locks nothing: in a room that stays open the next to join begins another one. Raises Busy or Misconfigured.
    """
    deadline = deadline or Deadline.after(SECONDS)
    if not meeting.realtimekit_id:
        return False
    with waiting_slot():
        client = get_client()
        try:
            was_live = client.active_session.get(meeting.realtimekit_id, deadline=deadline) is not None
            if was_live:
                livesessions.empty(meeting, deadline=deadline, client=client)
        except RealtimeKitError as error:
            raise explain(error) from None
    if was_live:
        record(EventKind.SESSION_ENDED, by, meeting=meeting, reason="asked")
    _look_soon(meeting)
    return was_live


def _kick(meeting: Meeting, person: Participant, deadline: Deadline, report: Report) -> Outcome:
    room, remote_id = meeting.realtimekit_id, person.realtimekit_id
    if not room or not remote_id:
        return Outcome.NOT_INSIDE
    try:
        with waiting_slot():
            client = get_client()
            try:
                was_inside = client.active_session.kick(room, participant_ids=[remote_id], deadline=deadline)
                return Outcome.KICKED if was_inside else Outcome.NOT_INSIDE
            except RealtimeKitError as error:
                if not may_mean_absent(error):
                    raise
                # "Not inside" is not always said with 404; where the room is in use, nobody knows what was meant.
                is_live = client.active_session.get(room, deadline=deadline) is not None
                return Outcome.UNCONFIRMED if is_live else Outcome.NOT_INSIDE
    except RealtimeKitError as error:
        report.trouble = explain(error)
    except RollcallError as error:
        report.trouble = error
    return Outcome.NOT_REACHED


def _look_soon(meeting: Meeting) -> None:
    """The deliveries of who left may be lost; ask for them."""
    if Session.objects.live().filter(meeting=meeting).update(pull_due_at=timezone.now()):
        wake()
