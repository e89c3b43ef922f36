"""Rows into tables as fast as the database takes them: COPY on PostgreSQL, many at a time on SQLite.

Past the models, and so past every rule of theirs: for data that is made up, in a database of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models
from django.db.models import AutoField, Field, GeneratedField

Value = str | int | float | None
Row = Sequence[Value]


class Table:
    """A model's table, and the fields that each row gives; the others hold their defaults.

    Times are naive UTC text, booleans 0 and 1, UUIDs 32 hexadecimal digits.
    """

    def __init__(self, model: type[models.Model], *given: str) -> None:
        self.model = model
        fields = [model._meta.get_field(name) for name in given]
        rest = [field for field in model._meta.concrete_fields if field not in fields and not _is_own(field)]
        self.columns = [str(field.column) for field in (*fields, *rest) if isinstance(field, Field)]
        self._tail = tuple(_read_default(field) for field in rest)

    def load(self, rows: Iterable[Row]) -> None:
        names = ", ".join(connection.ops.quote_name(name) for name in self.columns)
        table = connection.ops.quote_name(self.model._meta.db_table)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                tail = "".join(f"\t{_write(value)}" for value in self._tail)
                with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                    copy.write("".join("\t".join(map(_write, row)) + tail + "\n" for row in rows))
            else:
                marks = ", ".join(["%s"] * len(self.columns))
                statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of our own
                cursor.executemany(statement, [(*row, *self._tail) for row in rows])


def _is_own(field: Field[Any, Any]) -> bool:
    """Filled in by the database."""
    return isinstance(field, AutoField | GeneratedField)


def _read_default(field: Field[Any, Any]) -> Value:
    default = field.get_default()
    if isinstance(default, bool):
        return int(default)
    if isinstance(default, dict | list):
        return "{}" if isinstance(default, dict) else "[]"
    return default if isinstance(default, str | int | float) else None


def _write(value: Value) -> str:
    """As COPY reads it. No text of ours holds a tab, a line's end or a backslash."""
    return "\\N" if value is None else str(value)


@contextmanager
def without_indexes(*tables: type[models.Model]) -> Iterator[None]:
    """An index made over all rows at once costs a fraction of one that grows with each of them."""
    with connection.schema_editor() as editor:
        for model in tables:
            for index in model._meta.indexes:
                editor.remove_index(model, index)
    yield
    with connection.schema_editor() as editor:
        for model in tables:
            for index in model._meta.indexes:
                editor.add_index(model, index)


def settle(*numbered: type[models.Model]) -> None:
    """Have the next rows numbered behind these, and the planner know what there is."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(numbered)):
            cursor.execute(statement)
        cursor.execute("VACUUM (ANALYZE)" if connection.vendor == "postgresql" else "ANALYZE")
