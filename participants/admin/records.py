"""Presets as RealtimeKit has them: only looked at."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import may
from participants.admin.filters import GoneFilter
from participants.admin.mixins import ReadOnly
from participants.models import Meeting, Participant, Preset
from participants.services import rights
from participants.states import OCCUPYING


class PresetAdmin(ReadOnly[Preset]):
    change_list_template = "admin/participants/preset/change_list.html"
    list_display = ("label", "state", "people", "default_of", "seen")
    list_filter = (GoneFilter,)
    search_fields = ("name", "realtimekit_id")
    ordering = ("name",)
    fields = ("name", "realtimekit_id", "state", "seen_at", "gone_at")
    readonly_fields = ("state",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preset]:
        rows = Participant.objects.filter(preset=OuterRef("pk"), state__in=OCCUPYING)
        meetings = Meeting.objects.filter(default_preset=OuterRef("pk"))
        counts = {"people_count": _count(rows, "preset"), "meetings_count": _count(meetings, "default_preset")}
        shows = Value(may(request, "view_participant"))
        return super().get_queryset(request).annotate(**counts, shows_rows=shows).defer("raw")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        may_sync = rights.holds(request.user, "change_meeting")
        return super().changelist_view(request, {**(extra_context or {}), "may_sync": may_sync})

    @admin.display(description="preset", ordering="name")
    def label(self, row: Preset) -> SafeString:
        return format_html('<span class="rc-code">{}</span>', row.name)

    @admin.display(ordering="gone_at")
    def state(self, row: Preset) -> SafeString:
        if row.gone_at is None:
            return badges.render_badge("Available", "good")
        return badges.render_badge("Gone", "bad", f"Missing at RealtimeKit since {badges.write_time(row.gone_at)}")

    @admin.display(description="participants", ordering="people_count")
    def people(self, row: Preset) -> SafeString:
        url = f"{reverse('admin:participants_participant_changelist')}?preset={row.pk}"
        return _render_count(getattr(row, "people_count", 0), url if getattr(row, "shows_rows", False) else "")

    @admin.display(description="default of meetings", ordering="meetings_count")
    def default_of(self, row: Preset) -> int:
        return int(getattr(row, "meetings_count", 0))

    @admin.display(description="last seen", ordering="seen_at")
    def seen(self, row: Preset) -> SafeString:
        return badges.render_moment(row.seen_at, timezone.now())


def _count(rows: QuerySet[Any], key: str) -> Coalesce:
    counted = rows.order_by().values(key).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _render_count(count: int, url: str) -> SafeString:
    if not url:
        return format_html("{}", count)
    return format_html('<a class="rc-count" href="{}">{}</a>', url, count) if count else badges.NOTHING
