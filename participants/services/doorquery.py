"""The one query of a join, compiled once a process: building it anew took more than half of a cached join's time.

Only what the judge, the token cache and the answer read is loaded; other columns are fetched when they are asked for.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.auth.models import User
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model

from participants.models import Meeting, Participant, Person, Preset

_WANTED: dict[str, tuple[type[Model], set[str]]] = {
    "": (
        Participant,
        {
            *(
                "id",
                "meeting_id",
                "person_id",
                "preset_id",
                "custom_participant_id",
                "name",
                "realtimekit_id",
                "state",
            ),
            *("token", "token_issued_at", "token_expires_at", "token_expiry_source", "refresh_tried_at"),
            *("last_error_code", "last_error_detail", "consented_to_id"),
        },
    ),
    "meeting": (
        Meeting,
        {
            *("id", "realtimekit_id", "state", "title", "applied_title", "status", "applied_status"),
            *("opens_at", "closes_at", "enforce_window", "next_attempt_at", "last_error_code", "last_error_detail"),
            "consent_id",
        },
    ),
    "person": (Person, {"id", "user_id", "display_name", "blocked_at", "erased_at", "merged_into_id"}),
    "preset": (Preset, {"id", "name"}),
}


def find_row(meeting_id: uuid.UUID, user: User) -> Participant | None:
    """The user's participant in that meeting, with meeting, person and preset; None when not enrolled."""
    row = _compile(DEFAULT_DB_ALIAS).run(meeting_id, user.pk)
    if row is not None:
        row.person.user = user  # signed in just now: no need to load them again
    return row


@dataclass(frozen=True)
class _Statement:
    """``columns`` are attribute names by path, in the order in which ``Model.from_db`` takes their values."""

    alias: str
    sql: str
    columns: dict[str, tuple[str, ...]]
    convert: Callable[[Sequence[Any]], Sequence[Any]]

    def run(self, meeting_id: uuid.UUID, user_id: int) -> Participant | None:
        connection = connections[self.alias]
        key = Meeting._meta.pk.get_db_prep_value(meeting_id, connection)
        with connection.cursor() as cursor:
            cursor.execute(self.sql, (key, user_id))
            found = cursor.fetchone()
        return None if found is None else self._build(self.convert(found))

    def _build(self, values: Sequence[Any]) -> Participant:
        made: dict[str, Any] = {}
        start = 0
        for path, names in self.columns.items():
            made[path] = _WANTED[path][0].from_db(self.alias, names, values[start : start + len(names)])
            start += len(names)
        row = made.pop("")
        for name, related in made.items():
            setattr(row, name, related)
        assert isinstance(row, Participant)
        return row


@cache
def _compile(alias: str) -> _Statement:
    """Django's own SQL and converters, from the same query written with its ORM."""
    columns = {
        path: tuple(field.attname for field in model._meta.concrete_fields if field.attname in wanted)
        for path, (model, wanted) in _WANTED.items()
    }
    paths = [f"{path}__{name}" if path else name for path, names in columns.items() for name in names]
    rows = Participant.objects.order_by().values_list(*paths)
    query = rows.filter(meeting_id=uuid.UUID(int=0), person__user_id=0).query
    compiler = query.get_compiler(using=alias)
    sql, parameters = compiler.as_sql()
    assert len(parameters) == 2  # the meeting and the user, in this order
    assert sql.index('meeting_id" = %s') < sql.index('user_id" = %s')
    converters = compiler.get_converters([expression for expression, _, _ in compiler.select])

    def convert(values: Sequence[Any]) -> Sequence[Any]:
        converted: Sequence[Any] = next(iter(compiler.apply_converters([values], converters)))
        return converted

    return _Statement(alias, sql, columns, convert)
