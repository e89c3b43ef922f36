"""Batches, for staff and managers: enrol many; follow, stop, retry and undo batches of any kind."""

import re
import uuid
from typing import ClassVar

from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from participants.api import examples
from participants.api.batchshapes import BatchRowShape, BatchShape, DryRunShape, EnrolmentsInput
from participants.api.idempotency import once
from participants.api.manage_meetings import ManageView, apply_filter
from participants.api.pagination import Pages
from participants.api.permissions import find_batch, find_meeting
from participants.api.rendering import render_batch, render_batch_row, render_preview
from participants.api.schema import PAGING, describe_filter, describe_page
from participants.api.sources import gather
from participants.api.views import read_actor
from participants.models import Batch, BatchRow, Meeting
from participants.models.batch import BatchRowQuerySet
from participants.realtimekit import Deadline
from participants.services import batches, presets
from participants.services.settling import STAFF_SECONDS
from participants.states import RowOutcome


class RowPages(Pages):
    ordering = ("position",)

    def is_place(self, text: str) -> bool:
        return bool(re.fullmatch(r"[0-9]{1,9}", text))


class BatchRowFilter(filters.FilterSet):  # type: ignore[misc]  # untyped package
    outcome = filters.ChoiceFilter(choices=RowOutcome.choices)
    reason = filters.CharFilter(method="filter_reason")

    class Meta:
        model = BatchRow
        fields = ["outcome", "reason"]

    def filter_reason(self, rows: BatchRowQuerySet, name: str, value: str) -> BatchRowQuerySet:
        return rows.narrow(reason=value)


class EnrolmentsView(ManageView):
    is_bulk = True
    problem_fields: ClassVar[dict[str, str]] = {"unknown_group": "from_group"}

    @extend_schema(
        operation_id="manage_enrolments_start",
        summary="Enrol many",
        description="Up to 20,000 people. `dry_run: true` answers 200 with what would happen to each and writes "
        "nothing. Otherwise 202 and a batch, which is worked on in the background. Texts are usernames or e-mail "
        "addresses, `Name <address>` included. Instead of `people`, exactly one of `from_group` (with the rights "
        "`view_group` and `view_user`), `from_meeting` (`view_participant` there) or `from_users` (`view_user`). "
        "`pre_enrol` enrols unknown e-mail addresses as guests. "
        "A row that can't be enrolled is skipped with its reason and stops no other.",
        request=EnrolmentsInput,
        responses={200: DryRunShape, 202: BatchShape},
        examples=[
            OpenApiExample("A class", value=examples.ENROL_MANY, request_only=True),
            OpenApiExample("Another meeting", value=examples.ENROL_FROM_MEETING, request_only=True),
            OpenApiExample("Looked at first", value=examples.DRY_RUN, response_only=True, status_codes=["200"]),
            OpenApiExample("Started", value=examples.BATCH, response_only=True, status_codes=["202"]),
        ],
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "add_participant")
        return once(request, lambda: self._start(request, meeting))

    def _start(self, request: Request, meeting: Meeting) -> Response:
        asked = EnrolmentsInput(data=request.data)
        asked.is_valid(raise_exception=True)
        data, name = asked.validated_data, asked.validated_data.get("preset")
        if data["invite"]:
            find_meeting(request, meeting.pk, "send_invitation")
        entries = gather(request, data)
        preset = presets.resolve(name, deadline=Deadline.after(STAFF_SECONDS)) if name else None
        if data["dry_run"]:
            seen = batches.preview(meeting, entries, preset=preset, pre_enrol=data["pre_enrol"])
            return Response(render_preview(seen))
        batch = batches.start(
            meeting=meeting,
            entries=entries,
            preset=preset,
            pre_enrol=data["pre_enrol"],
            invites=data["invite"],
            by=read_actor(request),
        )
        return answer_batch(batch, status=202)


class BatchView(ManageView):
    @extend_schema(operation_id="manage_batches_get", summary="How far is a batch?", responses={200: BatchShape})
    def get(self, request: Request, batch_id: uuid.UUID) -> Response:
        return answer_batch(find_batch(request, batch_id))


class BatchRowsView(ManageView):
    @extend_schema(
        operation_id="manage_batches_rows",
        summary="The rows of a batch",
        description="In the order of the list.",
        parameters=[
            *PAGING,
            describe_filter("outcome", "What has become of it.", RowOutcome.values),
            describe_filter("reason", "The code of a reason, such as `not_found`."),
        ],
        responses={200: describe_page(BatchRowShape)},
    )
    def get(self, request: Request, batch_id: uuid.UUID) -> Response:
        batch = find_batch(request, batch_id)
        pages = RowPages()
        page: list[BatchRow] | None = pages.paginate_queryset(
            apply_filter(self, BatchRowFilter, request, batches.list_rows(batch)), request, view=self
        )
        return pages.get_paginated_response([render_batch_row(row) for row in page or []])


class StopView(ManageView):
    is_bulk = True

    @extend_schema(
        operation_id="manage_batches_stop",
        summary="Stop a batch",
        description="Rows that nothing was done to stay as they are. Enrolments that RealtimeKit has not been "
        "told of are withdrawn; those just being sent are finished.",
        request=None,
        responses={200: BatchShape},
    )
    def post(self, request: Request, batch_id: uuid.UUID) -> Response:
        batch = find_batch(request, batch_id, "stop")
        batches.stop(batch, by=read_actor(request))
        return answer_batch(batch)


class RetryView(ManageView):
    is_bulk = True

    @extend_schema(
        operation_id="manage_batches_retry",
        summary="Retry what failed",
        description="What RealtimeKit refused is tried again, as far as there are places; waiting rows at once.",
        request=None,
        responses={200: BatchShape},
    )
    def post(self, request: Request, batch_id: uuid.UUID) -> Response:
        batch = find_batch(request, batch_id, "retry")
        batches.retry(batch, by=read_actor(request))
        return answer_batch(batch)


class UndoView(ManageView):
    is_bulk = True

    @extend_schema(
        operation_id="manage_batches_undo",
        summary="Undo a batch",
        description="An enrolment: removes exactly those whom it enrolled. A removal: restores exactly those whom "
        "it removed, as far as they may be enrolled and there are places. A preset change: puts back each former "
        "preset that nobody has changed since. RealtimeKit is told in the background.",
        request=None,
        responses={200: BatchShape},
    )
    def post(self, request: Request, batch_id: uuid.UUID) -> Response:
        batch = find_batch(request, batch_id, "undo")
        batches.undo(batch, by=read_actor(request))
        return answer_batch(batch)


def answer_batch(batch: Batch, status: int = 200) -> Response:
    batch = Batch.objects.with_relations().get(pk=batch.pk)
    return Response(render_batch(batch, batches.measure(batch)), status=status)
