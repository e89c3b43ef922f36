"""Queries that each request makes, compiled once a process.

Django builds the SQL of a query anew whenever it is run, which takes several times as long as running it by a key.
PostgreSQL in turn keeps the plan with the connection: to plan a join of four tables takes it many times as long as to
find the row. Where ``DATABASE_PREPARE`` is off it plans each time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, InterfaceError, NotSupportedError, OperationalError, connections
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)
N = TypeVar("N", bound=Model)


@dataclass(frozen=True)
class Statement:
    """``sql`` takes its parameters as the database has them; see ``prepare``."""

    alias: str
    sql: str
    converters: tuple[tuple[int, Sequence[Callable[..., Any]], Any], ...]

    def fetch(self, *parameters: Any) -> Sequence[Any] | None:
        """The values of one row, converted; None when there is none."""
        connection = connections[self.alias]
        unchecked = _skip_check(connection)
        try:
            found = self._fetch(connection, parameters)
        except (OperationalError, InterfaceError):
            if not unchecked or connection.is_usable():
                raise
            connection.close()
            found = self._fetch(connection, parameters)
        except NotSupportedError:
            # "cached plan must not change result type": a migration changed a column since the connection was made.
            if connection.in_atomic_block:
                raise
            connection.close()
            found = self._fetch(connection, parameters)
        if found is None or not self.converters:
            return found
        values = list(found)
        # Not by the compiler, which would hold the connection of whichever thread came first.
        for position, converters, expression in self.converters:
            for convert in converters:
                values[position] = convert(values[position], expression, connection)
        return values

    def _fetch(self, connection: Any, parameters: Sequence[Any]) -> Sequence[Any] | None:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                # Django's own cursor writes the parameters into the SQL, so that no two statements are the same.
                cursor.cursor = _PreparingCursor(connection.connection)
            cursor.execute(self.sql, parameters)
            found: Sequence[Any] | None = cursor.fetchone()
        return found


@dataclass(frozen=True)
class _Said:
    query: bytes


def _skip_check(connection: Any) -> bool:
    """Leave out Django's question whether a kept connection is alive, which is a way there and back, and say whether.
    What only reads can be asked a second time."""
    unchecked = not (connection.connection is None or connection.health_check_done or connection.in_atomic_block)
    connection.health_check_done |= unchecked
    return unchecked


class _PreparingCursor(psycopg.Cursor[Any]):
    """Tells Django's log of queries what it ran, which psycopg does not of what was prepared; without parameters."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "_PreparingCursor":
        super().execute(query, params, **options)
        self._query: Any = _Said(query.encode())
        return self


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
        return self.build(self.statement.fetch(*self.prepare(values)))

    def prepare(self, values: Sequence[Any]) -> list[Any]:
        """The values of the lookups, in their order, as the database takes them."""
        named = zip(self.examples, values, strict=True)
        return [prepare(self.model, lookup, value) for (lookup, _), value in named]

    def build(self, found: Sequence[Any] | None) -> M | None:
        return None if found is None else self.model.from_db(self.statement.alias, self.columns, found)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(field.attname for field in self.model._meta.concrete_fields)

    @cached_property
    def statement(self) -> Statement:
        rows = self.model._default_manager.values_list(*self.columns)
        for lookup, value in self.examples:  # one by one: filter() sorts what it is given at once
            rows = rows.filter(**{lookup: value})
        return compile_query(rows, *self.prepare([value for _, value in self.examples]))


@dataclass(frozen=True)
class Pair(Generic[M, N]):
    """Finds two rows by one query, since each is a way to the database and back; the second only beside the first."""

    first: Finder[M]
    second: Finder[N]

    def find(self, values: Sequence[Any], others: Sequence[Any]) -> tuple[M | None, N | None]:
        found = self.statement.fetch(*self.first.prepare(values), *self.second.prepare(others))
        if found is None:
            return None, None
        width = len(self.first.columns)
        one, other = found[:width], found[width:]
        is_there = other[self.key_at] is not None
        return self.first.build(one), self.second.build(other if is_there else None)

    @cached_property
    def key_at(self) -> int:
        """Where among its columns the second row has its key, which is empty only where there is no row."""
        key = self.second.model._meta.pk
        assert key is not None
        return self.second.columns.index(key.attname)

    @cached_property
    def statement(self) -> Statement:
        one, other = self.first.statement, self.second.statement
        width = len(self.first.columns)
        moved = ((at + width, found, expression) for at, found, expression in other.converters)
        sql = f"SELECT * FROM ({one.sql}) AS one LEFT JOIN ({other.sql}) AS other ON 1 = 1"  # noqa: S608 - Django's own
        return Statement(one.alias, sql, (*one.converters, *moved))
