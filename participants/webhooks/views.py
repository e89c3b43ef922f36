"""The door for RealtimeKit's deliveries (contract 16.2): store first, answer at once, work later.

A 4xx is never retried, so trouble of our own is always a 503. Nothing throttles: a genuine delivery is never turned
away because of forged ones.
"""

import logging

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from participants.services import intake
from participants.services.intake import Reception
from participants.watch.metrics import note_reception

logger = logging.getLogger(__name__)

BIGGEST = 256 * 1024
RETRY_AFTER = 30
_STATUS = {Reception.STORED: 200, Reception.REPEATED: 200, Reception.FORGED: 401, Reception.UNDECIDED: 503}


@csrf_exempt
@require_POST
@never_cache
def receive(request: HttpRequest) -> HttpResponse:
    try:
        raw = _read(request)
    except UnreadablePostError:
        note_reception("unreadable")
        return _answer(503, "incomplete")
    except ValueError:
        note_reception("unreadable")
        return _answer(400, "unreadable length")
    if raw is None:
        note_reception("unreadable")
        return _answer(413, "too large")
    try:
        reception = intake.receive(raw, request.headers)
    except (DatabaseError, InterfaceError):
        logger.exception("A delivery could not be stored; RealtimeKit is asked to send it again.")
        note_reception("not_stored")
        return _answer(503, "not stored")
    note_reception(reception.name.lower())
    return _answer(_STATUS[reception], reception.value)


def _read(request: HttpRequest) -> bytes | None:
    """The raw body; None when it is too big, of which little or nothing was read then.

    Raises UnreadablePostError, and ValueError for a length that is no number, which Django would trip over.
    """
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length and request.META.get("HTTP_TRANSFER_ENCODING"):
        return _read_stream(request)
    if length and not (length.isascii() and length.isdecimal()):
        raise ValueError(length)
    if length and int(length) > BIGGEST:
        return None
    if len(request.body) < (int(length) if length else 0):
        raise UnreadablePostError("The sender broke off.")
    return request.body


def _read_stream(request: HttpRequest) -> bytes | None:
    """A body that comes in chunks has no length; Django would take it for empty, and so for forged."""
    try:
        raw: bytes = request.META["wsgi.input"].read(BIGGEST + 1)
    except OSError as error:
        raise UnreadablePostError(*error.args) from error
    return raw if len(raw) <= BIGGEST else None


def _answer(status: int, said: str) -> HttpResponse:
    answer = HttpResponse(f"{said}\n", status=status, content_type="text/plain; charset=utf-8")
    if status == 503:
        answer["Retry-After"] = str(RETRY_AFTER)
    return answer
