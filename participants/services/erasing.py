"""Erasing a person: removed from every meeting, and named nowhere any more. Counts stay, of an anonymous person.

The local refusal comes first and holds at once. Then other people's rows are swept for the names, then their own are
blanked, and the person comes last: as long as they have a name the erasing is not finished, and whoever takes it up
again still knows what to look for.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import BinaryField, Q
from django.utils import timezone

from participants.errors import AmbiguousUser, EraseRefused, PersonBlocked, UnknownUser
from participants.models import (
    Actor,
    Attendance,
    BatchRow,
    ConsentText,
    Delivery,
    Event,
    EventKind,
    Export,
    Meeting,
    Participant,
    Person,
)
from participants.models.appendonly import forgetting
from participants.models.event import record
from participants.realtimekit import Deadline
from participants.services import blanking, mentions, personaldata, removal, secondfactor
from participants.services.people import parse_id
from participants.services.personaldata import Identity, Model, identify
from participants.services.scrubbing import ERASED, Scrubber
from participants.states import REMOVABLE, ExportState

SECONDS = 10.0
CHUNK = 200
LATE = timedelta(days=3)
"""So long after it deliveries and listings may still bring a name along."""
_WRITTEN_ONCE = (Event, ConsentText)
_WITHDRAWN = "Somebody who may be in this file was erased. Ask for it again."


@dataclass
class Outcome:
    """``removal`` says what held at RealtimeKit. ``finished`` is False where time ran out: a worker does the rest."""

    removal: removal.Report
    finished: bool
    changed: int


@dataclass(frozen=True)
class Outlook:
    """What erasing would do; ``obstacle`` says why it can't be done, or is blank."""

    rows: list[Participant]
    guests: int
    attended: int
    mails: int
    user: User | None
    obstacle: str


def foresee(person: Person) -> Outlook:
    """Reads only."""
    known = identify(person)
    rows = Participant.objects.filter(pk__in=known.participants, state__in=REMOVABLE).select_related("meeting")
    return Outlook(
        rows=list(rows.order_by("meeting__title").defer("token", "raw", "meeting__raw")),
        guests=len(known.people) - 1,
        attended=known.count_sessions(),
        mails=known.count_mails(),
        user=person.user,
        obstacle=_find_obstacle(person),
    )


def erase(person: Person, *, by: Actor, deadline: Deadline | None = None) -> Outcome:
    """Erase them for good. Safe to repeat: what was begun is finished. Raises EraseRefused."""
    deadline = deadline or Deadline.after(SECONDS)
    with transaction.atomic():
        _lock(person)
        person = _read(person.pk)
        if obstacle := _find_obstacle(person):
            raise EraseRefused(obstacle)
        if Person.objects.filter(pk=person.pk, erased_at=None).update(erased_at=timezone.now()):
            record(EventKind.ERASING, by, person=person)
        known = identify(person)
        rows = [row for each in sorted(known.people) for row in removal.mark_all_of(Person(pk=each), by=by)]
    report = removal.finish(rows, by=by)
    changed, finished = _forget(identify(_read(person.pk)), by=by, deadline=deadline)
    return Outcome(report, finished, changed)


def find_person(text: str) -> Person:
    """By id, custom participant id, username, or the e-mail address of a guest or user. Raises UnknownUser or
    AmbiguousUser."""
    people = Person.objects.select_related("user").filter(merged_into=None)
    key = parse_id(text)
    found = Q(custom_participant_id=text) | Q(user__username=text) | Q(email__iexact=text)
    rows = list(people.filter(found | Q(pk=key) if key else found)[:2])
    if not rows:
        raise UnknownUser("There is no person of that id, custom participant id, username or e-mail address.")
    if len(rows) > 1:
        raise AmbiguousUser("Several people have that e-mail address. Give the id of one of them.")
    return rows[0]


def finish_all(*, by: Actor, deadline: Deadline) -> int:
    """Take up what was cut short, and blank what came in late of those erased in the last days.

    How many were taken up.
    """
    erased = Person.objects.filter(erased_at__isnull=False, merged_into=None)
    waiting = erased.exclude(display_name=ERASED, email="")
    late = erased.filter(display_name=ERASED, email="", erased_at__gte=timezone.now() - LATE)
    count = 0
    for key in [*waiting.values_list("pk", flat=True)[:CHUNK]]:
        if not deadline.expired:
            with transaction.atomic():
                for each in sorted(personaldata.find_people(_read(key))):
                    removal.mark_all_of(Person(pk=each), by=by)
            _forget(identify(_read(key)), by=by, deadline=deadline)
            count += 1
    for key in late.values_list("pk", flat=True)[:CHUNK]:
        if not deadline.expired:
            known = identify(_read(key))
            blanking.blank_rows(known)
            _sweep_model(Delivery, known.scrubber, Q(received_at__gte=known.person.erased_at))
    return count


def _lock(person: Person) -> None:
    """Them and the guests merged into them, in the order of their keys."""
    for key in sorted(personaldata.find_people(person)):
        removal.lock_person(key)


def _read(pk: uuid.UUID) -> Person:
    return Person.objects.select_related("user").get(pk=pk)


def _find_obstacle(person: Person) -> str:
    if person.merged_into_id:
        return "This guest was merged into a user's person. Erase that person: the guest goes with them."
    user = person.user
    if user is not None and user.is_active and (user.is_staff or user.is_superuser):
        return "This is the account of a member of staff. Take their staff rights away first."
    return ""


