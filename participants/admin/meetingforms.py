from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import Group
from django.db.models import Q

from participants.models import Meeting, Preset
from participants.models.consent import CONSENT_LIMIT
from participants.services import consents, groups
from participants.services.meetings import check_ties

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Meeting]
else:
    _ModelForm = forms.ModelForm  # generic only in the stubs

_NAMED = 8
"""People who are named before they are removed; more are counted."""


class Confirmation(forms.CheckboxInput):
    """A box that is never ticked beforehand; ticking it sends what exactly is agreed to."""

    token = ""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, False, attrs)
        context["widget"]["value"] = self.token
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return str(data.get(name, ""))


class ParagraphsField(forms.CharField):
    """Plain text of several lines. Compared in one form, since browsers send other line ends than they were given."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return consents.tidy(super().to_python(value) or "")


class MeetingForm(_ModelForm):
    consent_text = ParagraphsField(
        label="Consent text",
        required=False,
        max_length=CONSENT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 6, "cols": 80}),
        # Against what the page showed: a form opened earlier must not bring an older text back.
        show_hidden_initial=True,
        help_text="Shown before joining, as plain text; an empty line begins a paragraph. Whoever has not agreed to "
        "it does not get in. Every change, a corrected letter too, is a new version that everybody is asked again to "
        "agree to. Empty: nothing is asked.",
    )
    groups_agreed = forms.CharField(required=False, widget=forms.HiddenInput)
    """Appears once other groups were chosen, and asks before anybody is enrolled or removed by that."""

    asks = False
    """Whether that is all that keeps the form from being saved."""

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
            "sends_notices",
            "takes_requests",
            "managers",
            "groups",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "consent_text" in self.fields:
            self.fields["consent_text"].initial = self.instance.consent_text
        preset = self.fields.get("default_preset")
        if isinstance(preset, forms.ModelChoiceField):
            # One that is gone stays selectable where it is in use, so that other fields can be saved.
            preset.queryset = Preset.objects.filter(Q(gone_at=None) | Q(pk=self.instance.default_preset_id))
        for name in ("opens_at", "closes_at"):
            if name in self.fields:
                label_halves(self.fields[name])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen = cleaned.get("groups")
        if "default_preset" in cleaned:
            kept = chosen is None and not self.instance._state.adding
            check_ties(cleaned["default_preset"], self.instance.groups.all() if kept else chosen)
        if chosen is not None and not self.errors and "groups" in self.changed_data:
            self._ask(list(chosen), cleaned)
        return cleaned

    def _ask(self, chosen: list[Group], cleaned: dict[str, Any]) -> None:
        """Say what following these groups would do, unless that was agreed to."""
        plan = groups.preview(self.instance, chosen, capacity=cleaned.get("capacity"))
        # Enough to tell whether somebody changed their mind since they were asked.
        token = ",".join(str(group.pk) for group in sorted(chosen, key=lambda group: group.pk)) or "none"
        if not plan or cleaned.get("groups_agreed") == token:
            return
        self.asks = True
        self.fields["groups_agreed"].widget = widget = Confirmation()
        widget.token = token
        box = self["groups_agreed"]
        box.label = f"Yes, {describe_plan(plan)}"
        if plan.leaving:
            names = ", ".join(row.effective_name for row in plan.leaving[:_NAMED])
            more = f" and {len(plan.leaving) - _NAMED} more" if len(plan.leaving) > _NAMED else ""
            box.help_text = f"Removed, since none of these groups holds them: {names}{more}."
        self.add_error(None, f"Saving will {describe_plan(plan)}. Tick the box under “Groups” and save again.")
        self.add_error("groups_agreed", "Tick the box to agree.")


def label_halves(field: forms.Field) -> None:
    """Name the date and the time of a split widget: Django's own label belongs to neither."""
    for half, part in zip(getattr(field.widget, "widgets", ()), ("date", "time"), strict=False):
        half.attrs["aria-label"] = f"{field.label}, {part}"


def describe_plan(plan: groups.Preview) -> str:
    parts = [f"enrol {plan.enrol}"] if plan.enrol else []
    parts += [f"remove {len(plan.leaving)}"] if plan.leaving else []
    left = f" ({plan.left_out} more find no place)" if plan.left_out else ""
    count = plan.enrol + len(plan.leaving)
    return f"{' and '.join(parts)} {'person' if count == 1 else 'people'}{left}"


def describe_counts(counts: groups.Counts) -> str:
    """What following groups has done, as a sentence; blank for nothing."""
    done = ((counts.enrolled, "enrolled"), (counts.restored, "enrolled again"), (counts.removed, "removed"))
    parts = [f"{count} {verb}" for count, verb in done if count]
    return f"By its groups: {', '.join(parts)}. RealtimeKit is told in the background." if parts else ""
