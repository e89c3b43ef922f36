"""The header ``Idempotency-Key`` of creating calls. Never of one whose answer carries a token."""

import json
import re
from collections.abc import Callable
from hashlib import sha256

from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from participants.api.callers import read_caller
from participants.models import ApiKey
from participants.services import idempotency
from participants.services.idempotency import Kept

HEADER = "Idempotency-Key"
FORM = "^[!-~]([ -~]{0,253}[!-~])?$"
"""Printable ASCII, as ECMA 262 and Python both read it."""
_FORM = re.compile(FORM)


def once(request: Request, answer: Callable[[], Response]) -> Response:
    """Make the call, or repeat what it was answered before. To be used behind the check of rights.

    Only answers of success are kept: a refusal has made nothing, so the same call may be sent again once its cause is
    mended. A dry run makes nothing either, and is no creating call.
    """
    key = request.headers.get(HEADER)
    dry = isinstance(request.data, dict) and request.data.get("dry_run") is True
    if key is None or dry:
        return answer()
    if not _FORM.fullmatch(key):
        raise ValidationError({HEADER: "Give 1 to 255 printable ASCII characters."}, code="invalid")
    turn = idempotency.begin(caller=_name(request), key=key, fingerprint=_take_fingerprint(request))
    if isinstance(turn, Kept):
        return Response(json.loads(turn.body), status=turn.status, headers={"Idempotency-Replayed": "true"})
    kept = False
    try:
        response = answer()
        if response.status_code < 300:
            body = JSONRenderer().render(response.data).decode()
            kept = idempotency.finish(turn, status=response.status_code, body=body)
    finally:
        if not kept:
            idempotency.give_up(turn)
    return response


def _name(request: Request) -> str:
    caller = read_caller(request)
    return f"{'key' if isinstance(caller, ApiKey) else 'user'}:{caller.pk}"


def _take_fingerprint(request: Request) -> str:
    """Of what was asked, not of how its JSON was written."""
    told = json.dumps([request.method, request.path, request.data], sort_keys=True, separators=(",", ":"))
    return sha256(told.encode()).hexdigest()
