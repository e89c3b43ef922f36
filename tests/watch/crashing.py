"""Pages that break, with secrets wherever a careless program leaves them."""

import logging
import os
import sys

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from config.urls import urlpatterns as of_rollcall

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3OTk5OTk5OTl9.c2lnbmF0dXJlLXdpdGgtX2Rhc2g"
EMAIL, PASSWORD, COOKIE = "ada.lovelace@example.org", "hunter2-hunter2", "the-session-of-ada"


def crash(request: HttpRequest) -> HttpResponse:
    secret = {"token": TOKEN, "password": PASSWORD, "email": EMAIL}  # a local variable, as debuggers show
    logging.getLogger("participants").info("Joining %s with %s", EMAIL, TOKEN)
    raise ValueError(f"{EMAIL} can't join with {TOKEN}, {os.environ['REALTIMEKIT_API_TOKEN']} {len(secret)}")


def log(request: HttpRequest) -> HttpResponse:
    logging.getLogger("participants").error("Mail to %s failed with %s", EMAIL, TOKEN, extra={"password": PASSWORD})
    return HttpResponse("ok")


urlpatterns = [path("crash/", crash), path("log/", log), *of_rollcall]


def ask(broken: str) -> None:
    """Send one request to a page, with secrets in every part of it; writes its status and its id."""
    settings.ROOT_URLCONF = __name__
    client = Client(
        raise_request_exception=False,
        headers={"Authorization": f"Bearer {TOKEN}", "host": "localhost", "X-Email": EMAIL},
    )
    client.cookies["sessionid"] = COOKIE
    answer = client.post(f"/{broken}/?email={EMAIL}&token={TOKEN}", {"password": PASSWORD, "email": EMAIL})
    sys.stdout.write(f"{answer.status_code} {answer['X-Request-ID']}")
