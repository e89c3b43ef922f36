from django.conf import settings
from django.db import models
from django.db.models import F
from django.db.models.functions import Lower

from participants.models.base import Identified
from participants.states import VerifiedBy


class VerifiedEmailQuerySet(models.QuerySet["VerifiedEmail"]):
    def current(self) -> "VerifiedEmailQuerySet":
        """Marks that count: of the address that the user has now, and of users who may sign in."""
        return self.alias(now=Lower("user__email")).filter(now=F("email"), user__is_active=True)


class VerifiedEmail(Identified):
    """Somebody vouches that this address is the user's own; Django's own e-mail field proves nothing.

    Lower-cased. Counts only while it is the address that the user has, and for one user at a time.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="verified_emails")
    email = models.EmailField(unique=True)
    source = models.CharField(max_length=16, choices=VerifiedBy.choices)
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    verified_at = models.DateTimeField()

    objects = VerifiedEmailQuerySet.as_manager()

    class Meta:
        verbose_name = "verified e-mail"
        default_permissions = ()
        permissions = [("verify_email", "Can mark a user's e-mail address as verified")]

    def __str__(self) -> str:
        return self.email
