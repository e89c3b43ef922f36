"""Enrolling people right on a meeting: ``/admin/participants/meeting/<uuid>/enrol/``.

The names of the form's fields, ``users``, ``preset`` and ``name``, are a contract with scripts.
"""

from dataclasses import asdict
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.http import HttpRequest

from participants.admin.access import may, read_actor
from participants.admin.autocompletion import PeopleField, PeopleSelect
from participants.admin.wording import Line, describe
from participants.models import Meeting, Person, Preset
from participants.models.participant import NAME_LIMIT
from participants.services import staffwork

AT_ONCE = 100
"""More belong into a bulk enrolment."""
_KEPT = "enrol_result"


class EnrolForm(forms.Form):
    users = PeopleField(
        queryset=User.objects.all(), label="People", help_text="Type a name, a username or an e-mail address."
    )
    preset = forms.ModelChoiceField(
        queryset=Preset.objects.none(), label="Preset", help_text="Role, permissions and look in the meeting."
    )
    name = forms.CharField(
        max_length=NAME_LIMIT,
        required=False,
        label="Name in this meeting",
        help_text="Only for a single person; empty means the person's own name.",
    )

    def __init__(self, *args: Any, meeting: Meeting, site: AdminSite, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        users, preset = self.fields["users"], self.fields["preset"]
        assert isinstance(users, forms.ModelMultipleChoiceField)
        assert isinstance(preset, forms.ModelChoiceField)
        source = Person._meta.get_field("user")
        users.widget = PeopleSelect(source, site, attrs={"data-placeholder": "Search people"})
        users.widget.choices = users.choices
        preset.queryset = Preset.objects.available()
        default = meeting.default_preset
        if default is not None and default.gone_at is None:
            preset.initial = default.pk
            preset.required = False
            preset.empty_label = None

    def clean_users(self) -> list[User]:
        users = list(self.cleaned_data["users"])
        if len(users) > AT_ONCE:
            raise forms.ValidationError(f"Choose at most {AT_ONCE} people at once.")
        chosen = self["users"].value()
        return sorted(users, key=lambda user: chosen.index(str(user.pk)))  # whoever was chosen first gets the place

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("name") and len(cleaned.get("users", [])) > 1:
            self.add_error("name", "A name can be given to a single person only. Leave it empty for several.")
        return cleaned


def enrol(request: HttpRequest, meeting: Meeting, form: EnrolForm) -> list[Line]:
    """Enrol those whom a valid form names; a line for each."""
    outcomes = staffwork.enrol_users(
        meeting=meeting,
        users=form.cleaned_data["users"],
        preset=form.cleaned_data["preset"],
        name=form.cleaned_data["name"],
        by=read_actor(request),
    )
    unblocks = may(request, "block_person") and may(request, "view_person")
    return [describe(outcome, enrolling=True, unblocks=unblocks) for outcome in outcomes]


def keep(request: HttpRequest, meeting: Meeting, lines: list[Line]) -> str:
    """Keep the lines of the latest submission in the session, to be shown after a redirect. Returns their key."""
    key = uuid4().hex
    request.session[_KEPT] = {"key": key, "meeting": str(meeting.pk), "lines": [asdict(line) for line in lines]}
    return key


def recall(request: HttpRequest, meeting: Meeting) -> list[Line]:
    """The lines under the address's ``result``; none when later ones have replaced them."""
    kept = request.session.get(_KEPT, {})
    wanted = (request.GET.get("result"), str(meeting.pk))
    return [Line(**line) for line in kept["lines"]] if kept and (kept["key"], kept["meeting"]) == wanted else []
