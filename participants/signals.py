"""What follows from a change of a user, wherever it was made: names follow, and losing the account removes."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver
from django.utils import timezone

from participants.models import Actor, EventKind, Participant, Person
from participants.models.event import record
from participants.services import people, removal

_BY = Actor(via="signal")


@receiver(post_save, sender=User, dispatch_uid="rollcall.user_saved")
def follow_user(sender: type[User], instance: User, created: bool, raw: bool, **kwargs: Any) -> None:
    if created or raw:
        return
    people.follow_user(instance)
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


def _withdraw(person: Person, kind: EventKind) -> None:
    with transaction.atomic():
        rows: list[Participant] = removal.mark_all_of(person, by=_BY)
        if rows:
            record(kind, _BY, person=person, meetings=len(rows))
    if rows:
        transaction.on_commit(lambda: _finish(rows))


def _finish(rows: list[Participant]) -> None:
    removal.finish(rows, by=_BY)
