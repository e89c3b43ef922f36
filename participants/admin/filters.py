from __future__ import annotations  # ModelAdmin is generic only in the stubs

from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from participants.models import Meeting, Person, Preset
from participants.states import MeetingStatus

Choices = list[tuple[str, str]]


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
