"""Meetings, for staff and managers."""

import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Count, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import ErrorDetail, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from participants.api import examples
from participants.api.callers import check_scope, read_caller
from participants.api.idempotency import once
from participants.api.pagination import Pages
from participants.api.parameters import find_schema, refuse_unknown
from participants.api.permissions import ManagesSomething, find_meeting
from participants.api.rendering import render_managed_meeting
from participants.api.schema import PAGING, describe_filter, describe_page
from participants.api.serializers import ManagedMeeting, MeetingInput
from participants.api.sparse import keep, list_fields, read_fields
from participants.api.throttling import PersonThrottle
from participants.api.views import read_actor
from participants.models import ApiKey, Meeting, Participant
from participants.realtimekit import Deadline
from participants.services import groups, meetings, people, presets, rights
from participants.services.settling import STAFF_SECONDS
from participants.states import MeetingState, MeetingStatus


class MeetingFilter(filters.FilterSet):  # type: ignore[misc]  # untyped package
    search = filters.CharFilter(field_name="title", lookup_expr="icontains")
    status = filters.ChoiceFilter(choices=MeetingStatus.choices)
    state = filters.ChoiceFilter(choices=MeetingState.choices)

    class Meta:
        model = Meeting
        fields = ["search", "status", "state"]


class ManageView(APIView):
    permission_classes = [ManagesSomething]
    throttle_classes = [PersonThrottle]
    managing = True
    problem_fields: ClassVar[dict[str, str]] = {}
    is_bulk = False
    """Whether a POST changes many at once."""
    is_sparse = True
    """Whether ``?fields=`` chooses from what a GET answers; not from a file."""
    _fields: Sequence[str] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method in ("GET", "HEAD") and hasattr(self, "get"):  # else it is 405
            refuse_unknown(request, self)
            if self.is_sparse:
                self._fields = read_fields(request, list_fields(find_schema(self)))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if self._fields and response.status_code == HTTPStatus.OK:
            response.data = keep(response.data, self._fields)
        return super().finalize_response(request, response, *args, **kwargs)


def apply_filter(view: APIView, kind: type[filters.FilterSet], request: Request, rows: QuerySet[Any]) -> Any:
    """Raises ValidationError that names every filter that can't be read; one without a value is one of them."""
    blank = [name for name in kind.base_filters if request.query_params.get(name) == ""]
    if blank:
        raise ValidationError(dict.fromkeys(blank, ErrorDetail("Give a value, or leave it out.", code="blank")))
    chosen = kind(request.query_params, queryset=rows, request=request)
    if not chosen.is_valid():
        raise DjangoValidationError(chosen.form.errors.as_data())  # which has codes
    return chosen.qs


def render_all(rows: list[Meeting], request: Request) -> list[dict[str, Any]]:
    """For this caller, with the counts of all rows in one query."""
    grouped = (
        Participant.objects.filter(meeting__in=rows).order_by().values("meeting", "state").annotate(n=Count("pk"))
    )
    counts: dict[uuid.UUID, dict[str, int]] = {}
    for item in grouped:
        counts.setdefault(item["meeting"], {})[item["state"]] = item["n"]
    shows_groups = rights.sees_groups(read_caller(request))
    return [render_managed_meeting(row, counts.get(row.pk, {}), shows_groups=shows_groups) for row in rows]


_PROBLEM_FIELDS = {"unknown_preset": "default_preset", "unknown_user": "managers"}


