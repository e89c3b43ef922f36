"""The second factor of staff: who needs one, who has one, and taking one away that was lost."""

from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from participants import conf
from participants.models import Actor, EventKind, Person
from participants.models.event import record


def is_needed(user: User | AnonymousUser) -> bool:
    """Of staff only, and only while the setting asks for it."""
    return conf.requires_second_factor() and user.is_active and (user.is_staff or user.is_superuser)


def has_one(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def reset(user: User, *, by: Actor) -> bool:
    """Take a user's second factor and recovery codes away and sign them out everywhere. False when there was none.

    They set a new one up at their next sign-in, by their password alone: make sure of who asks.
    """
    with transaction.atomic():
        count, _ = Authenticator.objects.filter(user=user).delete()
        if count:
            note(EventKind.FACTOR_RESET, user, by=by)
    if count:
        end_sessions(user)
    return bool(count)


def end_sessions(user: User) -> int:
    """Sign a user out everywhere. Sessions don't say whose they are, so all of them are looked at: for rare use."""
    mine = [
        row.pk
        for row in Session.objects.filter(expire_date__gte=timezone.now()).iterator(chunk_size=500)
        if row.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    for start in range(0, len(mine), 500):
        Session.objects.filter(pk__in=mine[start : start + 500]).delete()
    return len(mine)


def note(kind: EventKind, user: User, *, by: Actor) -> None:
    record(kind, by, person=Person.objects.filter(user=user).first(), user=user.get_username())
