from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Case, Q, Value, When

from participants.models.base import Identified
from participants.models.participant import Participant
from participants.states import InvitationState

_S = InvitationState


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def live(self, now: datetime) -> "InvitationQuerySet":
        """Whose link opens the meeting's page at that moment."""
        return self.filter(revoked_at=None, expires_at__gt=now)

    def with_relations(self) -> "InvitationQuerySet":
        row = "participant"
        related = ("meeting", "meeting__default_preset", "person", "person__user", "preset")
        rows = self.select_related(row, *(f"{row}__{name}" for name in related), "issued_by")
        return rows.defer(f"{row}__raw", f"{row}__meeting__raw", f"{row}__preset__raw")

    def with_state(self, now: datetime) -> "InvitationQuerySet":
        """Adds ``state`` as ``decide_state`` computes it."""
        cases = [
            When(is_replaced=True, then=Value(_S.REPLACED.value)),
            When(revoked_at__isnull=False, then=Value(_S.REVOKED.value)),
            When(expires_at__lte=now, then=Value(_S.EXPIRED.value)),
            When(first_used_at__isnull=False, then=Value(_S.OPENED.value)),
        ]
        return self.annotate(state=Case(*cases, default=Value(_S.UNOPENED.value), output_field=models.CharField()))

    def narrow(self, **wanted: str) -> "InvitationQuerySet":
        """Rows ``with_state`` of that state."""
        return self.filter(**wanted)


class Invitation(Identified):
    """One personal link into one meeting, good for one participant. Its secret is stored nowhere, only a hash.

    A newer one ends the older: at most one per participant is not revoked.
    """

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="invitations")
    secret_hash = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    is_replaced = models.BooleanField(default=False, editable=False, help_text="Revoked since a newer one was made.")
    device_hash = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text="Of the first device that opened it."
    )
    first_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    uses = models.PositiveIntegerField(default=0, editable=False)
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        default_permissions = ("view",)
        permissions = [
            ("send_invitation", "Can invite people, send invitations again and copy their links"),
            ("revoke_invitation", "Can revoke an invitation"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["participant"], condition=Q(revoked_at=None), name="invitation_one_not_revoked"
            ),
            models.CheckConstraint(
                condition=Q(is_replaced=False) | Q(revoked_at__isnull=False), name="invitation_replaced_is_revoked"
            ),
        ]

    def __str__(self) -> str:
        return f"Invitation of {self.participant}"

    def decide_state(self, now: datetime) -> InvitationState:
        if self.is_replaced:
            return _S.REPLACED
        if self.revoked_at is not None:
            return _S.REVOKED
        if self.expires_at <= now:
            return _S.EXPIRED
        return _S.OPENED if self.first_used_at else _S.UNOPENED
