"""What is held about one person, to be handed to them: every row that is theirs, without secrets and without who
else had to do with it."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils import timezone

from participants.models import Actor, ConsentText, Delivery, Event, EventKind, Meeting, Person
from participants.models.event import record
from participants.models.fields import EncryptedTextField
from participants.services import mentions
from participants.services.personaldata import OWNERS, Identity, Model, identify

Row = dict[str, Any]
FORMAT = 1
_WORKING = frozenset({"lease_id", "lease_until", "attempts", "next_attempt_at", "verify_after", "outcome_unknown"})
"""How far we are with a row."""
_OF_WHO_ACTED = frozenset({"actor_name", "address", "request_id", "key"})
"""Of events: others' as a rule. What they did themselves stands under ``done_by_them``."""


def collect(person: Person, *, by: Actor) -> Row:
    """Everything, as JSON can hold it, under the names of our models. Written to the history."""
    known = identify(person)
    about = mentions.find(Delivery, ["body"], known.scrubber.ids).order_by("received_at", "pk")
    found: Row = {
        "format": FORMAT,
        "exported_at": _write(timezone.now()),
        "person": str(person.pk),
        "custom_participant_ids": sorted(known.scrubber.ids),
        "rows": {model.__name__: list(_read_rows(model, known)) for model in OWNERS},
        "webhooks_received": [
            {"received_at": _write(row.received_at), "event": row.body.get("event"), "about_them": own}
            for row in about
            if (own := known.scrubber.find_own(row.body))  # the search finds ids that only contain theirs
        ],
        "account": _describe_account(known.user) if known.user else None,
        "done_by_them": _list_done(known.user) if known.user else [],
    }
    record(EventKind.PERSON_EXPORTED, by, person=person, rows=sum(map(len, found["rows"].values())))
    return found


def _read_rows(model: Model, known: Identity) -> Iterator[Row]:
    columns = [column for column in model._meta.concrete_fields if _is_theirs(column)]
    to_meetings = [column.name for column in columns if column.related_model is Meeting]
    to_texts = [column.name for column in columns if column.related_model is ConsentText]
    more = [*(f"{name}__title" for name in to_meetings), *(f"{name}__text" for name in to_texts)]
    rows: Any = model._default_manager.filter(Q(**{f"{OWNERS[model]}__in": known.people})).order_by("pk")
    rows = rows.select_related(*[*to_meetings, *to_texts] or (None,))  # given nothing, it would follow every key
    for row in rows.only(*(column.name for column in columns), *more):
        told = {column.name: _write(getattr(row, column.attname)) for column in columns}
        for name in to_meetings:
            meeting = getattr(row, name)
            told[f"{name}_title"] = meeting.title if meeting else None
        for name in to_texts:
            agreed = getattr(row, name)
            told[f"{name}_text"] = agreed.text if agreed else None
        yield told


def _is_theirs(column: "models.Field[Any, Any]") -> bool:
    """Neither a secret nor what another user did."""
    secret = isinstance(column, EncryptedTextField | models.BinaryField) or column.name.endswith(("hash", "digest"))
    another = column.related_model is User and column.name != "user"
    acted = column.model is Event and column.name in _OF_WHO_ACTED
    return not (secret or another or acted or column.name in _WORKING)


def _describe_account(user: User) -> Row:
    names = Q(username__in=[name for name in (user.get_username(), user.email) if name])
    return {
        **{name: _write(getattr(user, name)) for name in ("username", "first_name", "last_name", "email")},
        **{name: _write(getattr(user, name)) for name in ("date_joined", "last_login", "is_active", "is_staff")},
        "groups": sorted(user.groups.values_list("name", flat=True)),
        "email_addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified")),
        "providers": list(SocialAccount.objects.filter(user=user).values("provider", "uid", "extra_data")),
        "second_factors": sorted(Authenticator.objects.filter(user=user).values_list("type", flat=True)),
        "sign_in_attempts": [
            {name: _write(value) for name, value in row.items()}
            for model in (AccessAttempt, AccessFailureLog, AccessLog)
            for row in model.objects.filter(names).values("attempt_time", "ip_address", "user_agent")
        ],
    }


def _list_done(user: User) -> list[Row]:
    """What the history has of what they did; to whom is not theirs to know."""
    rows = Event.objects.filter(actor=user).order_by("created_at", "pk")
    columns = ("created_at", "kind", "via", "address", "meeting__title")
    return [{name: _write(value) for name, value in row.items()} for row in rows.values(*columns)]


def _write(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, uuid.UUID) else value
