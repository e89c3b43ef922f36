"""A join: judged first, answered from the cache, and else by one remote call for everybody who waits (design 4)."""

import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from participants.errors import Busy, MeetingUnusable, NotAdmitted, RefreshTooSoon, RollcallError
from participants.gateway import get_client, waiting_slot
from participants.models import Actor, Meeting, Participant, Person
from participants.realtimekit import Deadline
from participants.services import admission, consents, doorquery, enrolment, people, rooms, settling, tokens
from participants.services.tokencache import inspect
from participants.states import MeetingState, ParticipantState, Source
from participants.watch.context import about

SECONDS = 9.0
"""A join answers within 10 s (design 2.9)."""
PATIENCE = 2.0
"""How long somebody who holds a usable token waits for a fresher one."""
ONCE_A_MINUTE = timedelta(seconds=60)
_POLL_FIRST, _POLL_LAST = 0.02, 0.25


@dataclass(frozen=True)
class Admitted:
    """A participant row that holds a usable token, and when to ask again.

    ``cache`` says where the token came from: ``hit`` (fresh in the cache), ``stale`` (usable, and no fresher one was
    to be had) or ``miss`` (fetched just now, by this request or another).
    """

    participant: Participant
    refresh_after: datetime
    now: datetime
    cache: str


def join(
    *, meeting_id: uuid.UUID, user: User, by: Actor, renew: bool = False, agrees_to: uuid.UUID | None = None
) -> Admitted:
    """Admit a user. ``renew`` when the SDK refused the last token: at most once a minute per participant.

    ``agrees_to`` is the consent text that they agree to with this join, where the meeting asks for one.

    A fresh token costs one query, no write and no remote call. Raises NotAdmitted, RefreshTooSoon, Busy,
    Misconfigured.
    """
    now = timezone.now()
    row = doorquery.find_row(meeting_id, user)
    if row is None:
        row = _enrol_signed_in(meeting_id, user, by, now, agrees_to)
    return enter(row, by=by, renew=renew, agrees_to=agrees_to, now=now)


def enter(
    row: Participant, *, by: Actor, renew: bool, agrees_to: uuid.UUID | None, now: datetime | None = None
) -> Admitted:
    """The door of whoever is enrolled: consent noted, judged, admitted. Raises as ``join``."""
    now = now or timezone.now()
    if agrees_to is not None:
        consents.agree(row, agrees_to, by=by, now=now)
    admission.judge_row(row, now).enforce()
    return admit(row, by=by, renew=renew)


def admit(row: Participant, *, by: Actor, renew: bool = False) -> Admitted:
    """A token for somebody just judged: from the cache, or obtained. Raises as ``join``."""
    deadline = Deadline.after(SECONDS)
    if not renew and (answer := _answer_from_cache(row, timezone.now())):
        return answer
    # Whole, and as it is by now: the row at hand may hold no more than the answer needs.
    row = Participant.objects.with_relations().get(pk=row.pk)
    now = timezone.now()
    admission.judge_row(row, now).enforce()
    # Somebody else's request may have fetched a token since the first look; one call serves all who came together.
    if not renew and (answer := _answer_from_cache(row, now)):
        return answer
    return obtain(row, by=by, renew=renew, deadline=deadline)


def find_row(meeting_id: uuid.UUID, user: User) -> Participant | None:
    related = ("meeting", "meeting__default_preset", "meeting__consent", "person", "preset")
    rows = Participant.objects.select_related(*related)
    row = rows.defer("meeting__raw", "preset__raw").filter(meeting_id=meeting_id, person__user=user).first()
    if row is not None:
        row.person.user = user  # signed in just now: no need to load them again
    return row


def obtain(row: Participant, *, by: Actor, renew: bool = False, deadline: Deadline | None = None) -> Admitted:
    """A usable token for somebody already judged; judged again after every wait. Raises as ``join``."""
    asked_at = _note_renewal(row) if renew else None
    deadline = deadline or Deadline.after(SECONDS)
    soft = asked_at is None and inspect(row, timezone.now()).usable
    try:
        with about(meeting=row.meeting_id, participant=row.pk), waiting_slot():
            return _work_until_admitted(row, by, deadline, asked_at, soft)
    except RollcallError as error:
        if asked_at:
            Participant.objects.filter(pk=row.pk, refresh_asked_at=asked_at).update(refresh_asked_at=None)
        # Time has passed: somebody removed meanwhile must not get the token read before.
        if soft and not isinstance(error, NotAdmitted) and (answer := _answer(row, _judge_again(row))):
            return answer
        raise


def _work_until_admitted(
    row: Participant, by: Actor, deadline: Deadline, asked_at: datetime | None, soft: bool
) -> Admitted:
    """One step, look again, until a token satisfies. Waits for whoever else holds the row."""
    pause, attempts, begun = _POLL_FIRST, row.attempts, timezone.now()
    while True:
        if soft:
            step = Deadline.after(min(PATIENCE, deadline.remaining()))
            _take_step(row, by, step)
        elif not _take_step(row, by, deadline):
            time.sleep(min(pause, deadline.remaining()))
            pause = min(pause * 1.5, _POLL_LAST)
        now = _judge_again(row)
        if (asked_at is None or _is_newer(row, asked_at)) and (answer := _answer(row, now, begun)):
            return answer
        if deadline.expired or soft or _has_failed_elsewhere(row, attempts):
            raise Busy(retry_after=1)


