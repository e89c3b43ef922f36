"""Invitations and mails, for staff and managers: invite, look, send again, revoke."""

import uuid
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from participants.api import examples
from participants.api.invitationrendering import render_invitation, render_message
from participants.api.invitationshapes import (
    CountShape,
    InvitationShape,
    InviteInput,
    IssuedShape,
    MessageShape,
    ResendAllInput,
    ResendInput,
)
from participants.api.manage_meetings import ManageView, apply_filter
from participants.api.pagination import Pages
from participants.api.permissions import find_invitation, find_meeting, find_message
from participants.api.schema import PAGING, describe_filter, describe_page
from participants.api.views import NO_STORE, read_actor
from participants.models import Invitation, Meeting, Message, Participant
from participants.models.invitation import InvitationQuerySet
from participants.realtimekit import Deadline
from participants.services import invitations, outbox, people, presets
from participants.services.invitations import Issued
from participants.services.settling import STAFF_SECONDS
from participants.states import InvitationState, MessageKind, MessageState

_ONCE = (
    " By e-mail unless `mail` is false: then `link` is in the answer, this once, and nowhere else. The link that "
    "they had before stops working."
)


class InvitationFilter(filters.FilterSet):  # type: ignore[misc]  # untyped package
    state = filters.ChoiceFilter(choices=InvitationState.choices, method="filter_state")
    participant = filters.UUIDFilter(field_name="participant")

    class Meta:
        model = Invitation
        fields = ["state", "participant"]

    def filter_state(self, rows: InvitationQuerySet, name: str, value: str) -> InvitationQuerySet:
        return rows.with_state(timezone.now()).narrow(state=value)


class MessageFilter(filters.FilterSet):  # type: ignore[misc]  # untyped package
    state = filters.ChoiceFilter(choices=MessageState.choices)
    kind = filters.ChoiceFilter(choices=MessageKind.choices)

    class Meta:
        model = Message
        fields = ["state", "kind"]


class MeetingInvitationsView(ManageView):
    @extend_schema(
        operation_id="manage_invitations_list",
        summary="List invitations",
        description="Of one meeting, newest first, those that were replaced or revoked included.",
        parameters=[
            *PAGING,
            describe_filter("state", "What the link is good for.", InvitationState.values),
            describe_filter("participant", "The id of a participant.", form="uuid"),
        ],
        responses={200: describe_page(InvitationShape)},
    )
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "view_invitation")
        rows = Invitation.objects.with_relations().filter(participant__meeting=meeting)
        pages, now = Pages(), timezone.now()
        page: list[Invitation] | None = pages.paginate_queryset(
            apply_filter(self, InvitationFilter, request, rows), request, view=self
        )
        return pages.get_paginated_response([render_invitation(row, now) for row in page or []])

    @extend_schema(
        operation_id="manage_invitations_send",
        summary="Invite one person",
        description="Enrols them if they are not, and makes their personal link." + _ONCE + " Needs the right "
        "`send_invitation`, and `add_participant` for somebody who is not enrolled yet.",
        request=InviteInput,
        responses={201: IssuedShape},
        examples=[
            OpenApiExample("A guest", value=examples.ENROL_GUEST, request_only=True),
            OpenApiExample("A link to copy", value={"user": "ada", "mail": False}, request_only=True),
        ],
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "send_invitation")
        asked = InviteInput(data=request.data)
        asked.is_valid(raise_exception=True)
        return _answer(request, _invite(request, meeting, asked.validated_data), status=201)


