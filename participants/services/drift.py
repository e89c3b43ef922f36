"""Reconciling: one meeting compared with RealtimeKit, shown as a report, applied where staff say so.

A report is stored, so that what is confirmed is exactly what was seen. What was decided on is on record before it is
done: items that wait are the queue, and whoever finds one goes on with it.
"""

import logging
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone

from participants.errors import Busy, HeldBack, Misconfigured, RollcallError, WrongState
from participants.gateway import background, get_client, waiting_slot
from participants.models import Actor, DriftItem, DriftReport, EventKind, Meeting, Participant
from participants.models.event import record
from participants.realtimekit import Deadline, RealtimeKit
from participants.services import driftsteps, leases
from participants.services.driftfinding import Comparison, compare_meeting, compare_people
from participants.services.driftsteps import Result, Step
from participants.services.listing import Listings
from participants.services.mirrors import mirror
from participants.services.settling import STAFF_SECONDS
from participants.services.trouble import next_try, translated
from participants.services.waking import wake
from participants.states import DriftAction, DriftKind, DriftOutcome, MeetingState, MeetingStatus

logger = logging.getLogger(__name__)

SECONDS = 60.0
CHUNK = 200
AGAIN_AFTER = timedelta(hours=1)
"""A survey leaves a meeting alone that was compared less than this ago."""
RESTING = timedelta(days=1)
"""The same for one that is inactive or over: years of past lessons must not use the budget up."""
KEPT = timedelta(days=1)
"""How long a report with differences that nobody decided on stays, once there is a newer one."""


@dataclass
class Survey:
    """Counts of one survey: reports made, those with differences, decided items carried out, meetings left over."""

    compared: int = 0
    drifted: int = 0
    finished: int = 0
    left: int = 0
    trouble: str = ""


def compare(
    meeting: Meeting, *, by: Actor, deadline: Deadline | None = None, client: RealtimeKit | None = None
) -> DriftReport:
    """The dry run: read the meeting and everybody in it, and store what differs. Nothing else changes.

    Raises WrongState for a meeting that is not made yet, Busy or Misconfigured. What did not fit into the time is
    first in line at the next survey.
    """
    deadline = deadline or Deadline.after(STAFF_SECONDS)
    if meeting.state != MeetingState.CREATED:
        raise WrongState("This meeting is not made at RealtimeKit yet, so there is nothing to compare.")
    client = client or get_client()
    Meeting.objects.filter(pk=meeting.pk).update(compared_at=timezone.now())
    seen = 0
    try:
        found = mirror(meeting, by=by, deadline=deadline, client=client, keep=True)
        meeting.refresh_from_db()
        comparison, seen = compare_people(meeting, found), found.seen
        compare_meeting(meeting, found, comparison)
        Meeting.objects.filter(pk=meeting.pk).update(participants_synced_at=found.begun)
    except RollcallError as error:
        if "meeting_id" not in error.data:
            Meeting.objects.filter(pk=meeting.pk).update(compared_at=None)
            raise
        if not _is_gone(meeting, deadline, client):
            raise
        comparison = Comparison()
        comparison.add(DriftKind.MEETING_GONE, name=meeting.title)
    return _store(meeting, comparison, seen, by)


def find_latest(meeting: Meeting) -> DriftReport | None:
    return DriftReport.objects.filter(meeting=meeting).order_by("-created_at", "-id").first()


def list_safe(report: DriftReport, *, strangers: DriftAction | None = None) -> dict[int, DriftAction]:
    """Open items with the action that carries out a wish on record; ``strangers`` is what to do about those whom only
    RealtimeKit has, who are left alone without it. Recorders and the like always are."""
    chosen: dict[int, DriftAction] = {}
    for item in report.items.filter(outcome=DriftOutcome.OPEN).iterator(chunk_size=1000):
        action = item.safe_action or (strangers if item.kind == DriftKind.REMOTE_ONLY else None)
        if action is not None:
            chosen[item.pk] = action
    return chosen


@background()
def reconcile(
    meeting: Meeting, *, by: Actor, deadline: Deadline, applying: bool, strangers: DriftAction | None = None
) -> tuple[DriftReport, RollcallError | None]:
    """Compare, and with ``applying`` carry out what ``list_safe`` says; why not all of it could be, if so."""
    report = compare(meeting, by=by, deadline=deadline)
    if not applying:
        return report, None
    decide(report, list_safe(report, strangers=strangers), by=by)
    return report, work(report, by=by, deadline=deadline)


