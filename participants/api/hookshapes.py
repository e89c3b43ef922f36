"""Outgoing webhooks on the wire."""

from typing import Any

from rest_framework import serializers

from participants.api.rendering import Body, render_time
from participants.api.serializers import StrictSerializer
from participants.models import Hook, HookMessage
from participants.models.hook import NAME_LIMIT, URL_LIMIT
from participants.states import TELLABLE_CHOICES, HookKind, HookMessageState, HookOff

MOST_MEETINGS, MOST_MESSAGES = 1_000, 500


class HookInput(StrictSerializer):
    name = serializers.CharField(max_length=NAME_LIMIT)
    url = serializers.CharField(max_length=URL_LIMIT, help_text="Begins with https://.")
    kinds = serializers.ListField(
        child=serializers.ChoiceField(TELLABLE_CHOICES), allow_empty=False, min_length=1, max_length=20
    )
    meetings = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MOST_MEETINGS,
        help_text="Only these meetings; empty or left out for all of them.",
    )


class HookChange(HookInput):
    name = serializers.CharField(max_length=NAME_LIMIT, required=False)
    url = serializers.CharField(max_length=URL_LIMIT, required=False)
    kinds = serializers.ListField(
        child=serializers.ChoiceField(TELLABLE_CHOICES),
        allow_empty=False,
        min_length=1,
        max_length=20,
        required=False,
    )
    active = serializers.BooleanField(
        required=False, help_text="Switched on, what waits is sent at once; switched off, nothing new is told."
    )


class ReplayInput(StrictSerializer):
    messages = serializers.ListField(
        child=serializers.UUIDField(), required=False, allow_empty=False, min_length=1, max_length=MOST_MESSAGES
    )
    state = serializers.ChoiceField([HookMessageState.DELIVERED.value, HookMessageState.FAILED.value], required=False)
    since = serializers.DateTimeField(required=False, help_text="Written at that moment or later.")
    until = serializers.DateTimeField(required=False, help_text="Written before that moment.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("messages" in attrs) == ("state" in attrs):
            raise serializers.ValidationError("Give either messages or a state.", code="messages_or_state")
        if "messages" in attrs and len(attrs) > 1:
            raise serializers.ValidationError("Since and until go with a state.", code="messages_or_state")
        return attrs


class HookShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    url = serializers.CharField()
    kinds = serializers.ListField(child=serializers.ChoiceField(TELLABLE_CHOICES))
    meetings = serializers.ListField(child=serializers.UUIDField(), help_text="Empty: all of them.")
    active = serializers.BooleanField()
    off_at = serializers.DateTimeField(allow_null=True)
    off_reason = serializers.ChoiceField(HookOff.choices, allow_null=True)
    failures = serializers.IntegerField(help_text="In a row.")
    failing_since = serializers.DateTimeField(allow_null=True)
    paused_until = serializers.DateTimeField(allow_null=True, help_text="After a failure: left alone until then.")
    succeeded_at = serializers.DateTimeField(allow_null=True)
    previous_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then the secret before the last rotation signs too."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class HookWithSecret(HookShape):
    secret = serializers.CharField(help_text="Shown in this answer and never again.")


class HookMessageShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    hook = serializers.UUIDField()
    webhook_id = serializers.CharField(help_text="The header `webhook-id`: the same however often it is sent.")
    kind = serializers.ChoiceField(HookKind.choices)
    meeting = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(HookMessageState.choices)
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    attempted_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    status = serializers.IntegerField(allow_null=True, help_text="Of the receiver's last answer, if there was one.")
    milliseconds = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)
    answer = serializers.CharField(help_text="The beginning of the receiver's last answer.")
    payload = serializers.DictField()
    created_at = serializers.DateTimeField()


class ReplayAnswer(serializers.Serializer[Any]):
    replayed = serializers.IntegerField()


def render_hook(hook: Hook) -> Body:
    return {
        "id": str(hook.pk),
        "name": hook.name,
        "url": hook.url,
        "kinds": hook.kinds,
        "meetings": sorted(str(meeting.pk) for meeting in hook.meetings.all()),
        "active": hook.is_active,
        "off_at": render_time(hook.off_at),
        "off_reason": hook.off_reason or None,
        "failures": hook.failures,
        "failing_since": render_time(hook.failing_since),
        "paused_until": render_time(hook.paused_until),
        "succeeded_at": render_time(hook.succeeded_at),
        "previous_secret_until": render_time(hook.previous_until),
        "created_at": render_time(hook.created_at),
        "updated_at": render_time(hook.updated_at),
    }


def render_message(message: HookMessage) -> Body:
    return {
        "id": str(message.pk),
        "hook": str(message.hook_id),
        "webhook_id": message.webhook_id,
        "kind": message.kind,
        "meeting": str(message.meeting_id) if message.meeting_id else None,
        "state": message.state,
        "attempts": message.attempts,
        "next_attempt_at": render_time(message.next_attempt_at),
        "attempted_at": render_time(message.attempted_at),
        "delivered_at": render_time(message.delivered_at),
        "status": message.status,
        "milliseconds": message.milliseconds,
        "error": message.last_error_code or None,
        "detail": message.last_error_detail or None,
        "answer": message.excerpt,
        "payload": message.payload,
        "created_at": render_time(message.created_at),
    }
