"""Who may manage, and what they find: each right opens what it names, to a back end that holds no other too."""

import uuid

from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from participants.api.callers import ScopeMissing, check_scope, read_caller
from participants.models import ApiKey, Batch, Invitation, Meeting, Message, Participant, Presence
from participants.services import batchrights, rights
from participants.states import KeyScope


class ManagesSomething(BasePermission):
    """Staff, users who manage at least one meeting, and API keys; these for many at once by a scope of its own."""

    message = "Only staff and managers of a meeting may do this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(key := request.auth, ApiKey):
            bulk = getattr(view, "is_bulk", False) and request.method == "POST"
            if bulk and KeyScope.BATCHES not in key.list_scopes():
                raise ScopeMissing(KeyScope.BATCHES)
            return True
        user = request.user
        if not user.is_authenticated:
            return False
        return bool(user.is_staff or user.managed_meetings.exists())


def find_meeting(request: Request, meeting_id: uuid.UUID, right: str) -> Meeting:
    """The meeting, for somebody with the right.

    Raises PermissionDenied without the right, NotFound for somebody who may not even see it.
    """
    caller = read_caller(request)
    check_scope(caller, right)
    rows = Meeting.objects.select_related("default_preset", "consent").prefetch_related("managers")
    meeting = rows.filter(pk=meeting_id).first()
    if meeting is not None:
        if rights.may(caller, right, meeting):
            return meeting
        if rights.may(caller, "view_meeting", meeting):
            raise PermissionDenied(f"You don't have the right {rights.as_people(right)!r} for this meeting.")
    raise NotFound("There is no such meeting, or you may not see it.")


def find_participant(request: Request, participant_id: uuid.UUID, right: str) -> Participant:
    """The participant, for somebody with the right. Raises as ``find_meeting``."""
    caller = read_caller(request)
    check_scope(caller, right)
    related = ("enrolled_by", "consented_to", "meeting__consent")
    row = Participant.objects.with_relations().select_related(*related).filter(pk=participant_id).first()
    if row is not None:
        if rights.may(caller, right, row.meeting):
            return row
        if rights.may(caller, "view_participant", row.meeting):
            raise PermissionDenied(f"You don't have the right {right!r} for this meeting.")
    raise NotFound("There is no such participant, or you may not see them.")


def find_batch(request: Request, batch_id: uuid.UUID, action: str = "") -> Batch:
    """The batch, for somebody who may see it, or do this to it (stop, retry, undo). Raises as ``find_meeting``."""
    caller = read_caller(request)
    if action:
        check_scope(caller, *(needed[action] for needed in batchrights.RIGHTS.values()))
    else:
        check_scope(caller, "view_participant", *batchrights.STARTING.values())
    batch = Batch.objects.with_relations().filter(pk=batch_id).first()
    if batch is not None:
        seen = batchrights.may_see(caller, batch)
        if batchrights.may_act(caller, action, batch) if action else seen:
            return batch
        if seen or (batch.meeting is not None and rights.may(caller, "view_meeting", batch.meeting)):
            right = batchrights.RIGHTS[batch.kind].get(action) or batchrights.STARTING[batch.kind]
            raise PermissionDenied(f"You don't have the right {right!r} for its people.")
    raise NotFound("There is no such batch, or you may not see it.")


def find_invitation(request: Request, invitation_id: uuid.UUID, right: str) -> Invitation:
    """The invitation, for somebody with the right for its meeting. Raises as ``find_meeting``."""
    caller = read_caller(request)
    check_scope(caller, right)
    row = Invitation.objects.with_relations().filter(pk=invitation_id).first()
    if row is not None:
        if rights.may(caller, right, row.participant.meeting):
            return row
        if rights.may(caller, "view_invitation", row.participant.meeting):
            raise PermissionDenied(f"You don't have the right {right!r} for this meeting.")
    raise NotFound("There is no such invitation, or you may not see it.")


def find_message(request: Request, message_id: uuid.UUID, right: str) -> Message:
    """The mail, for somebody with the right for its meeting. Raises as ``find_meeting``."""
    caller = read_caller(request)
    check_scope(caller, right)
    row = Message.objects.with_relations().filter(pk=message_id).first()
    if row is not None:
        if rights.may(caller, right, row.meeting):
            return row
        if rights.may(caller, "view_message", row.meeting):
            raise PermissionDenied(f"You don't have the right {right!r} for this meeting.")
    raise NotFound("There is no such mail, or you may not see it.")


def find_presence(request: Request, presence_id: uuid.UUID, right: str) -> Presence:
    """The row, for somebody with the right for its meeting. Raises as ``find_meeting``."""
    caller = read_caller(request)
    check_scope(caller, right)
    row = Presence.objects.select_related("participant__meeting").filter(pk=presence_id).first()
    if row is not None:
        if rights.may(caller, right, row.participant.meeting):
            return row
        if rights.may(caller, "view_presence", row.participant.meeting):
            raise PermissionDenied(f"You don't have the right {right!r} for this meeting.")
    raise NotFound("There is no such attendance, or you may not see it.")


def require_export(request: Request, meeting: Meeting | None = None) -> None:
    """Raises PermissionDenied for who may take no list of this meeting, or of any, away as a file."""
    caller = read_caller(request)
    check_scope(caller, "export_data")
    if meeting is None:
        allowed = rights.holds(caller, "export_data") or rights.list_meetings(caller, "export_data").exists()
    else:
        allowed = rights.may(caller, "export_data", meeting)
    if not allowed:
        raise PermissionDenied("You don't have the right 'export_data'.")
