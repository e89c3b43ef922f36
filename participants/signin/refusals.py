"""The page of a sign-in that came to nothing: why, by a code, and the way back."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext, gettext_noop

from participants.errors import RollcallError

_TITLES = {
    "sign_in_cancelled": gettext_noop("Sign-in cancelled"),
    "sign_in_inactive": gettext_noop("Account deactivated"),
    "sign_in_email_in_use": gettext_noop("This address has an account"),
    "sign_in_provider_away": gettext_noop("The sign-in provider does not answer"),
    "sign_in_stale": gettext_noop("This sign-in has lapsed"),
}
_OTHERWISE = gettext_noop("You could not be signed in")


def render_refusal(request: HttpRequest, error: RollcallError) -> HttpResponse:
    status = getattr(error, "status", 403)
    title = gettext(_TITLES.get(error.code, _OTHERWISE))
    context = {"title": title, "words": gettext(str(error)), "code": error.code}
    answer = render(request, "registration/refused.html", context, status=status)
    add_never_cache_headers(answer)
    if status == 503:
        answer.headers["Retry-After"] = "60"
    return answer
