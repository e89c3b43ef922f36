"""Tells the history from where a request comes."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from participants.models.whereabouts import client_address


class WhereaboutsMiddleware:
    """Events that this request causes note its network. Behind the middleware that settles who is asking."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Not reset afterwards: a download is put on record when its last piece is sent. Each request sets its own.
        client_address.set(str(request.META.get("REMOTE_ADDR", "")))
        return self.get_response(request)
