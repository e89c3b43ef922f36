"""Where personal data may stand: every column of text there is, but for those named here.

Found by introspection, so that a new column is swept without anybody remembering to say so
(``tests/services/test_erasing.py`` has every column hold a marker).
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from participants.models import (
    AccessRequest,
    ApiKey,
    Attendance,
    BatchRow,
    ConsentText,
    DriftItem,
    Event,
    ExternalIdentity,
    Hook,
    Invitation,
    MailText,
    Meeting,
    Message,
    Participant,
    Person,
    Presence,
    SavedReport,
    Session,
    VerifiedEmail,
)
from participants.models.fields import EncryptedTextField
from participants.services.scrubbing import Scrubber, tidy

Model = type[models.Model]

_APPS = ("participants", "admin", "axes", "django_tasks_database")
"""Apps whose rows are swept; those of sign-in packages are deleted with the account they belong to."""
OPAQUE: dict[str, frozenset[str]] = {
    "admin.LogEntry": frozenset({"object_id"}),
    "axes.AccessLog": frozenset({"session_hash"}),
    "django_tasks_database.DBTaskResult": frozenset(
        {"task_path", "worker_ids", "queue_name", "backend_name", "exception_class_path"}
    ),
    "participants.ApiKey": frozenset({"scopes", "prefix", "digest", "former_prefix", "former_digest"}),
    "participants.Attendance": frozenset({"peer_id", "preset_name"}),
    "participants.Batch": frozenset({"via"}),
    "participants.Chore": frozenset({"name"}),
    "participants.Delivery": frozenset({"rtk_uuid", "webhook_id", "body_hash", "event", "remote_meeting_id"})
    | {"session_id_text", "outcome"},
    "participants.DriftItem": frozenset({"recorded_id", "remote_ids", "actions"}),
    "participants.DriftReport": frozenset({"via"}),
    "participants.Event": frozenset({"via", "request_id", "address"}),
    "participants.Export": frozenset({"time_zone", "meetings", "content"}),
    "participants.ExternalIdentity": frozenset({"issuer"}),
    "participants.Hook": frozenset({"url", "kinds"}),
    "participants.HookMessage": frozenset({"webhook_id"}),
    "participants.IdempotentCall": frozenset({"caller", "fingerprint"}),
    "participants.Invitation": frozenset({"secret_hash", "device_hash"}),
    "participants.Message": frozenset({"entry_hash"}),
    "participants.Participant": frozenset({"applied_preset"}),
    "participants.Preset": frozenset({"name", "raw"}),
    "participants.Session": frozenset({"remote_meeting_id", "end_reason"}),
    "participants.WebhookKey": frozenset({"fingerprint", "pem"}),
}
"""Columns that can't name anybody: ids, hashes, codes, and what RealtimeKit's presets are called."""
_EVERYWHERE = frozenset({"realtimekit_id", "custom_participant_id", "last_error_code", "code"})
OWNERS: dict[Model, str] = {
    Person: "pk",
    Participant: "person",
    Attendance: "participant__person",
    Presence: "participant__person",
    AccessRequest: "person",
    Message: "person",
    Invitation: "participant__person",
    DriftItem: "participant__person",
    BatchRow: "participant__person",
    Event: "person",
    ExternalIdentity: "user__person",
    VerifiedEmail: "user__person",
}
"""Whom a row is about. One about somebody else keeps a name that both have."""
SOURCES: tuple[Model, ...] = (Person, Participant, Attendance, Message, ExternalIdentity, VerifiedEmail)
"""What tells somebody's names and addresses. Blanked by whose they are: another may have the same."""
THINGS: tuple[Model, ...] = (ApiKey, ConsentText, Hook, MailText, Meeting, SavedReport, Session)
"""What staff name as they like: a single word there is no name of anybody."""


def list_models() -> list[Model]:
    return [model for model in apps.get_models() if model._meta.app_label in _APPS and list_columns(model)]


