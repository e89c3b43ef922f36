"""Outgoing webhooks: who wants to be told of what, and each message to them, which is the queue and the log."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from participants.models.base import Claimed, Identified, LeasedQuerySet, Queued
from participants.models.fields import EncryptedTextField
from participants.models.meeting import Meeting
from participants.states import HookKind, HookMessageState, HookOff

NAME_LIMIT = 100
URL_LIMIT = 500
EXCERPT_LIMIT = 500


class HookQuerySet(LeasedQuerySet["Hook"]):
    def active(self) -> "HookQuerySet":
        return self.filter(off_at=None)


class Hook(Identified, Claimed):
    """An address that is told of what happens. ``meetings`` empty means all of them.

    ``secret`` reads as None when no key decrypts it; nothing is sent then. The one before it signs too until
    ``previous_until``. ``failing_since`` is when the failures began that no success has ended; until ``paused_until``
    it is left alone.
    """

    name = models.CharField(max_length=NAME_LIMIT, unique=True)
    url = models.CharField("address", max_length=URL_LIMIT)
    secret = EncryptedTextField(null=True, editable=False)
    previous_secret = EncryptedTextField(null=True, blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    kinds = models.JSONField("tells of", default=list)
    meetings = models.ManyToManyField(
        Meeting, blank=True, related_name="hooks", help_text="Only these meetings; empty for all of them."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    off_at = models.DateTimeField(null=True, blank=True, editable=False)
    off_reason = models.CharField(max_length=16, choices=HookOff.choices, blank=True, default="", editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="In a row.")
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    served_at = models.DateTimeField(null=True, blank=True, editable=False)
    succeeded_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = HookQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "outgoing webhook"
        default_permissions = ()
        permissions = [("manage_hooks", "Can manage outgoing webhooks and read what they were sent")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.off_at is None

    def list_secrets(self, now: datetime) -> list[str]:
        """What a message is signed with, the secret in force first; empty when it can't be read."""
        if not self.secret:
            return []
        overlaps = self.previous_secret and self.previous_until and now < self.previous_until
        return [self.secret, *([self.previous_secret] if overlaps and self.previous_secret else [])]


class HookMessageQuerySet(LeasedQuerySet["HookMessage"]):
    def waiting(self) -> "HookMessageQuerySet":
        return self.filter(state=HookMessageState.WAITING)


class HookMessage(Identified, Queued):
    """One thing one hook is told. ``webhook_id`` stays the same however often it is sent; ``payload`` is its body."""

    hook = models.ForeignKey(Hook, on_delete=models.CASCADE, related_name="messages", editable=False)
    kind = models.CharField(max_length=40, choices=HookKind.choices, editable=False)
    webhook_id = models.CharField("webhook-id", max_length=64, editable=False)
    payload = models.JSONField(default=dict, editable=False)
    meeting = models.ForeignKey(Meeting, null=True, on_delete=models.PROTECT, related_name="+", editable=False)
    state = models.CharField(
        max_length=16, choices=HookMessageState.choices, default=HookMessageState.WAITING, editable=False
    )
    attempted_at = models.DateTimeField(null=True, blank=True, editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True, editable=False)
    milliseconds = models.PositiveIntegerField(null=True, blank=True, editable=False, help_text="The last attempt.")
    status = models.PositiveIntegerField("HTTP status", null=True, blank=True, editable=False)
    excerpt = models.CharField("answer", max_length=EXCERPT_LIMIT, blank=True, default="", editable=False)

    objects = HookMessageQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "webhook message"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["webhook_id"], name="hookmessage_webhook_id_unique")]
        indexes = [
            models.Index(
                fields=["hook", "next_attempt_at", "created_at"],
                condition=Q(state="waiting"),
                name="hookmessage_work",
            ),
            models.Index(fields=["hook", "-created_at"], name="hookmessage_of_hook"),
            models.Index(fields=["-created_at", "-id"], name="hookmessage_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.hook} ({self.created_at:%Y-%m-%d %H:%M:%S})"
