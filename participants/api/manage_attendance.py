"""Who came, for staff and managers: of one meeting, across meetings, as a file; and corrections."""

import re
import uuid
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.db.models.functions import Greatest
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from participants.api import examples
from participants.api.attendancerendering import render_presence, render_record
from participants.api.attendanceshapes import AttendanceRecordShape, CorrectionInput, PresenceShape
from participants.api.callers import check_scope, read_caller
from participants.api.manage_meetings import ManageView
from participants.api.pagination import Pages
from participants.api.permissions import find_meeting, find_presence, require_export
from participants.api.schema import PAGING, describe_filter, describe_page
from participants.api.views import read_actor
from participants.models import Meeting, Participant, Presence
from participants.services import attendance, attendancefilters, presence, reportfiles, rights, zones
from participants.services.bounding import PAGE_SECONDS, bounded

_TYPES: dict[str, Any] = {
    "id": OpenApiTypes.UUID,
    "flag": {"type": "string", "enum": ["true", "false", "yes", "no", "1", "0"]},
    "number": {"type": "number", "minimum": 0, "maximum": attendancefilters.MOST},
    "time": {"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]},
    "text": {"type": "string", "minLength": 1},
}
FILTERS = [
    OpenApiParameter(name, _TYPES[known.kind], description=f"{known.label}.")
    for name, known in attendancefilters.FILTERS.items()
]
_OF_ONE_MEETING = [item for item in FILTERS if item.name not in {"meeting", "manager"}]
_ZONE = describe_filter("time_zone", "Of the times in the file, such as Europe/Berlin; UTC unless told.")
_CSV = {(200, "text/csv"): OpenApiTypes.BINARY}


class StrangerPages(Pages):
    """By the ids that strangers go by."""

    ordering = ("key",)

    def is_place(self, text: str) -> bool:
        return bool(re.fullmatch(r"[^\x00\ud800-\udfff]{1,255}", text, re.DOTALL))


class AttendancePages(Pages):
    """By when their sessions began, as the lists in admin are."""

    ordering: Any = ("-began_at", "-id")
    sorting: Any = ("-began", "-id")
    """The same order, which no index has: of few rows, that are to be found first and then sorted."""


def read_filters(request: Request) -> dict[str, Any]:
    """Raises ValidationError that names every filter that can't be read."""
    values, problems = attendancefilters.read(request.query_params)
    asked = attendancefilters.FILTERS.keys() & request.query_params.keys()
    problems |= dict.fromkeys(asked - values.keys() - problems.keys(), "Give a value, or leave it out.")
    if problems:
        told = {name: [ErrorDetail(text, code="invalid_filter")] for name, text in problems.items()}
        raise ValidationError(told)
    return values


def _asks_for_known(request: Request) -> bool:
    """Raises ValidationError."""
    text = request.query_params.get("known", "true")
    if text not in {"true", "false"}:
        raise ValidationError({"known": [ErrorDetail("Give true or false.", code="invalid_filter")]})
    return text == "true"


class MeetingAttendanceView(ManageView):
    @extend_schema(
        operation_id="manage_meeting_attendance",
        summary="Who came to a meeting",
        description="One item per person who was expected or came, over all the meeting's sessions (or one, with "
        "`session`), newest enrolment first. Filters choose people by any session of theirs. `known=false` lists who "
        "was there without being a participant of ours: `participant` is null. Recorders are in neither.",
        parameters=[*PAGING, *_OF_ONE_MEETING, describe_filter("known", "Ours, or strangers.", ["true", "false"])],
        responses={200: describe_page(AttendanceRecordShape)},
        examples=[OpenApiExample("A page", value=examples.ATTENDANCE, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "view_presence")
        asked = read_filters(request)
        if not _asks_for_known(request):
            return self._list_strangers(request, meeting, asked.get("session"))
        pages = Pages()
        rows = attendance.list_people(meeting, asked).defer("token", "meeting__raw", "preset__raw")
        people: list[Participant] = pages.paginate_queryset(rows, request, view=self) or []
        records = attendance.describe(meeting, people, session=asked.get("session"))
        return pages.get_paginated_response([render_record(item) for item in records])

    def _list_strangers(self, request: Request, meeting: Meeting, session: uuid.UUID | None) -> Response:
        pages = StrangerPages()
        rows: Any = attendance.list_strangers(meeting, session)
        page: list[dict[str, str]] = pages.paginate_queryset(rows, request, view=self) or []
        keys = [row["key"] for row in page]
        records = attendance.describe_strangers(meeting, keys, session=session)
        return pages.get_paginated_response([render_record(item) for item in records])


class AttendanceView(ManageView):
    @extend_schema(
        operation_id="manage_attendance_list",
        summary="Who came, across meetings",
        description="One item per participant and session, newest first, of the meetings you may see. The filters "
        "have the names that the lists in admin use, and combine.",
        parameters=[*PAGING, *FILTERS],
        responses={200: describe_page(PresenceShape)},
    )
    def get(self, request: Request) -> Response:
        caller = read_caller(request)
        check_scope(caller, "view_presence")
        asked, seen = read_filters(request), rights.list_presences(caller)
        pages = AttendancePages()
        with bounded(PAGE_SECONDS, paged=True):
            rows, few = attendancefilters.find(seen, asked)
            if few:  # they may lie anywhere in the order, so they are found first
                rows, pages.ordering = rows.annotate(began=Greatest("began_at", "began_at")), pages.sorting
            met: list[Presence] = pages.paginate_queryset(rows.only("pk", "began_at"), request, view=self) or []
            found = _with_relations(Presence.objects.all()).in_bulk([row.pk for row in met])
        return pages.get_paginated_response([render_presence(found[row.pk]) for row in met if row.pk in found])


class AttendanceExportView(ManageView):
    is_sparse = False

    @extend_schema(
        operation_id="manage_attendance_export",
        summary="Who came, as a file",
        description="Exactly what the list shows with the same filters, as CSV in UTF-8, streamed. Needs the right "
        "`export_data`; audited.",
        parameters=[*FILTERS, _ZONE],
        responses=_CSV,
    )
    def get(self, request: Request) -> HttpResponseBase:
        require_export(request)
        caller = read_caller(request)
        rows = rights.list_presences(caller)
        if not rights.holds(caller, "export_data"):
            rows = rows.filter(meeting__in=rights.list_meetings(caller, "export_data").values("pk"))
        return _stream(request, rows, None)


class MeetingAttendanceExportView(ManageView):
    is_sparse = False

    @extend_schema(
        operation_id="manage_meeting_attendance_export",
        summary="Who came to a meeting, as a file",
        description="One line per participant and session, as CSV in UTF-8, streamed. Needs the right `export_data`; "
        "audited.",
        parameters=[*_OF_ONE_MEETING, _ZONE],
        responses=_CSV,
    )
    def get(self, request: Request, meeting_id: uuid.UUID) -> HttpResponseBase:
        meeting = find_meeting(request, meeting_id, "view_presence")
        require_export(request, meeting)
        return _stream(request, Presence.objects.filter(meeting=meeting), meeting)


class CorrectionView(ManageView):
    @extend_schema(
        operation_id="manage_attendance_correct",
        summary="Correct the minutes",
        description="Says how long somebody was there, with the reason. What was measured stays beside it; minutes "
        "and shares follow the correction, late and early stay as measured. Audited.",
        request=CorrectionInput,
        responses={200: PresenceShape},
        examples=[OpenApiExample("Their line was down", value=examples.CORRECTION, request_only=True)],
    )
    def put(self, request: Request, presence_id: uuid.UUID) -> Response:
        row = find_presence(request, presence_id, "correct_presence")
        asked = CorrectionInput(data=request.data)
        asked.is_valid(raise_exception=True)
        presence.correct(row, by=read_actor(request), **asked.validated_data)
        return _answer(presence_id)

    @extend_schema(
        operation_id="manage_attendance_withdraw_correction",
        summary="Withdraw a correction",
        description="What was measured counts again. Safe to repeat.",
        responses={200: PresenceShape},
    )
    def delete(self, request: Request, presence_id: uuid.UUID) -> Response:
        row = find_presence(request, presence_id, "correct_presence")
        presence.withdraw_correction(row, by=read_actor(request))
        return _answer(presence_id)


def _with_relations(rows: QuerySet[Presence]) -> QuerySet[Presence]:
    related = rows.select_related("session__meeting", "participant__person", "participant__preset")
    related = related.select_related("corrected_by", "corrected_key")
    return related.defer("session__raw", "session__meeting__raw", "participant__token", "participant__preset__raw")


def _answer(pk: uuid.UUID) -> Response:
    return Response(render_presence(_with_relations(Presence.objects.all()).get(pk=pk)))


def _stream(request: Request, rows: QuerySet[Presence], meeting: Meeting | None) -> StreamingHttpResponse:
    asked = read_filters(request)
    zone = zones.find_zone(request.query_params.get("time_zone", "UTC"))
    told = {name: request.query_params[name] for name in sorted(asked)}
    if meeting is not None:
        told["meeting"] = str(meeting.pk)
    narrowed = attendancefilters.narrow(rows, asked)
    pieces = reportfiles.stream_for_programs(narrowed, zone, query=urlencode(told), by=read_actor(request))
    answer = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="attendance.csv"'
    answer["Cache-Control"] = "no-store"
    return answer
