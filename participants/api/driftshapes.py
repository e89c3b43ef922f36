"""Shapes of comparisons with RealtimeKit on the wire."""

from typing import Any

from rest_framework import serializers

from participants.api.serializers import StrictSerializer
from participants.states import DriftAction, DriftKind, DriftOutcome

CHOICES = 20_000


class DriftShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    meeting = serializers.UUIDField()
    made_at = serializers.DateTimeField()
    remote_count = serializers.IntegerField(help_text="Participants that RealtimeKit listed.")
    local_count = serializers.IntegerField(help_text="Participants enrolled here.")
    in_flight = serializers.IntegerField(help_text="Rows left out, since they were just being changed.")
    total = serializers.IntegerField(help_text="Differences found; 0 when both sides agree.")
    kinds = serializers.DictField(child=serializers.IntegerField(), help_text="Differences by kind.")
    outcomes = serializers.DictField(child=serializers.IntegerField(), help_text="Differences by outcome.")
    applied_at = serializers.DateTimeField(allow_null=True, help_text="When somebody last decided on some of them.")
    applied_by = serializers.CharField(allow_null=True)
    applied_by_key = serializers.CharField(allow_null=True, help_text="The name of an API key.")


class DriftItemShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(DriftKind.choices)
    participant = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    custom_participant_id = serializers.CharField()
    realtimekit_ids = serializers.ListField(
        child=serializers.CharField(), help_text="Of those concerned; the one to keep or adopt first."
    )
    ours = serializers.CharField()
    theirs = serializers.CharField()
    actions = serializers.ListField(
        child=serializers.ChoiceField(DriftAction.choices), help_text="What may be done about it."
    )
    safe_action = serializers.ChoiceField(
        DriftAction.choices, allow_null=True, help_text="What carries out a wish on record; null where you decide."
    )
    action = serializers.ChoiceField(DriftAction.choices, allow_null=True, help_text="What was decided.")
    outcome = serializers.ChoiceField(DriftOutcome.choices)
    code = serializers.CharField(help_text="Why it was not done; else empty.")
    detail = serializers.CharField()


class DriftChoice(StrictSerializer):
    id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    action = serializers.ChoiceField(DriftAction.choices)


class DriftChoices(StrictSerializer):
    report = serializers.UUIDField(required=False, help_text="What you decide on; the latest unless told.")
    items = serializers.ListField(child=DriftChoice(), required=False, max_length=CHOICES)
    safe = serializers.BooleanField(
        default=False, help_text="The `safe_action` of every other difference that has one."
    )
