"""Asking to be let in: somebody signed in asks, staff decide, one or many at a time.

Approving enrols them in the same transaction, so that a decision and its enrolment never part.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from participants.errors import (
    AlreadyDecided,
    AlreadyEnrolled,
    AskedLately,
    RequestsClosed,
    RollcallError,
)
from participants.models import AccessRequest, Actor, EventKind, Meeting, Participant, Person, Preset
from participants.models.accessrequest import MESSAGE_LIMIT
from participants.models.event import record
from participants.realtimekit import Deadline
from participants.services import admission, enrolment, outbox, people
from participants.services.admission import Case
from participants.services.outbox import Draft
from participants.services.settling import STAFF_SECONDS, try_now
from participants.states import MessageKind, RequestState, Source

AGAIN = timedelta(days=1)
"""After a denial, before the same person may ask again."""
LEAST = 1.0
_KEPT_OUT = ("not_found", "blocked", "removed")


@dataclass(frozen=True)
class Decision:
    """What became of one request. ``trouble`` is why it was not decided; or, once it was, why RealtimeKit does not
    know the participant yet."""

    request: AccessRequest
    done: bool
    trouble: RollcallError | None = None


@dataclass(frozen=True)
class Standing:
    """How somebody stands who is not enrolled: whether they may ask now, and their latest request."""

    may_ask: bool
    latest: AccessRequest | None


def ask(*, meeting_id: uuid.UUID, user: User, message: str, by: Actor) -> tuple[AccessRequest, bool]:
    """The user's open request, made now if there is none, and whether it is new.

    Raises NotAdmitted (not_found, blocked, removed), AlreadyEnrolled, RequestsClosed or AskedLately.
    """
    meeting = Meeting.objects.filter(pk=meeting_id).select_related("default_preset").first()
    row = Participant.objects.with_relations().filter(meeting_id=meeting_id, person__user=user).first()
    known = Person.objects.filter(user=user).select_related("user").first()
    verdict = admission.judge(Case(meeting, known, row, timezone.now()))
    if verdict.code in _KEPT_OUT:
        verdict.enforce()
    assert meeting is not None
    if row is not None or admission.would_enrol(meeting, known):
        raise AlreadyEnrolled
    person = known or people.person_of(user, by)
    if found := find_open(meeting, person):
        return found, False
    if not meeting.takes_requests:
        raise RequestsClosed
    if wait := _find_wait(find_latest(meeting, person)):
        raise AskedLately(retry_after=max(1, round(wait.total_seconds())))
    try:
        with transaction.atomic():
            made = AccessRequest.objects.create(meeting=meeting, person=person, message=clean(message))
            record(EventKind.ACCESS_ASKED, by, meeting=meeting, person=person)
    except IntegrityError:
        # The same person asked at this very moment.
        return AccessRequest.objects.get(meeting=meeting, person=person, state=RequestState.OPEN), False
    return made, True


def find_standing(meeting: Meeting, person: Person | None) -> Standing:
    """For the join page of somebody who is not enrolled. Reads only."""
    latest = find_latest(meeting, person) if person else None
    is_open = latest is not None and latest.state == RequestState.OPEN
    return Standing(meeting.takes_requests and not is_open and _find_wait(latest) is None, latest)


def find_open(meeting: Meeting, person: Person) -> AccessRequest | None:
    return AccessRequest.objects.filter(meeting=meeting, person=person, state=RequestState.OPEN).first()


def find_latest(meeting: Meeting, person: Person) -> AccessRequest | None:
    return AccessRequest.objects.filter(meeting=meeting, person=person).order_by("-created_at", "-pk").first()


def approve(
    requests: Iterable[AccessRequest], *, by: Actor, answer: str = "", preset: Preset | None = None
) -> list[Decision]:
    """Enrol everybody who asked; what stops one does not stop the next. RealtimeKit is told in a shared time."""
    decisions, deadline = [], Deadline.after(STAFF_SECONDS)
    for request in requests:
        try:
            row = _approve(request, by, clean(answer), preset)
        except RollcallError as error:
            decisions.append(Decision(request, False, error))
            continue
        trouble = try_now(row, by=by, deadline=deadline) if deadline.remaining() > LEAST else None
        decisions.append(Decision(request, True, trouble))
    return decisions


def deny(requests: Iterable[AccessRequest], *, by: Actor, answer: str = "") -> list[Decision]:
    decisions = []
    for request in requests:
        try:
            with transaction.atomic():
                _decide(request, RequestState.DENIED, by, clean(answer))
                record(EventKind.ACCESS_DENIED, by, meeting=request.meeting, person=request.person)
                draft = Draft(MessageKind.DENIED, request, {"answer": clean(answer)}, request=request)
                outbox.queue([draft], by=by)
        except RollcallError as error:
            decisions.append(Decision(request, False, error))
        else:
            decisions.append(Decision(request, True))
    return decisions


def clean(text: str) -> str:
    """Lines are kept, other white space at the ends and what no column holds is not."""
    lines = (" ".join(line.split()) for line in text.replace("\0", "").splitlines())
    return "\n".join(lines).strip()[:MESSAGE_LIMIT]


def _approve(request: AccessRequest, by: Actor, answer: str, preset: Preset | None) -> Participant:
    with transaction.atomic():
        row, _ = enrolment.store(
            meeting=request.meeting, person=request.person, preset=preset, source=Source.REQUEST, by=by
        )
        _decide(request, RequestState.APPROVED, by, answer, participant=row)
        record(EventKind.ACCESS_APPROVED, by, participant=row)
        outbox.queue([Draft(MessageKind.APPROVED, row, {"answer": answer}, request=request)], by=by)
    return row


def _decide(
    request: AccessRequest, state: RequestState, by: Actor, answer: str, participant: Participant | None = None
) -> None:
    """Of two members of staff who decide at once, one is told. Raises AlreadyDecided."""
    now = timezone.now()
    changed = AccessRequest.objects.filter(pk=request.pk, state=RequestState.OPEN).update(
        state=state, answer=answer, participant=participant, decided_at=now, decided_by=by.user, updated_at=now
    )
    if not changed:
        raise AlreadyDecided
    request.refresh_from_db(fields=["state", "answer", "participant", "decided_at", "decided_by"])


def _find_wait(latest: AccessRequest | None) -> timedelta | None:
    """How long until they may ask again; None when they may now."""
    if latest is None or latest.state != RequestState.DENIED or latest.decided_at is None:
        return None
    left: timedelta = latest.decided_at + AGAIN - timezone.now()
    return left if left > timedelta() else None
