"""People: found from what somebody typed, made on first use, blocked and unblocked."""

import uuid
from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Concat, Left, Lower, Trim
from django.utils import timezone

from participants.errors import AmbiguousUser, InactiveUser, UnknownUser
from participants.models import Actor, EventKind, Person
from participants.models.event import record, record_many
from participants.models.participant import NAME_LIMIT
from participants.services import removal, waking

FOLLOWED = 500
"""People brought up to date in one pass."""


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


def make_many(users: Collection[User], *, by: Actor) -> None:
    """People for users who have none, in few statements and a transaction of its own."""
    known = set(Person.objects.filter(user__in=users).values_list("user", flat=True))
    # In one order, or two of these that meet could wait for each other's rows.
    missing = sorted((user for user in users if user.pk not in known), key=lambda user: user.pk)
    if not missing:
        return
    fresh = [Person(user=user, **describe(user)) for user in missing]
    with transaction.atomic():
        # Somebody else's request may make some of them at this moment; theirs stay.
        Person.objects.bulk_create(fresh, ignore_conflicts=True)
        stored = set(Person.objects.filter(pk__in=[person.pk for person in fresh]).values_list("pk", flat=True))
        record_many(EventKind.PERSON_MADE, by, [person for person in fresh if person.pk in stored])


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


def follow_user(user: User, *, by: Actor) -> bool:
    """Bring name and e-mail of the user's person up to date; remote names follow by converging.

    Whether they differed. What was verified of an old address does not count for a new one.
    """
    wanted = describe(user)
    person = Person.objects.filter(user=user, erased_at=None).exclude(**wanted).first()
    if person is None:
        return False
    changed = [name for name, value in wanted.items() if getattr(person, name) != value]
    with transaction.atomic():
        if not Person.objects.filter(pk=person.pk, user=user).update(**wanted, updated_at=timezone.now()):
            return False  # merged or let go at this moment
        record(EventKind.PERSON_CHANGED, by, person=person, changed=changed)
    waking.wake()
    return True


def follow_users(*, by: Actor) -> int:
    """``follow_user`` for up to FOLLOWED people who differ from their user: bulk updates send no signal."""
    count = 0
    for user in _list_differing().select_related("person"):
        # Looked at here once more, or every tick would cost a query for each name with odd spaces in the school.
        if any(getattr(user.person, name) != value for name, value in describe(user).items()):
            count += follow_user(user, by=by)
        if count == FOLLOWED:
            break
    return count


def _list_differing() -> QuerySet[User]:
    """Users whose person may have another name or e-mail: ``describe`` as far as the database can compute it.

    Names with odd spaces or letters may differ for ever here; ``follow_user`` then finds nothing to do.
    """
    full = Trim(Concat("first_name", Value(" "), "last_name"))
    name = Left(Case(When(first_name="", last_name="", then=F("username")), default=full), NAME_LIMIT)
    users = User.objects.filter(person__erased_at=None, person__isnull=False).alias(
        wanted_name=name, wanted_email=Lower("email")
    )
    return users.exclude(Q(person__display_name=F("wanted_name")) & Q(person__email=F("wanted_email"))).order_by("pk")


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
