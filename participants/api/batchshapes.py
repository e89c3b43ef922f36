"""Shapes of bulk enrolments on the wire (design 5)."""

from typing import Any

from rest_framework import serializers

from participants.api.sources import SourcesInput
from participants.states import BatchState, Prospect, RowOutcome


class EnrolmentsInput(SourcesInput):
    preset = serializers.CharField(required=False, allow_null=True, help_text="Default: the meeting's.")
    pre_enrol = serializers.BooleanField(default=False, help_text="Enrol unknown e-mail addresses as guests.")
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would happen.")


class ForecastShape(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    input = serializers.CharField()
    outcome = serializers.ChoiceField(Prospect.choices)
    detail = serializers.CharField(help_text="Of a malformed row: why it can't be read.")


class DryRunShape(serializers.Serializer[Any]):
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Rows by outcome.")
    rows = ForecastShape(many=True)


class BatchCounts(serializers.Serializer[Any]):
    pending = serializers.IntegerField()
    enrolled = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()


class BatchShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    meeting = serializers.UUIDField()
    state = serializers.ChoiceField(BatchState.choices)
    counts = BatchCounts()
    total = serializers.IntegerField()
    waiting_until = serializers.DateTimeField(
        allow_null=True, help_text="Set while every pending row waits for a later try."
    )
    rate_per_minute = serializers.IntegerField(help_text="Rows of the last minute.")
    expected_end = serializers.DateTimeField(allow_null=True)
    preset = serializers.CharField(allow_null=True)
    pre_enrol = serializers.BooleanField()
    started_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    stopped_at = serializers.DateTimeField(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)


class BatchRowShape(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    input = serializers.CharField()
    outcome = serializers.ChoiceField(RowOutcome.choices)
    reason = serializers.CharField(help_text="A code: why it is skipped, or what failed last; else empty.")
    detail = serializers.CharField()
    participant = serializers.UUIDField(allow_null=True)
    name = serializers.CharField(help_text="The person's, where there is one.")
