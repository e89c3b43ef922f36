"""The outbox: mails are rows, queued in the transaction of what they tell of and sent later, outside any.

A mail is sent under its row's lease, which also says that a mail server may have it: a worker killed between handing
it over and writing so leaves a doubt, and it is sent again with the same Message-ID. In no other case is a mail sent
twice. A refused address fails at once; trouble with the server is tried again with a growing wait, for a day.
"""

import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from participants import conf
from participants.errors import WrongState
from participants.gateway import refuse_in_transaction
from participants.models import (
    AccessRequest,
    Actor,
    EventKind,
    Invitation,
    Message,
    Participant,
)
from participants.models.event import record
from participants.realtimekit import Deadline
from participants.services import mailing
from participants.services.mailing import Failure, Fault
from participants.services.waking import wake
from participants.states import MessageKind, MessageState
from participants.watch.metrics import note_mail

PASS_SECONDS = 10.0
CHUNK = 50
LEASE_MARGIN = 15.0
ATTEMPTS = 30
"""Tries after which a mail is given up: the wait grows to an hour, so that is more than a day."""
_FIRST_WAIT, _LONGEST_WAIT = 30.0, 3600.0
_QUEUED_TOGETHER = 500
_STEPS = 12
"""Commands of one mail, each of which may take the whole timeout: connecting and signing in included."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Draft:
    """A mail to be queued. ``about`` is a participant, or an access request that made none; both bring person and
    meeting along."""

    kind: MessageKind
    about: Participant | AccessRequest
    data: dict[str, Any] = field(default_factory=dict)
    invitation: Invitation | None = None
    request: AccessRequest | None = None
    secret: str | None = None


def queue(drafts: Iterable[Draft], *, by: Actor, not_before: datetime | None = None) -> int:
    """Store mails to be sent, in few statements; how many. People without an address get none.

    Call inside the transaction of what they tell of.
    """
    rows = [_build(draft, by, not_before) for draft in drafts if draft.about.person.email]
    Message.objects.bulk_create(rows, batch_size=_QUEUED_TOGETHER)
    if rows and not_before is None:
        wake()
    return len(rows)


def drop(messages: QuerySet[Message], reason: str) -> int:
    """Mails of these that nobody has begun to send are not needed any more; how many. Inside a transaction."""
    untouched = Message.objects.filter(pk__in=messages.values("pk")).untouched()
    return untouched.update(
        state=MessageState.DROPPED, secret=None, last_error_code=reason, updated_at=timezone.now()
    )


def drop_of_invitations(invitations: QuerySet[Invitation], reason: str) -> int:
    return drop(Message.objects.filter(invitation__in=invitations.values("pk")), reason)


def work(*, by: Actor, deadline: Deadline | None = None, is_stopping: Callable[[], bool] = lambda: False) -> bool:
    """Send what is due, until the deadline; whether some is left. Raises nothing of a mail server.

    Ends early when the server itself can't be reached or refuses us: that concerns every mail alike.
    """
    refuse_in_transaction("mail.send")
    now = timezone.now()
    due = Message.objects.waiting().due(now)
    if find_obstacle() or not due.exists():
        return False  # mails wait until an administrator has set it up; the pages say so
    deadline = (deadline or Deadline.after(PASS_SECONDS)).unless(is_stopping)
    with mailing.Postman() as postman:
        while not deadline.expired:
            keys = list(due.order_by("next_attempt_at", "created_at", "pk").values_list("pk", flat=True)[:CHUNK])
            if not keys:
                return False
            for pk in keys:
                if deadline.remaining() <= 0:
                    return True
                fault = _try_to_send(pk, postman, by)
                if fault is not None and fault.concerns_all:
                    return False  # their next tries say when
    return True


def retry(messages: QuerySet[Message], *, by: Actor) -> int:
    """Have failed mails sent again, and waiting ones at once; how many.

    Invitations are left alone: their secret is gone, so they are made anew. Raises WrongState when none can be.
    """
    rows = messages.exclude(kind=MessageKind.INVITATION, state=MessageState.FAILED)
    keys = list(
        rows.filter(state__in=(MessageState.FAILED, MessageState.WAITING)).order_by("pk").values_list("pk", flat=True)
    )
    count = 0
    for pk in keys:
        with transaction.atomic():
            free = Message.objects.filter(pk=pk, state__in=(MessageState.FAILED, MessageState.WAITING)).unleased()
            moved = free.update(
                state=MessageState.WAITING,
                attempts=0,
                next_attempt_at=None,
                last_error_code="",
                last_error_detail="",
                updated_at=timezone.now(),
            )
            if moved:
                _record(EventKind.MAIL_RETRIED, Message.objects.with_relations().get(pk=pk), by)
                count += 1
    if not count:
        raise WrongState("Only mails that failed or wait can be sent again.")
    wake()
    return count


def _build(draft: Draft, by: Actor, not_before: datetime | None) -> Message:
    about = draft.about
    return Message(
        kind=draft.kind,
        meeting_id=about.meeting_id,
        person_id=about.person_id,
        participant=about if isinstance(about, Participant) else None,
        invitation=draft.invitation,
        request=draft.request,
        address=about.person.email,
        data=draft.data,
        secret=draft.secret,
        asked_by=by.user,
        next_attempt_at=not_before,
    )


def _try_to_send(pk: uuid.UUID, postman: mailing.Postman, by: Actor) -> Fault | None:
    try:
        return _send(pk, postman, by)
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        # A mail that trips over a defect must not hold up all others; its lease ends by itself.
        logger.exception("Mail %s could not be sent.", pk)
        return None


def _send(pk: uuid.UUID, postman: mailing.Postman, by: Actor) -> Fault | None:
    """Send one under its lease. What is wrong, if anything; None too when somebody else has it."""
    seconds = postman.timeout * _STEPS + LEASE_MARGIN
    lease = Message.objects.waiting().due(timezone.now()).claim(pk, seconds=seconds, attempts=F("attempts") + 1)
    if lease is None:
        return None
    message = Message.objects.with_relations().get(pk=pk)
    mine = Message.objects.waiting().held(pk, lease)
    if reason := mailing.find_reason_to_drop(message):
        note_mail("dropped")
        mine.update(state=MessageState.DROPPED, secret=None, last_error_code=reason, **_RELEASED)
        return None
    try:
        mail = mailing.build(message)
    except mailing.Unbuildable as error:
        fault = Fault(Failure.REFUSED, error.code, str(error))
    else:
        # From here on the server may have it: a kill leaves the doubt on record.
        if not mine.update(outcome_unknown=True, sequence=mail.sequence, entry_hash=mail.entry_hash):
            return None
        fault_or_none = postman.send(mail)
        if fault_or_none is None:
            note_mail("sent")
            _note_sent(message, mine, mail.subject, by)
            return None
        fault = fault_or_none
    _note_fault(message, mine, fault, by)
    return fault


_RELEASED: dict[str, Any] = {"lease_id": None, "lease_until": None, "outcome_unknown": False}


def _note_sent(message: Message, mine: QuerySet[Message], subject: str, by: Actor) -> None:
    now = timezone.now()
    with transaction.atomic():
        changed = mine.update(
            state=MessageState.SENT,
            sent_at=now,
            subject=subject[:300],
            secret=None,
            last_error_code="",
            last_error_detail="",
            next_attempt_at=None,
            updated_at=now,
            **_RELEASED,
        )
        if changed:
            _record(EventKind.MAIL_SENT, message, by)


def _note_fault(message: Message, mine: QuerySet[Message], fault: Fault, by: Actor) -> None:
    now = timezone.now()
    told: dict[str, Any] = {"last_error_code": fault.code[:64], "last_error_detail": fault.detail[:400]}
    ends = fault.failure is Failure.REFUSED or message.attempts >= ATTEMPTS
    note_mail("failed" if ends else "delayed")
    if not ends:
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(message.attempts - 1, 10))
        doubt = fault.failure is Failure.UNKNOWN
        held = {**_RELEASED, "outcome_unknown": doubt}
        mine.update(next_attempt_at=now + timedelta(seconds=wait), updated_at=now, **told, **held)
        return
    with transaction.atomic():
        if mine.update(state=MessageState.FAILED, secret=None, updated_at=now, **told, **_RELEASED):
            _record(EventKind.MAIL_FAILED, message, by, code=fault.code)


def _record(kind: EventKind, message: Message, by: Actor, **data: Any) -> None:
    about: dict[str, Any] = {"meeting": message.meeting, "person": message.person}
    if message.participant is not None:
        about = {"participant": message.participant}
    record(kind, by, **about, mail=message.kind, **data)


def find_obstacle() -> str:
    """Why no mail can be sent at all; blank when it can."""
    return conf.read_mail().obstacle
