"""Append-only history and audit: who did what to whom, through what, when; and the guarded moves that leave it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.dispatch import Signal

from participants.models import hookqueue
from participants.models.apikey import ApiKey
from participants.models.appendonly import AppendOnlyQuerySet, refuse_unless_forgetting
from participants.models.base import Identified
from participants.models.meeting import Meeting
from participants.models.participant import Participant
from participants.models.person import Person
from participants.models.whereabouts import find_network
from participants.states import HookKind

CHUNK = 500
"""Rows of one bulk statement."""

recorded = Signal()
"""Sent in the transaction that writes events: ``kind``, ``by``, ``about`` (participants, or the one meeting) and
``data``. What follows from an event wherever it happens listens here, such as a notice by mail."""


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
    CONSENTED = "participant.consented", "Agreed to the consent text"
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
    HOOK_ADDED = "hook.added", "Webhook added"
    HOOK_CHANGED = "hook.changed", "Webhook changed"
    HOOK_DELETED = "hook.deleted", "Webhook deleted"
    HOOK_ROTATED = "hook.rotated", "Secret of a webhook rotated"
    HOOK_SWITCHED_ON = "hook.switched_on", "Webhook switched on"
    HOOK_SWITCHED_OFF = "hook.switched_off", "Webhook switched off"
    HOOK_REPLAYED = "hook.replayed", "Messages of a webhook to be sent again"
    INVITED = "invitation.made", "Invitation made"
    INVITATION_REVOKED = "invitation.revoked", "Invitation revoked"
    INVITATION_OPENED = "invitation.opened", "Invitation opened"
    MAIL_SENT = "mail.sent", "Mail sent"
    MAIL_FAILED = "mail.failed", "Mail not delivered"
    MAIL_RETRIED = "mail.retried", "Mail to be sent again"
    MAIL_TEXT_CHANGED = "mail.text_changed", "Mail text changed"
    MAIL_TEXT_RESET = "mail.text_reset", "Mail text back to the default"
    ACCESS_ASKED = "access.asked", "Asked to be let in"
    ACCESS_APPROVED = "access.approved", "Access request approved"
    ACCESS_DENIED = "access.denied", "Access request denied"
    ERASING = "person.erasing", "Erasing begun"
    ERASED = "person.erased", "Erased"
    PERSON_EXPORTED = "person.exported", "Data of a person downloaded"
    FORGOTTEN = "retention.forgotten", "Old rows deleted or blanked"
    KEYS_ROTATED = "keys.rotated", "Token encryption keys rotated"
    API_KEY_MADE = "api_key.made", "API key made"
    API_KEY_ROTATED = "api_key.rotated", "API key rotated"
    API_KEY_REVOKED = "api_key.revoked", "API key revoked"
    USER_PROVISIONED = "user.provisioned", "User made for the identity provider"


_TOLD = {
    EventKind.ENROLLED: HookKind.ENROLLED,
    EventKind.RESTORED: HookKind.ENROLLED,
    EventKind.REMOVING: HookKind.REMOVED,
}
"""Events of participants that outgoing webhooks tell of, written with the event: who is let in, and who no more."""


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
    key: ApiKey | None = None

    @classmethod
    def of(cls, user: User | AnonymousUser | None, *, via: str, request_id: str = "") -> "Actor":
        return cls(via=via, user=user if isinstance(user, User) else None, request_id=request_id)

    @property
    def kind(self) -> ActorKind:
        if self.key is not None:
            return ActorKind.KEY
        return ActorKind.USER if self.user else ActorKind.SYSTEM

    @property
    def name(self) -> str:
        if self.key is not None:
            return self.key.name
        return self.user.get_username() if self.user else ""


class EventQuerySet(AppendOnlyQuerySet["Event"]):
    pass


_ORDER = ("created_at", "id")


class Event(Identified):
    """One thing that happened. Rows are never changed; ``data`` never holds a secret.

    ``address`` is the network that who did it came from, never the whole address; blank for what no request did.
    """

    kind = models.CharField(max_length=40, choices=EventKind.choices)
    actor_kind = models.CharField(max_length=16, choices=ActorKind.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="rollcall_events",
        db_index=False,
    )
    key = models.ForeignKey(ApiKey, null=True, on_delete=models.PROTECT, related_name="events")
    actor_name = models.CharField(max_length=150, blank=True, default="")
    via = models.CharField(max_length=16)
    request_id = models.CharField(max_length=64, blank=True, default="")
    # With a default in the database, for processes that were started before the column was there.
    address = models.CharField("network", max_length=45, blank=True, default="", db_default="")
    meeting = models.ForeignKey(Meeting, null=True, on_delete=models.PROTECT, related_name="events", db_index=False)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="events", db_index=False)
    participant = models.ForeignKey(Participant, null=True, on_delete=models.PROTECT, related_name="events")
    data = models.JSONField(default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["participant", "-created_at"], name="event_of_participant"),
            # The list is in the order of (created_at, id), and within each answer to a question too.
            models.Index(fields=[*_ORDER], name="event_listed"),
            models.Index(fields=["kind", *_ORDER], name="event_of_kind"),
            models.Index(fields=["via", *_ORDER], name="event_through"),
            models.Index(fields=["actor", *_ORDER], name="event_by_actor"),
            models.Index(fields=["meeting", *_ORDER], name="event_of_meeting"),
            models.Index(fields=["person", *_ORDER], name="event_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.created_at:%Y-%m-%d %H:%M})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Events are append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        refuse_unless_forgetting("Events")
        return super().delete(*args, **kwargs)


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
    _tell(kind, by, [event], [thing for thing in (participant or meeting,) if thing is not None], data)
    return event


def record_many(kind: EventKind, by: Actor, about: Iterable[Participant | Person], **data: Any) -> None:
    """One event for each participant or person, with the same data, in few statements."""
    things = list(about)
    events = [
        _build(kind, by, thing, None, None, data)
        if isinstance(thing, Participant)
        else _build(kind, by, None, None, thing, data)
        for thing in things
    ]
    Event.objects.bulk_create(events, batch_size=CHUNK)
    _tell(kind, by, events, [thing for thing in things if isinstance(thing, Participant)], data)


def _tell(
    kind: EventKind, by: Actor, events: list[Event], about: Sequence[Participant | Meeting], data: dict[str, Any]
) -> None:
    keys = [event.participant_id for event in events if event.participant_id is not None]
    if kind in _TOLD and keys:
        more = {"restored": True} if kind is EventKind.RESTORED else {}
        hookqueue.tell_of_participants(_TOLD[kind], keys, at=events[0].created_at, **more)
    if about:
        recorded.send(sender=Event, kind=kind, by=by, about=about, data=data)


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
        key=by.key,
        actor_name=by.name,
        via=by.via,
        request_id=by.request_id[:64],
        address=find_network(),
        participant=participant,
        meeting_id=participant.meeting_id if participant else (meeting.pk if meeting else None),
        person_id=participant.person_id if participant else (person.pk if person else None),
        data=data,
    )
