"""Rotating the keys of the token column (design 2.7)."""

from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import connection, transaction

from participants.models import Actor, EventKind, Participant
from participants.models.event import record
from participants.models.fields import rotate

CHUNK = 500
_SECRETS = ("secret", "seed")


@dataclass
class Rotation:
    """Tokens now under the first key, and tokens dropped because no key decrypts them."""

    rotated: int = 0
    dropped: int = 0


def rotate_tokens(*, by: Actor) -> Rotation:
    """Encrypt every stored token, and every secret of a second factor, with the first of TOKEN_ENCRYPTION_KEYS.

    Safe to repeat, safe while serving.
    A token that no key decrypts is dropped: the next join fetches a new one.
    """
    result = Rotation()
    keys = list(Participant.objects.filter(token__isnull=False).values_list("pk", flat=True))
    for start in range(0, len(keys), CHUNK):
        for pk in keys[start : start + CHUNK]:
            _rotate_one(Participant._meta.pk.get_db_prep_value(pk, connection), result)
    for factor in Authenticator.objects.all():
        _rotate_factor(factor.pk)
    record(EventKind.KEYS_ROTATED, by, rotated=result.rotated, dropped=result.dropped)
    return result


def _rotate_factor(pk: int) -> None:
    """The secret of a second factor. One that no key decrypts stays, since its key may come back."""
    with transaction.atomic():
        factor = Authenticator.objects.select_for_update().filter(pk=pk).first()
        if factor is None:
            return
        moved = {name: rotate(factor.data[name]) for name in _SECRETS if name in factor.data}
        factor.data.update({name: text for name, text in moved.items() if text is not None})
        factor.save(update_fields=["data"])


def _rotate_one(pk: Any, result: Rotation) -> None:
    # Raw SQL, because the field decrypts on reading; guarded by the old value against a refresh meanwhile.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT token FROM participants_participant WHERE id = %s", [pk])
        (old,) = cursor.fetchone() or (None,)
        if old is None:
            return
        new = rotate(old)
        cursor.execute("UPDATE participants_participant SET token = %s WHERE id = %s AND token = %s", [new, pk, old])
        if new is None:
            result.dropped += 1
        else:
            result.rotated += 1
