"""Comparing a meeting with RealtimeKit, for staff and managers: look, decide, see what happened."""

import uuid
from typing import Any

from django.db.models import Q
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from participants.api import examples
from participants.api.callers import read_caller
from participants.api.driftshapes import DriftChoices, DriftItemShape, DriftShape
from participants.api.manage_batches import RowPages
from participants.api.manage_meetings import ManageView, apply_filter
from participants.api.permissions import find_meeting
from participants.api.rendering import render_drift, render_drift_item
from participants.api.schema import PAGING, describe_filter, describe_page
from participants.api.views import read_actor
from participants.models import DriftItem, DriftReport, Meeting
from participants.services import drift, rights
from participants.states import DriftAction, DriftKind, DriftOutcome


class ItemPages(RowPages):
    ordering = ("id",)


class ItemFilter(filters.FilterSet):  # type: ignore[misc]  # untyped package
    kind = filters.ChoiceFilter(choices=DriftKind.choices)
    outcome = filters.ChoiceFilter(choices=DriftOutcome.choices)

    class Meta:
        model = DriftItem
        fields = ["kind", "outcome"]


class DriftView(ManageView):
    @extend_schema(
        operation_id="manage_drift_get",
        summary="The latest comparison with RealtimeKit",
        description="404 when the meeting was never compared. Its differences are at `drift/items/`.",
        responses={200: DriftShape},
        examples=[OpenApiExample("Two differences", value=examples.DRIFT, response_only=True)],
    )
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        report = _find_report(find_meeting(request, meeting_id, "view_participant"), None)
        drift.follow(report)
        return Response(render_drift(report))

    @extend_schema(
        operation_id="manage_drift_compare",
        summary="Compare a meeting with RealtimeKit",
        description="Reads everybody in the meeting and stores what differs; changes nothing else. 503 when that "
        "does not fit into 20 s: the background then does it.",
        request=None,
        responses={201: DriftShape},
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "change_participant")
        return Response(render_drift(drift.compare(meeting, by=read_actor(request))), status=201)


class ItemsView(ManageView):
    @extend_schema(
        operation_id="manage_drift_items",
        summary="The differences of the latest comparison",
        parameters=[
            *PAGING,
            describe_filter("kind", "What differs.", DriftKind.values),
            describe_filter("outcome", "What has become of it.", DriftOutcome.values),
        ],
        responses={200: describe_page(DriftItemShape)},
    )
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        report = _find_report(find_meeting(request, meeting_id, "view_participant"), None)
        pages = ItemPages()
        rows = apply_filter(self, ItemFilter, request, report.items.all())
        page: list[DriftItem] | None = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response([render_drift_item(item) for item in page or []])


class ApplyView(ManageView):
    @extend_schema(
        operation_id="manage_drift_apply",
        summary="Decide on differences",
        description="Each action takes the right of whoever does the same by hand: `add_participant` to adopt, "
        "`remove_participant` to delete, `change_meeting` for title and status. Whether a difference still is one is "
        "checked once more; `drift/items/` says what became of each. What does not fit into 20 s is done in the "
        "background. An item that was decided on before keeps that decision.",
        request=DriftChoices,
        responses={200: DriftShape},
        examples=[OpenApiExample("Two decisions", value=examples.DRIFT_CHOICES, request_only=True)],
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "change_participant")
        asked = DriftChoices(data=request.data)
        asked.is_valid(raise_exception=True)
        report = _find_report(meeting, asked.validated_data.get("report"))
        by = read_actor(request)
        if drift.decide(report, _read_choices(request, report, asked.validated_data), by=by):
            drift.work(report, by=by)
        return Response(render_drift(_find_report(meeting, report.pk)))


def _find_report(meeting: Meeting, pk: uuid.UUID | None) -> DriftReport:
    chosen = DriftReport.objects.filter(Q(pk=pk), meeting=meeting)
    found = drift.find_latest(meeting) if pk is None else chosen.first()
    if found is None:
        raise NotFound("There is no such comparison of this meeting. Compare it first.")
    return found


def _read_choices(request: Request, report: DriftReport, data: dict[str, Any]) -> dict[int, DriftAction]:
    """Raises PermissionDenied without the right that one of them takes."""
    chosen = drift.list_safe(report) if data["safe"] else {}
    chosen |= {item["id"]: DriftAction(item["action"]) for item in data.get("items", [])}
    items = report.items.in_bulk(list(chosen))
    if unknown := sorted(set(chosen) - set(items)):
        raise ValidationError({"items": f"This comparison has no difference {unknown[0]}."})
    pairs = [(item, chosen[pk].value) for pk, item in items.items()]
    if right := rights.find_missing_right(read_caller(request), report.meeting, pairs):
        raise PermissionDenied(f"You don't have the right {right!r} for this meeting.")
    return chosen
