"""Outgoing webhooks, for staff and keys with the right ``manage_hooks``: what they are told concerns all meetings."""

import uuid
from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from participants.api import examples
from participants.api.callers import check_scope, read_caller
from participants.api.hookshapes import (
    HookChange,
    HookInput,
    HookMessageShape,
    HookShape,
    HookWithSecret,
    ReplayAnswer,
    ReplayInput,
    render_hook,
    render_message,
)
from participants.api.manage_meetings import ManageView, apply_filter
from participants.api.pagination import Pages
from participants.api.schema import PAGING, describe_filter, describe_page
from participants.api.views import NO_STORE, read_actor
from participants.errors import UnknownMeeting
from participants.models import Hook, HookMessage, Meeting
from participants.services import hooks, rights
from participants.states import HookKind, HookMessageState

RIGHT = "manage_hooks"
_NEEDS = f"Needs the right `{RIGHT}`."


class MessageFilter(filters.FilterSet):  # type: ignore[misc]  # untyped package
    state = filters.ChoiceFilter(choices=HookMessageState.choices)
    kind = filters.ChoiceFilter(choices=HookKind.choices)

    class Meta:
        model = HookMessage
        fields = ["state", "kind"]


class HookView(ManageView):
    """What the views below share."""

    problem_fields = {"unknown_meeting": "meetings"}

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        caller = read_caller(request)
        check_scope(caller, RIGHT)
        if not rights.holds(caller, RIGHT):
            raise PermissionDenied(f"You don't have the right {RIGHT!r}.")


def find_hook(hook_id: uuid.UUID) -> Hook:
    hook = Hook.objects.prefetch_related("meetings").filter(pk=hook_id).first()
    if hook is None:
        raise NotFound("There is no such webhook.")
    return hook


def find_message(message_id: uuid.UUID) -> HookMessage:
    message = HookMessage.objects.filter(pk=message_id).first()
    if message is None:
        raise NotFound("There is no such message, or it is no longer kept.")
    return message


