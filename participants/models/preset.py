from django.db import models
from django.db.models import Q

from participants.models.base import Identified, Mirrored


class PresetQuerySet(models.QuerySet["Preset"]):
    def available(self) -> "PresetQuerySet":
        return self.filter(gone_at=None)


class Preset(Identified, Mirrored):
    """Mirror of a RealtimeKit preset: the role, permissions and look given to a participant (contract 8)."""

    name = models.CharField(max_length=255)

    objects = PresetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(gone_at=None), name="preset_name_unique_where_not_gone"
            ),
            models.UniqueConstraint(fields=["realtimekit_id"], name="preset_realtimekit_id_unique"),
        ]

    def __str__(self) -> str:
        return self.name
