from django.conf import settings
from django.db import models

from participants.models.base import Identified


class ExternalIdentity(Identified):
    """Whom the customer's identity provider means by a subject.

    ``email`` is what the provider said last. It becomes the user's own only once the provider says that it is
    verified (``noted_email``): else anybody could type somebody else's and be enrolled in their place.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="external_identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    email = models.EmailField(blank=True, default="")
    noted_email = models.EmailField(blank=True, default="")

    class Meta:
        verbose_name = "external identity"
        verbose_name_plural = "external identities"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="identity_unique")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"
