"""Enrolling many on a meeting: ``/admin/participants/meeting/<uuid>/enrol-many/``. A list, a look at it, a batch.

The look writes nothing, so it carries the list along to the next step; a list taken from rows is taken again, and is
to be looked at anew if it has changed. ``step`` is look, edit, start or download.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from participants.admin import downloads
from participants.admin.access import read_actor
from participants.admin.badges import Tone
from participants.admin.bulkforms import EnrolManyForm
from participants.errors import RollcallError
from participants.models import Meeting
from participants.services import batches
from participants.services.batches import Preview
from participants.services.forecasts import Forecast
from participants.states import TAKEN, Prospect

SHOWN = 200
"""Rows of each list on the page."""

FIND_LIMIT = 100
STEPS = ("look", "start", "download")

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


@dataclass(frozen=True)
class Group:
    """Rows of the look that meet with the same reason."""

    code: str
    label: str
    tone: Tone
    text: str
    count: int


@dataclass(frozen=True)
class Look:
    """The two lists of a dry run, each cut off at ``SHOWN`` rows, and how many there are.

    The counts are those of the whole list; ``taken_found`` and ``left_found`` those of what was searched for.
    """

    taken: list[Forecast]
    left: list[tuple[Forecast, str, Tone, str]]
    groups: list[Group]
    taken_count: int
    left_count: int
    guest_count: int
    taken_found: int
    left_found: int
    show: str = ""
    find: str = ""

    @property
    def is_filtered(self) -> bool:
        return bool(self.show or self.find)


class Desk:
    """One request to the page: reads the form, looks, starts. ``answer`` is set when no page is to be shown."""

    def __init__(self, request: HttpRequest, meeting: Meeting) -> None:
        self._request, self._meeting = request, meeting
        self._step = request.POST.get("step", "")
        self.form = EnrolManyForm(request, meeting=meeting)
        self.answer: HttpResponseBase | None = None
        self.look: Look | None = None
        self.has_changed = False
        if self._step in STEPS and self.form.is_valid() and self.form.cleaned_data["entries"] is not None:
            self._take_step()

    def give_context(self) -> dict[str, Any]:
        form = self.form
        return {
            "form": form,
            "look": self.look,
            "shown": SHOWN,
            "has_changed": self.has_changed,
            "origin": form.describe_origin() if self.look else "",
            "digest": form.cleaned_data.get("digest", "") if self.look else "",
        }

    def _take_step(self) -> None:
        if self._step == "start":
            seen = self._request.POST.get("seen", "")
            self.has_changed = bool(seen) and seen != self.form.cleaned_data["digest"]
            if not self.has_changed:
                self._start()
                return
        preview = self._preview()
        if preview is None:
            return
        if self._step == "download":
            self.answer = downloads.answer_csv(_list_rows(preview), "enrolment-look.csv")
            return
        show, find = self._request.POST.get("show", ""), self._request.POST.get("find", "")
        self.look = _arrange(preview, show if show in LABELS else "", " ".join(find.split())[:FIND_LIMIT])

    def _preview(self) -> Preview | None:
        """None when the preset won't do, which the form then says."""
        data = self.form.cleaned_data
        try:
            return batches.preview(self._meeting, data["entries"], preset=data["preset"], pre_enrol=data["pre_enrol"])
        except RollcallError as error:
            self.form.add_error("preset", str(error))
            return None

    def _start(self) -> None:
        data = self.form.cleaned_data
        try:
            batch = batches.start(
                meeting=self._meeting,
                entries=data["entries"],
                preset=data["preset"],
                pre_enrol=data["pre_enrol"],
                invites=data.get("invite", False),
                by=read_actor(self._request),
            )
        except RollcallError as error:
            self.form.add_error("preset", str(error))
        else:
            self.answer = redirect("admin:participants_batch_change", batch.pk)


def _arrange(seen: Preview, show: str, find: str) -> Look:
    groups = [
        Group(code, LABELS[code], *REASONS[code], count)
        for code, count in seen.counts.most_common()
        if code in REASONS
    ]
    found = [item for item in seen.forecasts if _is_found(item, show, find.casefold())]
    left, taken = [item for item in found if not item.taken], [item for item in found if item.taken]
    taken_count = sum(item.taken for item in seen.forecasts)
    return Look(
        taken=taken[:SHOWN],
        left=[(item, *_explain(item)) for item in left[:SHOWN]],
        groups=groups,
        taken_count=taken_count,
        left_count=len(seen.forecasts) - taken_count,
        guest_count=seen.counts[Prospect.WILL_PRE_ENROL],
        taken_found=len(taken),
        left_found=len(left),
        show=show,
        find=find,
    )


def _is_found(item: Forecast, show: str, find: str) -> bool:
    if show and item.prospect != show and not (item.taken and show in TAKEN):
        return False
    return not find or any(find in text.casefold() for text in (item.entry.text, item.entry.name, _name(item)))


def _name(item: Forecast) -> str:
    if item.user is not None:
        return item.user.get_full_name() or item.user.get_username()
    return str(item.person) if item.person is not None else item.entry.name


def _explain(item: Forecast) -> tuple[str, Tone, str]:
    tone, text = REASONS[item.prospect]
    return LABELS[item.prospect], tone, item.entry.problem or text


def _list_rows(seen: Preview) -> Iterator[list[object]]:
    yield ["line", "input", "name", "preset", "outcome", "detail"]
    for item in seen.forecasts:
        detail = "" if item.taken else _explain(item)[2]
        entry = item.entry
        yield [entry.line, entry.text, _name(item), entry.preset, item.prospect.value, detail]
