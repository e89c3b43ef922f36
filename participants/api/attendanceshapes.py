"""Shapes of sessions and attendance on the wire (design 5)."""

from typing import Any

from rest_framework import serializers

from participants.api.serializers import StrictSerializer
from participants.services.moderation import LIMIT, Outcome
from participants.services.presence import MOST_SECONDS, REASON_LIMIT
from participants.states import KnownBy


class SessionCounts(serializers.Serializer[Any]):
    expected = serializers.IntegerField(help_text="Enrolled when it began.")
    came = serializers.IntegerField()
    present = serializers.IntegerField(help_text="In the room now.")


class SessionShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    realtimekit_id = serializers.CharField()
    meeting = serializers.UUIDField(allow_null=True)
    title = serializers.CharField()
    live = serializers.BooleanField()
    started_at = serializers.DateTimeField(allow_null=True)
    started_known_by = serializers.ChoiceField(KnownBy.choices, allow_blank=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_known_by = serializers.ChoiceField(KnownBy.choices, allow_blank=True)
    end_reason = serializers.CharField()
    opens_at = serializers.DateTimeField(allow_null=True, help_text="The meeting's, as it was when this began.")
    closes_at = serializers.DateTimeField(allow_null=True)
    pulled_at = serializers.DateTimeField(allow_null=True, help_text="When it was last compared with RealtimeKit.")
    counts = SessionCounts()


class StayShape(serializers.Serializer[Any]):
    session = serializers.UUIDField()
    peer_id = serializers.CharField()
    joined_at = serializers.DateTimeField(allow_null=True)
    left_at = serializers.DateTimeField(allow_null=True, help_text="null while it lasts.")
    known_by = serializers.ChoiceField(KnownBy.choices, help_text="Of its less certain end.")


class AttendanceRecordShape(serializers.Serializer[Any]):
    participant = serializers.UUIDField(allow_null=True)
    custom_participant_id = serializers.CharField()
    name = serializers.CharField()
    present = serializers.BooleanField()
    first_joined_at = serializers.DateTimeField(allow_null=True)
    last_left_at = serializers.DateTimeField(allow_null=True, help_text="null while present, and for who never came.")
    seconds_present = serializers.IntegerField(help_text="Measured: the union of the intervals, not their sum.")
    seconds = serializers.IntegerField(help_text="What counts: with the corrections made by staff.")
    corrected = serializers.BooleanField()
    late_seconds = serializers.IntegerField(allow_null=True)
    left_early_seconds = serializers.IntegerField(allow_null=True)
    share_of_window = serializers.FloatField(allow_null=True, help_text="0 to 1, measured.")
    intervals = StayShape(many=True)


class MeetingName(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()


class CorrectionShape(serializers.Serializer[Any]):
    seconds = serializers.IntegerField()
    reason = serializers.CharField()
    by = serializers.CharField(allow_null=True)
    by_key = serializers.CharField(allow_null=True, help_text="The name of an API key.")
    at = serializers.DateTimeField(allow_null=True)


class MyPresenceShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    session = serializers.UUIDField()
    meeting = MeetingName(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True, help_text="Of the session.")
    ended_at = serializers.DateTimeField(allow_null=True)
    state = serializers.ChoiceField(["present", "left", "never_came"])
    first_joined_at = serializers.DateTimeField(allow_null=True)
    last_left_at = serializers.DateTimeField(allow_null=True)
    seconds = serializers.IntegerField(help_text="What counts: as corrected, else as measured.")
    rejoins = serializers.IntegerField()
    late_seconds = serializers.IntegerField(allow_null=True)
    left_early_seconds = serializers.IntegerField(allow_null=True)
    share_of_window = serializers.FloatField(allow_null=True)
    share_of_session = serializers.FloatField(allow_null=True)


class PresenceShape(MyPresenceShape):
    participant = serializers.UUIDField()
    person = serializers.UUIDField()
    name = serializers.CharField()
    custom_participant_id = serializers.CharField()
    preset = serializers.CharField()
    was_enrolled = serializers.BooleanField(help_text="When the session began.")
    connections = serializers.IntegerField()
    measured_seconds = serializers.IntegerField()
    correction = CorrectionShape(allow_null=True)


class CorrectionInput(StrictSerializer):
    seconds = serializers.IntegerField(min_value=0, max_value=MOST_SECONDS)
    reason = serializers.CharField(max_length=REASON_LIMIT)


class KickInput(StrictSerializer):
    participants = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=LIMIT, help_text="Ids of participants."
    )


class KickedShape(serializers.Serializer[Any]):
    participant = serializers.UUIDField()
    outcome = serializers.ChoiceField([outcome.value for outcome in Outcome])


class KickAnswer(serializers.Serializer[Any]):
    results = KickedShape(many=True)


class EndAnswer(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(["ended", "no_session"])
