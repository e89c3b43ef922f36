"""Actions on participants: a confirmation that says what will happen to whom, then for each what did."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django import forms
from django.http import HttpRequest

from participants.admin.access import may
from participants.models import Actor, Participant, Preset
from participants.services import staffwork
from participants.services.staffwork import Outcome
from participants.states import REMOVABLE, RESTORABLE, BatchKind, ParticipantState

AT_ONCE = 100
FEW = 20
"""People who are worked on while staff wait; of more, a removal or a change of preset is a batch."""


class PresetForm(forms.Form):
    preset = forms.ModelChoiceField(queryset=Preset.objects.none(), label="New preset", empty_label="Choose a preset")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed through as they came
        preset = self.fields["preset"]
        assert isinstance(preset, forms.ModelChoiceField)
        preset.queryset = Preset.objects.available()


@dataclass(frozen=True)
class Action:
    """``applies`` to rows in ``states`` only; others are named as left alone. ``run`` gets those it applies to."""

    name: str
    label: str
    right: str
    question: str
    consequence: str
    states: tuple[str, ...]
    run: Callable[[list[Participant], Actor, Preset | None], list[Outcome]]
    kind: BatchKind | None = None
    danger: bool = False
    asks_preset: bool = False

    def applies(self, row: Participant) -> bool:
        return row.state in self.states and not self.find_obstacle(row)

    def find_obstacle(self, row: Participant) -> str:
        """Why a row in one of the right states is left as it is, if it is."""
        if self.name == "restore" and not row.person.is_active:
            return "blocked" if row.person.blocked_at else "erased" if row.person.erased_at else "deactivated"
        return "nothing to retry" if self.name == "retry" and not _needs_retry(row) else ""

    def explain(self, row: Participant) -> str:
        """Why it does not apply to a row, in a word or two."""
        obstacle = self.find_obstacle(row) if row.state in self.states else ""
        return obstacle or row.get_state_display()


@dataclass(frozen=True)
class Selection:
    """What an action would do to rows: ``affected`` by it, ``untouched`` since it does not apply, ``forbidden``."""

    affected: list[Participant]
    untouched: list[Participant]
    forbidden: list[Participant]


def select(action: Action, rows: Iterable[Participant], request: HttpRequest) -> Selection:
    chosen = Selection([], [], [])
    allowed: dict[object, bool] = {}
    for row in rows:
        if row.meeting_id not in allowed:
            allowed[row.meeting_id] = may(request, action.right, row.meeting)
        if not allowed[row.meeting_id]:
            chosen.forbidden.append(row)
        elif action.applies(row):
            chosen.affected.append(row)
        else:
            chosen.untouched.append(row)
    return chosen


def _needs_retry(row: Participant) -> bool:
    return row.state != ParticipantState.ENROLLED or bool(row.last_error_code)


def _change_preset(rows: list[Participant], by: Actor, preset: Preset | None) -> list[Outcome]:
    assert preset is not None
    return staffwork.change_preset(rows, preset=preset, by=by)


_ENROLLED, _PENDING = ParticipantState.ENROLLED, ParticipantState.PENDING
ACTIONS = {
    action.name: action
    for action in (
        Action(
            "refresh",
            "Refresh token",
            "change_participant",
            "Refresh the token of {people}?",
            "RealtimeKit issues a new token, which is cached for the next join. Each person is judged first: "
            "who can't join now gets none. People in the meeting stay in it.",
            (_ENROLLED, _PENDING),
            lambda rows, by, preset: staffwork.refresh(rows, by=by),
        ),
        Action(
            "change_preset",
            "Change preset",
            "change_participant",
            "Change the preset of {people}?",
            "RealtimeKit applies the new role from the next join on; somebody in the meeting keeps the old one "
            "until they leave. A failed enrolment is retried with the new preset.",
            REMOVABLE,
            _change_preset,
            kind=BatchKind.PRESET,
            asks_preset=True,
        ),
        Action(
            "kick",
            "Put out",
            "remove_participant",
            "Put {people} out of the session?",
            "Their connection is ended. They stay enrolled, and may come back with the token they hold. To keep "
            "somebody out, remove them.",
            (_ENROLLED, _PENDING),
            lambda rows, by, preset: staffwork.kick(rows, by=by),
            danger=True,
        ),
        Action(
            "remove",
            "Remove",
            "remove_participant",
            "Remove {people}?",
            "They are refused from this moment on and their cached token is dropped. At RealtimeKit they are put "
            "out of the running meeting and deleted, which voids every token they hold. They can be restored later.",
            REMOVABLE,
            lambda rows, by, preset: staffwork.remove(rows, by=by),
            kind=BatchKind.REMOVE,
            danger=True,
        ),
        Action(
            "restore",
            "Restore",
            "restore_participant",
            "Restore {people}?",
            "They are enrolled again with the preset they had and can join once the meeting is open. "
            "Blocked people and deactivated users are left as they are, and so is who finds the meeting full.",
            RESTORABLE,
            lambda rows, by, preset: staffwork.restore(rows, by=by),
        ),
        Action(
            "retry",
            "Retry",
            "change_participant",
            "Try again for {people}?",
            "What RealtimeKit refused or has not been told yet is tried again at once.",
            (_PENDING, _ENROLLED, ParticipantState.FAILED, ParticipantState.REMOVING),
            lambda rows, by, preset: staffwork.retry(rows, by=by),
        ),
    )
}


def list_possible(row: Participant, request: HttpRequest) -> list[Action]:
    """The actions that apply to a row and that this user may take."""
    return [a for a in ACTIONS.values() if a.applies(row) and may(request, a.right, row.meeting)]
