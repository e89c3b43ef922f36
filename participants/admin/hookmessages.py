"""What receivers of our webhooks were sent, what they answered, and having it sent again."""

from __future__ import annotations  # ModelAdmin is generic only in the stubs

import json
import uuid
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import read_actor
from participants.admin.hooks import RIGHT, STATE_TONES
from participants.admin.mixins import ReadOnly
from participants.models import HookMessage
from participants.services import hooks, rights
from participants.services.people import parse_id
from participants.states import HookKind, HookMessageState

SHOWN = 20


class HookMessageAdmin(ReadOnly[HookMessage]):
    change_form_template = "admin/participants/hookmessage/change_form.html"
    list_display = ("what", "receiver", "when", "state_", "answered", "attempts", "next_try")
    list_filter = ("hook", "kind", "state", "created_at")
    list_select_related = ("hook",)
    date_hierarchy = "created_at"
    search_fields = ("webhook_id",)
    search_help_text = "The webhook-id, or the id of a meeting, in full"
    ordering = ("-created_at", "-id")
    actions = ("replay",)
    fields = (
        *("what", "receiver", "about", "webhook_id", "written", "state_", "attempts", "answered", "error"),
        *("tried", "took", "delivered", "next_try"),
    )
    readonly_fields = (
        *("what", "receiver", "about", "written", "state_", "answered", "error", "tried", "took", "delivered"),
        "next_try",
    )

    def has_view_permission(self, request: HttpRequest, obj: HookMessage | None = None) -> bool:
        return rights.holds(request.user, RIGHT)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[HookMessage]:
        return super().get_queryset(request).select_related("hook", "meeting").defer("meeting__raw")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[HookMessage], search_term: str
    ) -> tuple[QuerySet[HookMessage], bool]:
        """Whole ids, which have indexes."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        key = parse_id(term)
        return queryset.filter(Q(webhook_id=term) | (Q(meeting=key) if key else Q())), False

    @admin.display(description="told of", ordering="kind")
    def what(self, row: HookMessage) -> SafeString:
        return format_html('<span class="rc-code">{}</span>', row.kind)

    @admin.display(description="receiver", ordering="hook__name")
    def receiver(self, row: HookMessage) -> SafeString:
        url = reverse("admin:participants_hook_change", args=[row.hook_id])
        return format_html('<a href="{}">{}</a>', url, row.hook.name)

    @admin.display(description="meeting")
    def about(self, row: HookMessage) -> str:
        return str(row.meeting) if row.meeting else "–"

    @admin.display(description="written", ordering="created_at")
    def when(self, row: HookMessage) -> SafeString:
        return badges.render_moment(row.created_at, timezone.now())

    @admin.display(description="written")
    def written(self, row: HookMessage) -> str:
        return f"{row.created_at:%-d %B %Y, %H:%M:%S} UTC"

    @admin.display(description="state", ordering="state")
    def state_(self, row: HookMessage) -> SafeString:
        return badges.render_badge(row.get_state_display(), STATE_TONES[row.state], row.last_error_detail)

    @admin.display(description="answer", ordering="status")
    def answered(self, row: HookMessage) -> str:
        return str(row.status) if row.status else (row.last_error_code.replace("_", " ").capitalize() or "–")

    @admin.display(description="last error")
    def error(self, row: HookMessage) -> str:
        return row.last_error_detail or "–"

    @admin.display(description="last tried")
    def tried(self, row: HookMessage) -> str:
        return f"{row.attempted_at:%-d %B %Y, %H:%M:%S} UTC" if row.attempted_at else "–"

    @admin.display(description="took")
    def took(self, row: HookMessage) -> str:
        return "–" if row.milliseconds is None else f"{row.milliseconds} ms"

    @admin.display(description="delivered")
    def delivered(self, row: HookMessage) -> str:
        return f"{row.delivered_at:%-d %B %Y, %H:%M:%S} UTC" if row.delivered_at else "–"

    @admin.display(description="next try", ordering="next_attempt_at")
    def next_try(self, row: HookMessage) -> SafeString:
        if row.state != HookMessageState.WAITING:
            return badges.NOTHING
        if not row.hook.is_active:
            return badges.render_badge("Webhook is off", "quiet")
        due = max((at for at in (row.next_attempt_at, row.hook.paused_until) if at), default=None)
        now = timezone.now()
        return badges.render_moment(due, now) if due and due > now else SafeString("now")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row: HookMessage = context["original"]
        context.update(
            title=row.kind,
            subtitle=None,
            payload=json.dumps(row.payload, indent=2, ensure_ascii=False, sort_keys=False),
            may_replay=row.kind != HookKind.PING,
            checkbox=ACTION_CHECKBOX_NAME,
        )
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description="Send again …", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[HookMessage]) -> HttpResponse | None:
        """Asks first, then has them sent again."""
        if request.POST.get("post") == "yes":
            return self._replay(request, list(queryset.order_by("created_at").values_list("pk", flat=True)))
        count = queryset.count()
        title = "Send this message again?" if count == 1 else f"Send {count} messages again?"
        context = self.give_context(
            request,
            title,
            count=count,
            shown=queryset[:SHOWN],
            more=max(0, count - SHOWN),
            across=request.POST.get("select_across", "0"),
            keys=[key for key in request.POST.getlist(ACTION_CHECKBOX_NAME) if parse_id(key)],
            checkbox=ACTION_CHECKBOX_NAME,
            origin=request.get_full_path(),
        )
        return render(request, "admin/participants/hookmessage/replay.html", context)

    def _replay(self, request: HttpRequest, keys: list[uuid.UUID]) -> HttpResponse | None:
        count = hooks.replay(keys, by=read_actor(request))
        text = "The message is" if count == 1 else f"{count} messages are"
        left = len(keys) - count
        more = f" {left} left alone: tests, and what is being sent at this moment." if left else ""
        self.say(request, f"{text} sent again in a moment.{more}", good=not left)
        return self.go_to("change", keys[0]) if len(keys) == 1 else None
