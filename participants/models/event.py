"""Append-only history and audit: who did what to whom, through what, when; and the guarded moves that leave it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models

from participants.models.base import Identified
from participants.models.meeting import Meeting
from participants.models.participant import Participant
from participants.models.person import Person

CHUNK = 500
"""Rows of one bulk statement."""


class EventKind(models.TextChoices):
    MEETING_CREATED = "meeting.created", "Meeting created"
    MEETING_MADE = "meeting.made", "Meeting made at RealtimeKit"
    MEETING_FAILED = "meeting.failed", "Meeting refused by RealtimeKit"
    MEETING_CHANGED = "meeting.changed", "Meeting changed"
    MEETING_APPLIED = "meeting.applied", "Change applied at RealtimeKit"
    MEETING_RETRIED = "meeting.retried", "Meeting retried"
    ENROLLED = "participant.enrolled", "Enrolled"
    ADDED = "participant.added", "Added at RealtimeKit"
    ADOPTED = "participant.adopted", "Found at RealtimeKit and adopted"
    FAILED = "participant.failed", "Refused by RealtimeKit"
    RETRIED = "participant.retried", "Retried"
    CHANGED = "participant.changed", "Preset or name changed"
    APPLIED = "participant.applied", "Change applied at RealtimeKit"
    REFRESHED = "participant.refreshed", "Token refreshed"
    ISSUED = "participant.token_issued", "Token issued to a back end"
    LOST = "participant.lost", "Gone at RealtimeKit, to be added again"
    GONE = "participant.gone", "No longer listed by RealtimeKit"
    EXTRAS_DELETED = "participant.extras_deleted", "Duplicates deleted at RealtimeKit"
    REMOVING = "participant.removing", "Removal asked for"
    REMOVED = "participant.removed", "Removed"
    RESTORED = "participant.restored", "Restored"
    PERSON_MADE = "person.made", "Person made"
    BLOCKED = "person.blocked", "Blocked"
    UNBLOCKED = "person.unblocked", "Unblocked"
    DEACTIVATED = "person.deactivated", "User deactivated"
    USER_DELETED = "person.user_deleted", "User deleted"
    PERSON_CHANGED = "person.changed", "Name or e-mail followed the user"
    EMAIL_VERIFIED = "person.email_verified", "E-mail verified"
    EMAIL_UNVERIFIED = "person.email_unverified", "Verification of the e-mail withdrawn"
    LINKED = "person.linked", "Guest linked to a user"
    PROVIDER_JOINED = "person.provider_joined", "Sign-in by the provider joined to a user"
    FACTOR_ADDED = "person.second_factor_added", "Second factor set up"
    FACTOR_REMOVED = "person.second_factor_removed", "Second factor removed"
    FACTOR_RESET = "person.second_factor_reset", "Second factor reset"
    CODES_MADE = "person.recovery_codes", "New recovery codes"
    MERGED = "person.merged", "Merged"
    MOVED = "participant.moved", "Moved to the person it was merged into"
    BATCH_STARTED = "batch.started", "Batch started"
    BATCH_STOPPED = "batch.stopped", "Batch stopped"
    BATCH_RETRIED = "batch.retried", "Batch retried"
    BATCH_UNDONE = "batch.undone", "Batch undone"
    KICKED = "session.kicked", "Put out of a session"
    SESSION_ENDED = "session.ended", "Session ended"
    CORRECTED = "presence.corrected", "Minutes corrected"
    CORRECTION_WITHDRAWN = "presence.correction_withdrawn", "Correction of minutes withdrawn"
    WEBHOOK_REGISTERED = "webhook.registered", "Webhook registered"
    WEBHOOK_REPAIRED = "webhook.repaired", "Webhook registration repaired"
    WEBHOOK_KEY = "webhook.key", "New key of deliveries"
    REPLAYED = "delivery.replayed", "Deliveries to be worked on again"
    SYNCED = "sync.done", "Synced from RealtimeKit"
    DRIFT_DECIDED = "drift.decided", "Differences decided on"
    STRANGERS_DELETED = "drift.strangers_deleted", "Unknown participants deleted at RealtimeKit"
    REPORT_SAVED = "report.saved", "Report saved"
    REPORT_DELETED = "report.deleted", "Report deleted"
    EXPORT_ASKED = "export.asked", "Spreadsheet asked for"
    EXPORT_FAILED = "export.failed", "Spreadsheet could not be made"
    EXPORT_DOWNLOADED = "export.downloaded", "List downloaded"
    KEYS_ROTATED = "keys.rotated", "Token encryption keys rotated"


class ActorKind(models.TextChoices):
    USER = "user", "User"
    KEY = "key", "API key"
    SYSTEM = "system", "System"


@dataclass(frozen=True)
class Actor:
    """Who acts, and through what (``via``: admin, api, join, command, tick, signal)."""

    via: str
    user: User | None = None
    request_id: str = field(default="", compare=False)

    @classmethod
    def of(cls, user: User | AnonymousUser | None, *, via: str, request_id: str = "") -> "Actor":
        return cls(via=via, user=user if isinstance(user, User) else None, request_id=request_id)

    @property
    def kind(self) -> ActorKind:
        return ActorKind.USER if self.user else ActorKind.SYSTEM


class EventQuerySet(models.QuerySet["Event"]):
    # Django's own SET_NULL of a deleted actor goes by the base manager, which is not this one.

    def update(self, **kwargs: Any) -> int:
        raise TypeError("Events are append-only.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("Events are append-only.")


class Event(Identified):
    """One thing that happened. Rows are never changed; ``data`` never holds a secret."""

    kind = models.CharField(max_length=40, choices=EventKind.choices)
    actor_kind = models.CharField(max_length=16, choices=ActorKind.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="rollcall_events"
    )
    actor_name = models.CharField(max_length=150, blank=True, default="")
    via = models.CharField(max_length=16)
    request_id = models.CharField(max_length=64, blank=True, default="")
    meeting = models.ForeignKey(Meeting, null=True, on_delete=models.PROTECT, related_name="events")
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="events")
    participant = models.ForeignKey(Participant, null=True, on_delete=models.PROTECT, related_name="events")
    data = models.JSONField(default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["participant", "-created_at"], name="event_of_participant")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.created_at:%Y-%m-%d %H:%M})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Events are append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("Events are append-only.")


def record(
    kind: EventKind,
    by: Actor,
    *,
    participant: Participant | None = None,
    meeting: Meeting | None = None,
    person: Person | None = None,
    **data: Any,
) -> Event:
    """Write one event. A participant brings its meeting and person along."""
    event = _build(kind, by, participant, meeting, person, data)
    event.save(force_insert=True)
    return event


def record_many(kind: EventKind, by: Actor, about: Iterable[Participant | Person], **data: Any) -> None:
    """One event for each participant or person, with the same data, in few statements."""
    Event.objects.bulk_create(
        [
            _build(kind, by, thing, None, None, data)
            if isinstance(thing, Participant)
            else _build(kind, by, None, None, thing, data)
            for thing in about
        ],
        batch_size=CHUNK,
    )


def _build(
    kind: EventKind,
    by: Actor,
    participant: Participant | None,
    meeting: Meeting | None,
    person: Person | None,
    data: dict[str, Any],
) -> Event:
    return Event(
        kind=kind,
        actor_kind=by.kind,
        actor=by.user,
        actor_name=by.user.get_username() if by.user else "",
        via=by.via,
        request_id=by.request_id[:64],
        participant=participant,
        meeting_id=participant.meeting_id if participant else (meeting.pk if meeting else None),
        person_id=participant.person_id if participant else (person.pk if person else None),
        data=data,
    )
