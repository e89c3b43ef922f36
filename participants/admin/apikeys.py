"""API keys: made, rotated and revoked by staff who may. A secret is shown once, in the answer to the click."""

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import read_actor
from participants.admin.apikeyforms import KeyForm, RotationForm
from participants.admin.history import SHOWN, describe_event
from participants.admin.mixins import ReadOnly
from participants.errors import KeyEnded
from participants.models import ApiKey
from participants.services import apikeys, rights

_SOON = timedelta(days=14)


class ApiKeyAdmin(ReadOnly[ApiKey]):
    change_form_template = "admin/participants/apikey/change_form.html"
    list_display = ("title", "state", "allowed", "reach", "used", "ends")
    search_fields = ("name", "prefix", "former_prefix")
    search_help_text = "Name, or how the secret begins"
    ordering = ("-created_at", "id")
    fieldsets = (
        (None, {"fields": ("name", "state", "begins", "allowed", "rooms")}),
        ("Life", {"fields": ("made", "ends_on", "used_on", "revoked_on")}),
    )
    readonly_fields = ("state", "begins", "allowed", "rooms", "made", "ends_on", "used_on", "revoked_on")

    def has_view_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return rights.holds(request.user, "view_apikey") or self.has_add_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return rights.holds(request.user, "manage_apikey")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        rows = super().get_queryset(request).select_related("created_by", "revoked_by")
        return rows.annotate(held=Count("meetings"))

    @admin.display(description="name", ordering="name")
    def title(self, row: ApiKey) -> SafeString:
        return format_html('<span class="rc-name">{}</span><span class="rc-sub rc-code">{}…</span>', row, row.prefix)

    @admin.display(ordering="expires_at")
    def state(self, row: ApiKey) -> SafeString:
        now = timezone.now()
        if row.revoked_at:
            return badges.render_badge("Revoked", "bad", badges.write_time(row.revoked_at))
        if row.expires_at <= now:
            return badges.render_badge("Expired", "quiet", badges.write_time(row.expires_at))
        if row.former_until and row.former_until > now:
            hint = f"The former secret is good until {badges.write_time(row.former_until)}."
            return badges.render_badge("Rotating", "wait", hint)
        if row.expires_at <= now + _SOON:
            return badges.render_badge("Ends soon", "wait", badges.write_time(row.expires_at))
        return badges.render_badge("Active", "good")

    @admin.display(description="may")
    def allowed(self, row: ApiKey) -> SafeString:
        told = ((scope.value, scope.label) for scope in row.list_scopes())
        return format_html_join(" ", '<span class="rc-code" title="{1}">{0}</span>', told) or badges.NOTHING

    @admin.display(description="meetings", ordering="held")
    def reach(self, row: ApiKey) -> str:
        return "All" if row.all_meetings else str(getattr(row, "held", 0))

    @admin.display(description="meetings")
    def rooms(self, row: ApiKey) -> SafeString:
        if row.all_meetings:
            return SafeString("All, those made later too")
        titles = row.meetings.order_by("title").values_list("title")[:SHOWN]
        return format_html_join(SafeString("<br>"), "{}", titles) or badges.NOTHING

    @admin.display(description="last used", ordering="last_used_at")
    def used(self, row: ApiKey) -> SafeString:
        return badges.render_moment(row.last_used_at, timezone.now())

    @admin.display(description="expires", ordering="expires_at")
    def ends(self, row: ApiKey) -> SafeString:
        return badges.render_moment(row.expires_at, timezone.now())

    @admin.display(description="secret begins with")
    def begins(self, row: ApiKey) -> SafeString:
        if not row.former_until or row.former_until <= timezone.now():
            return format_html('<span class="rc-code">{}…</span>', row.prefix)
        until = badges.write_time(row.former_until)
        text = '<span class="rc-code">{}…</span>; the former one, <span class="rc-code">{}…</span>, is good until {}'
        return format_html(text, row.prefix, row.former_prefix, until)

    @admin.display(description="made")
    def made(self, row: ApiKey) -> str:
        return badges.write_time(row.created_at) + (f" by {row.created_by.get_username()}" if row.created_by else "")

    @admin.display(description="expires")
    def ends_on(self, row: ApiKey) -> str:
        return badges.write_time(row.expires_at)

    @admin.display(description="last used")
    def used_on(self, row: ApiKey) -> str:
        return badges.write_time(row.last_used_at) or "Never"

    @admin.display(description="revoked")
    def revoked_on(self, row: ApiKey) -> str:
        by = f" by {row.revoked_by.get_username()}" if row.revoked_by else ""
        return f"{badges.write_time(row.revoked_at)}{by}" if row.revoked_at else "–"

    def get_urls(self) -> list[URLPattern]:
        wrap, name = self.admin_site.admin_view, "participants_apikey"
        own = [
            path("<uuid:pk>/rotate/", wrap(self.rotate_view), name=f"{name}_rotate"),
            path("<uuid:pk>/revoke/", wrap(self.revoke_view), name=f"{name}_revoke"),
        ]
        return own + super().get_urls()

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        key: ApiKey = context["original"]
        now, history = timezone.now(), None
        if rights.holds(request.user, "view_event"):
            events = key.events.select_related("person", "meeting").order_by("-created_at", "-pk")[:SHOWN]
            history = [describe_event(event, now, about=True) for event in events]
        may = self.has_add_permission(request) and key.revoked_at is None
        context.update(
            title=key.name,
            subtitle=None,
            may_revoke=may,
            may_rotate=may and key.expires_at > now and self._may_grant(request, key),
            history=history,
        )
        return super().render_change_form(request, context, *args, **kwargs)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = KeyForm(request.POST or None, caller=request.user, site=self.admin_site)
        if form.is_valid():
            made = self._make(request, form)
            return self._show(request, *made) if made else self.go_to("changelist")
        context = self.give_context(request, "New API key", form=form, media=form.media)
        return render(request, "admin/participants/apikey/make.html", context)

    def _make(self, request: HttpRequest, form: KeyForm) -> tuple[ApiKey, str] | None:
        told = form.cleaned_data
        try:
            return apikeys.make(
                name=told["name"],
                scopes=form.list_scopes(),
                meetings=form.list_meetings(),
                lifetime=timedelta(days=int(told["lifetime"])),
                by=read_actor(request),
                pk=told["pk"],
            )
        except IntegrityError:
            # The form was sent twice: its secret was shown on the first answer.
            self.say(request, "This key was made already. If its secret was not copied, rotate it.", good=False)
            return None

    def rotate_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        key = self._find(request, pk)
        if not self._may_grant(request, key):
            raise PermissionDenied
        form = RotationForm(request.POST or None, initial={"seen": key.prefix})
        if form.is_valid():
            try:
                if form.cleaned_data["seen"] != key.prefix:
                    raise KeyEnded
                overlap = timedelta(hours=int(form.cleaned_data["overlap"]))
                return self._show(request, key, apikeys.rotate(key, overlap=overlap, by=read_actor(request)))
            except KeyEnded as error:
                self.say(request, str(error), good=False)
                return self.go_to("change", key.pk)
        context = self.give_context(request, f"Rotate {key}?", original=key, form=form)
        return render(request, "admin/participants/apikey/rotate.html", context)

    def revoke_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        key = self._find(request, pk)
        if request.method == "POST":
            ended = apikeys.revoke(key, by=read_actor(request))
            text = "is revoked and refused from now on." if ended else "was revoked before."
            self.say(request, f"{key} {text}", good=ended)
            return self.go_to("change", key.pk)
        context = self.give_context(request, f"Revoke {key}?", original=key)
        return render(request, "admin/participants/apikey/revoke.html", context)

    def _find(self, request: HttpRequest, pk: uuid.UUID) -> ApiKey:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self.find_or_404(request, pk)

    def _may_grant(self, request: HttpRequest, key: ApiKey) -> bool:
        """Whoever sees a new secret could use it, so they need what the key may do themselves."""
        return rights.may_grant(
            request.user, key.list_scopes(), None if key.all_meetings else list(key.meetings.all())
        )

    def _show(self, request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
        """In the answer to the POST: a redirect would have to keep the secret somewhere."""
        context = self.give_context(request, "Copy the secret now", original=key, secret=secret)
        return render(request, "admin/participants/apikey/secret.html", context)
