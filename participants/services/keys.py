"""Rotating the keys of the encrypted columns (design 2.7): tokens, and the secrets of mails that wait."""

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Model

from participants.models import Actor, EventKind, Message, Participant
from participants.models.event import record
from participants.models.fields import rotate

CHUNK = 500


@dataclass
class Rotation:
    """Texts now under the first key, and texts dropped because no key decrypts them."""

    rotated: int = 0
    dropped: int = 0


def rotate_tokens(*, by: Actor) -> Rotation:
    """Encrypt every stored token with the first key of TOKEN_ENCRYPTION_KEYS. Safe to repeat, safe while serving.

    A token that no key decrypts is dropped: the next join fetches a new one. So is the secret of a mail that waits,
    which then fails and says so.
    """
    result = Rotation()
    for model, column in ((Participant, "token"), (Message, "secret")):
        keys = list(model._default_manager.filter(**{f"{column}__isnull": False}).values_list("pk", flat=True))
        for start in range(0, len(keys), CHUNK):
            for pk in keys[start : start + CHUNK]:
                _rotate_one(model, column, model._meta.pk.get_db_prep_value(pk, connection), result)
    record(EventKind.KEYS_ROTATED, by, rotated=result.rotated, dropped=result.dropped)
    return result


def _rotate_one(model: type[Model], column: str, pk: Any, result: Rotation) -> None:
    # Raw SQL, because the field decrypts on reading; guarded by the old value against a write meanwhile.
    table = model._meta.db_table
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE id = %s", [pk])  # noqa: S608 - names of ours
        (old,) = cursor.fetchone() or (None,)
        if old is None:
            return
        new = rotate(old)
        change = f"UPDATE {table} SET {column} = %s WHERE id = %s AND {column} = %s"  # noqa: S608 - as above
        cursor.execute(change, [new, pk, old])
        if new is None:
            result.dropped += 1
        else:
            result.rotated += 1
