"""The forms by which staff invite, and what a meeting's or participant's page says about invitations."""

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import reverse

from participants.admin.access import may
from participants.models import AccessRequest, Invitation, Meeting, Message, Participant, Preset
from participants.models.participant import NAME_LIMIT
from participants.states import REMOVABLE, MessageState, RequestState

MAIL, LINK = "mail", "link"
STEPS = (MAIL, LINK)
"""What the buttons say: send it, or make a link to copy."""


class UntilForm(forms.Form):
    until = forms.DateField(
        required=False,
        label="Works until the end of",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="That day counts, in UTC. Empty: as long as the server's setting says.",
    )

    def read_expiry(self) -> datetime | None:
        day: date | None = self.cleaned_data["until"]
        return datetime.combine(day, time(23, 59, 59), UTC) if day else None


class InviteForm(UntilForm):
    """Names of its fields are a contract with scripts: ``name, email, preset, until``; the button is ``step``."""

    field_order = ("name", "email", "preset", "until")
    name = forms.CharField(max_length=NAME_LIMIT, label="Name", help_text="As others see it in the meeting.")
    email = forms.EmailField(max_length=254, label="E-mail address")
    preset = forms.ModelChoiceField(
        queryset=Preset.objects.none(), label="Preset", help_text="Role, permissions and look in the meeting."
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


def describe_meeting(request: HttpRequest, meeting: Meeting) -> dict[str, Any]:
    """Links and numbers for a meeting's own page; blank or None for what the user may not see."""
    found: dict[str, Any] = {"may_invite": may(request, "send_invitation", meeting)}
    if may(request, "view_invitation", meeting):
        count = Invitation.objects.filter(participant__meeting=meeting, revoked_at=None).count()
        found["invitations"] = (count, f"{reverse('admin:participants_invitation_changelist')}?meeting={meeting.pk}")
    if may(request, "view_message", meeting):
        rows = Message.objects.filter(meeting=meeting)
        failed = rows.filter(state=MessageState.FAILED).count()
        url = f"{reverse('admin:participants_message_changelist')}?meeting={meeting.pk}"
        found["mails"] = (rows.count(), failed, url)
    if may(request, "view_accessrequest", meeting):
        asked = AccessRequest.objects.filter(meeting=meeting, state=RequestState.OPEN).count()
        url = f"{reverse('admin:participants_accessrequest_changelist')}?meeting={meeting.pk}"
        found["asked"] = (asked, f"{url}&state=open") if asked or meeting.takes_requests else None
    return found


def find_invite_link(request: HttpRequest, row: Participant) -> str:
    """Where this participant is invited; blank where that can't be done."""
    if row.state not in REMOVABLE or not may(request, "send_invitation", row.meeting):
        return ""
    return reverse("admin:participants_invitation_of", args=[row.pk])
