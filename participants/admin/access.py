"""Rights and authorship of one admin request. The rules themselves are those of ``services.rights``."""

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.urls import reverse

from config.logs import request_id
from participants.models import Actor, Meeting
from participants.services import rights
from participants.services.people import parse_id

ORIGIN = "participant"
"""The parameter that brings staff back to the participant whose trouble they went to fix."""
BOARD = "board"
"""The parameter that brings staff back to the live board of this meeting."""

_NOTE = "_rollcall_manages"


def read_actor(request: HttpRequest) -> Actor:
    return Actor.of(request.user, via="admin", request_id=request_id.get())


def find_origin(request: HttpRequest) -> str:
    """The page that the address names as where the user came from, if they may see it: a participant's, or a
    meeting's live board."""
    board = parse_id(request.GET.get(BOARD, ""))
    if board is not None and rights.list_meetings(request.user, "view_presence").filter(pk=board).exists():
        return reverse("admin:participants_meeting_board", args=[board])
    key = parse_id(request.GET.get(ORIGIN, ""))
    if key is None or not rights.list_participants(request.user).filter(pk=key).exists():
        return ""
    return reverse("admin:participants_participant_change", args=[key])


def may(request: HttpRequest, right: str, meeting: Meeting | None = None) -> bool:
    """Whether the user has the right for the meeting, or without one for any meeting at all."""
    if meeting is not None:
        return rights.may(request.user, right, meeting)
    return rights.holds(request.user, right) or manages(request.user, right)


def manages(user: User | AnonymousUser, right: str) -> bool:
    """Whether the user has the right for some meeting by managing it."""
    if right not in rights.MANAGER_RIGHTS or not user.is_active:
        return False
    # Asked for every button of a page: once for each user that a request has read.
    known: bool | None = getattr(user, _NOTE, None)
    if known is None:
        known = rights.managed_by(user.pk).exists()
        setattr(user, _NOTE, known)
    return known
