"""What an attendee asks: join, "may I", my meetings, who am I. Parse, call one service, render."""

import uuid
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.middleware.csrf import get_token
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.logs import request_id
from participants.api import examples
from participants.api.attendancerendering import render_my_presence
from participants.api.attendanceshapes import MyPresenceShape
from participants.api.invitationrendering import render_guest, render_standing
from participants.api.pagination import Pages
from participants.api.rendering import (
    render_admitted,
    render_meeting,
    render_my_meeting,
    render_time,
    render_verdict,
)
from participants.api.schema import PAGING, describe_page
from participants.api.serializers import AdmissionShape, JoinAnswer, JoinRequest, Me, MyMeeting
from participants.api.throttling import JoinThrottle, PersonThrottle
from participants.errors import RollcallError
from participants.models import Actor, ApiKey, Meeting, Participant, Person, Presence
from participants.services import accessrequests, admission, guests, joining, rights
from participants.services.guests import Guest
from participants.states import RESTORABLE
from participants.watch.joins import note_join

NO_STORE = {"Cache-Control": "no-store"}


def read_user(request: Request) -> User:
    """The signed-in user; permissions have seen to it that there is one."""
    assert isinstance(request.user, User)
    return request.user


def read_guest(request: Request) -> Guest | None:
    """Who came by an invitation, and not by signing in."""
    user: Any = request.user
    return user if isinstance(user, Guest) else None


def read_actor(request: Request) -> Actor:
    if isinstance(request.auth, ApiKey):
        return Actor(via="api", key=request.auth, request_id=request_id.get())
    return Actor.of(request.user, via="api", request_id=request_id.get())


