"""The page of a sign-in that came to nothing: why, by a code, and the way back."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from participants.errors import RollcallError

_TITLES = {
    "sign_in_cancelled": "Sign-in cancelled",
    "sign_in_inactive": "Account deactivated",
    "sign_in_email_in_use": "This address has an account",
    "sign_in_provider_away": "The sign-in provider does not answer",
    "sign_in_stale": "This sign-in has lapsed",
}


def render_refusal(request: HttpRequest, error: RollcallError) -> HttpResponse:
    status = getattr(error, "status", 403)
    title = _TITLES.get(error.code, "You could not be signed in")
    context = {"title": title, "words": str(error), "code": error.code}
    answer = render(request, "registration/refused.html", context, status=status)
    add_never_cache_headers(answer)
    if status == 503:
        answer.headers["Retry-After"] = "60"
    return answer