def _forget(known: Identity, *, by: Actor, deadline: Deadline) -> tuple[int, bool]:
    """How many rows were changed, and whether none is left."""
    # Before the sweep, which would take away what they are found by.
    changed = _forget_sign_ins(known.user) if known.user else 0
    for model in personaldata.list_models():
        # What tells us their names comes last: after a crash it is all that says what to look for.
        if model not in personaldata.SOURCES:
            changed += _sweep_model(model, known.scrubber, known.find_swept(model))
            if (others := known.find_others(model)) is not None:
                changed += _sweep_model(model, known.scrubber.without_names(), others)
        if deadline.expired:
            return changed, False
    _withdraw_files()
    # Connections of nobody known under the same name.
    changed += _sweep_model(Attendance, known.scrubber, Q(participant=None) & ~known.connected)
    with transaction.atomic():
        # In one transaction: half of them blanked would leave the other half's names unknown.
        _lock(known.person)
        changed += blanking.blank_rows(known)
        changed += _forget_account(known.user) if known.user else 0
        blank = {"email": "", "picture_url": "", "block_reason": "", "display_name": ERASED}
        now = timezone.now()
        fresh = Person.objects.filter(pk__in=known.people).exclude(display_name=ERASED, email="")
        count = fresh.update(**blank, erased_at=known.person.erased_at or now, updated_at=now)
        if count:
            record(EventKind.ERASED, by, person=known.person, rows=changed)
    if known.user is not None:
        secondfactor.end_sessions(known.user)
    return changed + count, True


def _withdraw_files() -> None:
    """Files of people can't be searched for one of them; they are soon made anew, by who still wants them."""
    told = {"last_error_code": "erased", "last_error_detail": _WITHDRAWN, "expires_at": timezone.now()}
    Export.objects.filter(state=ExportState.READY).update(content=None, state=ExportState.FAILED, **told)
    # One that is just being made was begun before: its maker loses the lease, and it is begun again.
    Export.objects.waiting().update(lease_id=None, lease_until=None)


def _forget_sign_ins(user: User) -> int:
    """With the addresses they signed in from, however they spelled their name."""
    names = {user.get_username(), user.email, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)}
    theirs = Q(pk__in=[])
    for name in names - {""}:
        theirs |= Q(username__iexact=name)
    return sum(model.objects.filter(theirs).delete()[0] for model in (AccessAttempt, AccessFailureLog, AccessLog))


def _forget_account(user: User) -> int:
    """The account stays, for what it did, without a name or a way in."""
    count = 0
    for model in (EmailAddress, SocialAccount, Authenticator):
        count += model.objects.filter(user=user).delete()[0]
    for name in ("groups", "user_permissions", "managed_meetings"):
        getattr(user, name).clear()
    blank = {"first_name": "", "last_name": "", "email": "", "password": "!", "is_active": False}
    named = User.objects.filter(pk=user.pk).exclude(username=f"erased-{user.pk}")
    return count + named.update(
        **blank, username=f"erased-{user.pk}", is_staff=False, is_superuser=False, last_login=None
    )


def _sweep_model(model: Model, scrubber: Scrubber, among: Q) -> int:
    """Take them out of every row that mentions them, some rows in each transaction; how many were changed."""
    columns, count, last = personaldata.list_columns(model), 0, None
    if model in personaldata.THINGS:
        scrubber = scrubber.in_titles()
    rows = mentions.find(model, columns, scrubber.needles, ids=scrubber.ids).filter(among).order_by("pk")
    while True:
        with _writing(model):
            found = rows.filter(pk__gt=last) if last is not None else rows
            page = list(found.select_for_update(of=("self",), no_key=True)[:CHUNK])
            count += sum(_sweep_row(row, columns, scrubber) for row in page)
        if len(page) < CHUNK:
            return count
        last = page[-1].pk


@contextmanager
def _writing(model: Model) -> Iterator[None]:
    with transaction.atomic(), forgetting() if model in _WRITTEN_ONCE else nullcontext():
        yield


def _is_unique(row: models.Model, name: str) -> bool:
    """Whether two rows may not have the same there, alone or together with other columns."""
    groups = (*row._meta.unique_together, *(each.fields for each in row._meta.total_unique_constraints))
    return bool(getattr(row._meta.get_field(name), "unique", False)) or any(name in group for group in groups)


def _sweep_row(row: models.Model, columns: list[str], scrubber: Scrubber) -> bool:
    changes: dict[str, Any] = {}
    for name in columns:
        column, old = row._meta.get_field(name), getattr(row, name)
        if isinstance(column, BinaryField):
            continue
        new = scrubber.scrub(old)
        if new != old:
            limit = getattr(column, "max_length", None)
            new = new[:limit] if isinstance(new, str) and limit else new
            changes[name] = f"{new[: (limit or 60) - 37]} {row.pk}" if _is_unique(row, name) else new
    if not changes:
        return False
    if isinstance(row, Meeting) and {"title", "applied_title"} & set(changes):
        changes["applied_title"] = ""  # so that the title without the name is told to RealtimeKit
    if isinstance(row, BatchRow) and row.code == BatchRow.UNWORKED and "entry" in changes:
        changes |= {"entry": None, "code": PersonBlocked.code}  # else whoever works on it would make them anew
    type(row)._default_manager.filter(pk=row.pk).update(**changes)
    return True
