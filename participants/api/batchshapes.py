"""Shapes of batches on the wire (design 5)."""

from typing import Any

from rest_framework import serializers

from participants.api.serializers import StrictSerializer
from participants.api.sources import PersonReference, SourcesInput
from participants.services.rosters import ROWS
from participants.states import BatchKind, BatchState, ChangeProspect, Hold, ParticipantState, Prospect, RowOutcome


class EnrolmentsInput(SourcesInput):
    preset = serializers.CharField(required=False, allow_null=True, help_text="Default: the meeting's.")
    pre_enrol = serializers.BooleanField(default=False, help_text="Enrol unknown e-mail addresses as guests.")
    invite = serializers.BooleanField(
        default=False, help_text="Mail each it enrols a personal link. Needs the right `send_invitation` too."
    )
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would happen.")


class ChoiceInput(StrictSerializer):
    """What the list of participants can be filtered by."""

    state = serializers.ChoiceField(ParticipantState.choices, required=False)
    preset = serializers.CharField(required=False, help_text="A preset's name.")
    search = serializers.CharField(required=False, help_text="Part of a name, username or e-mail address.")


class RemovalsInput(StrictSerializer):
    """One of ``people``, ``participants`` and ``all`` says of whom."""

    people = serializers.ListField(
        child=PersonReference(allow_null=True),
        required=False,
        allow_empty=False,
        min_length=1,
        max_length=ROWS,
        help_text="Usernames, e-mail addresses, or objects with `email`.",
    )
    participants = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        allow_empty=False,
        min_length=1,
        max_length=ROWS,
        help_text="Ids of participants of this meeting.",
    )
    all = serializers.BooleanField(default=False, help_text="Everybody of this meeting, or all that match `filter`.")
    filter = ChoiceInput(required=False)
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would happen.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum((bool(attrs.get("people")), bool(attrs.get("participants")), attrs["all"])) != 1:
            told = serializers.ErrorDetail("Give one of people, participants and all.", code="one_source")
            raise serializers.ValidationError({"people": told})
        if attrs.get("filter") and not attrs["all"]:
            told = serializers.ErrorDetail("A filter goes with all: true.", code="filter_without_all")
            raise serializers.ValidationError({"filter": told})
        return attrs


class PresetChangesInput(RemovalsInput):
    preset = serializers.CharField(help_text="The name of the preset to give them.")


class ChangeForecastShape(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    input = serializers.CharField()
    outcome = serializers.ChoiceField(ChangeProspect.choices)
    detail = serializers.CharField(help_text="Of a malformed row: why it can't be read.")


class ChangeDryRunShape(serializers.Serializer[Any]):
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Rows by outcome.")
    rows = ChangeForecastShape(many=True)


class ForecastShape(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    input = serializers.CharField()
    outcome = serializers.ChoiceField(Prospect.choices)
    detail = serializers.CharField(help_text="Of a malformed row: why it can't be read.")


class DryRunShape(serializers.Serializer[Any]):
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Rows by outcome.")
    rows = ForecastShape(many=True)


class BatchCounts(serializers.Serializer[Any]):
    """``enrolled`` is what is done: of a removal those removed, of a preset change those changed."""

    pending = serializers.IntegerField()
    enrolled = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()


class BatchShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(BatchKind.choices)
    meeting = serializers.UUIDField(allow_null=True, help_text="None where its people are in several meetings.")
    state = serializers.ChoiceField(BatchState.choices)
    counts = BatchCounts()
    total = serializers.IntegerField()
    waiting_until = serializers.DateTimeField(
        allow_null=True, help_text="Set while nothing of it can be told to RealtimeKit before that moment."
    )
    waiting_for = serializers.ChoiceField(
        Hold.choices,
        allow_null=True,
        help_text="Why: a pause asked for by a 429, the circuit breaker, the budget, or the next try of every row.",
    )
    working = serializers.BooleanField(help_text="Whether its rows are still being stored, undone or retried here.")
    rate_per_minute = serializers.IntegerField(help_text="Rows of the last minute.")
    expected_end = serializers.DateTimeField(allow_null=True)
    preset = serializers.CharField(allow_null=True)
    pre_enrol = serializers.BooleanField()
    started_by = serializers.CharField(allow_null=True)
    started_by_key = serializers.CharField(allow_null=True, help_text="The name of an API key.")
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
