"""The one query of a join, compiled once a process.

Only what the judge, the token cache and the answer read is loaded; other columns are fetched when they are asked for.
"""

import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any

from django.contrib.auth.models import User
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from participants.models import Meeting, Participant, Person, Preset
from participants.models.compiled import Statement, compile_query, prepare

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
    found = _compile().fetch(prepare(Meeting, "pk", meeting_id), user.pk)
    if found is None:
        return None
    row = _build(found)
    row.person.user = user  # signed in just now: no need to load them again
    return row


def _build(values: Sequence[Any]) -> Participant:
    made: dict[str, Any] = {}
    start = 0
    for path, names in _list_columns().items():
        made[path] = _WANTED[path][0].from_db(DEFAULT_DB_ALIAS, names, values[start : start + len(names)])
        start += len(names)
    row = made.pop("")
    for name, related in made.items():
        row._state.fields_cache[name] = related  # by setattr Django compares keys and asks its routers
    assert isinstance(row, Participant)
    return row


@cache
def _list_columns() -> dict[str, tuple[str, ...]]:
    """Attribute names by path, in the order in which ``Model.from_db`` takes their values."""
    return {
        path: tuple(field.attname for field in model._meta.concrete_fields if field.attname in wanted)
        for path, (model, wanted) in _WANTED.items()
    }


@cache
def _compile() -> Statement:
    paths = [f"{path}__{name}" if path else name for path, names in _list_columns().items() for name in names]
    meeting, user = uuid.UUID(int=0), 0
    rows = Participant.objects.values_list(*paths).filter(meeting_id=meeting, person__user_id=user)
    return compile_query(rows, prepare(Meeting, "pk", meeting), user)
