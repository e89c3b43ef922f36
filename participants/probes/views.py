"""Whether this process is ready for requests, and metrics for who has the token."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from participants.api.errors import CONTENT_TYPE, describe
from participants.probes.gauges import Gauges
from participants.services import readiness
from participants.watch import exposition

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


@require_safe
def serve_metrics(request: HttpRequest) -> HttpResponse:
    """In Prometheus' text format. Without ``METRICS_TOKEN`` in the settings there is nothing here."""
    if not exposition.is_open():
        return HttpResponse("not found", status=404, content_type="text/plain", headers=NO_STORE)
    if not exposition.may_read(request.headers.get("Authorization", "")):
        headers = {**NO_STORE, "WWW-Authenticate": "Bearer"}
        return HttpResponse("not authenticated", status=401, content_type="text/plain", headers=headers)
    return HttpResponse(exposition.render(Gauges()), content_type=exposition.CONTENT_TYPE, headers=NO_STORE)