class ManageHooksView(HookView):
    @extend_schema(
        operation_id="manage_hooks_list",
        summary="List outgoing webhooks",
        description=_NEEDS,
        parameters=PAGING,
        responses={200: describe_page(HookShape)},
    )
    def get(self, request: Request) -> Response:
        pages = Pages()
        rows = Hook.objects.prefetch_related("meetings")
        page: list[Hook] = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response([render_hook(hook) for hook in page])

    @extend_schema(
        operation_id="manage_hooks_create",
        summary="Add an outgoing webhook",
        description=f"{_NEEDS} The answer shows the secret that messages are signed with; it is never shown again.",
        request=HookInput,
        responses={201: HookWithSecret},
        examples=[OpenApiExample("A timetable", value=examples.HOOK_INPUT, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        asked = HookInput(data=request.data)
        asked.is_valid(raise_exception=True)
        made = hooks.create(by=read_actor(request), **_resolve(asked.validated_data))
        return _show_secret(made, 201)


class ManageHookView(HookView):
    @extend_schema(
        operation_id="manage_hooks_get",
        summary="One outgoing webhook",
        description=_NEEDS,
        responses={200: HookShape},
    )
    def get(self, request: Request, hook_id: uuid.UUID) -> Response:
        return Response(render_hook(find_hook(hook_id)))

    @extend_schema(
        operation_id="manage_hooks_patch",
        summary="Change an outgoing webhook, or switch it on or off",
        description=f"{_NEEDS} Only the fields given.",
        request=HookChange,
        responses={200: HookShape},
    )
    def patch(self, request: Request, hook_id: uuid.UUID) -> Response:
        hook = find_hook(hook_id)
        asked = HookChange(data=request.data)
        asked.is_valid(raise_exception=True)
        fields = _resolve(asked.validated_data)
        active = fields.pop("active", None)
        if fields:
            hook = hooks.change(hook, by=read_actor(request), **fields)
        if active is not None:
            hooks.switch(hook, on=active, by=read_actor(request))
        return Response(render_hook(find_hook(hook_id)))

    @extend_schema(
        operation_id="manage_hooks_delete",
        summary="Delete an outgoing webhook",
        description=f"{_NEEDS} With its log, and with what still waits for it.",
        responses={204: None},
    )
    def delete(self, request: Request, hook_id: uuid.UUID) -> Response:
        hooks.delete(find_hook(hook_id), by=read_actor(request))
        return Response(status=204)


class RotateView(HookView):
    @extend_schema(
        operation_id="manage_hooks_rotate",
        summary="Make a new secret",
        description=f"{_NEEDS} The one before signs too until `previous_secret_until`, so that the receiver has time "
        "to change. The new one is shown in this answer and never again.",
        request=None,
        responses={200: HookWithSecret},
    )
    def post(self, request: Request, hook_id: uuid.UUID) -> Response:
        return _show_secret(hooks.rotate(find_hook(hook_id), by=read_actor(request)), 200)


class TestView(HookView):
    @extend_schema(
        operation_id="manage_hooks_test",
        summary="Send a test now",
        description=f"{_NEEDS} Sends a `test.ping`, also where the webhook is switched off, and answers with what "
        "came of it, in 20 s at most: look at `state`.",
        request=None,
        responses={200: HookMessageShape},
    )
    def post(self, request: Request, hook_id: uuid.UUID) -> Response:
        return Response(render_message(hooks.test(find_hook(hook_id))))


class HookMessagesView(HookView):
    @extend_schema(
        operation_id="manage_hook_messages_list",
        summary="What a webhook was sent",
        description=f"{_NEEDS} The newest first.",
        parameters=[
            *PAGING,
            describe_filter("state", "What became of it.", HookMessageState.values),
            describe_filter("kind", "What it tells of.", HookKind.values),
        ],
        responses={200: describe_page(HookMessageShape)},
    )
    def get(self, request: Request, hook_id: uuid.UUID) -> Response:
        rows = apply_filter(self, MessageFilter, request, HookMessage.objects.filter(hook=find_hook(hook_id)))
        pages = Pages()
        page: list[HookMessage] = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response([render_message(message) for message in page])


class ReplayView(HookView):
    @extend_schema(
        operation_id="manage_hooks_replay",
        summary="Send messages again",
        description=f"{_NEEDS} Either those named, or all of a state, since and until a moment. Each keeps its "
        "`webhook_id`, by which a receiver knows that it has had it. Tests are not repeated.",
        request=ReplayInput,
        responses={202: ReplayAnswer},
        examples=[OpenApiExample("What was given up", value={"state": "failed"}, request_only=True)],
    )
    def post(self, request: Request, hook_id: uuid.UUID) -> Response:
        hook = find_hook(hook_id)
        asked = ReplayInput(data=request.data)
        asked.is_valid(raise_exception=True)
        keys = hooks.choose(hook, **{"keys" if k == "messages" else k: v for k, v in asked.validated_data.items()})
        return Response({"replayed": hooks.replay(keys, by=read_actor(request))}, status=202)


class HookMessageView(HookView):
    @extend_schema(
        operation_id="manage_hook_messages_get",
        summary="One message",
        description=_NEEDS,
        responses={200: HookMessageShape},
    )
    def get(self, request: Request, message_id: uuid.UUID) -> Response:
        return Response(render_message(find_message(message_id)))


def _resolve(data: dict[str, Any]) -> dict[str, Any]:
    """Ids of meetings to rows. Raises UnknownMeeting."""
    fields = dict(data)
    if "meetings" in fields:
        wanted = set(fields["meetings"])
        fields["meetings"] = list(Meeting.objects.filter(pk__in=wanted).only("pk"))
        if len(fields["meetings"]) != len(wanted):
            raise UnknownMeeting("One of these meetings does not exist.")
    return fields


def _show_secret(made: hooks.WithSecret, status: int) -> Response:
    body = {**render_hook(find_hook(made.hook.pk)), "secret": made.secret}
    return Response(body, status=status, headers=NO_STORE)
