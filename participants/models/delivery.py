"""Webhooks as received, stored before anything is done about them (contract 16)."""

from django.db import models
from django.db.models import Q

from participants.models.base import Claimed, Identified, LeasedQuerySet
from participants.states import DeliveryState


class DeliveryQuerySet(LeasedQuerySet["Delivery"]):
    def waiting(self) -> "DeliveryQuerySet":
        return self.filter(state=DeliveryState.NEW)


class Delivery(Identified, Claimed):
    """One genuine delivery. ``body`` is what was signed, without its secrets; ``body_hash`` is of the raw bytes.

    ``rtk_uuid`` may change when a delivery is repeated and is not covered by the signature, so the hash decides
    what is the same delivery; an id seen before with another body is left out.
    """

    rtk_uuid = models.CharField("rtk-uuid", max_length=255, null=True, blank=True, editable=False)
    webhook_id = models.CharField(max_length=255, blank=True, default="", editable=False)
    body_hash = models.CharField(max_length=64, editable=False)
    body = models.JSONField(default=dict, editable=False)
    headers = models.JSONField(default=dict, editable=False)
    event = models.CharField(max_length=64, blank=True, default="", editable=False)
    remote_meeting_id = models.CharField(max_length=255, blank=True, default="", editable=False)
    session_id_text = models.CharField("session id", max_length=255, blank=True, default="", editable=False)
    received_at = models.DateTimeField(editable=False)
    repeats = models.PositiveIntegerField(default=0, editable=False, help_text="Times it came again.")
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.NEW, editable=False)
    outcome = models.CharField(max_length=64, blank=True, default="", editable=False)
    worked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at", "id"]
        verbose_name_plural = "deliveries"
        permissions = [
            ("replay_delivery", "Can have a delivery worked on again"),
            ("register_webhook", "Can register the webhook at RealtimeKit"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["body_hash"], name="delivery_body_unique"),
            models.UniqueConstraint(
                fields=["rtk_uuid"], condition=Q(rtk_uuid__isnull=False), name="delivery_uuid_unique"
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at", "received_at"], condition=Q(state="new"), name="delivery_work"),
            models.Index(fields=["received_at"], name="delivery_received"),
            models.Index(fields=["session_id_text"], name="delivery_of_session"),
            models.Index(fields=["remote_meeting_id"], name="delivery_of_meeting"),
        ]

    def __str__(self) -> str:
        return f"{self.event or 'delivery'} {self.received_at:%Y-%m-%d %H:%M:%S}"


class WebhookKey(models.Model):
    """A public key that deliveries are checked with. Old ones stay: a delivery may be signed before a change."""

    fingerprint = models.CharField(max_length=64, primary_key=True)
    pem = models.TextField()
    first_seen_at = models.DateTimeField()
    fetched_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        ordering = ["-fetched_at"]

    def __str__(self) -> str:
        return self.fingerprint[:12]
