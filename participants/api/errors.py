"""The one table from domain errors to HTTP: RFC 9457 problems with a stable ``code`` (design 5)."""

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from participants.api.rendering import render_time
from participants.errors import RollcallError

CONTENT_TYPE = "application/problem+json"

STATUS: dict[str, int] = {
    "not_authenticated": 401,
    "not_found": 404,
    "not_enrolled": 403,
    "removed": 403,
    "blocked": 403,
    "too_early": 403,
    "closed": 403,
    "meeting_inactive": 403,
    "full": 403,
    "enrolment_failed": 409,
    "consent_required": 403,
    "rate_limited": 429,
    "provider_unavailable": 503,
    "provider_misconfigured": 503,
    "unknown_preset": 400,
    "preset_gone": 409,
    "preset_missing": 400,
    "unknown_user": 400,
    "ambiguous_user": 409,
    "inactive_user": 409,
    "merged": 409,
    "merge_refused": 409,
    "erase_refused": 409,
    "email_missing": 409,
    "email_taken": 409,
    "email_unverified": 403,
    "unknown_group": 400,
    "meeting_failed": 409,
    "wrong_state": 409,
    "too_many_people": 400,
    "unreadable_file": 400,
    "permission_denied": 403,
    "second_factor_required": 403,
    "unknown_meeting": 400,
    "nobody_found": 409,
    "correction_refused": 400,
    "unknown_time_zone": 400,
    "unreadable_filter": 400,
    "report_unnamed": 400,
    "too_many_rows": 400,
    "too_slow": 422,
    "rights_changed": 403,
    "export_gone": 404,
    "unknown_parameter": 400,
    "identity_provider_unavailable": 503,
    "idempotency_mismatch": 422,
    "idempotency_in_progress": 409,
    "hook_refused": 400,
    "invitation_unknown": 404,
    "invitation_revoked": 403,
    "invitation_expired": 403,
    "invitation_used": 403,
    "signed_in_as_other": 409,
    "mail_unready": 409,
    "address_missing": 409,
    "expiry_past": 400,
    "unknown_placeholder": 400,
    "placeholder_missing": 400,
    "text_missing": 400,
    "requests_closed": 403,
    "already_enrolled": 409,
    "asked_lately": 429,
    "already_decided": 409,
}
"""Every code of a domain error and its status."""

MANAGING: dict[str, int] = {"removed": 409, "blocked": 409, "full": 409}
"""Where a manager meets a code that tells an attendee 403: it is the state that conflicts, not the right."""

FIELDS = {
    "unknown_preset": "preset",
    "preset_missing": "preset",
    "unknown_user": "user",
    "unknown_group": "groups",
    "too_many_people": "people",
    "unknown_meeting": "from_meeting",
    "unknown_time_zone": "time_zone",
    "hook_refused": "url",
    "expiry_past": "expires_at",
}
"""The request's field that a code complains of; a view's ``problem_fields`` says where it is called otherwise."""
_STAFF_ONLY = {"reason"}


class TooLarge(exceptions.APIException):
    status_code = 413
    default_detail = "The request is too large."
    default_code = "too_large"


