"""Queries that each request makes, compiled once a process.

Django builds the SQL of a query anew whenever it is run, which takes several times as long as running it by a key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Statement:
    """``sql`` takes its parameters as the database has them; see ``prepare``."""

    alias: str
    sql: str
    converters: tuple[tuple[int, Sequence[Callable[..., Any]], Any], ...]

    def fetch(self, *parameters: Any) -> Sequence[Any] | None:
        """The values of one row, converted; None when there is none."""
        connection = connections[self.alias]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, parameters)
            found: Sequence[Any] | None = cursor.fetchone()
        if found is None or not self.converters:
            return found
        values = list(found)
        # Not by the compiler, which would hold the connection of whichever thread came first.
        for position, converters, expression in self.converters:
            for convert in converters:
                values[position] = convert(values[position], expression, connection)
        return values


def compile_query(rows: QuerySet[Any, Any], *expected: Any, alias: str = DEFAULT_DB_ALIAS) -> Statement:
    """Django's own SQL and converters, of a ``values_list`` whose parameters must be these and in this order."""
    compiler = rows.order_by().query.get_compiler(using=alias)
    sql, parameters = compiler.as_sql()
    assert tuple(parameters) == expected, parameters
    converters = compiler.get_converters([expression for expression, _, _ in compiler.select])
    return Statement(alias, sql, tuple((at, found, expression) for at, (found, expression) in converters.items()))


def prepare(model: type[Model], lookup: str, value: Any, *, alias: str = DEFAULT_DB_ALIAS) -> Any:
    """The value as the database takes it, by the field that the lookup names."""
    name = lookup.partition("__")[0]
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    return field.get_db_prep_value(value, connections[alias])  # type: ignore[union-attr]


@dataclass(frozen=True)
class Finder(Generic[M]):
    """Finds a row of a model by lookups, whole. ``examples`` are values of their types, different from each other."""

    model: type[M]
    examples: tuple[tuple[str, Any], ...]

    def find(self, *values: Any) -> M | None:
        statement, columns = _compile(self)
        named = zip(self.examples, values, strict=True)
        found = statement.fetch(*(prepare(self.model, lookup, value) for (lookup, _), value in named))
        return None if found is None else self.model.from_db(statement.alias, columns, found)


@cache
def _compile(finder: Finder[Any]) -> tuple[Statement, list[str]]:
    """With the columns that it yields."""
    model = finder.model
    columns = [field.attname for field in model._meta.concrete_fields]
    rows = model._default_manager.values_list(*columns)
    for lookup, value in finder.examples:  # one by one: filter() sorts what it is given at once
        rows = rows.filter(**{lookup: value})
    return compile_query(rows, *(prepare(model, lookup, value) for lookup, value in finder.examples)), columns
