"""The pages on which users confirm their e-mail address."""

import logging

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from participants import conf
from participants.errors import EmailTaken, RollcallError
from participants.services import confirming

logger = logging.getLogger(__name__)
_AWAY = gettext_noop("The mail can't be sent at the moment. Try again in a few minutes.")
_SOON = gettext_noop("A mail was sent less than a minute ago. Look for it first.")
_TAKEN = gettext_noop("This e-mail address is verified as another user's. Ask an administrator.")


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def send(request: HttpRequest) -> HttpResponse:
    user = _read_user(request)
    if not confirming.is_needed(user):
        return HttpResponseRedirect(reverse("home"))
    if request.method == "GET":
        return render(request, "registration/email.html")
    address = request.build_absolute_uri(reverse("confirm_email", args=[confirming.make_key(user)]))
    try:
        problem = "" if confirming.send_link(user, address) else gettext(_SOON)
    except OSError as error:
        logger.warning("A mail to confirm an address could not be sent: %s.", type(error).__name__)
        return render(request, "registration/email.html", {"problem": gettext(_AWAY)}, status=503)
    return render(request, "registration/email.html", {"sent": True, "problem": problem})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest, key: str) -> HttpResponse:
    """By a button: mail programs open links ahead of people."""
    user = _read_user(request)
    if request.method == "GET":
        return render(request, "registration/email.html", {"key": key})
    try:
        confirming.confirm(user, key)
    except RollcallError as error:
        problem = _TAKEN if error.code == EmailTaken.code else str(error)  # whose own words are for staff
        return render(request, "registration/email.html", {"problem": gettext(problem)}, status=409)
    return HttpResponseRedirect(reverse("home"))


def _read_user(request: HttpRequest) -> User:
    assert request.user.is_authenticated  # login_required
    if not conf.requires_verified_email():
        raise Http404
    return request.user
