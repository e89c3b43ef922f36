"""One page of a long list: its keys, in order, looked for in the way that suits how many rows there are.

Of many rows the first are soon met in the order of the list. Few may lie anywhere in it: they are all found first and
then sorted. PostgreSQL can't know which is which before it looks, and being wrong costs it the whole list.
"""

import json
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet, Value

from participants.models import Preset

Rows = QuerySet[Any]
MOST_NAMES = 40
"""So many presets are asked for one by one."""


def find_keys(rows: Rows, begin: int, end: int, *, few: bool) -> list[Any]:
    """Primary keys of the rows from ``begin`` to before ``end``; ``few`` if all of them can be sorted at once."""
    order = [name for name in rows.query.order_by if isinstance(name, str)]
    if order == list(rows.query.order_by) and connection.vendor == "postgresql":
        if order and order[0].lstrip("-") == "preset__name" and not (few and rows.query.where):
            return _unite(rows, order, begin, end)
        if few:
            return _sort(rows, order, begin, end)
    return list(rows.values_list("pk", flat=True)[begin:end])


def estimate(rows: Rows) -> int:
    """About how many there are, as PostgreSQL's statistics have it."""
    if connection.vendor != "postgresql":
        return 0
    told = rows.order_by().values("pk").explain(format="json")  # empty where nothing can match
    return int(json.loads(told)[0]["Plan"]["Plan Rows"]) if told else 0


def _unite(rows: Rows, order: list[str], begin: int, end: int) -> list[Any]:
    """Name by name, each in the order of an index: sorting by a few names would sort all rows after all."""
    first, *rest = order
    named = Preset.objects.order_by(first.replace("preset__name", "name")).values_list("name", "pk")
    presets = [[key for _, key in group] for _, group in groupby(named, key=itemgetter(0))]
    if not 1 < len(presets) <= MOST_NAMES:
        return list(rows.values_list("pk", flat=True)[begin:end])
    names = [name.lstrip("-") for name in rest if name.lstrip("-") != "pk"]
    parts = [
        rows.filter(preset__in=keys).annotate(place=Value(place)).order_by(*rest).values_list("pk", "place", *names)
        for place, keys in enumerate(presets)
    ]
    found = parts[0][:end].union(*(part[:end] for part in parts[1:]), all=True)
    return [key for key, *_ in found.order_by("place", *rest)[begin:end]]


def _sort(rows: Rows, order: list[str], begin: int, end: int) -> list[Any]:
    names = [name.lstrip("-") for name in order]
    try:
        found, given = rows.order_by().values_list("pk", *names).query.sql_with_params()
    except EmptyResultSet:
        return []
    columns = ", ".join(f"c{place}" for place in range(len(names) + 1))
    sorting = ", ".join(f"c{place + 1} {'DESC' if name[0] == '-' else 'ASC'}" for place, name in enumerate(order))
    # OFFSET 0 keeps the order and the limit out of what is found.
    statement = f"SELECT c0 FROM ({found} OFFSET 0) AS found ({columns}) ORDER BY {sorting} LIMIT %s OFFSET %s"  # noqa: S608 - Django's own statement, its values apart
    with connection.cursor() as cursor:
        cursor.execute(statement, [*given, end - begin, begin])
        return [key for (key,) in cursor.fetchall()]
