"""Rights of managers and staff over meetings and their participants, as queryset and verdict."""

import uuid

from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from participants.models import Meeting, Participant
from participants.services import rights


class ManagesSomething(BasePermission):
    """Staff, and users who manage at least one meeting."""

    message = "Only staff and managers of a meeting may do this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        if not user.is_authenticated:
            return False
        return bool(user.is_staff or user.managed_meetings.exists())


def find_meeting(request: Request, meeting_id: uuid.UUID, right: str) -> Meeting:
    """A meeting the user may see. Raises NotFound for one they may not, PermissionDenied without the right."""
    rows = rights.list_meetings(request.user).select_related("default_preset").prefetch_related("managers")
    meeting = rows.filter(pk=meeting_id).first()
    if meeting is None:
        raise NotFound("There is no such meeting, or you may not see it.")
    if not rights.may(request.user, right, meeting):
        raise PermissionDenied(f"You don't have the right {right!r} for this meeting.")
    return meeting


def find_participant(request: Request, participant_id: uuid.UUID, right: str) -> Participant:
    """A participant the user may see. Raises as ``find_meeting``."""
    visible = rights.list_participants(request.user).filter(pk=participant_id).values("pk")
    row = Participant.objects.with_relations().select_related("enrolled_by").filter(pk__in=visible).first()
    if row is None:
        raise NotFound("There is no such participant, or you may not see them.")
    if not rights.may(request.user, right, row.meeting):
        raise PermissionDenied(f"You don't have the right {right!r} for this meeting.")
    return row
