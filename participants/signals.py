"""What follows from a change of a user or a group, wherever it was made.

Names follow, losing the account removes, groups' members are enrolled and removed, a sign-in links, second factors
leave a history. Bulk changes send no signal: each tick looks for what they left.
"""

from collections.abc import Collection
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from participants.models import Actor, Event, EventKind, Meeting, Participant, Person
from participants.models.event import record, recorded
from participants.services import groups, guests, linking, notices, people, removal, secondfactor
from participants.signin import standing

_BY = Actor(via="signal")
_CHANGED = frozenset({"post_add", "post_remove", "post_clear"})


@receiver(post_save, sender=User, dispatch_uid="rollcall.user_saved")
def follow_user(sender: type[User], instance: User, created: bool, raw: bool, **kwargs: Any) -> None:
    if created or raw:
        return
    people.follow_user(instance, by=_BY)
    if not instance.is_active:
        person = Person.objects.filter(user=instance).first()
        if person is not None:
            _withdraw(person, EventKind.DEACTIVATED)


@receiver(pre_delete, sender=User, dispatch_uid="rollcall.user_deleted")
def let_user_go(sender: type[User], instance: User, **kwargs: Any) -> None:
    person = Person.objects.filter(user=instance).first()
    if person is None:
        return
    _withdraw(person, EventKind.USER_DELETED)
    # The e-mail goes, since a guest may have the same one; the block keeps the name from being enrolled again.
    Person.objects.filter(pk=person.pk).update(
        email="", blocked_at=timezone.now(), block_reason="The user account was deleted."
    )


@receiver(user_logged_in, dispatch_uid="rollcall.signed_in")
def link_guest(sender: Any, user: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    if request is not None:
        request.session.pop(guests.SESSION_KEY, None)  # who signs in is a guest no longer
    linking.link_at_sign_in(user)
    if request is not None:
        standing.note_first_step(request, user)


@receiver(authenticator_added, dispatch_uid="rollcall.factor_added")
def note_factor(sender: Any, user: User, authenticator: Any, **kwargs: Any) -> None:
    _note_factor(EventKind.FACTOR_ADDED, user, authenticator)


@receiver(authenticator_removed, dispatch_uid="rollcall.factor_removed")
def note_factor_gone(sender: Any, user: User, authenticator: Any, **kwargs: Any) -> None:
    _note_factor(EventKind.FACTOR_REMOVED, user, authenticator)


@receiver(authenticator_reset, dispatch_uid="rollcall.codes_made")
def note_codes(sender: Any, user: User, **kwargs: Any) -> None:
    secondfactor.note(EventKind.CODES_MADE, user, by=Actor(via="sign-in", user=user))


@receiver(recorded, sender=Event, dispatch_uid="rollcall.notices")
def send_notices(sender: Any, kind: str, by: Actor, about: Any, data: Any, **kwargs: Any) -> None:
    notices.follow(kind, about, data, by)


@receiver(m2m_changed, sender=User.groups.through, dispatch_uid="rollcall.membership")
def follow_members(
    sender: Any, instance: User | Group, action: str, reverse: bool, pk_set: Collection[int] | None, **kwargs: Any
) -> None:
    if action not in _CHANGED:
        return
    if not reverse:
        groups.follow_soon(by=_BY, users=[instance.pk])
    elif pk_set is None or pk_set:
        groups.follow_soon(by=_BY, users=pk_set)


@receiver(m2m_changed, sender=Meeting.groups.through, dispatch_uid="rollcall.tie")
def follow_tie(sender: Any, instance: Meeting | Group, action: str, **kwargs: Any) -> None:
    if action in _CHANGED:
        groups.follow_soon(instance if isinstance(instance, Meeting) else None, by=_BY)


@receiver(post_delete, sender=Group, dispatch_uid="rollcall.group_deleted")
def let_group_go(sender: type[Group], instance: Group, **kwargs: Any) -> None:
    groups.follow_soon(by=_BY)


def _note_factor(kind: EventKind, user: User, authenticator: Any) -> None:
    """Recovery codes come and go with the factor itself."""
    if authenticator.type == Authenticator.Type.TOTP:
        secondfactor.note(kind, user, by=Actor(via="sign-in", user=user))


def _withdraw(person: Person, kind: EventKind) -> None:
    with transaction.atomic():
        rows: list[Participant] = removal.mark_all_of(person, by=_BY)
        if rows:
            record(kind, _BY, person=person, meetings=len(rows))
    if rows:
        transaction.on_commit(lambda: _finish(rows))


def _finish(rows: list[Participant]) -> None:
    removal.finish(rows, by=_BY)
