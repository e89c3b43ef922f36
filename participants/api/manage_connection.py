"""The state of what all processes share towards RealtimeKit, for operators."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from participants.api import examples
from participants.api.callers import check_scope, read_caller
from participants.api.manage_meetings import ManageView
from participants.api.rendering import render_time
from participants.api.serializers import ConnectionState
from participants.models.budget import State
from participants.services import budget, chores, registration, rights
from participants.services.chores import Background
from participants.services.registration import Traffic


class ManageConnectionView(ManageView):
    @extend_schema(
        operation_id="manage_connection_get",
        summary="The budget, the pause, the circuit breaker and what came in",
        description=(
            "What all processes share towards RealtimeKit, and its deliveries to us. "
            "Needs the right `view_connection`; asks nobody."
        ),
        responses={200: ConnectionState},
        examples=[OpenApiExample("At work", value=examples.CONNECTION, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        check_scope(read_caller(request), "view_connection")
        if not rights.holds(read_caller(request), "view_connection"):
            raise PermissionDenied("You don't have the right 'view_connection'.")
        url = registration.find_url(request.build_absolute_uri("/"))
        background, traffic = chores.read_background(), registration.read_traffic()
        return Response(_render(budget.read_state(), background, traffic, url))


def _render(state: State, background: Background, traffic: Traffic, url: str) -> dict[str, Any]:
    return {
        "budget": {
            "calls": state.limits.calls,
            "seconds": state.limits.seconds,
            "used": state.used,
            "available": state.available,
            "available_to_background": state.available_to_background,
            "reserved": state.reserved,
        },
        "paused_until": render_time(state.paused_until),
        "breaker": {
            "state": state.breaker,
            "failures": state.failures,
            "probe_at": render_time(state.probe_at),
        },
        "background": {"looked_at": render_time(background.looked_at), "running": not background.is_missing},
        "webhook": {
            "url": url,
            "last_delivery_at": render_time(traffic.last_at),
            "waiting": traffic.waiting,
            "failed": traffic.failed,
            "key": _render_key(traffic),
        },
        "server_time": render_time(state.read_at),
    }


def _render_key(traffic: Traffic) -> dict[str, Any] | None:
    if not traffic.key_fingerprint:
        return None
    fetched_at = render_time(traffic.key_fetched_at)
    return {"fingerprint": traffic.key_fingerprint, "fetched_at": fetched_at, "pinned": traffic.is_pinned}
