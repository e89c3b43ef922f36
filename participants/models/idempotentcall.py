from django.db import models

from participants.models.base import Claimed, Identified, LeasedQuerySet


class IdempotentCallQuerySet(LeasedQuerySet["IdempotentCall"]):
    def unanswered(self) -> "IdempotentCallQuerySet":
        return self.filter(status=None)


class IdempotentCall(Identified, Claimed):
    """One creating call under a key of the caller's choice, and what it was answered.

    Without a ``status`` it is being worked on, or was cut short once its lease is over. ``body`` is JSON as it was
    sent, and never one that carries a token.
    """

    caller = models.CharField(max_length=64, help_text="user:<id> or key:<id>")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True, default="")

    objects = IdempotentCallQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="idempotent_call_unique")]
        indexes = [models.Index(fields=["created_at"], name="idempotent_call_age")]

    def __str__(self) -> str:
        return f"{self.key} of {self.caller}"
