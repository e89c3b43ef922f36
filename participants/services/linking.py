"""Guests who turn out to be users: linked by a verified e-mail address, or merged by staff.

Django's own e-mail field proves nothing, since anybody may have typed it. A mark says who vouches for an address; it
counts only while the user has that address.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from participants.errors import EmailMissing, EmailTaken, MergeRefused
from participants.models import Actor, EventKind, Meeting, Participant, Person, VerifiedEmail
from participants.models.event import record, record_many
from participants.services import people, removal, samepeople, waking
from participants.states import RemovalCause, VerifiedBy

logger = logging.getLogger(__name__)
_FREE = Q(user=None, merged_into=None, erased_at=None)


@dataclass(frozen=True)
class Merger:
    """A guest and the user's person they would become part of.

    ``moving`` are the guest's rows that move; ``staying`` those of meetings in which the user has a row already, each
    with that row, which is kept while the guest's is removed. ``obstacle`` says why it can't be done, or is blank.
    """

    guest: Person
    into: Person
    moving: list[Participant]
    staying: list[tuple[Participant, Participant]]
    obstacle: str = ""


@dataclass(frozen=True)
class Outlook:
    """What verifying a user's address would do: ``verify, already, missing, taken``, and the guest of that address.

    ``links``: the guest becomes the user's person; else staff decide on a merger.
    """

    user: User
    outcome: str
    guest: Person | None = None
    links: bool = False


def foresee(users: Collection[User]) -> list[Outlook]:
    """For up to some hundred users, in three queries. Reads only."""
    mails = {_normalise(user.email) for user in users} - {""}
    marks = {mark.email: mark.user_id for mark in VerifiedEmail.objects.current().filter(email__in=mails)}
    guests = {person.email: person for person in Person.objects.filter(_FREE, email__in=mails)}
    owners = set(Person.objects.filter(user__in=users).values_list("user", flat=True))
    found = []
    for user in users:
        email = _normalise(user.email)
        holder = marks.get(email)
        outcome = "already" if holder == user.pk else "taken" if holder else "verify" if email else "missing"
        guest = guests.get(email) if outcome == "verify" else None
        found.append(Outlook(user, outcome, guest, bool(guest) and user.is_active and user.pk not in owners))
    return found


def is_verified(user: User) -> bool:
    """Whether the address that the user has now is verified as theirs."""
    email = _normalise(user.email)
    return bool(email) and VerifiedEmail.objects.filter(user=user, email=email).exists()


def note_verified(
    user: User, email: str, source: VerifiedBy = VerifiedBy.PROVIDER, *, by: Actor | None = None
) -> Person | None:
    """Somebody vouches that the address is the user's; the guest who was linked by that, if any.

    What a sign-in package calls when it has verified an address, and staff's own page. Safe to repeat. Raises
    EmailMissing, or EmailTaken while the address is verified as another user's.
    """
    email, by = _normalise(email), by or Actor(via="signal")
    if not email:
        raise EmailMissing
    with transaction.atomic():
        mark, created = VerifiedEmail.objects.select_for_update(of=("self",)).get_or_create(
            email=email,
            defaults={"user": user, "source": source, "verified_by": by.user, "verified_at": timezone.now()},
        )
        if mark.user_id != user.pk:
            if VerifiedEmail.objects.current().filter(pk=mark.pk).exists():
                raise EmailTaken
            # Its user has another address by now, so it vouches for nothing.
            VerifiedEmail.objects.filter(pk=mark.pk).update(
                user=user, source=source, verified_by=by.user, verified_at=timezone.now()
            )
            created = True
        if created:
            person = Person.objects.filter(user=user).first()
            record(EventKind.EMAIL_VERIFIED, by, person=person, user=user.get_username(), source=source.value)
    return link(user, by=by)


def withdraw(user: User, *, by: Actor) -> bool:
    """Take the marks of a user back. What was linked stays linked. False when there was none."""
    with transaction.atomic():
        count, _ = VerifiedEmail.objects.filter(user=user).delete()
        if count:
            person = Person.objects.filter(user=user).first()
            record(EventKind.EMAIL_UNVERIFIED, by, person=person, user=user.get_username())
    return bool(count)


def link(user: User, *, by: Actor) -> Person | None:
    """Make the guest of the user's verified address the user's own person; the person, or None if there is none.

    Enrolments stay as they are. A user who has a person already is left alone: staff decide on a merger.
    """
    if not user.is_active or not is_verified(user):
        return None
    guest = _list_guests(user.email).first()
    if guest is None or Person.objects.filter(user=user).exists():
        return None
    try:
        with transaction.atomic():
            # Of two sign-ins at once one finds the guest still free.
            free = Person.objects.filter(pk=guest.pk, user=None, merged_into=None)
            if not free.update(user=user, **people.describe(user), updated_at=timezone.now()):
                return None
            record(EventKind.LINKED, by, person=guest, user=user.get_username())
            waking.wake()
    except IntegrityError:
        return None  # a join made a person of the user between our look and our write
    return Person.objects.select_related("user").get(pk=guest.pk)


def link_at_sign_in(user: User) -> None:
    """``link``, which must not keep anybody from signing in: trouble is logged, and the next sign-in tries again."""
    try:
        link(user, by=Actor(via="sign-in", user=user))
    except Exception:
        logger.exception("Linking a guest at the sign-in of user %s failed.", user.pk)


def find_guests(user: User) -> list[Person]:
    """Guests who have the user's address and so may be the same person, whether it is verified or not."""
    return list(_list_guests(user.email)[:10])


