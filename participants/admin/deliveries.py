"""Deliveries as they came in, what became of each, and having them worked on again."""

from __future__ import annotations  # ModelAdmin is generic only in the stubs

import json
import uuid
from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import read_actor
from participants.admin.badges import Tone
from participants.admin.filters import Choices
from participants.admin.mixins import ReadOnly
from participants.models import Delivery
from participants.services import inbox, rights
from participants.services.people import parse_id
from participants.states import DeliveryState

SHOWN = 20
_TONES: dict[str, Tone] = {DeliveryState.NEW: "wait", DeliveryState.DONE: "good", DeliveryState.FAILED: "bad"}
_OUTCOMES = {
    "session_started": "A session began",
    "session_ended": "A session ended",
    "joined": "Somebody joined",
    "left": "Somebody left",
    "ignored_event": "Of no use here",
    "incomplete": "Lacks what it is about",
}
_EVENTS = (
    "meeting.started",
    "meeting.ended",
    "meeting.participantJoined",
    "meeting.participantLeft",
    "meeting.chatSynced",
    "recording.statusUpdate",
    "livestreaming.statusUpdate",
    "meeting.transcript",
    "meeting.summary",
)


class EventFilter(SimpleListFilter):
    """Events that RealtimeKit is known to send; asking the rows would read them all."""

    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [*((event, event) for event in _EVENTS), ("other", "Others")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        wanted = self.value()
        if wanted == "other":
            return queryset.exclude(event__in=_EVENTS)
        return queryset.filter(event=wanted) if wanted else queryset


class DeliveryAdmin(ReadOnly[Delivery]):
    change_form_template = "admin/participants/delivery/change_form.html"
    list_display = ("what", "when", "state_", "became", "about", "repeats")
    list_filter = (EventFilter, "state", "received_at")
    date_hierarchy = "received_at"
    search_fields = ("session_id_text",)
    search_help_text = "Session id, meeting id at RealtimeKit, or rtk-uuid, in full"
    ordering = ("-received_at", "id")
    actions = ("replay",)
    fieldsets = (
        (None, {"fields": ("what", "received", "state_", "became", "attempts", "error", "next_try", "worked")}),
        ("About", {"fields": ("session_id_text", "remote_meeting_id")}),
        ("Delivery", {"fields": ("rtk_uuid", "webhook_id", "repeats", "body_hash", "headers_")}),
    )
    readonly_fields = ("what", "received", "state_", "became", "error", "next_try", "worked", "headers_")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return rights.holds(request.user, "replay_delivery")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith("_changelist")
        return rows.defer("body", "headers") if is_list else rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """Whole ids, which have indexes."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        found = Q(session_id_text=term) | Q(remote_meeting_id=term) | Q(rtk_uuid=term)
        return queryset.filter(found), False

    @admin.display(description="event", ordering="event")
    def what(self, row: Delivery) -> SafeString:
        return format_html('<span class="rc-code">{}</span>', row.event or "without a name")

    @admin.display(description="received", ordering="received_at")
    def when(self, row: Delivery) -> SafeString:
        return badges.render_moment(row.received_at, timezone.now())

    @admin.display(description="received")
    def received(self, row: Delivery) -> str:
        return f"{row.received_at:%-d %B %Y, %H:%M:%S} UTC"

    @admin.display(description="state", ordering="state")
    def state_(self, row: Delivery) -> SafeString:
        return badges.render_badge(row.get_state_display(), _TONES[row.state], row.last_error_detail)

    @admin.display(description="outcome")
    def became(self, row: Delivery) -> str:
        if row.state == DeliveryState.FAILED:
            return f"Given up after {row.attempts} attempts"
        return _OUTCOMES.get(row.outcome, row.outcome) or "–"

    @admin.display(description="session, meeting")
    def about(self, row: Delivery) -> SafeString:
        if not row.session_id_text and not row.remote_meeting_id:
            return badges.NOTHING
        return format_html(
            '<span class="rc-code">{}</span><span class="rc-sub rc-code">{}</span>',
            row.session_id_text or "–",
            row.remote_meeting_id,
        )

    @admin.display(description="last error")
    def error(self, row: Delivery) -> str:
        return f"{row.last_error_code}: {row.last_error_detail}" if row.last_error_code else "–"

    @admin.display(description="next try")
    def next_try(self, row: Delivery) -> str:
        return badges.write_time(row.next_attempt_at) if row.state == DeliveryState.NEW else "–"

    @admin.display(description="worked on")
    def worked(self, row: Delivery) -> str:
        return f"{row.worked_at:%-d %B %Y, %H:%M:%S} UTC" if row.worked_at else "–"

    @admin.display(description="headers")
    def headers_(self, row: Delivery) -> SafeString:
        return format_html_join("", '<span class="rc-sub rc-code">{}: {}</span>', row.headers.items())

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row: Delivery = context["original"]
        context.update(
            title=row.event or "Delivery",
            subtitle=None,
            body=json.dumps(row.body, indent=2, ensure_ascii=False, sort_keys=False),
            may_replay=self.has_replay_permission(request),
            checkbox=ACTION_CHECKBOX_NAME,
        )
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description="Replay …", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse | None:
        """Asks first, then has them worked on again."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if request.POST.get("post") == "yes":
            return self._replay(request, list(queryset.values_list("pk", flat=True)))
        count = queryset.count()
        title = "Replay this delivery?" if count == 1 else f"Replay {count} deliveries?"
        context = self.give_context(
            request,
            title,
            count=count,
            shown=queryset[:SHOWN],
            more=max(0, count - SHOWN),
            across=request.POST.get("select_across", "0"),
            keys=[key for key in chosen if parse_id(key)],
            checkbox=ACTION_CHECKBOX_NAME,
            origin=request.get_full_path(),
        )
        return render(request, "admin/participants/delivery/replay.html", context)

    def _replay(self, request: HttpRequest, keys: list[uuid.UUID]) -> HttpResponse | None:
        count = inbox.replay(keys, by=read_actor(request))
        text = "The delivery is" if count == 1 else f"{count} deliveries are"
        left = len(keys) - count
        more = f" {left} in hand at this moment {'is' if left == 1 else 'are'} left alone." if left else ""
        self.say(request, f"{text} worked on again in a moment.{more}", good=not left)
        return self.go_to("change", keys[0]) if len(keys) == 1 else None
