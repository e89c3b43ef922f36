"""Whether this process is ready for requests."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from participants.api.errors import CONTENT_TYPE, describe
from participants.services import readiness

NO_STORE = {"Cache-Control": "no-store"}


@require_safe
def report_readiness(request: HttpRequest) -> HttpResponse:
    """200, or 503 with a list of what is missing. Names settings, never a value."""
    missing = readiness.find_missing()
    if not missing:
        return HttpResponse("ready", content_type="text/plain", headers=NO_STORE)
    told = [{"code": each.code, "detail": each.detail} for each in missing]
    body = describe(503, "not_ready", "This process can't serve requests yet.", missing=told)
    return JsonResponse(body, status=503, content_type=CONTENT_TYPE, headers=NO_STORE)
