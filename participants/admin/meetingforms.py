from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Q

from participants.models import Meeting, Preset

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Meeting]
else:
    _ModelForm = forms.ModelForm  # generic only in the stubs


class MeetingForm(_ModelForm):
    class Meta:
        model = Meeting
        fields = (
            "title",
            "status",
            "opens_at",
            "closes_at",
            "enforce_window",
            "admission",
            "default_preset",
            "capacity",
            "managers",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        preset = self.fields.get("default_preset")
        if isinstance(preset, forms.ModelChoiceField):
            # One that is gone stays selectable where it is in use, so that other fields can be saved.
            preset.queryset = Preset.objects.filter(Q(gone_at=None) | Q(pk=self.instance.default_preset_id))
        for name in ("opens_at", "closes_at"):
            # Django's own label belongs to neither half of the split widget.
            widget = self.fields[name].widget if name in self.fields else None
            for half, part in zip(getattr(widget, "widgets", ()), ("date", "time"), strict=False):
                half.attrs["aria-label"] = f"{self.fields[name].label}, {part}"
