"""Participants, for staff and managers: enrol one, look, change, remove, restore, issue a token."""

import uuid
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from participants.api import examples
from participants.api.idempotency import once
from participants.api.manage_meetings import ManageView, apply_filter
from participants.api.pagination import Pages
from participants.api.permissions import find_meeting, find_participant
from participants.api.rendering import render_admitted, render_participant, render_verdict
from participants.api.schema import PAGING, describe_filter, describe_page
from participants.api.serializers import (
    ChangeInput,
    EnrolInput,
    JoinAnswer,
    JoinRequest,
    ManagedParticipant,
    RemovedParticipant,
    VerdictShape,
)
from participants.api.views import NO_STORE, read_actor
from participants.models import Actor, Meeting, Participant, Person, Preset
from participants.realtimekit import Deadline
from participants.services import admission, enrolment, issuing, people, presets, removal
from participants.services.settling import STAFF_SECONDS
from participants.states import ParticipantState, Source


class ParticipantFilter(filters.FilterSet):  # type: ignore[misc]  # untyped package
    state = filters.ChoiceFilter(choices=ParticipantState.choices)
    preset = filters.CharFilter(field_name="preset__name")
    search = filters.CharFilter(method="filter_search", help_text="Name, username or e-mail address.")

    class Meta:
        model = Participant
        fields = ["state", "preset", "search"]

    def filter_search(self, rows: QuerySet[Participant], name: str, value: str) -> QuerySet[Participant]:
        matches = (
            Q(name__icontains=value)
            | Q(person__display_name__icontains=value)
            | Q(person__email__icontains=value)
            | Q(person__user__username__icontains=value)
        )
        return rows.filter(matches)


class MeetingParticipantsView(ManageView):
    @extend_schema(
        operation_id="manage_participants_list",
        summary="List participants",
        description="Of one meeting, newest first.",
        parameters=[
            *PAGING,
            describe_filter("state", "Of the enrolment.", ParticipantState.values),
            describe_filter("preset", "A preset's name."),
            describe_filter("search", "Part of a name, username or e-mail address."),
        ],
        responses={200: describe_page(ManagedParticipant)},
    )
    def get(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "view_participant")
        rows = Participant.objects.with_relations().filter(meeting=meeting)
        rows = rows.select_related("enrolled_by", "consented_to")
        pages, now = Pages(), timezone.now()
        page: list[Participant] | None = pages.paginate_queryset(
            apply_filter(self, ParticipantFilter, request, rows), request, view=self
        )
        return pages.get_paginated_response([render_participant(row, now) for row in page or []])

    @extend_schema(
        operation_id="manage_participants_enrol",
        summary="Enrol one person",
        description="201 for a new participant; 200 when already enrolled: the same row, nothing changed, a "
        "named preset included. A failed one is retried. A removed one answers 409 `removed`: restoring is "
        "explicit. If RealtimeKit can't be reached the answer has `state: pending` and is finished later.",
        request=EnrolInput,
        responses={201: ManagedParticipant, 200: ManagedParticipant},
        examples=[
            OpenApiExample("A user", value=examples.ENROL_USER, request_only=True),
            OpenApiExample("A guest", value=examples.ENROL_GUEST, request_only=True),
        ],
    )
    def post(self, request: Request, meeting_id: uuid.UUID) -> Response:
        meeting = find_meeting(request, meeting_id, "add_participant")
        return once(request, lambda: self._enrol(request, meeting))

    def _enrol(self, request: Request, meeting: Meeting) -> Response:
        asked = EnrolInput(data=request.data)
        asked.is_valid(raise_exception=True)
        by, deadline = read_actor(request), Deadline.after(STAFF_SECONDS)
        person = _find_person(asked.validated_data, by)
        existing = Participant.objects.filter(meeting=meeting, person=person).only("state").first()
        wants_preset = existing is None or existing.state == ParticipantState.FAILED
        preset = _find_preset(asked.validated_data, deadline) if wants_preset else None
        result = enrolment.enrol(
            meeting=meeting,
            person=person,
            preset=preset,
            source=Source.API,
            by=by,
            name=asked.validated_data.get("name", ""),
            deadline=deadline,
        )
        return _answer(result.participant, status=201 if result.created else 200)


