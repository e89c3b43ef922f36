"""Bulk removals and bulk preset changes, for staff and managers: look first, then start a batch."""

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from participants.api import examples
from participants.api.batchshapes import BatchShape, ChangeDryRunShape, PresetChangesInput, RemovalsInput
from participants.api.idempotency import once
from participants.api.manage_batches import answer_batch
from participants.api.manage_meetings import ManageView
from participants.api.manage_participants import ParticipantFilter
from participants.api.permissions import find_meeting
from participants.api.rendering import render_seen
from participants.api.views import read_actor
from participants.models import Meeting, Participant, Preset
from participants.realtimekit import Deadline
from participants.services import bulkchanges, presets, rosters
from participants.services.settling import STAFF_SECONDS

_WHO = (
    " Of whom is said by one of `people` (up to 20,000 usernames or e-mail addresses), `participants` (ids), and "
    "`all`, alone or with a `filter` as the list of participants takes it. `dry_run: true` answers 200 with what "
    "would happen to each and writes nothing; else 202 and a batch. A row to which it does not apply is skipped with "
    "its reason and stops no other."
)


class RemovalsView(ManageView):
    is_bulk = True

    @extend_schema(
        operation_id="manage_removals_start",
        summary="Remove many",
        description="They are refused from then on, and deleted at RealtimeKit in the background." + _WHO,
        request=RemovalsInput,
        responses={200: ChangeDryRunShape, 202: BatchShape},
        examples=[
            OpenApiExample("Some people", value=examples.REMOVE_MANY, request_only=True),
            OpenApiExample("All that match, looked at first", value=examples.REMOVE_ALL, request_only=True),
            OpenApiExample("Looked at", value=examples.REMOVALS_SEEN, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "remove_participant")
        return once(request, lambda: self._start(request, meeting))

    def _start(self, request: Request, meeting: Meeting) -> Response:
        asked = RemovalsInput(data=request.data)
        asked.is_valid(raise_exception=True)
        return _answer(request, meeting, asked.validated_data, None)


class PresetChangesView(ManageView):
    is_bulk = True

    @extend_schema(
        operation_id="manage_preset_changes_start",
        summary="Change the preset of many",
        description="It applies from their next join on; failed enrolments are retried with it." + _WHO,
        request=PresetChangesInput,
        responses={200: ChangeDryRunShape, 202: BatchShape},
        examples=[OpenApiExample("Some participants", value=examples.CHANGE_MANY, request_only=True)],
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "change_participant")
        return once(request, lambda: self._start(request, meeting))

    def _start(self, request: Request, meeting: Meeting) -> Response:
        asked = PresetChangesInput(data=request.data)
        asked.is_valid(raise_exception=True)
        preset = presets.resolve(asked.validated_data["preset"], deadline=Deadline.after(STAFF_SECONDS))
        return _answer(request, meeting, asked.validated_data, preset)


def _answer(request: Request, meeting: Meeting, data: dict[str, Any], preset: Preset | None) -> Response:
    by, dry = read_actor(request), data["dry_run"]
    if data["all"]:
        rows = ParticipantFilter(data.get("filter", {}), queryset=Participant.objects.filter(meeting=meeting))
        if not rows.is_valid():
            raise ValidationError(rows.errors)
        if dry:
            return Response(render_seen(bulkchanges.preview_rows(rows.qs, preset=preset)))
        return answer_batch(bulkchanges.start(rows.qs, by=by, preset=preset, meeting=meeting), status=202)
    if keys := data.get("participants"):
        if dry:
            return Response(render_seen(bulkchanges.preview_ids(meeting, keys, preset=preset)))
        return answer_batch(bulkchanges.start_ids(meeting, keys, by=by, preset=preset), status=202)
    entries = rosters.parse_items(data["people"])
    if dry:
        return Response(render_seen(bulkchanges.preview(meeting, entries, preset=preset)))
    return answer_batch(bulkchanges.start_list(meeting, entries, by=by, preset=preset), status=202)
