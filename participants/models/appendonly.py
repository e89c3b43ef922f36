"""Rows that are written once. Erasing people and keeping no longer than need be are the exceptions, and say so.

PostgreSQL holds to it as well: a trigger (migration 0022) refuses what does not say so either.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import connection, models, transaction

M = TypeVar("M", bound=models.Model)

_forgets: ContextVar[bool] = ContextVar("rollcall_forgets", default=False)
_SAY = "SELECT set_config('rollcall.forgetting', %s, true)"


@contextmanager
def forgetting() -> Iterator[None]:
    """A transaction in which rows may be blanked and deleted."""
    with transaction.atomic():
        token = _forgets.set(True)
        _say("on")
        try:
            yield
        finally:
            _forgets.reset(token)
        _say("off")  # where this transaction is part of a longer one


def _say(text: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_SAY, [text])


def refuse_unless_forgetting(what: str) -> None:
    if not _forgets.get():
        raise TypeError(f"{what} are append-only.")


class AppendOnlyQuerySet(models.QuerySet[M]):
    # Django's own SET_NULL of a deleted actor goes by the base manager, which is not this one.

    def update(self, **kwargs: Any) -> int:
        refuse_unless_forgetting(str(self.model._meta.verbose_name_plural).capitalize())
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        refuse_unless_forgetting(str(self.model._meta.verbose_name_plural).capitalize())
        return super().delete()
