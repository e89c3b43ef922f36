"""The reader's time zone: chosen once, kept in their session."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from participants.errors import UnknownTimeZone
from participants.services import zones

KEY = "time_zone"


def read_reader_zone(request: HttpRequest) -> ZoneInfo:
    return zones.read_zone(str(request.session.get(KEY, "UTC")))


def choose(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """A page of its own, so that every list needs no more than a link."""
    back = request.POST.get("next") or request.GET.get("next") or ""
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = ""
    name, trouble = read_reader_zone(request).key, ""
    if request.method == "POST":
        name = request.POST.get("zone", "")
        try:
            request.session[KEY] = zones.find_zone(name).key
        except UnknownTimeZone as error:
            trouble = str(error)
        else:
            return redirect(back or "admin:index")
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": "Time zone",
        "zone": name,
        "names": zones.list_names(),
        "trouble": trouble,
        "back": back,
        "now": timezone.now(),
    }
    return render(request, "admin/time_zone.html", context, status=400 if trouble else 200)
