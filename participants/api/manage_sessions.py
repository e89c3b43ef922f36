"""Sessions of a meeting, and what can be done about the one in progress; for staff and managers."""

import uuid
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import Coalesce
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from participants.api import examples
from participants.api.attendancerendering import render_session
from participants.api.attendanceshapes import EndAnswer, KickAnswer, KickInput, SessionShape
from participants.api.manage_meetings import ManageView, apply_filter
from participants.api.pagination import Pages
from participants.api.permissions import find_meeting
from participants.api.schema import PAGING, describe_filter, describe_page
from participants.api.views import read_actor
from participants.models import Participant, Presence, Session
from participants.models.session import SessionQuerySet
from participants.services import moderation, rights


class SessionPages(Pages):
    """By when they began; one of which nobody told that by when we heard of it."""

    ordering = ("-began", "-id")


class SessionFilter(filters.FilterSet):  # type: ignore[misc]  # untyped package
    live = filters.ChoiceFilter(choices=[("true", "In progress"), ("false", "Over")], method="filter_live")

    class Meta:
        model = Session
        fields = ["live"]

    def filter_live(self, rows: SessionQuerySet, name: str, value: str) -> SessionQuerySet:
        return rows.live() if value == "true" else rows.ended()


class MeetingSessionsView(ManageView):
    @extend_schema(
        operation_id="manage_sessions_list",
        summary="List sessions",
        description="Runs of one meeting, the latest first. `…_known_by` says how a time is known: told by a "
        "delivery, read from RealtimeKit afterwards, or estimated.",
        parameters=[*PAGING, describe_filter("live", "In progress, or over.", ["true", "false"])],
        responses={200: describe_page(SessionShape)},
    )
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "view_session")
        rows = Session.objects.filter(meeting=meeting).annotate(began=Coalesce("started_at", "created_at"))
        pages = SessionPages()
        page: list[Session] | None = pages.paginate_queryset(
            apply_filter(self, SessionFilter, request, rows.defer("raw")), request, view=self
        )
        return pages.get_paginated_response(_render_all(page or []))


def _render_all(sessions: list[Session]) -> list[dict[str, Any]]:
    """Counts of all of them in one query."""
    counted = (
        Presence.objects.filter(session__in=sessions)
        .order_by()
        .values("session")
        .annotate(
            expected=Count("pk", filter=Q(was_enrolled=True)),
            joined=Count("first_joined_at"),
            present=Count("pk", filter=Q(is_present=True)),
        )
    )
    counts: dict[uuid.UUID, dict[str, Any]] = {item["session"]: dict(item) for item in counted}
    return [render_session(session, counts.get(session.pk, {})) for session in sessions]


class KickView(ManageView):
    @extend_schema(
        operation_id="manage_meetings_kick",
        summary="Put people out of the room",
        description="Ends their connections; they stay enrolled, and may come back with the token they hold. To keep "
        "somebody out, remove them. `outcome` says what became of each: `kicked`, `not_inside`, `unconfirmed` "
        "(RealtimeKit was told, but does not say whether they are out) or `not_reached` (nothing happened).",
        request=KickInput,
        responses={200: KickAnswer},
        examples=[
            OpenApiExample("Two people", value=examples.KICK, request_only=True),
            OpenApiExample("One was inside", value=examples.KICKED, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, rights.MODERATE)
        asked = KickInput(data=request.data)
        asked.is_valid(raise_exception=True)
        keys = list(dict.fromkeys(asked.validated_data["participants"]))
        found = Participant.objects.filter(meeting=meeting).defer("token").in_bulk(keys)
        if missing := [key for key in keys if key not in found]:
            text = f"The meeting has no such participant: {missing[0]}."
            raise ValidationError({"participants": [ErrorDetail(text, code="unknown_participant")]})
        report = moderation.kick(meeting, [found[key] for key in keys], by=read_actor(request))
        results = [{"participant": str(person.pk), "outcome": outcome.value} for person, outcome in report.people]
        return Response({"results": results})


class EndView(ManageView):
    @extend_schema(
        operation_id="manage_meetings_end",
        summary="End the session",
        description="Puts everybody out. The room is not closed by it: while the meeting is open, the next to join "
        "begins another session. To keep it closed, set the meeting's `status` to INACTIVE.",
        request=None,
        responses={200: EndAnswer},
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, rights.MODERATE)
        ended = moderation.end(meeting, by=read_actor(request))
        return Response({"outcome": "ended" if ended else "no_session"})