class ResendAllView(ManageView):
    @extend_schema(
        operation_id="manage_invitations_resend_many",
        summary="Mail many a new link",
        description="To everybody enrolled (`all`), to those of them who have no working link (`missing`), or to the "
        "participants named. Everybody gets a new link, and the one they had stops working. People without an "
        "address are left out.",
        request=ResendAllInput,
        responses={202: CountShape},
        examples=[OpenApiExample("Who has none", value={"all": True, "missing": True}, request_only=True)],
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "send_invitation")
        asked = ResendAllInput(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        rows = Participant.objects.filter(meeting=meeting)
        if keys := data.get("participants"):
            rows = rows.filter(pk__in=keys)
        if data["missing"]:
            rows = invitations.list_uninvited(rows)
        count = invitations.send_all(rows, by=read_actor(request), expires_at=data.get("expires_at"))
        return Response({"count": count}, status=202)


class InvitationView(ManageView):
    @extend_schema(operation_id="manage_invitations_get", summary="One invitation", responses={200: InvitationShape})
    def get(self, request: Request, invitation_id: uuid.UUID) -> Response:
        row = find_invitation(request, invitation_id, "view_invitation")
        return Response(render_invitation(row, timezone.now()))

    @extend_schema(
        operation_id="manage_invitations_revoke",
        summary="Revoke an invitation",
        description="The link and every session opened by it end now. The person stays enrolled. Safe to repeat.",
        responses={200: InvitationShape},
    )
    def delete(self, request: Request, invitation_id: uuid.UUID) -> Response:
        row = find_invitation(request, invitation_id, "revoke_invitation")
        invitations.revoke(row, by=read_actor(request))
        return Response(
            render_invitation(find_invitation(request, invitation_id, "revoke_invitation"), timezone.now())
        )


class ResendView(ManageView):
    @extend_schema(
        operation_id="manage_invitations_resend",
        summary="Send an invitation again",
        description="A new link for the same person." + _ONCE,
        request=ResendInput,
        responses={201: IssuedShape},
        examples=[OpenApiExample("By e-mail", value={}, request_only=True)],
    )
    def post(self, request: Request, invitation_id: uuid.UUID) -> Response:
        row = find_invitation(request, invitation_id, "send_invitation")
        asked = ResendInput(data=request.data)
        asked.is_valid(raise_exception=True)
        invitations.check_resendable(row)
        data = asked.validated_data
        issued = invitations.issue(
            row.participant, by=read_actor(request), mail=data["mail"], expires_at=data.get("expires_at")
        )
        return _answer(request, issued, status=201)


class MeetingMessagesView(ManageView):
    @extend_schema(
        operation_id="manage_messages_list",
        summary="List mails",
        description="Of one meeting, newest first: what was sent to whom, what failed and why, what waits.",
        parameters=[
            *PAGING,
            describe_filter("state", "Of the mail.", MessageState.values),
            describe_filter("kind", "What it is about.", MessageKind.values),
        ],
        responses={200: describe_page(MessageShape)},
    )
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "view_message")
        rows: QuerySet[Message] = Message.objects.filter(meeting=meeting).defer("secret")
        pages = Pages()
        page: list[Message] | None = pages.paginate_queryset(
            apply_filter(self, MessageFilter, request, rows), request, view=self
        )
        return pages.get_paginated_response([render_message(row) for row in page or []])


class RetryMessageView(ManageView):
    @extend_schema(
        operation_id="manage_messages_retry",
        summary="Send a mail again",
        description="One that failed, or waits for its next try. A failed invitation is not repeated, since its link "
        "is gone: send a new invitation.",
        request=None,
        responses={200: MessageShape},
    )
    def post(self, request: Request, message_id: uuid.UUID) -> Response:
        row = find_message(request, message_id, "retry_message")
        outbox.retry(Message.objects.filter(pk=row.pk), by=read_actor(request))
        return Response(render_message(find_message(request, message_id, "retry_message")))


def _invite(request: Request, meeting: Meeting, data: dict[str, Any]) -> Issued:
    by, expires_at = read_actor(request), data.get("expires_at")
    if key := data.get("participant"):
        row = Participant.objects.with_relations().filter(meeting=meeting, pk=key).first()
        if row is None:
            raise NotFound("There is no such participant in this meeting.")
        return invitations.issue(row, by=by, mail=data["mail"], expires_at=expires_at)
    _check_first(data["mail"], expires_at)
    if guest := data.get("guest"):
        person = invitations.find_guest(name=guest["name"], email=guest["email"], by=by)
    else:
        person = people.person_of(people.find_user(data["user"]), by)
    row = Participant.objects.with_relations().filter(meeting=meeting, person=person).first()
    if row is not None:
        return invitations.issue(row, by=by, mail=data["mail"], expires_at=expires_at)
    find_meeting(request, meeting.pk, "add_participant")
    deadline, name = Deadline.after(STAFF_SECONDS), data.get("preset")
    return invitations.invite(
        meeting=meeting,
        person=person,
        preset=presets.resolve(name, deadline=deadline) if name else None,
        by=by,
        mail=data["mail"],
        expires_at=expires_at,
        name=data.get("name", ""),
        deadline=deadline,
    )


def _check_first(mail: bool, expires_at: datetime | None) -> None:
    """Before anybody is made a person of."""
    invitations.check_expiry(expires_at)
    if mail:
        invitations.check_mail()


def _answer(request: Request, issued: Issued, *, status: int) -> Response:
    link = None if issued.mailed else issued.build_link(request.build_absolute_uri("/"))
    row = Invitation.objects.with_relations().get(pk=issued.invitation.pk)
    body = {**render_invitation(row, timezone.now()), "mailed": issued.mailed, "link": link}
    return Response(body, status=status, headers=NO_STORE)
