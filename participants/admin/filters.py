from __future__ import annotations  # ModelAdmin is generic only in the stubs

from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from participants.models import Invitation, Meeting, Person, Preset
from participants.models.invitation import InvitationQuerySet
from participants.services import rights
from participants.services.people import parse_id
from participants.states import InvitationState, MeetingStatus

Choices = list[tuple[str, str]]
_OFFERED = 50
"""Meetings to choose from, the newest; an address may name any other."""


class NowFilter(SimpleListFilter):
    """What the schedule says at this moment."""

    title = "now"
    parameter_name = "now"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [("open", "Open now"), ("later", "Opens later"), ("over", "Closed"), ("inactive", "Inactive")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Meeting]) -> QuerySet[Meeting]:
        now, active = timezone.now(), Q(status=MeetingStatus.ACTIVE)
        over = Q(closes_at__lte=now)
        later = Q(opens_at__gt=now)
        match self.value():
            case "open":
                opened = Q(opens_at=None) | Q(opens_at__lte=now)
                return queryset.filter(active & opened & (Q(closes_at=None) | Q(closes_at__gt=now)))
            case "later":
                return queryset.filter(active & later)
            case "over":
                return queryset.filter(active & over)
            case "inactive":
                return queryset.exclude(active)
        return queryset


class TroubleFilter(SimpleListFilter):
    title = "trouble"
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [("error", "With an error"), ("preset", "Preset gone")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Meeting]) -> QuerySet[Meeting]:
        match self.value():
            case "error":
                return queryset.exclude(last_error_code="")
            case "preset":
                return queryset.filter(default_preset__gone_at__isnull=False)
        return queryset


class BlockedFilter(SimpleListFilter):
    title = "access"
    parameter_name = "access"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [("blocked", "Blocked"), ("deactivated", "User deactivated"), ("guest", "Guests")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> QuerySet[Person]:
        match self.value():
            case "blocked":
                return queryset.exclude(blocked_at=None)
            case "deactivated":
                return queryset.filter(user__is_active=False)
            case "guest":
                return queryset.filter(user=None)
        return queryset


class GoneFilter(SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [("available", "Available"), ("gone", "Gone")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Preset]) -> QuerySet[Preset]:
        match self.value():
            case "available":
                return queryset.filter(gone_at=None)
            case "gone":
                return queryset.exclude(gone_at=None)
        return queryset


class MeetingFilter(SimpleListFilter):
    """The meetings for which the user has ``right``; ``path`` leads there from a row."""

    title = "meeting"
    parameter_name = "meeting"
    right = ""
    path = ""

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        meetings = rights.list_meetings(request.user, self.right)
        newest = list(meetings.order_by("-created_at").only("title")[:_OFFERED])
        key = parse_id(request.GET.get(self.parameter_name, ""))
        if key is not None and key not in {meeting.pk for meeting in newest}:
            newest += meetings.filter(pk=key).only("title")
        return [(str(meeting.pk), meeting.title) for meeting in newest]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        key = parse_id(value)
        return queryset.filter(**{self.path: key}) if key else queryset.none()


class InvitationFilter(SimpleListFilter):
    """What the link is good for now."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [(state.value, state.label) for state in InvitationState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> QuerySet[Invitation]:
        value = self.value()
        if value not in InvitationState.values or not isinstance(queryset, InvitationQuerySet):
            return queryset
        return queryset.with_state(timezone.now()).narrow(state=value)
