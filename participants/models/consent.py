"""What people agree to before they join a meeting: each wording is a version, written once."""

from typing import Any

from django.conf import settings
from django.db import models

from participants.models.appendonly import AppendOnlyQuerySet, refuse_unless_forgetting
from participants.models.base import Identified

CONSENT_LIMIT = 5_000
"""Characters of one text."""


class ConsentTextQuerySet(AppendOnlyQuerySet["ConsentText"]):
    pass


class ConsentText(Identified):
    """One wording of one meeting. ``number`` counts a meeting's wordings from 1; no two of them share it."""

    meeting = models.ForeignKey("participants.Meeting", on_delete=models.PROTECT, related_name="consents")
    number = models.PositiveIntegerField()
    text = models.TextField(max_length=CONSENT_LIMIT)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="written_consents"
    )
    created_key = models.ForeignKey(
        "participants.ApiKey", null=True, on_delete=models.PROTECT, related_name="written_consents"
    )

    objects = ConsentTextQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["meeting", "number"], name="consent_number_unique_in_meeting")]

    def __str__(self) -> str:
        return f"Version {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Consent texts are append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        refuse_unless_forgetting("Consent texts")
        return super().delete(*args, **kwargs)

    @property
    def written_by(self) -> str:
        """Blank where the user was deleted since."""
        if self.created_key is not None:
            return f"API key {self.created_key.name}"
        return self.created_by.get_username() if self.created_by else ""