class JoinView(APIView):
    admits_guests = True
    throttle_classes = [JoinThrottle]

    @extend_schema(
        operation_id="meetings_join",
        summary="Join a meeting",
        description="The signed-in person's participant token, from the cache where it is fresh. Call it at the "
        "click on Join, keep the token in memory only, and never send it anywhere but to the SDK. Where the meeting "
        "has a text to agree to, the refusal `consent_required` brings it along as `consent`; show it, and once the "
        "person agrees send its `id` as `consent`.",
        request=JoinRequest,
        responses={200: JoinAnswer},
        examples=[
            OpenApiExample("Join", value={}, request_only=True),
            OpenApiExample("The SDK refused the token", value={"refresh": True}, request_only=True),
            OpenApiExample("The person agrees to the text", value=examples.AGREE, request_only=True),
            OpenApiExample("Admitted", value=examples.JOIN, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        asked = {} if request.data == {} else _read_join(request.data)
        by = Actor.of(request.user, via="join", request_id=request_id.get())
        how: dict[str, Any] = {
            "renew": asked.get("refresh", False),
            "agrees_to": asked.get("consent"),
        }
        try:
            if (guest := read_guest(request)) is not None:
                admitted = guests.join(guest, meeting_id, by=by, **how)
            else:
                admitted = joining.join(meeting_id=meeting_id, user=read_user(request), by=by, **how)
        except RollcallError as error:
            note_join(error.code)
            raise
        note_join("ok", admitted.cache, participant=admitted.participant.pk)
        return Response(render_admitted(admitted), headers=NO_STORE)


def _read_join(data: Any) -> dict[str, Any]:
    asked = JoinRequest(data=data)
    asked.is_valid(raise_exception=True)
    found: dict[str, Any] = asked.validated_data
    return found


class AdmissionView(APIView):
    admits_guests = True
    throttle_classes = [PersonThrottle]

    @extend_schema(
        operation_id="meetings_admission",
        summary="May I join?",
        description="The verdict a join would meet now. Nothing is changed and no token is given. The code is "
        "`ok` or the reason, in the order of the checks. Who is not enrolled reads under `access` whether they may "
        "ask to be let in, and what became of their last request.",
        responses={200: AdmissionShape},
        examples=[OpenApiExample("Too early", value=examples.ADMISSION, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        now = timezone.now()
        verdict, meeting = judge_caller(request, meeting_id, now)
        if meeting is None:
            raise NotFound("There is no such meeting. Check the link.")
        body = {**render_verdict(verdict), "server_time": render_time(now), "meeting": render_meeting(meeting)}
        if verdict.code == "not_enrolled" and read_guest(request) is None:
            person = Person.objects.filter(user=read_user(request)).first()
            body["access"] = render_standing(accessrequests.find_standing(meeting, person))
        return Response(body, headers=NO_STORE)


def judge_caller(request: Request, meeting_id: uuid.UUID, now: datetime) -> tuple[admission.Verdict, Meeting | None]:
    guest = read_guest(request)
    return guests.judge(guest, meeting_id, now) if guest is not None else judge_user(request, meeting_id, now)


def judge_user(request: Request, meeting_id: uuid.UUID, now: datetime) -> tuple[admission.Verdict, Meeting | None]:
    """The verdict on the signed-in user, and the meeting if there is one."""
    row = joining.find_row(meeting_id, read_user(request))
    if row is not None:
        return admission.judge_row(row, now), row.meeting
    meeting = Meeting.objects.select_related("default_preset", "consent").filter(pk=meeting_id).first()
    person = Person.objects.filter(user=read_user(request)).select_related("user").first()
    room = meeting is None or admission.has_room(meeting)
    return admission.judge(admission.Case(meeting, person, None, now, has_room=room)), meeting


def list_enrolled(request: Request) -> Any:
    guest = read_guest(request)
    own = Q(pk=guest.participant.pk) if guest is not None else Q(person__user=read_user(request))
    rows = Participant.objects.with_relations().select_related("meeting__consent").filter(own)
    return rows.exclude(state__in=RESTORABLE).defer("meeting__raw", "preset__raw")


class MyMeetingsView(APIView):
    admits_guests = True
    throttle_classes = [PersonThrottle]

    @extend_schema(
        operation_id="meetings_list",
        summary="My meetings",
        description="Meetings the signed-in person is enrolled in, newest enrolment first, each with its verdict.",
        parameters=PAGING,
        responses={200: describe_page(MyMeeting)},
    )
    def get(self, request: Request) -> Response:
        pages, now = Pages(), timezone.now()
        rows: list[Participant] = pages.paginate_queryset(list_enrolled(request), request, view=self) or []
        shown = [render_my_meeting(row, admission.judge_row(row, now)) for row in rows]
        return pages.get_paginated_response(shown)


class MyMeetingView(APIView):
    admits_guests = True
    throttle_classes = [PersonThrottle]

    @extend_schema(operation_id="meetings_get", summary="One of my meetings", responses={200: MyMeeting})
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        row = list_enrolled(request).filter(meeting_id=meeting_id).first()
        if row is None:
            raise NotFound("You are not enrolled in such a meeting.")
        return Response(render_my_meeting(row, admission.judge_row(row, timezone.now())))


class MyAttendanceView(APIView):
    admits_guests = True
    throttle_classes = [PersonThrottle]

    @extend_schema(
        operation_id="me_attendance",
        summary="My attendance",
        description="Sessions in which the signed-in person was expected or which they joined, newest first.",
        parameters=PAGING,
        responses={200: describe_page(MyPresenceShape)},
    )
    def get(self, request: Request) -> Response:
        if (guest := read_guest(request)) is not None:
            own = Q(participant=guest.participant.pk)
        else:
            user = read_user(request)
            # Of a guest merged into them too: rows that could not move stayed with the guest.
            people = Person.objects.filter(Q(user=user) | Q(merged_into__user=user))
            own = Q(participant__person__in=people.values("pk"))
        rows = Presence.objects.filter(own).select_related("session__meeting")
        pages = Pages()
        page: list[Presence] | None = pages.paginate_queryset(
            rows.defer("session__raw", "session__meeting__raw"), request, view=self
        )
        return pages.get_paginated_response([render_my_presence(row) for row in page or []])


class MeView(APIView):
    admits_guests = True
    throttle_classes = [PersonThrottle]

    @extend_schema(
        operation_id="me",
        summary="Who am I, what may I do",
        description="Somebody who came by an invitation has no `id`: `guest` says whom and what it is for.",
        responses={200: Me},
    )
    def get(self, request: Request) -> Response:
        if (guest := read_guest(request)) is not None:
            return Response(render_guest(guest, get_token(request)), headers=NO_STORE)
        user = read_user(request)
        person = Person.objects.filter(user=user).first()
        manages = user.managed_meetings.values_list("pk", flat=True)[:500]
        body = {
            "id": user.pk,
            "username": user.get_username(),
            "name": user.get_full_name() or user.get_username(),
            "email": user.email,
            "is_staff": user.is_staff,
            "person": str(person.pk) if person else None,
            "custom_participant_id": person.custom_participant_id if person else None,
            "blocked": bool(person and person.blocked_at),
            "csrf_token": "" if request.auth else get_token(request),  # a bearer gets no cookie
            "rights": sorted(right for right in RIGHTS if rights.holds(user, right)),
            "manages": [str(pk) for pk in manages],
        }
        return Response(body, headers=NO_STORE)


RIGHTS = sorted({*rights.MANAGER_RIGHTS, "add_meeting", "issue_token", "block_person", "view_connection"})
