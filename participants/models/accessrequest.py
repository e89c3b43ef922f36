from django.conf import settings
from django.db import models
from django.db.models import Q

from participants.models.base import Identified
from participants.models.meeting import Meeting
from participants.models.participant import Participant
from participants.models.person import Person
from participants.states import RequestState

MESSAGE_LIMIT = 500


class AccessRequest(Identified):
    """Somebody who is signed in and not enrolled asks to be let in. At most one open one per meeting and person."""

    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, related_name="access_requests", editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="access_requests", editable=False)
    message = models.CharField(max_length=MESSAGE_LIMIT, blank=True, default="", editable=False)
    state = models.CharField(max_length=16, choices=RequestState.choices, default=RequestState.OPEN, editable=False)
    participant = models.ForeignKey(
        Participant, null=True, on_delete=models.PROTECT, related_name="access_requests", editable=False
    )
    answer = models.CharField(max_length=MESSAGE_LIMIT, blank=True, default="", editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    class Meta:
        ordering = ["-created_at", "id"]
        default_permissions = ("view",)
        permissions = [("decide_accessrequest", "Can approve or deny access requests")]
        constraints = [
            models.UniqueConstraint(
                fields=["meeting", "person"], condition=Q(state=RequestState.OPEN), name="access_request_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} asks for {self.meeting}"
