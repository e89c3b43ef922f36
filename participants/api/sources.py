"""Where the people of a bulk enrolment come from: exactly one source a request."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from participants.api.callers import read_caller
from participants.api.serializers import StrictSerializer, UserReference
from participants.services import rosters, rostersources
from participants.services.rosters import ROWS, Entry
from participants.services.rostersources import UserFilter

SOURCES = ("people", "from_group", "from_meeting", "from_users")


class PersonReference(serializers.Field[Any, Any, Any, Any]):
    """Anything: what can't be read is a malformed row, and stops no other."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class GroupReference(UserReference):
    """A number is an id; a string is a name."""

    def to_internal_value(self, data: Any) -> int | str:
        try:
            return super().to_internal_value(data)
        except serializers.ValidationError:
            raise serializers.ValidationError("Give a group's id or name.", code="invalid") from None


class UserFilterInput(StrictSerializer):
    search = serializers.CharField(
        required=False, max_length=200, help_text="Words, each a part of the username, a name or the e-mail address."
    )
    is_active = serializers.BooleanField(required=False)
    group = GroupReference(required=False, help_text="A group's id (a number) or name.")
    joined_since = serializers.DateField(required=False, help_text="Accounts made on that day (UTC) or later.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            text = "Name at least one condition; everybody is {'is_active': true}."
            raise serializers.ValidationError(text, code="required")
        return attrs


class SourcesInput(StrictSerializer):
    people = serializers.ListField(
        child=PersonReference(allow_null=True),
        required=False,
        allow_empty=False,
        min_length=1,
        max_length=ROWS,
        help_text="Usernames, e-mail addresses, or objects with `email`, `name` and `preset`.",
    )
    from_group = GroupReference(required=False, help_text="The members of a group, by its id (a number) or name.")
    from_meeting = serializers.UUIDField(
        required=False, help_text="Everybody enrolled or pending in another meeting, guests too."
    )
    with_presets = serializers.BooleanField(
        required=False, help_text="With `from_meeting`: each gets the preset they have there."
    )
    from_users = UserFilterInput(required=False, help_text="The users to whom all conditions apply.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = [name for name in SOURCES if name in attrs]
        if not named:
            text = f"Name the people, or one of {', '.join(SOURCES[1:])}."
            raise serializers.ValidationError({"people": serializers.ErrorDetail(text, code="required")})
        if len(named) > 1:
            text = f"Name one source only, not {' and '.join(named)}."
            raise serializers.ValidationError(text, code="one_source")
        if "with_presets" in attrs and named != ["from_meeting"]:
            text = "This goes with from_meeting."
            raise serializers.ValidationError({"with_presets": serializers.ErrorDetail(text, code="invalid")})
        return attrs


def gather(request: Request, data: dict[str, Any]) -> list[Entry]:
    """The entries of validated ``SourcesInput``.

    Raises RosterTooLong, NobodyFound, SourceForbidden, UnknownGroup or UnknownMeeting.
    """
    if "people" in data:
        return rosters.parse_items(data["people"])
    if "from_group" in data:
        return rostersources.from_group(rostersources.find_group(read_caller(request), data["from_group"]))
    if "from_meeting" in data:
        meeting = rostersources.find_meeting(read_caller(request), data["from_meeting"])
        return rostersources.from_meeting(meeting, with_presets=data.get("with_presets", False))
    told = dict(data["from_users"])
    if "group" in told:
        told["group"] = rostersources.find_group(read_caller(request), told["group"])
    return rostersources.from_users(read_caller(request), UserFilter(**told))
