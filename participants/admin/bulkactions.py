"""Removing or changing the preset of many on the participants list: a dry run that counts, then a batch.

The choice is that of Django's list: rows that were ticked, or all that match its filter, read anew at each step.
"""

from dataclasses import dataclass, field

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest

from participants.admin.access import read_actor
from participants.admin.badges import Tone
from participants.admin.batchwords import WORDS
from participants.admin.participantactions import Action, PresetForm
from participants.models import Batch, Participant, Preset
from participants.services import bulkchanges, rights
from participants.services.rosters import ROWS
from participants.states import BatchKind, ChangeProspect

_ACTING = (ChangeProspect.WILL_REMOVE, ChangeProspect.WILL_CHANGE)
_NAMED = 10


@dataclass
class Many:
    """A choice of many rows and what an action would do to them.

    ``acting`` is to how many something would be done; ``left`` why not to the others, each with its count.
    ``allowed`` are the rows in whose meetings the user may do it.
    """

    action: Action
    allowed: QuerySet[Participant]
    total: int
    acting: int = 0
    left: list[tuple[str, Tone, str, int]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    meetings: int = 0
    preset: Preset | None = None
    form: PresetForm | None = None
    keys: list[str] = field(default_factory=list)
    across: bool = False
    changed: bool = False
    origin: str = ""

    @property
    def needs_preset(self) -> bool:
        return self.action.asks_preset and self.preset is None

    @property
    def too_many(self) -> int:
        """The most that one batch takes, where these are more; else 0."""
        return ROWS if self.total > ROWS else 0


def look(request: HttpRequest, action: Action, rows: QuerySet[Participant]) -> Many:
    """The dry run of what was chosen. Writes nothing."""
    meetings = rights.list_meetings(request.user, action.right)
    allowed = rows.filter(meeting__in=meetings.values("pk"))
    many = Many(action, allowed, rows.count(), origin=request.get_full_path())
    many.across = request.POST.get("select_across") == "1"
    # Django wants one row to be ticked even where all that match are meant.
    many.keys = request.POST.getlist(ACTION_CHECKBOX_NAME)[: 1 if many.across else None]
    if action.asks_preset:
        many.form = PresetForm(request.POST if "preset" in request.POST else None)
        many.preset = many.form.cleaned_data["preset"] if many.form.is_valid() else None
    if not many.needs_preset:
        _count(many)
    return many


def start(request: HttpRequest, many: Many) -> Batch | None:
    """The batch, if this is the answer to the dry run as it still is. Raises RosterTooLong."""
    if request.POST.get("post") != "yes" or many.needs_preset or not many.acting or many.too_many:
        return None
    many.changed = request.POST.get("seen") != str(many.acting)
    if many.changed:
        return None
    return bulkchanges.start(many.allowed, by=read_actor(request), preset=many.preset)


def _count(many: Many) -> None:
    counts = bulkchanges.count(many.allowed, preset=many.preset)
    many.acting = sum(counts.get(prospect.value, 0) for prospect in _ACTING)
    reasons = WORDS[many.action.kind or BatchKind.REMOVE].reasons
    many.left = [
        (*reasons[prospect], number) for prospect, number in sorted(counts.items()) if prospect not in _ACTING
    ]
    if (forbidden := many.total - sum(counts.values())) > 0:
        many.left.append(("Not yours", "quiet", "You may not do this in their meeting.", forbidden))
    many.meetings = many.allowed.order_by().values("meeting").distinct().count()
    many.names = [row.effective_name for row in many.allowed[:_NAMED]]
