"""Access requests, for staff and managers: who asks, and what is decided."""

import uuid

from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from participants.api.invitationrendering import render_decision, render_managed_request
from participants.api.invitationshapes import DecideInput, DecisionsShape, ManagedAccessShape
from participants.api.manage_meetings import ManageView, apply_filter
from participants.api.pagination import Pages
from participants.api.permissions import find_meeting
from participants.api.schema import PAGING, describe_filter, describe_page
from participants.api.views import read_actor
from participants.models import AccessRequest
from participants.realtimekit import Deadline
from participants.services import accessrequests, presets
from participants.services.settling import STAFF_SECONDS
from participants.states import RequestState


class AccessFilter(filters.FilterSet):  # type: ignore[misc]  # untyped package
    state = filters.ChoiceFilter(choices=RequestState.choices)

    class Meta:
        model = AccessRequest
        fields = ["state"]


class MeetingAccessView(ManageView):
    @extend_schema(
        operation_id="manage_access_list",
        summary="List access requests",
        description="Of one meeting, newest first.",
        parameters=[*PAGING, describe_filter("state", "Of the request.", RequestState.values)],
        responses={200: describe_page(ManagedAccessShape)},
    )
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "view_accessrequest")
        rows = AccessRequest.objects.filter(meeting=meeting).select_related("person__user", "decided_by")
        pages = Pages()
        page: list[AccessRequest] | None = pages.paginate_queryset(
            apply_filter(self, AccessFilter, request, rows), request, view=self
        )
        return pages.get_paginated_response([render_managed_request(row) for row in page or []])


class DecideView(ManageView):
    @extend_schema(
        operation_id="manage_access_decide",
        summary="Approve or deny access requests",
        description="One or up to 100. Approving enrols them. `message` is shown to them on the join page and mailed "
        "to those who have an address. What stops one stops no other: `results` says for each.",
        request=DecideInput,
        responses={200: DecisionsShape},
        examples=[
            OpenApiExample(
                "Let them in",
                value={
                    "requests": ["0190a3a0-5555-7000-8000-000000000005"],
                    "decision": "approve",
                    "message": "Welcome.",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "decide_accessrequest")
        asked = DecideInput(data=request.data)
        asked.is_valid(raise_exception=True)
        data, by = asked.validated_data, read_actor(request)
        found = (
            AccessRequest.objects.filter(meeting=meeting)
            .select_related("person__user", "meeting", "meeting__default_preset")
            .in_bulk(data["requests"])
        )
        if missing := [key for key in data["requests"] if key not in found]:
            raise NotFound(f"There is no request {missing[0]} in this meeting.")
        chosen = [found[key] for key in dict.fromkeys(data["requests"])]
        if data["decision"] == "deny":
            decisions = accessrequests.deny(chosen, by=by, answer=data["message"])
        else:
            name = data.get("preset")
            preset = presets.resolve(name, deadline=Deadline.after(STAFF_SECONDS / 2)) if name else None
            decisions = accessrequests.approve(chosen, by=by, answer=data["message"], preset=preset)
        return Response({"results": [render_decision(decision) for decision in decisions]})
