"""The join page and its words, signing in and out, the health probe. The page's data come from the API, asked by
its script."""

import uuid
from typing import Any
from urllib.parse import urljoin

from csp.decorators import csp_update
from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import conditional_page, require_safe
from django.views.i18n import JavaScriptCatalog

from config.policy import without_trusted_types
from participants.conf import binds_first_device, read_oidc, read_realtimekit
from participants.pages.policy import list_join_sources
from participants.services import guests, readiness


class SignIn(LoginView):
    """Django's, which follows ``next`` only on this site."""

    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "provider": read_oidc()}


class SignOut(LogoutView):
    http_method_names = ["post", "options"]


def show_home(request: HttpRequest) -> HttpResponseBase:
    return _show_join_page(request, None)


def show_meeting(request: HttpRequest, meeting_id: uuid.UUID) -> HttpResponseBase:
    return _show_join_page(request, meeting_id)


@require_safe
def report_health(request: HttpRequest) -> HttpResponse:
    """Says that the process answers, or that nobody should be sent to it any more, since it was asked to stop.

    Touches neither database nor session.
    """
    draining = readiness.is_draining()
    return HttpResponse(
        "draining" if draining else "ok",
        status=503 if draining else 200,
        content_type="text/plain",
        headers={"Cache-Control": "no-store"},
    )


@require_safe
@conditional_page
@cache_control(no_cache=True)
def serve_texts(request: HttpRequest, language: str) -> HttpResponseBase:
    """What the join page's script says, in one language. Asked for with every page, answered anew after an update."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    with translation.override(language):
        return JavaScriptCatalog.as_view(packages=["participants"])(request)


@require_safe
@never_cache
@ensure_csrf_cookie
def _show_join_page(request: HttpRequest, meeting_id: uuid.UUID | None) -> HttpResponseBase:
    api = f"{reverse('home')}api/v1/"
    guest = None if request.user.is_authenticated else guests.find(request.session.get(guests.SESSION_KEY))
    if guest is None and not request.user.is_authenticated:
        about = {"meeting_id": meeting_id, "api": api, "binds_device": binds_first_device()}
        return render(request, "participants/welcome.html", about)
    provider = read_realtimekit()
    visits = "" if provider.is_cloudflare else urljoin(provider.base_url, "/_sandbox/visit")
    context: dict[str, Any] = {
        "meeting_id": meeting_id or "",
        "user_id": f"guest-{guest.participant.pk}" if guest else str(request.user.pk),
        "guest": guest,
        "binds_device": binds_first_device(),
        "api": api,
        "provider": "cloudflare" if provider.is_cloudflare else "sandbox",
        "visits": visits,
    }

    @without_trusted_types
    @csp_update(list_join_sources(visits))
    def respond(request: HttpRequest) -> HttpResponseBase:
        return render(request, "participants/join.html", context)

    return respond(request)