def decide(report: DriftReport, choices: Mapping[int, DriftAction], *, by: Actor) -> int:
    """Put on record what is to be done about which items; their number. ``work`` does it, or else a survey.

    Items that were decided on before keep that decision. Raises WrongState for an action that an item does not allow,
    and then nothing is decided.
    """
    now, decided = timezone.now(), 0
    with transaction.atomic():
        keys = sorted(choices)
        for start in range(0, len(keys), CHUNK):
            rows = list(report.items.filter(pk__in=keys[start : start + CHUNK]))
            for item in rows:
                if choices[item.pk] not in item.actions:
                    raise WrongState(f"“{item}” does not allow that.", item=item.pk)
            for action in DriftAction:
                chosen = [item.pk for item in rows if choices[item.pk] == action]
                free = report.items.filter(pk__in=chosen, outcome=DriftOutcome.OPEN)
                decided += free.update(action=action, outcome=DriftOutcome.WAITING)
        if decided:
            DriftReport.objects.filter(pk=report.pk).update(
                applied_at=now, applied_by=by.user, applied_key=by.key, next_attempt_at=None, updated_at=now
            )
            record(EventKind.DRIFT_DECIDED, by, meeting=report.meeting, report=str(report.pk), items=decided)
            wake()
    return decided


def work(
    report: DriftReport, *, by: Actor, deadline: Deadline | None = None, client: RealtimeKit | None = None
) -> RollcallError | None:
    """Carry out what was decided on, as far as the time goes, and say what stood in the way.

    A survey does the rest.
    """
    deadline = deadline or Deadline.after(STAFF_SECONDS)
    lease = leases.claim(DriftReport.objects.all(), report, deadline)
    if lease is None:
        return Busy("Somebody else is just working on this comparison. Look again shortly.")
    trouble: RollcallError | None = None
    try:
        with waiting_slot():
            _work(report, by, deadline, client or get_client())
    except RollcallError as error:
        trouble = error
    wait = None if trouble is None else next_try(report.attempts + 1)
    told = {**leases.CLEARED, "next_attempt_at": wait, "attempts": report.attempts + 1 if trouble else 0}
    DriftReport.objects.held(report.pk, lease).update(**told)
    report.refresh_from_db()
    return trouble


def follow(report: DriftReport) -> None:
    """Bring up to date what has become of wishes that were only stored when their items were last looked at."""
    stored = report.items.filter(outcome=DriftOutcome.STORED).order_by("pk")
    _describe_stored(list(stored.exclude(participant=None)[:CHUNK]))
    if not report.meeting.find_drift(timezone.now()):
        stored.filter(participant=None).update(outcome=DriftOutcome.APPLIED)


@background()
def survey(*, by: Actor, deadline: Deadline | None = None) -> Survey:
    """Finish what was decided on, then compare the meetings that were compared longest ago. Raises nothing remote."""
    deadline = deadline or Deadline.after(SECONDS)
    done, now = Survey(), timezone.now()
    if not finish_decided(done, by=by, deadline=deadline):
        return done
    resting = Q(status=MeetingStatus.INACTIVE) | Q(closes_at__lt=now)
    recently = Q(compared_at__gte=now - AGAIN_AFTER) | (resting & Q(compared_at__gte=now - RESTING))
    made = Meeting.objects.filter(state=MeetingState.CREATED, gone_at=None).exclude(recently)
    _compare_all(list(made.order_by(F("compared_at").asc(nulls_first=True), "pk")), done, by, deadline)
    return done


@background()
def finish_decided(done: Survey, *, by: Actor, deadline: Deadline) -> bool:
    """Carry out what was decided on and waits. False when time ran out or no call may be made."""
    for report in (
        DriftReport.objects.unfinished().due(timezone.now()).select_related("meeting", "applied_by", "applied_key")
    ):
        before = report.items.filter(outcome=DriftOutcome.WAITING).count()
        # Whoever decided is whose deed it is, though a survey carries it out.
        trouble = work(
            report, by=Actor(via=by.via, user=report.applied_by, key=report.applied_key), deadline=deadline
        )
        done.finished += before - report.items.filter(outcome=DriftOutcome.WAITING).count()
        done.trouble = done.trouble or _tell(trouble)
        # A meeting that RealtimeKit does not know concerns its own report alone.
        is_general = isinstance(trouble, HeldBack | Misconfigured) and "meeting_id" not in trouble.data
        if deadline.expired or is_general:
            return False
    return True


