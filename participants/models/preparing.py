"""A cursor of PostgreSQL's driver whose parameters travel beside the SQL, so that it keeps a plan of it."""

from dataclasses import dataclass
from typing import Any

import psycopg


@dataclass(frozen=True)
class _Said:
    query: bytes


class PreparingCursor(psycopg.Cursor[Any]):
    """Tells Django's log of queries what it ran, which psycopg does not of what was prepared; without parameters."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "PreparingCursor":
        super().execute(query, params, **options)
        self._query: Any = _Said(query.encode())
        return self