def list_columns(model: Model) -> list[str]:
    """Columns that may name somebody."""
    opaque = OPAQUE.get(model._meta.label, frozenset()) | _EVERYWHERE
    return [column.name for column in list_texts(model) if column.name not in opaque]


def list_texts(model: Model) -> Iterator["models.Field[object, object]"]:
    """Columns of free text or JSON; no keys, no choices, nothing encrypted."""
    for column in model._meta.concrete_fields:
        is_text = isinstance(column, models.CharField | models.TextField | models.JSONField | models.BinaryField)
        if is_text and not (column.choices or isinstance(column, EncryptedTextField)):
            yield column


@dataclass(frozen=True)
class Identity:
    """Somebody in every form in which rows know them: their person with the guests merged into it, their account."""

    person: Person
    people: frozenset[uuid.UUID]
    user: User | None
    participants: frozenset[uuid.UUID]
    scrubber: Scrubber = field(repr=False)

    @cached_property
    def connected(self) -> Q:
        """Rows of ``Attendance`` and ``DriftItem``, which may know the custom id alone."""
        return Q(participant__in=self.participants) | Q(custom_participant_id__in=self.scrubber.ids)

    def count_sessions(self) -> int:
        came = Presence.objects.filter(participant__in=self.participants, first_joined_at__isnull=False)
        return came.values("session").distinct().count()

    def count_mails(self) -> int:
        return Message.objects.filter(person__in=self.people).count()

    def find_swept(self, model: Model) -> Q:
        """Rows that are about them, or about nobody in particular."""
        owner = OWNERS.get(model)
        return Q(**{f"{owner}__in": self.people}) | Q(**{f"{owner}__isnull": True}) if owner else Q()

    def find_others(self, model: Model) -> Q | None:
        """Rows about somebody else which may yet hold their e-mail address; None where there are none."""
        owner = OWNERS.get(model)
        if owner is None or model in SOURCES:
            return None
        return Q(**{f"{owner}__isnull": False}) & ~Q(**{f"{owner}__in": self.people})


def identify(person: Person) -> Identity:
    """Read from the rows as they are now: what was blanked already is known no more."""
    people = find_people(person)
    rows = list(Participant.objects.filter(person__in=people).order_by("pk").defer("token", "raw"))
    keys, user = frozenset(row.pk for row in rows), person.user
    persons = list(Person.objects.filter(pk__in=people))
    ids = frozenset(
        {row.custom_participant_id for row in rows} | {each.custom_participant_id for each in persons} - {""}
    )
    seen = Q(participant__in=keys) | Q(custom_participant_id__in=ids)
    names = [*(each.display_name for each in persons), *(row.name for row in rows)]
    names += [row.applied_name for row in rows]
    names += Attendance.objects.filter(seen).order_by().values_list("name", flat=True).distinct()
    mails = [each.email for each in persons]
    mails += Message.objects.filter(person__in=people).order_by().values_list("address", flat=True).distinct()
    if user is not None:
        names += [user.get_full_name(), user.get_username()]
        mails += [user.email, *VerifiedEmail.objects.filter(user=user).values_list("email", flat=True)]
        mails += EmailAddress.objects.filter(user=user).values_list("email", flat=True)
        for mail, noted in ExternalIdentity.objects.filter(user=user).values_list("email", "noted_email"):
            mails += [mail, noted]
        for told in SocialAccount.objects.filter(user=user).values_list("extra_data", flat=True):
            mails += [str(told[key]) for key in ("email",) if isinstance(told, dict) and told.get(key)]
    scrubber = Scrubber(emails=tidy(mails), names=tidy(names), ids=ids)
    return Identity(person, people, user, keys, scrubber)


def find_people(person: Person) -> frozenset[uuid.UUID]:
    """With the guests who were merged into them, and those merged into these."""
    found, fresh = {person.pk}, {person.pk}
    while fresh:
        fresh = set(Person.objects.filter(merged_into__in=fresh).values_list("pk", flat=True)) - found
        found |= fresh
    return frozenset(found)