def _compare_all(meetings: list[Meeting], done: Survey, by: Actor, deadline: Deadline) -> None:
    for number, meeting in enumerate(meetings):
        if deadline.remaining() < 1:
            done.left = len(meetings) - number
            return
        # Of two surveys at once, each compares the meetings that the other does not.
        mine = Meeting.objects.filter(pk=meeting.pk, compared_at=meeting.compared_at)
        if not mine.update(compared_at=timezone.now()):
            continue
        try:
            report = compare(meeting, by=by, deadline=deadline)
        except RollcallError as error:
            done.trouble = done.trouble or _tell(error)
            if not deadline.expired and not isinstance(error, HeldBack) and "meeting_id" in error.data:
                continue
            done.left = len(meetings) - number
            if not number:
                # One that can't be read in the whole of the time must not keep the others waiting.
                Meeting.objects.filter(pk=meeting.pk).update(compared_at=timezone.now())
            return
        done.compared += 1
        done.drifted += bool(report.total)


def _work(report: DriftReport, by: Actor, deadline: Deadline, client: RealtimeKit) -> None:
    """Raises Busy or Misconfigured where RealtimeKit could not be asked or told; items not begun wait on."""
    meeting = Meeting.objects.get(pk=report.meeting_id)
    last, trouble = 0, None
    while deadline.remaining() >= 1:
        waiting = report.items.filter(outcome=DriftOutcome.WAITING, pk__gt=last).select_related("participant")
        items = list(waiting.order_by("pk")[:CHUNK])
        if not items:
            break
        last = items[-1].pk
        work = _Chunk(Step(meeting, by, deadline, client, Listings(client), time.monotonic()))
        try:
            work.take_steps(items)
            driftsteps.finish(work.step, {item.participant_id for item in work.stored if item.participant_id})
        except (HeldBack, Misconfigured):
            raise
        except Busy as error:
            trouble = error
        finally:
            _describe_stored(work.stored)
        trouble = trouble or work.trouble
    if trouble is not None:
        raise trouble


@dataclass
class _Chunk:
    """Some items at work. ``stored`` are those whose wish is on their row by now, ``trouble`` why others wait on."""

    step: Step
    stored: list[DriftItem] = field(default_factory=list)
    trouble: Busy | None = None

    def take_steps(self, items: Iterable[DriftItem]) -> None:
        for item in items:
            if self.step.deadline.remaining() < 1:
                return
            try:
                result = self.step.take(item)
            except (HeldBack, Misconfigured) as error:
                _note(item, Result(DriftOutcome.WAITING, error.code, _tell(error)))
                raise
            except Busy as error:
                self.trouble = error
                result = Result(DriftOutcome.WAITING, error.code, _tell(error))
            except RollcallError as error:
                result = Result(DriftOutcome.FAILED, error.code, _tell(error))
            except (OperationalError, InterfaceError):
                raise
            except Exception:
                # A difference that trips over a defect must not hold up all others; it waits, longer each time.
                logger.exception("What was decided on difference %s could not be done.", item.pk)
                self.trouble = Busy("Something went wrong here; the log says what. It is tried again.")
                result = Result(DriftOutcome.WAITING, self.trouble.code, str(self.trouble))
            _note(item, result)
            if result.outcome == DriftOutcome.STORED:
                self.stored.append(item)


def _describe_stored(items: list[DriftItem]) -> None:
    rows = Participant.objects.with_relations().in_bulk(
        [item.participant_id for item in items if item.participant_id]
    )
    for item in items:
        if row := rows.get(item.participant_id or uuid.UUID(int=0)):
            _note(item, driftsteps.describe(row))


def _note(item: DriftItem, result: Result) -> None:
    changed = {"outcome": result.outcome, "code": result.code[:64], "detail": result.detail[:400]}
    # Written over what waits or is on its way, never over an end that somebody else has seen.
    DriftItem.objects.filter(pk=item.pk, outcome__in=(DriftOutcome.WAITING, DriftOutcome.STORED)).update(**changed)


def _store(meeting: Meeting, found: Comparison, seen: int, by: Actor) -> DriftReport:
    with transaction.atomic():
        report = DriftReport.objects.create(
            meeting=meeting,
            remote_count=seen,
            local_count=found.local_count,
            in_flight=found.in_flight,
            total=len(found.items),
            via=by.via,
        )
        for item in found.items:
            item.report = report
        DriftItem.objects.bulk_create(found.items, batch_size=500)
        # Nothing could be confirmed on an empty one; what staff may just be looking at stays for a day.
        old = DriftReport.objects.filter(meeting=meeting, applied_at=None).exclude(pk=report.pk)
        old.filter(Q(total=0) | Q(created_at__lt=timezone.now() - KEPT)).delete()
    return report


def _is_gone(meeting: Meeting, deadline: Deadline, client: RealtimeKit) -> bool:
    """Whether the app answers with a complete list of meetings in which this one is missing."""
    with translated():
        listed = client.meetings.list(deadline=deadline)
    return bool(listed) and all(item.id != meeting.realtimekit_id for item in listed)


def _tell(error: RollcallError | None) -> str:
    return "" if error is None else str(error.data.get("reason", error))[:400]