def plan_merger(guest: Person, into: Person) -> Merger:
    """What ``merge`` would do. Reads only."""
    rows = list(Participant.objects.filter(person=guest).select_related("meeting").order_by("meeting__title", "pk"))
    own = {row.meeting_id: row for row in Participant.objects.filter(person=into)}
    return Merger(
        guest,
        into,
        [row for row in rows if row.meeting_id not in own],
        [(row, own[row.meeting_id]) for row in rows if row.meeting_id in own],
        _find_obstacle(guest, into),
    )


def merge(guest: Person, into: Person, *, by: Actor) -> Merger:
    """Make a guest part of a user's person: their enrolments move, each with its own custom id, token and history.

    Where both have a row in a meeting the user's is kept as it is, and the guest's is removed; what the guest
    attended there counts as the user's. The emptied guest stays, marked, and is enrolled nowhere again. Safe to
    repeat. Raises MergeRefused.
    """
    with transaction.atomic():
        # Meetings, people, participants, each in the order of their keys: as everywhere.
        meetings = Meeting.objects.filter(participants__person=guest).values("pk")
        list(Meeting.objects.filter(pk__in=meetings).order_by("pk").select_for_update(no_key=True).only("pk"))
        people_in_order = sorted((guest.pk, into.pk))
        locked = {pk: removal.lock_person(pk) for pk in people_in_order}
        guest, into = locked[guest.pk], locked[into.pk]
        plan = plan_merger(guest, into)
        if plan.obstacle:
            raise MergeRefused(plan.obstacle)
        moving = Participant.objects.filter(pk__in=[row.pk for row in plan.moving])
        moving.update(person=into, updated_at=timezone.now())
        for row in plan.moving:
            row.person = into
        record_many(EventKind.MOVED, by, plan.moving, guest=str(guest.pk))
        staying = Participant.objects.filter(pk__in=[row.pk for row, _ in plan.staying])
        removal.mark_many(staying, by=by, limit=len(plan.staying), cause=RemovalCause.MERGED)
        # The address goes: it finds the user from now on, and the next guest who has it is another person.
        Person.objects.filter(pk=guest.pk).update(merged_into=into, email="", updated_at=timezone.now())
        record(EventKind.MERGED, by, person=guest, into=str(into.pk))
        record(
            EventKind.MERGED, by, person=into, guest=str(guest.pk), moved=len(plan.moving), removed=len(plan.staying)
        )
        waking.wake()
    samepeople.unite_all(by=by, guests=[row for row, _ in plan.staying])
    return plan


def _find_obstacle(guest: Person, into: Person) -> str:
    if guest.merged_into_id or into.merged_into_id:
        return "One of them was merged already."
    if guest.user_id is not None or into.user is None or guest.pk == into.pk:
        return "A guest can be merged into the person of a user only."
    if guest.blocked_at or guest.erased_at or not into.is_active:
        return "Neither may be blocked, erased or deactivated."
    if not guest.email or guest.email != _normalise(into.user.email):
        return "They don't have the same e-mail address."
    if not is_verified(into.user):
        return "The user's e-mail address is not verified."
    return ""


def _list_guests(email: str) -> QuerySet[Person]:
    """Guests of an address. A blocked one stays blocked when linked."""
    wanted = _normalise(email)
    rows = Person.objects.filter(_FREE, email=wanted)
    return rows.order_by("pk") if wanted else Person.objects.none()


def _normalise(email: str) -> str:
    return email.strip().lower()
