import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from participants.models.base import Identified


def make_custom_id() -> str:
    return str(uuid.uuid4())


class Person(Identified):
    """Somebody who can be enrolled: a local user, or a guest known by name and e-mail.

    Owns one ``custom_participant_id``, which RealtimeKit knows them by: opaque and never changed.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="person"
    )
    display_name = models.CharField(max_length=100, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    picture_url = models.URLField(max_length=500, blank=True, default="")
    custom_participant_id = models.CharField(max_length=255, unique=True, default=make_custom_id, editable=False)
    blocked_at = models.DateTimeField(null=True, blank=True, editable=False)
    block_reason = models.CharField(max_length=300, blank=True, default="")
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged_people", editable=False
    )

    class Meta:
        verbose_name_plural = "people"
        ordering = ["display_name", "id"]
        permissions = [
            ("block_person", "Can block and unblock a person"),
            ("merge_person", "Can merge a guest into a user's person"),
            ("erase_person", "Can erase a person for good"),
            ("export_person", "Can download what is held about a person"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["email"],
                condition=Q(user=None) & ~Q(email=""),
                name="person_email_unique_without_user",
            )
        ]
        indexes = [
            models.Index(fields=["display_name", "id"], name="person_named"),
            models.Index(fields=["erased_at"], condition=Q(erased_at__isnull=False), name="person_erased"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.email or "Unnamed person"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding and kwargs.get("update_fields") is None:
            # The id ties RealtimeKit's records to us; a changed one would orphan them.
            kwargs["update_fields"] = [
                f.name
                for f in self._meta.concrete_fields
                if f.name not in {"id", "custom_participant_id", "created_at"}
            ]
        super().save(*args, **kwargs)

    @property
    def is_active(self) -> bool:
        """False for a blocked, erased or merged person and for a deactivated user."""
        is_out = self.blocked_at or self.erased_at or self.merged_into_id
        return not is_out and (self.user is None or self.user.is_active)
