"""What somebody asks who has no place yet: opening a personal link, and asking to be let in."""

import secrets
import uuid

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.middleware.csrf import rotate_token
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from config.logs import request_id
from participants.api.authentication import AlwaysWithToken
from participants.api.invitationrendering import render_request
from participants.api.invitationshapes import AccessInput, AccessShape, RedeemedShape, RedeemInput
from participants.api.rendering import render_time
from participants.api.throttling import AskThrottle, GuessThrottle, PersonThrottle
from participants.api.views import NO_STORE, read_actor, read_user
from participants.errors import InvitationUnknown
from participants.models import Actor, Invitation, Meeting, Person
from participants.services import accessrequests, guests

DEVICE_COOKIE = "rollcall_device"
"""What a browser is known by to its invitations. It opens nothing by itself."""
_DEVICE_AGE = 400 * 86_400
_EXAMPLE = {"secret": "rci_5Qk0lS3mC1cWq0yqD2k8w6s4Jm0r1vJ0m8m3W0yXk2A"}


class RedeemView(APIView):
    http_method_names = ["post"]  # nor OPTIONS, which would describe it to everybody
    authentication_classes = [AlwaysWithToken]
    permission_classes = [AllowAny]
    throttle_classes = [GuessThrottle]

    @extend_schema(
        operation_id="invitations_redeem",
        summary="Open an invitation",
        description="Makes the browser's session good for the one participant whom the link is for, or leaves "
        "somebody signed in who opens their own. The session ends with the invitation. Codes: `invitation_unknown`, "
        "`invitation_revoked`, `invitation_expired`, `invitation_used` (opened on another device first, where "
        "`INVITATION_DEVICES` is `first`), `removed`, `blocked`, and `signed_in_as_other` with `name` and "
        "`signed_in`: ask whom they want to be, and repeat with `replace`. Needs the CSRF token though nobody is "
        "signed in.",
        request=RedeemInput,
        responses={200: RedeemedShape},
        examples=[OpenApiExample("A link's secret", value=_EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        asked = RedeemInput(data=request.data)
        asked.is_valid(raise_exception=True)
        user = request.user if isinstance(request.user, User) else None
        device = request.COOKIES.get(DEVICE_COOKIE) or secrets.token_urlsafe(24)
        try:
            opened = guests.open_link(
                asked.validated_data["secret"],
                device=device,
                user=user,
                replacing=asked.validated_data["replace"],
                by=Actor(via="invitation", request_id=request_id.get()),
            )
        except InvitationUnknown:
            GuessThrottle.note_wrong_guess(request)
            raise
        if not opened.by_user:
            _become_guest(request, opened.invitation)
        row = opened.invitation.participant
        body = {
            "joins_as": "user" if opened.by_user else "guest",
            "meeting": str(row.meeting_id),
            "title": row.meeting.title,
            "name": row.effective_name,
            "expires_at": render_time(opened.invitation.expires_at),
        }
        answer = Response(body, headers=NO_STORE)
        if not opened.by_user:
            answer.set_cookie(
                DEVICE_COOKIE,
                device,
                max_age=_DEVICE_AGE,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return answer


def _become_guest(request: Request, invitation: Invitation) -> None:
    """As at a sign-in: whoever was signed in is signed out, and session key and CSRF token are new ones."""
    if request.user.is_authenticated:
        logout(request._request)
    else:
        request.session.cycle_key()
    left = (invitation.expires_at - timezone.now()).total_seconds()
    request.session[guests.SESSION_KEY] = str(invitation.pk)
    request.session.set_expiry(max(1, int(min(settings.SESSION_COOKIE_AGE, left))))
    rotate_token(request._request)


class AccessView(APIView):
    throttle_classes = [PersonThrottle]

    def get_throttles(self) -> list[BaseThrottle]:
        return [AskThrottle() if self.request.method == "POST" else PersonThrottle()]

    @extend_schema(
        operation_id="meetings_access_get",
        summary="My request to be let in",
        description="The latest; 404 when there was none.",
        responses={200: AccessShape},
    )
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        person = Person.objects.filter(user=read_user(request)).first()
        meeting = Meeting.objects.filter(pk=meeting_id).first()
        found = accessrequests.find_latest(meeting, person) if meeting and person else None
        if found is None:
            raise NotFound("You have not asked to be let in to such a meeting.")
        return Response(render_request(found), headers=NO_STORE)

    @extend_schema(
        operation_id="meetings_access_ask",
        summary="Ask to be let in",
        description="For somebody signed in who is not enrolled, where the meeting takes requests. 201 for a new "
        "request; 200 for the one that is open already, which stays as it is. Codes: `requests_closed`, "
        "`already_enrolled`, `removed`, `blocked`, `asked_lately` (after a denial, for a day).",
        request=AccessInput,
        responses={201: AccessShape, 200: AccessShape},
        examples=[OpenApiExample("Asking", value={"message": "I am new in group 7."}, request_only=True)],
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        asked = AccessInput(data=request.data)
        asked.is_valid(raise_exception=True)
        row, created = accessrequests.ask(
            meeting_id=meeting_id,
            user=read_user(request),
            message=asked.validated_data["message"],
            by=read_actor(request),
        )
        return Response(render_request(row), status=201 if created else 200, headers=NO_STORE)
