"""Shapes of invitations, mails and access requests on the wire."""

from typing import Any

from rest_framework import serializers

from participants.api.serializers import (
    USER_HELP,
    ErrorShape,
    GuestInput,
    PersonBrief,
    StrictSerializer,
    UserReference,
)
from participants.models.accessrequest import MESSAGE_LIMIT
from participants.models.participant import NAME_LIMIT
from participants.states import InvitationState, MessageKind, MessageState, RequestState

AT_ONCE = 100


class RedeemInput(StrictSerializer):
    secret = serializers.CharField(
        max_length=200, trim_whitespace=True, help_text="What follows the # of the link, `rci_` included."
    )
    replace = serializers.BooleanField(
        default=False, help_text="Somebody else is signed in here, and chose to be signed out and join as the guest."
    )


class RedeemedShape(serializers.Serializer[Any]):
    joins_as = serializers.ChoiceField(
        ["guest", "user"], help_text="`user`: the invitation is their own, and they stay signed in as they are."
    )
    meeting = serializers.UUIDField()
    title = serializers.CharField()
    name = serializers.CharField()
    expires_at = serializers.DateTimeField()


class InviteInput(StrictSerializer):
    user = UserReference(required=False, help_text=USER_HELP)
    guest = GuestInput(required=False, help_text="Somebody without an account.")
    participant = serializers.UUIDField(required=False, help_text="Somebody enrolled in this meeting.")
    preset = serializers.CharField(required=False, allow_null=True, help_text="Default: the meeting's.")
    name = serializers.CharField(required=False, allow_blank=True, max_length=NAME_LIMIT)
    expires_at = serializers.DateTimeField(
        required=False, help_text="At most a year ahead. Default: `INVITATION_LIFETIME` from now."
    )
    mail = serializers.BooleanField(
        default=True, help_text="Send it by e-mail; without, the answer holds the link, this once."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(name in attrs for name in ("user", "guest", "participant")) != 1:
            raise serializers.ValidationError("Name one of user, guest and participant.", code="one_person")
        return attrs


class ResendInput(StrictSerializer):
    expires_at = serializers.DateTimeField(required=False)
    mail = serializers.BooleanField(default=True)


class ResendAllInput(StrictSerializer):
    participants = serializers.ListField(
        child=serializers.UUIDField(), required=False, allow_empty=False, min_length=1, max_length=20_000
    )
    all = serializers.BooleanField(default=False, help_text="Everybody enrolled who has an address.")
    missing = serializers.BooleanField(default=False, help_text="With `all`: only those who have no working link.")
    expires_at = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs.get("participants")) == attrs["all"]:
            raise serializers.ValidationError("Give either participants or all.", code="participants_or_all")
        return attrs


class CountShape(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="How many mails were queued.")


class InvitationShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    meeting = serializers.UUIDField()
    participant = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()
    state = serializers.ChoiceField(InvitationState.choices)
    expires_at = serializers.DateTimeField()
    first_used_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    uses = serializers.IntegerField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class IssuedShape(InvitationShape):
    mailed = serializers.BooleanField()
    link = serializers.CharField(allow_null=True, help_text="Only here and only now, where it was not mailed.")


class MessageShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(MessageKind.choices)
    state = serializers.ChoiceField(MessageState.choices)
    meeting = serializers.UUIDField()
    person = serializers.UUIDField()
    participant = serializers.UUIDField(allow_null=True)
    address = serializers.CharField()
    subject = serializers.CharField(help_text="As it was sent; blank before.")
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    last_error = ErrorShape(allow_null=True)
    sent_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class AccessInput(StrictSerializer):
    message = serializers.CharField(required=False, allow_blank=True, max_length=MESSAGE_LIMIT, default="")


class AccessShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    meeting = serializers.UUIDField()
    state = serializers.ChoiceField(RequestState.choices)
    message = serializers.CharField()
    answer = serializers.CharField(help_text="What staff wrote when they decided.")
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class ManagedAccessShape(AccessShape):
    person = PersonBrief()
    participant = serializers.UUIDField(allow_null=True)
    decided_by = serializers.CharField(allow_null=True)


class DecideInput(StrictSerializer):
    requests = serializers.ListField(
        child=serializers.UUIDField(), allow_empty=False, min_length=1, max_length=AT_ONCE
    )
    decision = serializers.ChoiceField(["approve", "deny"])
    message = serializers.CharField(required=False, allow_blank=True, max_length=MESSAGE_LIMIT, default="")
    preset = serializers.CharField(required=False, allow_null=True, help_text="Default: the meeting's.")


class DecisionShape(serializers.Serializer[Any]):
    request = serializers.UUIDField()
    done = serializers.BooleanField()
    participant = serializers.UUIDField(allow_null=True)
    code = serializers.CharField(help_text="Why it was not decided, or is not at RealtimeKit yet; else blank.")
    detail = serializers.CharField()


class DecisionsShape(serializers.Serializer[Any]):
    results = DecisionShape(many=True)
