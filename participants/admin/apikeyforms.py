from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.contrib.auth.models import AnonymousUser, User

from participants.models import ApiKey, Meeting
from participants.services import rights
from participants.services.people import parse_id
from participants.states import KeyScope

if TYPE_CHECKING:
    _MeetingField = forms.ModelMultipleChoiceField[Meeting]
else:
    _MeetingField = forms.ModelMultipleChoiceField  # generic only in the stubs

_NOBODY = str(UUID(int=0))
_LIVES = (("30", "30 days"), ("90", "90 days"), ("180", "Half a year"), ("365", "A year"), ("730", "Two years"))
_OVERLAPS = (("0", "It ends at once"), ("1", "An hour"), ("24", "A day"), ("168", "A week"))


class MeetingSelect(AutocompleteSelectMultiple):
    """Django's, which fails where an id sent is none. No meeting has the zero one: the field refuses it in words."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return [key if parse_id(key) else _NOBODY for key in super().value_from_datadict(data, files, name)]


class KeyForm(forms.Form):
    pk = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    """The key's id to be: a form that is sent twice makes one key."""
    name = forms.CharField(max_length=100, label="Name", help_text="Who will use it, such as “School portal”.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, f"{scope.label} ({scope.value})") for scope in KeyScope],
        widget=forms.CheckboxSelectMultiple,
        label="It may",
        help_text="Only what you may do yourself. “Change many at once” comes on top of the scope for one.",
    )
    reach = forms.ChoiceField(
        choices=[("chosen", "Only these meetings"), ("all", "All meetings, those made later too")],
        widget=forms.RadioSelect,
        initial="chosen",
        label="In",
    )
    meetings = _MeetingField(queryset=Meeting.objects.none(), required=False, label="Meetings")
    lifetime = forms.ChoiceField(choices=_LIVES, initial="365", label="Expires after")

    def __init__(self, *args: Any, caller: User | AnonymousUser, site: AdminSite, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._caller = caller
        meetings = self.fields["meetings"]
        assert isinstance(meetings, forms.ModelMultipleChoiceField)
        meetings.queryset = rights.list_meetings(caller)
        source = ApiKey._meta.get_field("meetings")
        meetings.widget = MeetingSelect(source, site, attrs={"data-placeholder": "Search meetings"})
        meetings.widget.choices = meetings.choices

    def list_scopes(self) -> list[KeyScope]:
        return [KeyScope(value) for value in self.cleaned_data["scopes"]]

    def list_meetings(self) -> list[Meeting] | None:
        """None for all of them."""
        return None if self.cleaned_data["reach"] == "all" else list(self.cleaned_data["meetings"])

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        if cleaned["reach"] == "chosen" and not cleaned["meetings"]:
            self.add_error("meetings", "Choose at least one meeting.")
            return cleaned
        refused = [
            scope for scope in self.list_scopes() if not rights.may_grant(self._caller, [scope], self.list_meetings())
        ]
        if refused:
            told = ", ".join(scope.value for scope in refused)
            self.add_error("scopes", f"You may not do this in these meetings yourself: {told}.")
        return cleaned


class RotationForm(forms.Form):
    seen = forms.CharField(widget=forms.HiddenInput)
    overlap = forms.ChoiceField(
        choices=_OVERLAPS,
        initial="24",
        label="The present secret stays good for",
        help_text="Long enough to bring the new one to every place that calls.",
    )
