from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from participants.models.base import Identified
from participants.models.meeting import Meeting
from participants.states import KeyScope


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self, now: datetime) -> "ApiKeyQuerySet":
        return self.filter(revoked_at=None, expires_at__gt=now)

    def with_digest(self, digest: str) -> "ApiKeyQuerySet":
        """The key whose secret, or whose former one, has this digest."""
        return self.filter(Q(digest=digest) | Q(former_digest=digest))


class ApiKey(Identified):
    """What another back end calls us with. Only digests of its secrets are stored.

    ``scopes`` are values of KeyScope. It reaches ``meetings``, or each and every one with ``all_meetings``. Rotating
    leaves the former secret good until ``former_until``. Rows are never deleted: events name them.
    """

    name = models.CharField(max_length=100)
    scopes = models.JSONField(default=list)
    all_meetings = models.BooleanField(default=False)
    meetings = models.ManyToManyField(Meeting, blank=True, related_name="api_keys")
    prefix = models.CharField(max_length=16, help_text="How the secret begins, to tell keys apart.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    former_prefix = models.CharField(max_length=16, blank=True, default="", editable=False)
    former_digest = models.CharField(max_length=64, null=True, unique=True, editable=False)
    former_until = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, editable=False)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    last_used_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "id"]
        default_permissions = ("view",)
        permissions = [("manage_apikey", "Can make, rotate and revoke API keys")]

    def __str__(self) -> str:
        return self.name

    def list_scopes(self) -> list[KeyScope]:
        """In the order of KeyScope; a scope that is known no more gives nothing."""
        return [scope for scope in KeyScope if scope.value in self.scopes]
