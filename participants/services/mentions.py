"""Rows whose texts mention somebody, in any case and however it is spelled there. Looks at every row of a table."""

from collections.abc import Collection, Iterable
from typing import Any

from django.db import models
from django.db.models import JSONField, Q, QuerySet, TextField
from django.db.models.functions import Cast

from participants.services.scrubbing import spell

_SHOWN = "_as_text"


def find(
    model: type[models.Model], columns: Iterable[str], needles: Collection[str], *, ids: Collection[str] = ()
) -> QuerySet[Any]:
    """Any of the needles in any of the columns; ``ids`` are looked for in those that hold JSON."""
    as_text: dict[str, Any] = {}
    found = Q(pk__in=[])
    for name in columns:
        shown, wanted = name, set(needles)
        if isinstance(model._meta.get_field(name), JSONField):
            shown, wanted = f"{name}{_SHOWN}", wanted | set(ids)
            as_text[shown] = Cast(name, TextField())
        for form in {form for needle in wanted for form in spell(needle)}:
            found |= Q(**{f"{shown}__icontains": form})
    rows: QuerySet[Any] = model._default_manager.alias(**as_text).filter(found)
    return rows