class ManageMeetingsView(ManageView):
    problem_fields = _PROBLEM_FIELDS

    @extend_schema(
        operation_id="manage_meetings_list",
        summary="List meetings",
        description="The meetings you may manage, newest first.",
        parameters=[
            *PAGING,
            describe_filter("search", "Part of the title."),
            describe_filter("status", "Staff's wish.", MeetingStatus.values),
            describe_filter("state", "Whether it is made at RealtimeKit.", MeetingState.values),
        ],
        responses={200: describe_page(ManagedMeeting)},
    )
    def get(self, request: Request) -> Response:
        check_scope(read_caller(request), "view_meeting")
        rows = rights.list_meetings(read_caller(request)).select_related("default_preset", "consent")
        rows = rows.prefetch_related("managers", "groups")
        pages = Pages()
        page: list[Meeting] | None = pages.paginate_queryset(
            apply_filter(self, MeetingFilter, request, rows), request, view=self
        )
        return pages.get_paginated_response(render_all(page or [], request))

    @extend_schema(
        operation_id="manage_meetings_create",
        summary="Create a meeting",
        description="Makes it at RealtimeKit too. If RealtimeKit can't be reached the answer has "
        "`realtimekit_id: null` and `state: pending`, and the meeting is made as soon as it can.",
        request=MeetingInput,
        responses={201: ManagedMeeting},
        examples=[OpenApiExample("A lesson", value=examples.MEETING_INPUT, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        caller = read_caller(request)
        check_scope(caller, "add_meeting")
        if not rights.holds(caller, "add_meeting"):
            of_some = " A key to chosen meetings can't create any." if isinstance(caller, ApiKey) else ""
            raise PermissionDenied(f"You don't have the right 'add_meeting'.{of_some}")
        return once(request, lambda: self._create(request))

    def _create(self, request: Request) -> Response:
        asked = MeetingInput(data=request.data)
        asked.is_valid(raise_exception=True)
        if "managers" in asked.validated_data and isinstance(read_caller(request), ApiKey):
            raise PermissionDenied("A key can't name managers; ask a member of staff.")
        _check_ties(request, None, asked.validated_data)
        fields = _resolve(asked.validated_data)
        meeting, _ = meetings.create(by=read_actor(request), **fields)
        return Response(render_all([meeting], request)[0], status=201)


class ManageMeetingView(ManageView):
    problem_fields = _PROBLEM_FIELDS

    @extend_schema(operation_id="manage_meetings_get", summary="One meeting", responses={200: ManagedMeeting})
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        return Response(render_all([find_meeting(request, meeting_id, "view_meeting")], request)[0])

    @extend_schema(
        operation_id="manage_meetings_patch",
        summary="Change a meeting",
        description="Only the fields given. Managers may not change `managers`. Changing `groups` needs "
        "the right to see groups (`auth.view_group`) and those to enrol and remove people in this meeting: members "
        "are enrolled at once, and people whom none of the groups holds any more are removed.",
        request=MeetingInput(partial=True),
        responses={200: ManagedMeeting},
    )
    def patch(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "change_meeting")
        asked = MeetingInput(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        if "managers" in asked.validated_data and not rights.may_name_managers(read_caller(request)):
            raise PermissionDenied("Managers and keys can't change who manages a meeting; ask a member of staff.")
        _check_ties(request, meeting, asked.validated_data)
        meetings.edit(meeting, by=read_actor(request), **_resolve(asked.validated_data))
        meeting = find_meeting(request, meeting_id, "change_meeting")
        return Response(render_all([meeting], request)[0])


def _check_ties(request: Request, meeting: Meeting | None, data: dict[str, Any]) -> None:
    if "groups" in data and not rights.may_tie_groups(read_caller(request), meeting):
        raise PermissionDenied(
            "Choosing a meeting's groups needs the right 'auth.view_group', and those to enrol and remove people."
        )


def _resolve(data: dict[str, Any]) -> dict[str, Any]:
    """Names to rows: the preset and the groups by their names, managers by id, username or e-mail."""
    fields = dict(data)
    if name := fields.get("default_preset"):
        fields["default_preset"] = presets.resolve(name, deadline=Deadline.after(STAFF_SECONDS / 2))
    if "managers" in fields:
        fields["managers"] = [people.find_user(value) for value in fields["managers"]]
    if "groups" in fields:
        fields["groups"] = groups.find_groups(fields["groups"])
    return fields
