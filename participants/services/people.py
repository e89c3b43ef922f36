"""People: found from what somebody typed, made on first use, blocked and unblocked."""

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from participants.errors import AmbiguousUser, InactiveUser, UnknownUser
from participants.models import Actor, EventKind, Person
from participants.models.event import record
from participants.models.participant import NAME_LIMIT
from participants.services import removal


def find_user(value: str | int) -> User:
    """A user by id (a number), or by username or e-mail address in any case (a string, digits included).

    Of usernames that differ in case alone the exact one is meant. Raises UnknownUser, AmbiguousUser or InactiveUser.
    """
    found = _find_by_id(value) if isinstance(value, int) else _find_by_text(value.strip())
    if not found:
        raise UnknownUser
    if len(found) > 1:
        raise AmbiguousUser
    if not found[0].is_active:
        raise InactiveUser
    return found[0]


def _find_by_id(pk: int) -> list[User]:
    return list(User.objects.filter(pk=pk)) if 0 < pk < 2**31 else []


def _find_by_text(text: str) -> list[User]:
    if not text or "\0" in text:
        return []
    named = list(User.objects.filter(username=text)) or list(User.objects.filter(username__iexact=text)[:2])
    mailed = User.objects.filter(email__iexact=text).exclude(pk__in=[user.pk for user in named])[:2]
    return [*named, *mailed]


def person_of(user: User, by: Actor) -> Person:
    """The user's person, made on first use."""
    if person := Person.objects.filter(user=user).select_related("user").first():
        return person
    try:
        with transaction.atomic():
            person = Person.objects.create(user=user, **describe(user))
            record(EventKind.PERSON_MADE, by, person=person)
    except IntegrityError:
        # Somebody else's request made the person between our look and our insert.
        return Person.objects.select_related("user").get(user=user)
    return person


def guest(*, name: str, email: str, by: Actor) -> Person:
    """The guest with that e-mail address, made on first use; a known guest keeps their name."""
    email = email.strip().lower()
    if person := Person.objects.filter(user=None, email=email).first():
        return person
    try:
        with transaction.atomic():
            person = Person.objects.create(email=email, display_name=_shorten(name) or email)
            record(EventKind.PERSON_MADE, by, person=person)
    except IntegrityError:
        return Person.objects.get(user=None, email=email)
    return person


def describe(user: User) -> dict[str, Any]:
    """What a person takes over from their user."""
    return {
        "display_name": _shorten(user.get_full_name() or user.get_username()),
        "email": user.email.lower(),
    }


def follow_user(user: User) -> None:
    """Bring name and e-mail of the user's person up to date; remote names follow by converging."""
    wanted = describe(user)
    Person.objects.filter(user=user, erased_at=None).exclude(**wanted).update(**wanted, updated_at=timezone.now())


def block(person: Person, *, reason: str, by: Actor) -> removal.Report:
    """Block a person and remove them from every meeting. Safe to repeat."""
    with transaction.atomic():
        now = timezone.now()
        changed = Person.objects.filter(pk=person.pk, blocked_at=None).update(
            blocked_at=now, block_reason=reason[:300], updated_at=now
        )
        if changed:
            record(EventKind.BLOCKED, by, person=person, reason=reason[:300])
        rows = removal.mark_all_of(person, by=by)
    return removal.finish(rows, by=by)


def unblock(person: Person, *, by: Actor) -> bool:
    """Lift a block. Restores no enrolment by itself. False when there was no block."""
    with transaction.atomic():
        changed = (
            Person.objects.filter(pk=person.pk)
            .exclude(blocked_at=None)
            .update(blocked_at=None, block_reason="", updated_at=timezone.now())
        )
        if changed:
            record(EventKind.UNBLOCKED, by, person=person)
    return bool(changed)


def parse_id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _shorten(name: str) -> str:
    return " ".join(name.split())[:NAME_LIMIT]
