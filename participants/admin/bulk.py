"""Enrolling many on a meeting: ``/admin/participants/meeting/<uuid>/enrol-many/``. A list, a look at it, a batch.

The look writes nothing, so it carries the list along to the next step. The names of the form's fields, ``people``,
``preset``, ``pre_enrol`` and ``step`` (look, edit, start), are a contract with scripts.
"""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest

from participants.admin.access import read_actor
from participants.admin.badges import Tone
from participants.errors import RollcallError
from participants.models import Batch, Meeting, Preset
from participants.services import batches, rosters
from participants.services.batches import Preview
from participants.services.forecasts import Forecast
from participants.services.rosters import Entry
from participants.states import Prospect

SHOWN = 200
"""Rows of each list on the page."""

REASONS: dict[str, tuple[Tone, str]] = {
    Prospect.ALREADY_ENROLLED: ("quiet", "They are enrolled in this meeting, and stay as they are."),
    Prospect.NOT_FOUND: ("bad", "No user has this username or e-mail address."),
    Prospect.SEVERAL_MATCH: ("bad", "Several users match. Write the exact username."),
    Prospect.DEACTIVATED: ("bad", "The user is deactivated. Activate the account first."),
    Prospect.BLOCKED: ("bad", "The person is blocked. Unblock them first."),
    Prospect.REMOVED: ("bad", "They were removed from this meeting. Restore them on the participants list."),
    Prospect.DUPLICATE: ("quiet", "The same person stands further up in the list."),
    Prospect.MALFORMED: ("bad", "Neither a username nor an e-mail address."),
    Prospect.OVER_CAPACITY: ("bad", "The meeting has no place left. Raise its capacity."),
    "stopped": ("quiet", "The bulk enrolment was stopped before RealtimeKit was told."),
    "undone": ("quiet", "The bulk enrolment was undone."),
}
"""Why somebody is not enrolled: tone and sentence. ``removed`` is said of those removed since, too."""

LABELS = {**dict(Prospect.choices), "stopped": "Stopped", "undone": "Undone"}


class EnrolManyForm(forms.Form):
    people = forms.CharField(
        label="People",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "autocapitalize": "off"}),
        help_text="One a line, or with commas or semicolons between them: usernames, e-mail addresses, "
        "“Ada Example <ada@example.org>”. Up to 20,000.",
    )
    preset = forms.ModelChoiceField(
        queryset=Preset.objects.none(), label="Preset", help_text="Role, permissions and look in the meeting."
    )
    pre_enrol = forms.BooleanField(
        required=False,
        label="Enrol unknown e-mail addresses as guests",
        help_text="They have no account yet. Without this they are left out.",
    )

    def __init__(self, *args: Any, meeting: Meeting, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        preset, default = self.fields["preset"], meeting.default_preset
        assert isinstance(preset, forms.ModelChoiceField)
        preset.queryset = Preset.objects.available()
        if default is not None and default.gone_at is None:
            preset.initial = default.pk
            preset.required = False
            preset.empty_label = None

    def clean_people(self) -> list[Entry]:
        try:
            entries = rosters.parse_text(self.cleaned_data["people"])
        except RollcallError as error:
            raise forms.ValidationError(str(error)) from None
        if not entries:
            raise forms.ValidationError("Name at least one person.")
        return entries


@dataclass(frozen=True)
class Group:
    """Rows of the look that meet with the same reason."""

    label: str
    tone: Tone
    text: str
    count: int


@dataclass(frozen=True)
class Look:
    """The two lists of a dry run, each cut off at ``SHOWN`` rows, and how many there are."""

    taken: list[Forecast]
    left: list[tuple[Forecast, str, Tone, str]]
    groups: list[Group]
    taken_count: int
    left_count: int
    guest_count: int


def look(meeting: Meeting, form: EnrolManyForm) -> Look | None:
    """What a valid form would do; None when its preset won't do, which the form then says."""
    data = form.cleaned_data
    try:
        seen = batches.preview(meeting, data["people"], preset=data["preset"], pre_enrol=data["pre_enrol"])
    except RollcallError as error:
        form.add_error("preset", str(error))
        return None
    return _arrange(seen)


def start(request: HttpRequest, meeting: Meeting, form: EnrolManyForm) -> Batch | None:
    data = form.cleaned_data
    try:
        return batches.start(
            meeting=meeting,
            entries=data["people"],
            preset=data["preset"],
            pre_enrol=data["pre_enrol"],
            by=read_actor(request),
        )
    except RollcallError as error:
        form.add_error("preset", str(error))
        return None


def _arrange(seen: Preview) -> Look:
    left = [item for item in seen.forecasts if not item.taken]
    taken = [item for item in seen.forecasts if item.taken]
    groups = [
        Group(LABELS[code], *REASONS[code], count) for code, count in seen.counts.most_common() if code in REASONS
    ]
    return Look(
        taken=taken[:SHOWN],
        left=[(item, *_explain(item)) for item in left[:SHOWN]],
        groups=groups,
        taken_count=len(taken),
        left_count=len(left),
        guest_count=seen.counts[Prospect.WILL_PRE_ENROL],
    )


def _explain(item: Forecast) -> tuple[str, Tone, str]:
    tone, text = REASONS[item.prospect]
    return LABELS[item.prospect], tone, item.entry.problem or text
