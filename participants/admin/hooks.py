"""Outgoing webhooks: to whom, of what, whether they take it; a test, and the secret when it is made."""

from __future__ import annotations  # ModelAdmin is generic only in the stubs

import uuid
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import read_actor
from participants.admin.badges import Tone
from participants.admin.hookforms import HookForm
from participants.admin.mixins import ReadOnly
from participants.errors import RollcallError
from participants.models import Hook, HookMessage
from participants.services import hooks, rights
from participants.services.hooks import WithSecret
from participants.states import HookKind, HookMessageState, HookOff

RIGHT = "manage_hooks"
SHOWN = 8
STATE_TONES: dict[str, Tone] = {
    HookMessageState.WAITING: "wait",
    HookMessageState.DELIVERED: "good",
    HookMessageState.FAILED: "bad",
}

_REAL = ~Q(messages__kind=HookKind.PING)
"""A test that failed is nothing that is owed to the receiver."""


class HookAdmin(ReadOnly[Hook]):
    form = HookForm
    change_form_template = "admin/participants/hook/change_form.html"
    list_display = ("label", "state", "told", "of_meetings", "waiting", "failed", "succeeded")
    search_fields = ("name", "url")
    search_help_text = "Name or address"
    ordering = ("name",)
    autocomplete_fields = ("meetings",)
    fields = ("name", "url", "kinds", "meetings")

    def has_view_permission(self, request: HttpRequest, obj: Hook | None = None) -> bool:
        return rights.holds(request.user, RIGHT)

    has_change_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hook]:
        rows = super().get_queryset(request)
        counts = {
            f"{state}_count": Count("messages", filter=Q(messages__state=state) & _REAL, distinct=True)
            for state in (HookMessageState.WAITING, HookMessageState.FAILED)
        }
        return rows.annotate(**counts, meeting_count=Count("meetings", distinct=True)).order_by(*self.ordering)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs["data-placeholder"] = "All meetings"
        return field

    def get_form(self, request: HttpRequest, obj: Hook | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.base_fields["meetings"].widget.can_add_related = False
        return form

    def get_urls(self) -> list[URLPattern]:
        views = (("test", self.test_view), ("rotate", self.rotate_view), ("switch", self.switch_view))
        own = [
            path(f"<uuid:pk>/{name}/", self.admin_site.admin_view(view), name=f"participants_hook_{name}")
            for name, view in (*views, ("remove", self.remove_view))
        ]
        return [*own, *super().get_urls()]

    @admin.display(description="receiver", ordering="name")
    def label(self, row: Hook) -> SafeString:
        return format_html('<span class="rc-name">{}</span><span class="rc-sub">{}</span>', row.name, row.url)

    @admin.display(description="state", ordering="off_at")
    def state(self, row: Hook) -> SafeString:
        return render_state(row, timezone.now())

    @admin.display(description="told of")
    def told(self, row: Hook) -> str:
        return ", ".join(row.kinds)

    @admin.display(description="meetings")
    def of_meetings(self, row: Hook) -> str:
        return str(getattr(row, "meeting_count", 0) or "All")

    @admin.display(description="waiting")
    def waiting(self, row: Hook) -> SafeString:
        return _render_count(row, HookMessageState.WAITING, "rc-wait")

    @admin.display(description="not delivered")
    def failed(self, row: Hook) -> SafeString:
        return _render_count(row, HookMessageState.FAILED, "rc-bad")

    @admin.display(description="last success", ordering="succeeded_at")
    def succeeded(self, row: Hook) -> SafeString:
        return badges.render_moment(row.succeeded_at, timezone.now())

    def save_model(self, request: HttpRequest, obj: Hook, form: HookForm, change: bool) -> None:
        """The service stores it; ``obj`` only learns which row it is."""
        given = {name: form.cleaned_data[name] for name in self.fields if name in form.cleaned_data}
        if change:
            hooks.change(obj, by=read_actor(request), **given)
            return
        made = hooks.create(by=read_actor(request), **given)
        obj.pk, obj._state.adding = made.hook.pk, False
        request.made_hook = made  # type: ignore[attr-defined]  # for response_add, which shows the secret

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Done with the rest."""

    def response_add(self, request: HttpRequest, obj: Hook, post_url_continue: str | None = None) -> HttpResponse:
        made: WithSecret = request.made_hook  # type: ignore[attr-defined]  # left by save_model
        return self._show_secret(request, made, "Webhook added")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        # The page after adding shows the secret, wherever one wanted to go next.
        context.update(show_save_and_add_another=False, show_save_and_continue=False)
        row: Hook | None = context.get("original")
        if row is not None:
            context.update(title=row.name, subtitle=None, **describe(row, timezone.now()))
        return super().render_change_form(request, context, *args, **kwargs)

    def test_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        hook = self._find(request, pk)
        if request.method != "POST":
            return self.go_to("change", pk)
        try:
            message = hooks.test(hook)
        except RollcallError as error:
            self.say(request, f"No test was sent. {error}", good=False)
            return self.go_to("change", pk)
        return self._show(request, "Test", hook, "test", message=message)

    def rotate_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        hook = self._find(request, pk)
        if request.method != "POST":
            return self._show(request, "Make a new secret?", hook, "rotate")
        return self._show_secret(request, hooks.rotate(hook, by=read_actor(request)), "New secret")

    def switch_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        hook = self._find(request, pk)
        if request.method == "POST":
            wants_on = "on" in request.POST
            hooks.switch(hook, on=wants_on, by=read_actor(request))
            text = "is on again; what waits is sent now" if wants_on else "is off: it is told of nothing new"
            self.say(request, f"“{hook.name}” {text}.", good=True)
        return self.go_to("change", pk)

    def remove_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        hook = self._find(request, pk)
        if request.method != "POST":
            return self._show(request, "Delete this webhook?", hook, "remove")
        hooks.delete(hook, by=read_actor(request))
        self.say(request, f"“{hook.name}” is deleted, with its log.", good=True)
        return self.go_to("changelist")

    def _find(self, request: HttpRequest, pk: uuid.UUID) -> Hook:
        if not self.has_change_permission(request):
            raise PermissionDenied
        return self.find_or_404(request, pk)

    def _show_secret(self, request: HttpRequest, made: WithSecret, title: str) -> HttpResponse:
        """The admin site has no page of it stored."""
        return self._show(request, title, made.hook, "secret", secret=made.secret)

    def _show(self, request: HttpRequest, title: str, hook: Hook, page: str, **more: Any) -> HttpResponse:
        context = self.give_context(request, title, hook=hook, page=page, **more)
        return render(request, f"admin/participants/hook/{page}.html", context)


def render_state(row: Hook, now: datetime) -> SafeString:
    if not row.is_active:
        by_staff = row.off_reason == HookOff.STAFF
        return badges.render_badge("Off", "quiet" if by_staff else "bad", row.get_off_reason_display())
    if row.failing_since is not None:
        return badges.render_badge("Failing", "bad", f"Since {badges.write_time(row.failing_since)}")
    return badges.render_badge("On", "good" if row.succeeded_at else "info")


def describe(row: Hook, now: datetime) -> dict[str, Any]:
    """What the page of one shows above its form."""
    latest = [
        (message, badges.render_badge(message.get_state_display(), STATE_TONES[message.state]))
        for message in HookMessage.objects.filter(hook=row).defer("payload", "excerpt")[:SHOWN]
    ]
    counts = [
        (state.label, getattr(row, f"{state}_count", 0), _link_log(row, state))
        for state in (HookMessageState.WAITING, HookMessageState.FAILED)
    ]
    return {
        "state": render_state(row, now),
        "latest": latest,
        "counts": counts,
        "log_url": _link_log(row),
        "overlaps": row.previous_until is not None and row.previous_until > now,
        "unreadable": not row.secret,
    }


def _link_log(row: Hook, state: str = "") -> str:
    url = f"{reverse('admin:participants_hookmessage_changelist')}?hook__id__exact={row.pk}"
    return f"{url}&state__exact={state}" if state else url


def _render_count(row: Hook, state: HookMessageState, tone: str) -> SafeString:
    count = getattr(row, f"{state}_count", 0)
    if not count:
        return SafeString('<span class="rc-quiet">0</span>')
    return format_html('<a class="rc-count {}" href="{}">{}</a>', tone, _link_log(row, state), count)
