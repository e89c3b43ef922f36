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
from participants.services import budget, chores, rights
from participants.services.chores import Background


class ManageConnectionView(ManageView):
    @extend_schema(
        operation_id="manage_connection_get",
        summary="The budget, the pause and the circuit breaker",
        description="What all processes share towards RealtimeKit. Needs the right `view_connection`; asks nobody.",
        responses={200: ConnectionState},
        examples=[OpenApiExample("At work", value=examples.CONNECTION, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        check_scope(read_caller(request), "view_connection")
        if not rights.holds(read_caller(request), "view_connection"):
            raise PermissionDenied("You don't have the right 'view_connection'.")
        return Response(_render(budget.read_state(), chores.read_background()))


def _render(state: State, background: Background) -> dict[str, Any]:
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
        "server_time": render_time(state.read_at),
    }