class ParticipantView(ManageView):
    @extend_schema(
        operation_id="manage_participants_get", summary="One participant", responses={200: ManagedParticipant}
    )
    def get(self, request: Request, participant_id: uuid.UUID) -> Response:
        return _answer(find_participant(request, participant_id, "view_participant"))

    @extend_schema(
        operation_id="manage_participants_patch",
        summary="Change preset or name",
        description="RealtimeKit applies a changed preset when the participant joins the next time.",
        request=ChangeInput,
        responses={200: ManagedParticipant},
        examples=[OpenApiExample("Make them host", value=examples.CHANGE, request_only=True)],
    )
    def patch(self, request: Request, participant_id: uuid.UUID) -> Response:
        row = find_participant(request, participant_id, "change_participant")
        asked = ChangeInput(data=request.data)
        asked.is_valid(raise_exception=True)
        deadline = Deadline.after(STAFF_SECONDS)
        result = enrolment.change(
            row,
            by=read_actor(request),
            preset=_find_preset(asked.validated_data, deadline),
            name=asked.validated_data.get("name"),
            deadline=deadline,
        )
        return _answer(result.participant)

    @extend_schema(
        operation_id="manage_participants_remove",
        summary="Remove",
        description="Holds here at once: the next join is refused. `remote` says whether RealtimeKit has deleted "
        "the participant already, which is what revokes tokens given out before; if not, it is repeated.",
        responses={200: RemovedParticipant},
    )
    def delete(self, request: Request, participant_id: uuid.UUID) -> Response:
        row = find_participant(request, participant_id, "remove_participant")
        report = removal.remove(row, by=read_actor(request))
        row = find_participant(request, participant_id, "remove_participant")
        body = render_participant(row, timezone.now())
        return Response({**body, "remote": "pending" if report.waiting else "deleted"})


class RestoreView(ManageView):
    @extend_schema(
        operation_id="manage_participants_restore",
        summary="Restore a removed participant",
        request=None,
        responses={200: ManagedParticipant},
    )
    def post(self, request: Request, participant_id: uuid.UUID) -> Response:
        row = find_participant(request, participant_id, "restore_participant")
        return _answer(enrolment.restore(row, by=read_actor(request)).participant)


class TokenView(ManageView):
    managing = False  # judged as the participant would be: the codes of a join

    @extend_schema(
        operation_id="manage_participants_token",
        summary="Issue a token",
        description="For a trusted back end that hands it to its own user. Needs the right `issue_token`, which "
        "managing a meeting does not imply. Judged as a join is; audited. Where the meeting has a text to agree to, "
        "show it to your user, and send its `id` as `consent` once they agree: it is noted as their own word.",
        request=JoinRequest,
        responses={200: JoinAnswer},
        examples=[OpenApiExample("Issued", value=examples.JOIN, response_only=True, status_codes=["200"])],
    )
    def post(self, request: Request, participant_id: uuid.UUID) -> Response:
        row = find_participant(request, participant_id, "issue_token")
        asked = JoinRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        admitted = issuing.issue(
            row,
            by=read_actor(request),
            renew=asked.validated_data["refresh"],
            agrees_to=asked.validated_data.get("consent"),
        )
        return Response(render_admitted(admitted), headers=NO_STORE)


class ParticipantAdmissionView(ManageView):
    @extend_schema(
        operation_id="manage_participants_admission",
        summary="Why can't they join?",
        responses={200: VerdictShape},
    )
    def get(self, request: Request, participant_id: uuid.UUID) -> Response:
        row = find_participant(request, participant_id, "view_participant")
        return Response(render_verdict(admission.judge_row(row, timezone.now())), headers=NO_STORE)


def _find_person(data: dict[str, Any], by: Actor) -> Person:
    if "guest" in data:
        return people.guest(name=data["guest"]["name"], email=data["guest"]["email"], by=by)
    return people.person_of(people.find_user(data["user"]), by)


def _find_preset(data: dict[str, Any], deadline: Deadline) -> Preset | None:
    name = data.get("preset")
    return presets.resolve(name, deadline=deadline) if name else None


def _answer(row: Participant, status: int = 200) -> Response:
    return Response(render_participant(row, timezone.now()), status=status)
