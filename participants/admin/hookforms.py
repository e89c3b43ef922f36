from typing import TYPE_CHECKING, Any

from django import forms

from participants.errors import HookRefused
from participants.models import Hook
from participants.services import hooks
from participants.states import TELLABLE

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Hook]
else:
    _ModelForm = forms.ModelForm  # generic only in the stubs


class HookForm(_ModelForm):
    kinds = forms.MultipleChoiceField(
        label="Tells of",
        choices=[(kind.value, f"{kind.label} ({kind.value})") for kind in TELLABLE],
        widget=forms.CheckboxSelectMultiple,
        initial=[kind.value for kind in TELLABLE],
    )

    class Meta:
        model = Hook
        fields = ("name", "url", "kinds", "meetings")
        help_texts = {"url": "Begins with https://. Messages are posted there."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "url" in self.fields:
            self.fields["url"].widget.input_type = "url"

    def clean_url(self) -> str:
        try:
            return hooks.clean_url(self.cleaned_data["url"])
        except HookRefused as error:
            raise forms.ValidationError(str(error)) from None
