"""Whom log lines are about: the request in hand and who sent it, or the row that a worker has in hand.

Read when a line is written, since who calls is known only once somebody has asked. Never asks the database itself.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.auth.models import User
from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from config.logs import describe

_OF_ROUTES = {
    "meeting_id": "meeting",
    "meeting_pk": "meeting",
    "participant_id": "participant",
    "participant_pk": "participant",
}
"""Arguments of routes that name what a line is about."""
CALLERS = frozenset({"anonymous", "session", "guest", "key", "token"})


@dataclass(frozen=True)
class Caller:
    """``kind`` is one of CALLERS; ``ids`` are the fields that name who it is, never by name or e-mail."""

    kind: str
    ids: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    request: HttpRequest | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    def __call__(self) -> dict[str, Any]:
        if self.request is None:
            return self.fields
        match = self.request.resolver_match
        kwargs = match.kwargs if match is not None else {}
        named = {_OF_ROUTES[name]: str(value) for name, value in kwargs.items() if name in _OF_ROUTES}
        return {**named, **find_caller(self.request).ids, **self.fields}


def begin(request: HttpRequest) -> None:
    """Lines from here on are about this request."""
    describe.set(Context(request))


@receiver(request_finished, dispatch_uid="rollcall.context")
def end(**kwargs: Any) -> None:
    """Not in the middleware, since Django logs 4xx and 5xx after it. A thread must not keep the body of a request."""
    describe.set(dict)


def note(**fields: Any) -> None:
    """Lines from here on say this too, to the end of the request."""
    context = describe.get()
    if isinstance(context, Context):
        describe.set(replace(context, fields={**context.fields, **fields}))


def read_notes() -> dict[str, Any]:
    context = describe.get()
    return context.fields if isinstance(context, Context) else {}


@contextmanager
def about(*, meeting: uuid.UUID | None = None, participant: uuid.UUID | None = None) -> Iterator[None]:
    """Lines inside are about these rows."""
    named = {"meeting": meeting, "participant": participant}
    context = describe.get()
    before = context if isinstance(context, Context) else Context()
    told = {name: str(value) for name, value in named.items() if value is not None}
    token = describe.set(replace(before, fields={**before.fields, **told}))
    try:
        yield
    finally:
        describe.reset(token)


def find_caller(request: HttpRequest) -> Caller:
    """Who was found to send the request, as far as anybody has asked: to ask here would cost a query."""
    known = vars(request)
    auth, user = known.get("auth"), known.get("user")
    if isinstance(user, SimpleLazyObject):
        user = known.get("_cached_user")  # as the session's middleware keeps whom it has looked up
    model = getattr(getattr(auth, "_meta", None), "model_name", "")
    if model == "apikey":
        return Caller("key", {"key": str(auth.pk)})  # type: ignore[union-attr]  # it has a model's Meta
    if isinstance(user, User):
        return Caller("token" if model else "session", {"user": user.pk})
    if user is not None and getattr(user, "is_authenticated", False):
        return Caller("guest", {"participant": str(user.participant.pk)})
    return Caller("anonymous")
