"""Shapes on the wire. Rendering of joins and lists is plain dictionaries; input goes through serializers."""

from typing import Any

from rest_framework import serializers

from participants.api.jsontypes import find_wrong_type
from participants.models.consent import CONSENT_LIMIT
from participants.models.participant import NAME_LIMIT
from participants.states import (
    AdmissionPolicy,
    ConsentState,
    ExpirySource,
    MeetingState,
    MeetingStatus,
    ParticipantState,
    RequestState,
    Source,
)

USER_HELP = "A user's id (a number), username or e-mail address."


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know, for a misspelt one must not pass for its default, and wrong types of JSON."""

    def to_internal_value(self, data: Any) -> Any:
        problems: dict[Any, Any] = {}
        if isinstance(data, dict):
            text = "There is no such field, or it can't be set here."
            unknown = serializers.ErrorDetail(text, code="unknown_field")
            problems = dict.fromkeys(sorted(set(data) - set(self.fields)), unknown)
            for name in data.keys() & self.fields.keys():
                if wrong := find_wrong_type(self.fields[name], data[name]):
                    problems[name] = wrong
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            # All in one answer: what is unknown and what is wrong.
            raise serializers.ValidationError({**_as_dict(error.detail), **problems}) from None
        if problems:
            raise serializers.ValidationError(problems)
        return value


def _as_dict(detail: Any) -> dict[Any, Any]:
    return dict(detail) if isinstance(detail, dict) else {"non_field_errors": detail}


class JoinRequest(StrictSerializer):
    refresh = serializers.BooleanField(
        default=False, help_text="True when the SDK refused the last token; at most once a minute."
    )
    consent = serializers.UUIDField(
        required=False,
        help_text="The `id` of the text that the person agrees to, as a refusal or the admission told.",
    )


class ConsentShape(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="What a join sends back as `consent`.")
    version = serializers.IntegerField(help_text="Counts the meeting's texts from 1.")
    text = serializers.CharField(help_text="Plain text in paragraphs, each apart by an empty line.")


class VerdictShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    opens_at = serializers.DateTimeField(required=False)
    closes_at = serializers.DateTimeField(required=False)
    capacity = serializers.IntegerField(required=False)
    reason = serializers.CharField(required=False)
    consent = ConsentShape(required=False, help_text="With `consent_required`.")


class MeetingBrief(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    realtimekit_id = serializers.CharField(allow_null=True)
    title = serializers.CharField()
    status = serializers.ChoiceField(MeetingStatus.choices)
    opens_at = serializers.DateTimeField(allow_null=True)
    closes_at = serializers.DateTimeField(allow_null=True)


class StandingShape(serializers.Serializer[Any]):
    may_ask = serializers.BooleanField(help_text="Whether this meeting takes a request of theirs now.")
    state = serializers.ChoiceField(RequestState.choices, allow_null=True, help_text="Of their last request.")
    answer = serializers.CharField(help_text="What staff wrote when they decided; blank before.")
    asked_at = serializers.DateTimeField(allow_null=True)


class AdmissionShape(VerdictShape):
    server_time = serializers.DateTimeField(help_text="What countdowns go by: the device's clock may be wrong.")
    meeting = MeetingBrief(required=False)
    access = StandingShape(required=False, help_text="With `not_enrolled`.")


class MyMeeting(MeetingBrief):
    state = serializers.ChoiceField(ParticipantState.choices)
    preset = serializers.CharField()
    verdict = VerdictShape()


class ParticipantBrief(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    realtimekit_id = serializers.CharField()
    custom_participant_id = serializers.CharField()
    name = serializers.CharField()
    preset = serializers.CharField()


class JoinAnswer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()
    refresh_after = serializers.DateTimeField()
    expiry_source = serializers.ChoiceField(ExpirySource.choices)
    server_time = serializers.DateTimeField()
    participant = ParticipantBrief()
    meeting = MeetingBrief()


class GuestShape(serializers.Serializer[Any]):
    participant = serializers.UUIDField()
    meeting = serializers.UUIDField()
    expires_at = serializers.DateTimeField(help_text="When their invitation ends.")


class Me(serializers.Serializer[Any]):
    id = serializers.IntegerField(allow_null=True, help_text="Null for a guest.")
    username = serializers.CharField()
    name = serializers.CharField()
    email = serializers.CharField()
    is_staff = serializers.BooleanField()
    person = serializers.UUIDField(allow_null=True)
    custom_participant_id = serializers.CharField(allow_null=True)
    blocked = serializers.BooleanField()
    guest = GuestShape(required=False, help_text="Only for somebody who came by an invitation.")
    csrf_token = serializers.CharField(
        help_text="For the header X-CSRFToken, where the cookie can't be read; empty for a bearer."
    )
    rights = serializers.ListField(child=serializers.CharField())
    manages = serializers.ListField(child=serializers.UUIDField())


class ErrorShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()


class Counts(serializers.Serializer[Any]):
    enrolled = serializers.IntegerField()
    pending = serializers.IntegerField()
    failed = serializers.IntegerField()


class ManagedMeeting(MeetingBrief):
    state = serializers.ChoiceField(MeetingState.choices)
    applied_status = serializers.CharField()
    enforce_window = serializers.BooleanField()
    admission = serializers.ChoiceField(AdmissionPolicy.choices)
    default_preset = serializers.CharField(allow_null=True)
    capacity = serializers.IntegerField(allow_null=True)
    sends_notices = serializers.BooleanField()
    takes_requests = serializers.BooleanField()
    consent_text = serializers.CharField(help_text="What people agree to before they join; blank: nothing.")
    consent_version = serializers.IntegerField(allow_null=True, help_text="Which of the meeting's texts it is.")
    managers = serializers.ListField(child=serializers.CharField(), help_text="Usernames.")
    groups = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Names of the groups whose members are enrolled; null for those who may not see groups.",
    )
    counts = Counts()
    last_error = ErrorShape(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def _is_storable(data: int | str) -> bool:
    """False for text no column holds: nothing, NUL (PostgreSQL), half of a surrogate pair."""
    return isinstance(data, int) or (bool(data.strip()) and data.isprintable())


class UserReference(serializers.Field[Any, Any, Any, Any]):
    """A number is an id; a string is a username or an e-mail address."""

    def to_internal_value(self, data: Any) -> int | str:
        if isinstance(data, bool) or not isinstance(data, int | str) or not _is_storable(data):
            raise serializers.ValidationError("Give a user's id, username or e-mail address.", code="invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class MeetingInput(StrictSerializer):
    title = serializers.CharField(max_length=100)
    status = serializers.ChoiceField(MeetingStatus.choices, required=False)
    opens_at = serializers.DateTimeField(allow_null=True, required=False)
    closes_at = serializers.DateTimeField(allow_null=True, required=False)
    enforce_window = serializers.BooleanField(required=False)
    admission = serializers.ChoiceField(AdmissionPolicy.choices, required=False)
    default_preset = serializers.CharField(allow_null=True, required=False, help_text="A preset's name.")
    capacity = serializers.IntegerField(allow_null=True, min_value=1, max_value=2**31 - 1, required=False)
    sends_notices = serializers.BooleanField(
        required=False, help_text="Mail people when they are enrolled, changed or removed. Off by default."
    )
    takes_requests = serializers.BooleanField(
        required=False, help_text="Whoever is signed in may ask to be let in. Off by default."
    )
    consent_text = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=CONSENT_LIMIT,
        help_text="What people have to agree to before they join; plain text. Each change asks everybody again; "
        "blank asks nobody.",
    )
    managers = serializers.ListField(child=UserReference(), required=False, help_text=USER_HELP, max_length=200)
    groups = serializers.ListField(
        child=serializers.CharField(max_length=150),
        required=False,
        max_length=100,
        help_text="Names of groups: their members are enrolled, and removed when they leave. Needs a default preset.",
    )


class GuestInput(StrictSerializer):
    name = serializers.CharField(max_length=NAME_LIMIT)
    email = serializers.EmailField(max_length=254)


class EnrolInput(StrictSerializer):
    user = UserReference(required=False, help_text=USER_HELP)
    guest = GuestInput(required=False, help_text="Somebody without an account, instead of a user.")
    preset = serializers.CharField(required=False, allow_null=True, help_text="Default: the meeting's.")
    name = serializers.CharField(required=False, allow_blank=True, max_length=NAME_LIMIT)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("user" in attrs) == ("guest" in attrs):
            raise serializers.ValidationError("Name either a user or a guest.", code="user_or_guest")
        return attrs


class ChangeInput(StrictSerializer):
    preset = serializers.CharField(required=False)
    name = serializers.CharField(required=False, allow_blank=True, max_length=NAME_LIMIT)


class TokenBrief(serializers.Serializer[Any]):
    state = serializers.ChoiceField(["fresh", "usable", "expired", "none"])
    expires_at = serializers.DateTimeField(allow_null=True)
    expiry_source = serializers.CharField()


class PersonBrief(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    user = serializers.IntegerField(allow_null=True)
    username = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    email = serializers.CharField()
    blocked = serializers.BooleanField()


class AgreedShape(serializers.Serializer[Any]):
    state = serializers.ChoiceField(
        ConsentState.choices, help_text="Of the text that the meeting has now; not_asked where it has none."
    )
    version = serializers.IntegerField(allow_null=True, help_text="The text they agreed to last, whichever it was.")
    agreed_at = serializers.DateTimeField(allow_null=True, help_text="When they did.")


class ManagedParticipant(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    meeting = serializers.UUIDField()
    person = PersonBrief()
    custom_participant_id = serializers.CharField()
    realtimekit_id = serializers.CharField(allow_null=True)
    state = serializers.ChoiceField(ParticipantState.choices)
    preset = serializers.CharField()
    applied_preset = serializers.CharField()
    name = serializers.CharField()
    source = serializers.ChoiceField(Source.choices)  # type: ignore[assignment]  # a field of that name
    enrolled_by = serializers.CharField(allow_null=True)
    token = TokenBrief()
    consent = AgreedShape()
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    last_error = ErrorShape(allow_null=True)
    removed_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class RemovedParticipant(ManagedParticipant):
    remote = serializers.ChoiceField(
        ["deleted", "pending"],
        help_text="Whether RealtimeKit has deleted the participant; pending is repeated until it has.",
    )


class BudgetShape(serializers.Serializer[Any]):
    calls = serializers.IntegerField(help_text="The budget: so many calls in any window of `seconds`.")
    seconds = serializers.FloatField()
    used = serializers.IntegerField(help_text="In the window that ends now; an estimate.")
    available = serializers.IntegerField(help_text="Calls for which the budget has room at this moment.")
    available_to_background = serializers.IntegerField()
    reserved = serializers.IntegerField(help_text="What of `available` background work leaves alone.")


class BreakerShape(serializers.Serializer[Any]):
    state = serializers.ChoiceField(["closed", "open", "half_open"])
    failures = serializers.IntegerField(help_text="In a row.")
    probe_at = serializers.DateTimeField(allow_null=True, help_text="When one call is let through next.")


class BackgroundShape(serializers.Serializer[Any]):
    looked_at = serializers.DateTimeField(allow_null=True, help_text="When a worker last looked for work.")
    running = serializers.BooleanField(help_text="False when none has looked for two minutes.")


class WebhookKeyShape(serializers.Serializer[Any]):
    fingerprint = serializers.CharField(help_text="SHA-256 of the public key.")
    fetched_at = serializers.DateTimeField(allow_null=True, help_text="Null for a pinned key.")
    pinned = serializers.BooleanField()


class WebhookShape(serializers.Serializer[Any]):
    url = serializers.CharField(help_text="Where deliveries are expected.")
    last_delivery_at = serializers.DateTimeField(allow_null=True)
    waiting = serializers.IntegerField(help_text="Deliveries stored and not worked on yet.")
    failed = serializers.IntegerField(help_text="Deliveries given up; staff can replay them.")
    key = WebhookKeyShape(allow_null=True, help_text="Null before the first delivery.")


class ConnectionState(serializers.Serializer[Any]):
    budget = BudgetShape()
    paused_until = serializers.DateTimeField(allow_null=True, help_text="RealtimeKit asked everybody to wait.")
    breaker = BreakerShape()
    background = BackgroundShape()
    webhook = WebhookShape()
    server_time = serializers.DateTimeField()