def _judge_again(row: Participant) -> datetime:
    """Judge the row as it is by now; when that was. Raises NotAdmitted."""
    row.refresh_from_db()
    now = timezone.now()
    admission.judge_row(row, now).enforce()
    return now


def _has_failed_elsewhere(row: Participant, attempts: int) -> bool:
    """Whether the request we waited for came back with nothing: one remote call serves all who wait."""
    return row.lease_id is None and row.attempts > attempts and bool(row.last_error_code)


def _take_step(row: Participant, by: Actor, deadline: Deadline) -> bool:
    """Add a pending row, or refresh an enrolled one. False when somebody else holds it."""
    client = get_client()
    if row.state == ParticipantState.ENROLLED:
        return tokens.refresh(row, deadline=deadline, by=by, client=client)
    try:
        return settling.settle(row, deadline=deadline, by=by, client=client)
    except MeetingUnusable as error:
        raise NotAdmitted("enrolment_failed", error.message, **error.data) from None


def _answer_from_cache(row: Participant, now: datetime) -> Admitted | None:
    """A fresh token at once; a usable one too, unless it is time to try for a fresher one."""
    if _open_room(row.meeting, now):
        now = _judge_again(row)
    if row.state != ParticipantState.ENROLLED:
        return None
    state = inspect(row, now)
    tried_lately = row.refresh_tried_at is not None and now - row.refresh_tried_at < ONCE_A_MINUTE
    return _answer(row, now) if state.fresh or (state.usable and tried_lately) else None


def _answer(row: Participant, now: datetime, begun: datetime | None = None) -> Admitted | None:
    """The token if it is usable, or if it was issued since ``begun`` and lives: none longer-lived is to be had."""
    state = inspect(row, now)
    if row.state != ParticipantState.ENROLLED or state.refresh_after is None or row.token_expires_at is None:
        return None
    is_new = begun is not None and _is_newer(row, begun) and row.token_expires_at > now
    if not (state.usable or is_new):
        return None
    return Admitted(row, state.refresh_after, now, "miss" if is_new else "hit" if state.fresh else "stale")


def _note_renewal(row: Participant) -> datetime:
    """Raises RefreshTooSoon within a minute of the last one; a guarded UPDATE, so that no burst slips through."""
    now = timezone.now()
    due = Q(refresh_asked_at=None) | Q(refresh_asked_at__lte=now - ONCE_A_MINUTE)
    if not Participant.objects.filter(due, pk=row.pk).update(refresh_asked_at=now):
        row.refresh_from_db(fields=["refresh_asked_at"])
        last = row.refresh_asked_at or now
        raise RefreshTooSoon(retry_after=max(1, round((last + ONCE_A_MINUTE - now).total_seconds())))
    return now


def _is_newer(row: Participant, asked_at: datetime) -> bool:
    return row.token_issued_at is not None and row.token_issued_at >= asked_at


def _open_room(meeting: Meeting, now: datetime) -> bool:
    """Somebody admitted must not find the remote room still closed because no tick has run since it opened.

    Whether RealtimeKit was waited for.
    """
    waiting = meeting.next_attempt_at is not None and meeting.next_attempt_at > now
    if meeting.state != MeetingState.CREATED or "status" not in meeting.find_drift(now) or waiting:
        return False
    # On trouble the row says what went wrong and when it is tried again; the token is good all the same.
    with suppress(RollcallError), waiting_slot():
        rooms.settle(meeting.pk, deadline=Deadline.after(PATIENCE), by=Actor(via="join"), client=get_client())
    return True


def _enrol_signed_in(
    meeting_id: uuid.UUID, user: User, by: Actor, now: datetime, agrees_to: uuid.UUID | None
) -> Participant:
    """Enrol somebody who is signed in where the meeting allows it. Raises NotAdmitted."""
    meeting = Meeting.objects.select_related("default_preset").filter(pk=meeting_id).first()
    person = Person.objects.filter(user=user).select_related("user").first()
    room = meeting is None or admission.has_room(meeting)
    admission.judge(admission.Case(meeting, person, None, now, has_room=room, agrees_to=agrees_to)).enforce()
    assert meeting is not None
    person = person or people.person_of(user, by)
    try:
        enrolment.store(meeting=meeting, person=person, preset=None, source=Source.SIGNED_IN, by=by)
    except RollcallError as error:
        raise NotAdmitted(_ADMISSION_CODE.get(error.code, "not_enrolled"), str(error), **error.data) from None
    row = find_row(meeting_id, user)
    assert row is not None
    return row


_ADMISSION_CODE = {"full": "full", "removed": "removed", "blocked": "blocked", "inactive_user": "blocked"}
