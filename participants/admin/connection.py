"""The connection page: which settings are in force, whether RealtimeKit can be used with them, and what waits."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from participants.admin import badges
from participants.admin.access import read_actor
from participants.errors import RollcallError
from participants.services import budget, connection, passes, registration, rights, sync
from participants.services.registration import Registration

RIGHT_TO_REGISTER = "register_webhook"


def show(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """POST tests the connection; nothing is stored by it."""
    if not rights.holds(request.user, "view_connection"):
        raise PermissionDenied
    steps = connection.diagnose() if request.method == "POST" else None
    return _render(request, site, steps=steps)


def show_registration(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """POST asks RealtimeKit how our webhook is registered; with ``register`` it is registered or corrected first."""
    if not rights.holds(request.user, "view_connection"):
        raise PermissionDenied
    wants_register = "register" in request.POST
    if wants_register and not rights.holds(request.user, RIGHT_TO_REGISTER):
        raise PermissionDenied
    if request.method != "POST":
        return redirect("admin:connection")
    url = _find_webhook_url(request)
    try:
        found = registration.repair(url, by=read_actor(request)) if wants_register else registration.look(url)
    except RollcallError as error:
        messages.error(request, f"RealtimeKit could not be asked. {error} {error.data.get('reason', '')}".strip())
        return redirect("admin:connection")
    if wants_register:
        messages.success(request, "RealtimeKit sends its deliveries here.")
    return _render(request, site, found=found)


def _find_webhook_url(request: HttpRequest) -> str:
    return registration.find_url(request.build_absolute_uri("/"))


def _render(
    request: HttpRequest,
    site: AdminSite,
    *,
    steps: list[connection.Step] | None = None,
    found: Registration | None = None,
) -> HttpResponse:
    meetings, participants = passes.list_unsettled(timezone.now())
    traffic = registration.read_traffic()
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": "Connection to RealtimeKit",
        "settings": connection.describe_settings(),
        "steps": steps,
        "fault": next((step for step in steps or () if step.state is connection.StepState.FAILED), None),
        "budget": budget.read_state(),
        "waiting_meetings": meetings,
        "waiting_participants": participants,
        "undecryptable": connection.count_undecryptable(),
        "may_sync": rights.holds(request.user, "change_meeting"),
        "tested_at": timezone.now() if steps else None,
        "webhook_url": _find_webhook_url(request),
        "registration": found,
        "traffic": traffic,
        "last_delivery": badges.render_moment(traffic.last_at, timezone.now()),
        "may_register": rights.holds(request.user, RIGHT_TO_REGISTER),
        "may_view_deliveries": rights.holds(request.user, "view_delivery"),
    }
    return render(request, "admin/connection.html", context)


def pull(request: HttpRequest) -> HttpResponse:
    """Sync presets and meetings, and go back to where the button was."""
    if not rights.holds(request.user, "change_meeting"):
        raise PermissionDenied
    back = "admin:participants_preset_changelist" if "presets" in request.POST else "admin:connection"
    if back == "admin:connection" and not rights.holds(request.user, "view_connection"):
        back = "admin:index"
    if request.method != "POST":
        return redirect(back)
    try:
        counts = sync.pull(by=read_actor(request))
    except RollcallError as error:
        reason = error.data.get("reason", "")
        messages.error(request, f"Nothing was synced. {error} {reason}".strip())
    else:
        text = f"Synced {counts.presets} presets and {counts.meetings} meetings: {counts.imported} new here"
        messages.success(request, f"{text}, {counts.gone} gone at RealtimeKit.")
    return redirect(back)
