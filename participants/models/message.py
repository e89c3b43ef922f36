from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from participants.models.accessrequest import AccessRequest
from participants.models.base import Identified, LeasedQuerySet, Queued
from participants.models.fields import EncryptedTextField
from participants.models.invitation import Invitation
from participants.models.meeting import Meeting
from participants.models.participant import Participant
from participants.models.person import Person
from participants.states import MessageKind, MessageState


class MessageQuerySet(LeasedQuerySet["Message"]):
    def waiting(self) -> "MessageQuerySet":
        return self.filter(state=MessageState.WAITING)

    def untouched(self) -> "MessageQuerySet":
        """Waiting, and certainly not handed to a mail server yet, nor just being handed over."""
        rows = self.waiting().filter(outcome_unknown=False, attempts=0)
        return rows.unleased()  # type: ignore[return-value]  # its subclass

    def with_relations(self) -> "MessageQuerySet":
        related = ("meeting", "person", "person__user", "participant", "participant__preset", "invitation", "request")
        return self.select_related(*related).defer("meeting__raw", "participant__raw", "participant__preset__raw")


class Message(Identified, Queued):
    """One mail to one address. The row is the queue, and afterwards the record of what became of it.

    ``secret`` is what the link of an invitation ends with: encrypted, and blanked as soon as the mail is sent, given
    up or not needed. ``data`` is what the text says beyond that, never a secret.
    """

    kind = models.CharField(max_length=16, choices=MessageKind.choices, editable=False)
    state = models.CharField(
        max_length=16, choices=MessageState.choices, default=MessageState.WAITING, editable=False
    )
    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, related_name="messages", editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="messages", editable=False)
    participant = models.ForeignKey(
        Participant, null=True, on_delete=models.PROTECT, related_name="messages", editable=False
    )
    invitation = models.ForeignKey(
        Invitation, null=True, on_delete=models.PROTECT, related_name="messages", editable=False
    )
    request = models.ForeignKey(
        AccessRequest, null=True, on_delete=models.PROTECT, related_name="messages", editable=False
    )
    address = models.EmailField(editable=False)
    subject = models.CharField(max_length=300, blank=True, default="", editable=False, help_text="As it was sent.")
    data: Any = models.JSONField(default=dict, editable=False)
    secret = EncryptedTextField(null=True, editable=False)
    outcome_unknown = models.BooleanField(
        default=False, editable=False, help_text="A mail server may have taken it; it is sent again."
    )
    sequence = models.PositiveIntegerField(
        null=True, editable=False, help_text="Of the calendar entry that went with it."
    )
    entry_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = "mail"
        ordering = ["-created_at", "id"]
        default_permissions = ("view",)
        permissions = [("retry_message", "Can have a mail sent again")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state=MessageState.WAITING) | Q(secret__isnull=True), name="message_keeps_no_secret"
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(state="waiting"), name="message_work"),
            models.Index(fields=["participant", "-created_at"], name="message_of_participant"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.address}"