def render_problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. Unknown exceptions are left to Django: a 500, logged, that shows nothing."""
    set_rollback()
    if isinstance(error, RollcallError):
        return _render_domain(error, context)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, DjangoValidationError):
        error = exceptions.ValidationError(_read_django(error))
    elif isinstance(error, RequestDataTooBig):
        error = TooLarge()
    if isinstance(error, exceptions.APIException):
        return _render_framework(error)
    return None


def describe(status: int, code: str, detail: str, **data: Any) -> dict[str, Any]:
    """The body of a problem."""
    return {
        "type": f"urn:rollcall:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **data,
    }


@csrf_exempt  # else a POST to nowhere is told about CSRF, on an HTML page
def answer_unknown_path(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
    hint = "" if request.path.endswith("/") else " Addresses of the API end with a slash."
    body = describe(404, "not_found", f"There is nothing at this address.{hint}")
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)


def answer_server_error(request: HttpRequest) -> JsonResponse:
    body = describe(500, "server_error", "Something went wrong on our side. It has been logged.")
    return JsonResponse(body, status=500, content_type=CONTENT_TYPE)


def _render_domain(error: RollcallError, context: dict[str, Any]) -> Response:
    view = context.get("view")
    managing = bool(getattr(view, "managing", False))
    status = (MANAGING if managing else {}).get(error.code) or STATUS.get(error.code, 400)
    # The user is looked at only where that matters: asking again what failed to say who calls would fail again.
    shown = error.code == "enrolment_failed" or managing or _STAFF_ONLY.isdisjoint(error.data) or _is_staff(context)
    data = {key: _plain(value) for key, value in error.data.items() if shown or key not in _STAFF_ONLY}
    body = describe(status, error.code, str(error), **data)
    if status == HTTPStatus.BAD_REQUEST and error.code in FIELDS:
        fields = getattr(view, "problem_fields", {})
        field = error.data.get("field") or fields.get(error.code, FIELDS[error.code])
        body["errors"] = [{"field": field, "code": error.code, "detail": str(error)}]
    headers = {"Cache-Control": "no-store"}
    if wait := _find_wait(error):
        headers["Retry-After"] = str(wait)
    return Response(body, status=status, headers=headers, content_type=CONTENT_TYPE)


def _is_staff(context: dict[str, Any]) -> bool:
    return bool(getattr(getattr(context.get("request"), "user", None), "is_staff", False))


def _render_framework(error: exceptions.APIException) -> Response:
    status = error.status_code
    if isinstance(error, exceptions.ValidationError):
        problems = list(_flatten(error.get_full_details()))
        body = describe(status, "invalid", "The request has invalid fields.", errors=problems)
        return Response(body, status=status, content_type=CONTENT_TYPE)
    code, headers = str(error.default_code), {}
    if isinstance(error, exceptions.Throttled):
        wait = max(1, round(getattr(error, "wait", None) or 1))
        headers["Retry-After"] = str(wait)
        body = describe(status, "rate_limited", "Too many requests. Try again shortly.", retry_after=wait)
        return Response(body, status=status, headers=headers, content_type=CONTENT_TYPE)
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        code = "not_authenticated"
        headers["WWW-Authenticate"] = getattr(error, "auth_header", "Session")
    elif str(error.detail).startswith("CSRF Failed"):
        code = "csrf_failed"
    return Response(
        describe(status, code, str(error.detail)), status=status, headers=headers, content_type=CONTENT_TYPE
    )


def _find_wait(error: RollcallError) -> int | None:
    if "retry_after" in error.data:
        return max(1, round(float(error.data["retry_after"])))
    opens_at = error.data.get("opens_at")
    if isinstance(opens_at, datetime):
        return max(1, round((opens_at - datetime.now(opens_at.tzinfo)).total_seconds()))
    return None


def _plain(value: Any) -> Any:
    return render_time(value) if isinstance(value, datetime) else value


def _read_django(error: DjangoValidationError) -> dict[str, list[exceptions.ErrorDetail]]:
    fields = error.error_dict if hasattr(error, "error_dict") else {"__all__": error.error_list}
    return {
        ("non_field_errors" if name == "__all__" else name): [
            exceptions.ErrorDetail(text, code=item.code or "invalid") for item in items for text in item.messages
        ]
        for name, items in fields.items()
    }


def _flatten(details: Any, field: str = "") -> Iterator[dict[str, str]]:
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        told = {"field": field or "non_field_errors", "code": details["code"], "detail": str(details["message"])}
        # What was sent is quoted, and half of a surrogate pair has no encoding.
        yield {name: text.encode("utf-8", "replace").decode() for name, text in told.items()}
    elif isinstance(details, dict):
        for name, inner in details.items():
            yield from _flatten(inner, f"{field}.{name}" if field else str(name))
    else:
        for inner in details:
            yield from _flatten(inner, field)
