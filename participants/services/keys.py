"""Rotating the keys of the encrypted columns (design 2.7)."""

from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import connection, transaction
from django.db.models import Model

from participants.models import Actor, EventKind, Hook, Message, Participant
from participants.models.event import record
from participants.models.fields import is_current, rotate

CHUNK = 500
_COLUMNS: tuple[tuple[type[Model], str, bool], ...] = (
    (Participant, "token", True),
    (Message, "secret", True),
    (Hook, "secret", False),
    (Hook, "previous_secret", False),
)
"""Where secrets are, and whether one that no key decrypts is dropped."""
_SECRETS = ("secret", "seed")


@dataclass
class Rotation:
    """Tokens now under the first key, and tokens dropped because no key decrypts them."""

    rotated: int = 0
    dropped: int = 0


def rotate_tokens(*, by: Actor) -> Rotation:
    """Encrypt every stored secret with the first key of TOKEN_ENCRYPTION_KEYS. Safe to repeat, safe while serving.

    A token that no key decrypts is dropped: the next join fetches a new one. So is the secret of a mail that waits,
    which then fails and says so. The secrets of outgoing webhooks and of second factors stay, for nobody could make
    them again.
    """
    result = Rotation()
    for model, column, drops in _COLUMNS:
        keys = list(model._default_manager.filter(**{f"{column}__isnull": False}).values_list("pk", flat=True))
        for start in range(0, len(keys), CHUNK):
            for pk in keys[start : start + CHUNK]:
                _rotate_one(model, column, pk, result, drops=drops)
    for factor in Authenticator.objects.all():
        _rotate_factor(factor.pk)
    record(EventKind.KEYS_ROTATED, by, rotated=result.rotated, dropped=result.dropped)
    return result


def count_others() -> int:
    """Stored secrets that the first key does not decrypt: while there are any, the others can't be taken away."""
    count = 0
    for model, column, _ in _COLUMNS:
        with connection.cursor() as cursor:
            table = model._meta.db_table
            cursor.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")  # noqa: S608 - our own names
            while texts := cursor.fetchmany(CHUNK):
                count += sum(not is_current(text) for (text,) in texts)
    for factor in Authenticator.objects.iterator(chunk_size=CHUNK):
        count += sum(not is_current(factor.data[name]) for name in _SECRETS if name in factor.data)
    return count


def _rotate_factor(pk: int) -> None:
    """The secret of a second factor. One that no key decrypts stays, since its key may come back."""
    with transaction.atomic():
        factor = Authenticator.objects.select_for_update().filter(pk=pk).first()
        if factor is None:
            return
        moved = {name: rotate(factor.data[name]) for name in _SECRETS if name in factor.data}
        factor.data.update({name: text for name, text in moved.items() if text is not None})
        factor.save(update_fields=["data"])


def _rotate_one(model: type[Model], column: str, pk: Any, result: Rotation, *, drops: bool) -> None:
    # Raw SQL, because the field decrypts on reading; guarded by the old value against a refresh meanwhile.
    table, key = model._meta.db_table, model._meta.pk.get_db_prep_value(pk, connection)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE id = %s", [key])  # noqa: S608 - our own names
        (old,) = cursor.fetchone() or (None,)
        new = old and rotate(old)
        if old is None or (new is None and not drops):
            return
        statement = f"UPDATE {table} SET {column} = %s WHERE id = %s AND {column} = %s"  # noqa: S608 - as above
        cursor.execute(statement, [new, key, old])
        if new is None:
            result.dropped += 1
        else:
            result.rotated += 1
