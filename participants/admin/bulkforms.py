"""The form of "Enrol many": where the list comes from, and what becomes of it.

The names of its fields are a contract with scripts: ``source`` (paste if left out) says which of the others count.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count
from django.http import HttpRequest, QueryDict

from participants.admin import uploads
from participants.errors import FileRefused, NobodyFound, RollcallError
from participants.models import Meeting, Preset
from participants.services import headings, outbox, rights, rosters, rostersources, spreadsheets
from participants.services.headings import Columns
from participants.services.rosters import Entry
from participants.services.rostersources import UserFilter
from participants.services.spreadsheets import Table

PASTE, FILE, GROUP, MEETING, USERS = "paste", "file", "group", "meeting", "users"
SOURCES = {
    PASTE: "Paste a list",
    FILE: "Upload a file",
    GROUP: "A group",
    MEETING: "Everybody of another meeting",
    USERS: "Users that match a filter",
}
FIELDS: dict[str, tuple[str, ...]] = {
    PASTE: ("people",),
    FILE: ("file",),
    GROUP: ("group",),
    MEETING: ("from_meeting", "with_presets"),
    USERS: ("search", "active", "in_group", "joined_since"),
}
"""What each source asks for."""

COLUMN_FIELDS = ("who", "name", "role", "headed")
SAMPLE = 6
"""Rows of a file that are shown where its columns are chosen."""

_LIVE = (GROUP, MEETING, USERS)
_OFFERED = 500
"""Meetings in the list to choose from, the newest; a script may name any other by its id."""

_ACTIVE = {"": None, "yes": True, "no": False}


if TYPE_CHECKING:
    _GroupField = forms.ModelChoiceField[Group]
else:
    _GroupField = forms.ModelChoiceField  # generic only in the stubs


class GroupField(_GroupField):
    """Groups that were annotated with how many ``members`` they have."""

    def label_from_instance(self, obj: Group) -> str:
        members = getattr(obj, "members", 0)
        return f"{obj.name} ({members} {'member' if members == 1 else 'members'})"


class EnrolManyForm(forms.Form):
    source = forms.ChoiceField(choices=[], required=False, widget=forms.RadioSelect)
    people = forms.CharField(
        label="People",
        strip=False,
        required=False,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "autocapitalize": "off"}),
        help_text="One a line, or with commas or semicolons between them: usernames, e-mail addresses, "
        "“Ada Example <ada@example.org>”. Up to 20,000.",
    )
    file = forms.FileField(
        label="CSV or Excel file",
        required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        help_text="Up to 8 MB and 20,000 rows. The next page asks which column says who. The file is read once and "
        "not kept.",
    )
    table = forms.CharField(required=False, widget=forms.HiddenInput)
    headed = forms.BooleanField(required=False, label="The first row names the columns")
    who = forms.TypedChoiceField(
        coerce=int, empty_value=None, required=False, label="Who", help_text="E-mail addresses or usernames."
    )
    name = forms.TypedChoiceField(
        coerce=int, empty_value=None, required=False, label="Name", help_text="For new guests; users keep their own."
    )
    role = forms.TypedChoiceField(
        coerce=int,
        empty_value=None,
        required=False,
        label="Preset of each row",
        help_text="Names of presets, exactly as at RealtimeKit. Empty cells get the preset chosen for all.",
    )
    group = GroupField(queryset=Group.objects.none(), required=False, label="Group")
    from_meeting = forms.ModelChoiceField(
        queryset=Meeting.objects.none(),
        required=False,
        label="Meeting",
        help_text="Everybody enrolled or pending there, guests too. They stay enrolled there.",
    )
    with_presets = forms.BooleanField(required=False, label="Give each the preset they have there")
    search = forms.CharField(
        required=False,
        max_length=200,
        label="Name, username or e-mail address contains",
        help_text="Several words narrow it down.",
    )
    active = forms.ChoiceField(
        required=False,
        initial="yes",
        label="Account",
        choices=[("yes", "Active"), ("no", "Deactivated"), ("", "All")],
    )
    in_group = GroupField(queryset=Group.objects.none(), required=False, label="Member of")
    joined_since = forms.DateField(
        required=False, label="Account made since", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    preset = forms.ModelChoiceField(
        queryset=Preset.objects.none(), label="Preset", help_text="Role, permissions and look in the meeting."
    )
    pre_enrol = forms.BooleanField(
        required=False,
        label="Enrol unknown e-mail addresses as guests",
        help_text="They have no account yet. Without this they are left out.",
    )

    invite = forms.BooleanField(
        required=False,
        label="Mail each a personal link",
        help_text="For people who are new to this meeting; they can join without an account.",
    )

    def __init__(self, request: HttpRequest, *, meeting: Meeting) -> None:
        posted = request.POST.copy() if request.method == "POST" else None
        super().__init__(posted, request.FILES or None, initial=_read_initial(request))
        self._user: User | AnonymousUser = request.user
        self._file_problem = ""
        self.parsed: Table | None = None
        """Rows of the file, while the list comes from one."""
        self.is_fresh = False
        """Whether the file has just come, so that its columns are to be chosen next."""
        self._offer_presets(meeting)
        if outbox.find_obstacle() or not rights.may(request.user, "send_invitation", meeting):
            del self.fields["invite"]
        self._offer_sources(meeting)
        if posted is not None and self.origin == FILE:
            self._take_file(posted, request)

    @property
    def origin(self) -> str:
        """The source that is chosen, whether or not it may be."""
        value = self["source"].value()
        return value if value in SOURCES else PASTE

    @property
    def asks_for_columns(self) -> bool:
        return self.parsed is not None

    def list_sources(self) -> list[tuple[str, str, list[forms.BoundField]]]:
        """Each source this user may use: its value, label and fields."""
        return [
            (value, label, [self[name] for name in FIELDS[value] if name in self.fields])
            for value, label in self._choices
        ]

    def list_columns(self) -> list[forms.BoundField]:
        return [self[name] for name in COLUMN_FIELDS]

    def list_shared(self) -> list[forms.BoundField]:
        return [self[name] for name in ("preset", "pre_enrol", "invite") if name in self.fields]

    def describe_origin(self) -> str:
        """Where a valid form's list comes from, in words."""
        data = self.cleaned_data
        if self.parsed is not None:
            return f"From a file, sheet “{self.parsed.sheet}”" if self.parsed.sheet else "From a file"
        if self.origin == GROUP:
            return f"Members of the group “{data['group']}”"
        if self.origin == MEETING:
            return f"Everybody of “{data['from_meeting']}”"
        return "Users that match the filter" if self.origin == USERS else "From the pasted list"

    def list_sample(self) -> list[tuple[int, list[str]]]:
        """The first rows of the file, all equally wide."""
        table = self.parsed
        return (
            [(row.line, [row.get(place) for place in range(table.width)]) for row in table.rows[:SAMPLE]]
            if table
            else []
        )

    def list_hidden(self) -> list[tuple[str, str]]:
        """Names and values that bring the same list to the next step; a pasted text goes apart, for its length."""
        chosen = ("table", *COLUMN_FIELDS) if self.origin == FILE else FIELDS[self.origin]
        carried = (*chosen, "preset", "pre_enrol", "invite")
        names = [name for name in carried if name != "people" and name in self.fields]
        values = [("source", self.origin), *((name, self[name].value()) for name in names)]
        kept = [(name, value) for name, value in values if value not in (None, "", False)]
        return [(name, "on" if value is True else str(value)) for name, value in kept]

    def clean(self) -> dict[str, Any]:
        """Adds ``entries``, None while a file's columns are to be chosen, and ``digest``, which tells lists apart."""
        data = super().clean() or {}
        source = data["source"] = data.get("source") or PASTE
        if self._file_problem and "file" not in self.errors:
            self.add_error("file", self._file_problem)
        if self.errors:
            return data
        gather: Callable[[dict[str, Any]], list[Entry] | None] = getattr(self, f"_gather_{source}")
        try:
            data["entries"] = entries = gather(data)
        except RollcallError as error:
            self.add_error("who" if self.asks_for_columns else FIELDS[source][0], str(error))
        else:
            data["digest"] = _digest(entries or []) if source in _LIVE else ""
        return data

    def _gather_paste(self, data: dict[str, Any]) -> list[Entry]:
        if not (entries := rosters.parse_text(data["people"])):
            raise NobodyFound("Name at least one person.")
        return entries

    def _gather_file(self, data: dict[str, Any]) -> list[Entry] | None:
        if self.parsed is None:
            raise FileRefused("Choose a file.")
        if self.is_fresh:
            return None
        if data["who"] is None:
            raise NobodyFound("Choose the column that says who.")
        columns = Columns(data["who"], data["name"], data["role"], data["headed"])
        if not (entries := headings.pick(self.parsed, columns)):
            raise NobodyFound("Below the row that names the columns there is nobody.")
        return entries

    def _gather_group(self, data: dict[str, Any]) -> list[Entry]:
        if data["group"] is None:
            raise NobodyFound("Choose a group.")
        return rostersources.from_group(data["group"])

    def _gather_meeting(self, data: dict[str, Any]) -> list[Entry]:
        if data["from_meeting"] is None:
            raise NobodyFound("Choose a meeting.")
        return rostersources.from_meeting(data["from_meeting"], with_presets=data["with_presets"])

    def _gather_users(self, data: dict[str, Any]) -> list[Entry]:
        wanted = UserFilter(data["search"], _ACTIVE[data["active"]], data.get("in_group"), data["joined_since"])
        return rostersources.from_users(self._user, wanted)

    def _take_file(self, posted: QueryDict, request: HttpRequest) -> None:
        """Read the file that has just come, or what an earlier page carries along; the columns are known then."""
        file, carried = request.FILES.get("file"), posted.get("table", "")
        try:
            if uploads.was_too_large(request):
                raise FileRefused(spreadsheets.TOO_LARGE)
            if isinstance(file, UploadedFile):
                self.parsed, self.is_fresh = spreadsheets.read(file.read()), True
                self._suggest(posted, self.parsed)
                posted["table"] = uploads.pack(self.parsed)
            elif carried:
                self.parsed = uploads.unpack(carried)
        except RollcallError as error:
            self.parsed, self._file_problem = None, str(error)
            for name in COLUMN_FIELDS:
                posted.pop(name, None)  # of no file that could be read
        if self.parsed is not None:
            self._offer_columns(headings.label(self.parsed, headed="headed" in posted))

    def _suggest(self, posted: QueryDict, table: Table) -> None:
        columns = headings.guess(table, set(Preset.objects.available().values_list("name", flat=True)))
        told = {"who": columns.who, "name": columns.name, "role": columns.preset}
        for name, place in told.items():
            posted[name] = "" if place is None else str(place)
        posted.pop("headed", None)
        if columns.headed:
            posted["headed"] = "on"

    def _offer_columns(self, labels: list[str]) -> None:
        choices = [(str(place), text) for place, text in enumerate(labels)]
        for name, nothing in (("who", "Choose a column"), ("name", "No column"), ("role", "No column")):
            _choice(self.fields[name]).choices = [("", nothing), *choices]

    def _offer_presets(self, meeting: Meeting) -> None:
        preset, default = _model_choice(self.fields["preset"]), meeting.default_preset
        preset.queryset = Preset.objects.available()
        if default is not None and default.gone_at is None:
            preset.initial = default.pk
            preset.required = False
            preset.empty_label = None

    def _offer_sources(self, meeting: Meeting) -> None:
        groups = rostersources.list_groups(self._user).annotate(members=Count("user"))
        others = rostersources.list_meetings(self._user).exclude(pk=meeting.pk).order_by("-created_at")
        offered = {
            PASTE: True,
            FILE: True,
            GROUP: rostersources.may_use_groups(self._user),
            MEETING: others.exists(),
            USERS: rostersources.may_use_users(self._user),
        }
        self._choices = [(value, SOURCES[value]) for value, is_offered in offered.items() if is_offered]
        _choice(self.fields["source"]).choices = self._choices
        for name, nothing in (("group", "Choose a group"), ("in_group", "Any group or none")):
            field = _model_choice(self.fields[name])
            field.queryset, field.empty_label = groups, nothing
        if not offered[GROUP]:
            del self.fields["in_group"]
        field = _model_choice(self.fields["from_meeting"])
        field.queryset = others
        newest = [(str(other.pk), str(other)) for other in others.only("title")[:_OFFERED]]
        field.widget.choices = [("", "Choose a meeting"), *newest]


def _read_initial(request: HttpRequest) -> dict[str, Any]:
    """``?invite`` is how the pages of invitations come here."""
    invites = "invite" in request.GET
    return {"source": PASTE, "invite": invites, "pre_enrol": invites}


def _digest(entries: list[Entry]) -> str:
    """Tells whether a list taken from rows is still the one that was looked at."""
    told = ";".join(f"{entry.user_id or ''},{entry.person_id or ''},{entry.preset}" for entry in entries)
    return sha256(told.encode()).hexdigest()[:16]


def _choice(field: forms.Field) -> forms.ChoiceField:
    assert isinstance(field, forms.ChoiceField)
    return field


def _model_choice(field: forms.Field) -> "forms.ModelChoiceField[Any]":
    assert isinstance(field, forms.ModelChoiceField)
    return field
