"""What differs between one meeting at RealtimeKit and our rows. Reads both and decides nothing.

Rows in motion are left out, since converging is at work on them: pending, being removed, leased, in doubt, younger
than two minutes, or with a change that RealtimeKit has not got yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from participants.models import DriftItem, Meeting, Participant, Preset
from participants.models.base import CHANGE_REFUSED
from participants.models.participant import NAME_LIMIT
from participants.services import sync
from participants.services.mirrors import LAG, Mirror, Seen
from participants.states import DRIFT_ACTIONS, DriftAction, DriftKind, MeetingStatus, ParticipantState

_CUSTOM_ID_LIMIT = 255
_SETTLED = (ParticipantState.ENROLLED, ParticipantState.REMOVED, ParticipantState.FAILED)


@dataclass
class Comparison:
    """The differences, in the order in which they are shown."""

    items: list[DriftItem] = field(default_factory=list)
    in_flight: int = 0
    local_count: int = 0

    def add(self, kind: DriftKind, actions: tuple[DriftAction, ...] | None = None, **columns: Any) -> None:
        chosen = DRIFT_ACTIONS[kind] if actions is None else actions
        self.items.append(DriftItem(kind=kind, actions=[action.value for action in chosen], **columns))


def compare_people(meeting: Meeting, mirror: Mirror) -> Comparison:
    """Everybody of a kept mirror against everybody of ours. The mirror was read first, so that whoever is added
    meanwhile has a row by now."""
    found = Comparison()
    everybody = _Directory(mirror.people)
    for row in _list_rows(meeting):
        matches = everybody.take(row)
        found.local_count += row.state == ParticipantState.ENROLLED
        if _is_in_flight(row, mirror):
            found.in_flight += 1
        else:
            _compare_row(found, row, matches)
    hidden = _list_hidden_presets()
    for group in everybody.list_strangers():
        _describe_strangers(found, group, hidden)
    order = list(DriftKind)
    found.items.sort(key=lambda item: order.index(DriftKind(item.kind)))
    return found


def compare_meeting(meeting: Meeting, mirror: Mirror, found: Comparison) -> None:
    """Title and status, where no change of ours is on its way."""
    if meeting.lease_until and meeting.lease_until > timezone.now():
        return
    refused = meeting.last_error_code == CHANGE_REFUSED
    title = sync.shorten(mirror.remote.title)
    if title != meeting.title and (refused or meeting.applied_title == meeting.title):
        actions = DRIFT_ACTIONS[DriftKind.TITLE_DIFFERS] if mirror.remote.title else (DriftAction.OURS,)
        found.add(DriftKind.TITLE_DIFFERS, actions, name=meeting.title, ours=meeting.title, theirs=title)
    if mirror.remote.status is None:
        return
    now, status = timezone.now(), sync.read_status(mirror.remote)
    wanted = MeetingStatus.ACTIVE if meeting.wants_active(now) else MeetingStatus.INACTIVE
    if status == wanted or meeting.applied_status != wanted:
        return
    # Theirs means another wish of staff's, where that changes what is wanted now: never against the schedule.
    meeting_then = Meeting(**{name: getattr(meeting, name) for name in ("opens_at", "closes_at", "enforce_window")})
    meeting_then.status = status
    possible = status in MeetingStatus.values and meeting_then.wants_active(now) == (status == MeetingStatus.ACTIVE)
    actions = DRIFT_ACTIONS[DriftKind.STATUS_DIFFERS] if possible else (DriftAction.OURS,)
    found.add(DriftKind.STATUS_DIFFERS, actions, name=meeting.title, ours=wanted.value, theirs=status)


def clean_name(name: str) -> str:
    """A remote name as ours hold it."""
    return " ".join(name.split())[:NAME_LIMIT]


class _Directory:
    """Remote participants by custom id, newest first, and by their own id."""

    def __init__(self, people: list[Seen]) -> None:
        self._by_id = {one.id: one for one in people}
        self._by_custom_id: dict[str, list[Seen]] = {}
        for one in sorted(people, key=lambda one: (one.made_at, one.id), reverse=True):
            self._by_custom_id.setdefault(one.custom_id or f"\0{one.id}", []).append(one)

    def take(self, row: Participant) -> list[Seen]:
        """Those of a row, who are strangers no more; the recorded one among them even without our custom id."""
        matches = self._by_custom_id.pop(row.custom_participant_id, [])
        recorded = self._by_id.get(row.realtimekit_id or "")
        if recorded is not None and recorded not in matches:
            matches = [recorded, *matches]
            self._by_custom_id.pop(recorded.custom_id or f"\0{recorded.id}", None)
        return matches

    def list_strangers(self) -> Iterator[list[Seen]]:
        return iter(self._by_custom_id.values())


def _list_rows(meeting: Meeting) -> Iterator[Participant]:
    rows = Participant.objects.filter(meeting=meeting).select_related("preset", "person", "person__user")
    return rows.defer("raw", "token").order_by("pk").iterator(chunk_size=500)


def _is_in_flight(row: Participant, mirror: Mirror) -> bool:
    if row.state not in _SETTLED or row.outcome_unknown or row.verify_after is not None:
        return True
    if row.lease_until and row.lease_until > timezone.now():
        return True
    if max(row.created_at, row.updated_at) > mirror.begun - LAG:
        return True
    if row.state != ParticipantState.ENROLLED:
        return False
    unsent = bool(row.find_drift()) and row.last_error_code != CHANGE_REFUSED
    return unsent or not row.person.is_active


def _compare_row(found: Comparison, row: Participant, matches: list[Seen]) -> None:
    told: dict[str, Any] = {
        "participant": row,
        "name": row.effective_name,
        "custom_participant_id": row.custom_participant_id,
        "recorded_id": row.realtimekit_id or "",
        "remote_ids": [one.id for one in matches],
    }
    if row.state == ParticipantState.REMOVED:
        if matches:
            found.add(DriftKind.SHOULD_BE_REMOVED, **told)
    elif row.state == ParticipantState.FAILED:
        if matches:
            found.add(DriftKind.REMOTE_ONLY, **told, theirs=matches[0].preset)
    elif not matches:
        found.add(DriftKind.LOCAL_ONLY, **told, ours=row.preset.name)
    else:
        kept = next((one for one in matches if one.id == row.realtimekit_id), None)
        if kept is None or len(matches) > 1:
            keep = kept or matches[0]
            told["remote_ids"] = [keep.id, *(one.id for one in matches if one.id != keep.id)]
            found.add(DriftKind.DUPLICATE, **told)
        if kept is not None:
            told["remote_ids"] = [kept.id]
            _compare_fields(found, row, kept, told)


def _compare_fields(found: Comparison, row: Participant, seen: Seen, told: dict[str, Any]) -> None:
    wanted = row.effective_name
    if seen.preset and seen.preset != row.preset.name:
        found.add(DriftKind.PRESET_DIFFERS, **told, ours=row.preset.name, theirs=seen.preset[:500])
    theirs = None if seen.name is None else clean_name(seen.name)
    if theirs is not None and theirs != clean_name(wanted):
        actions = DRIFT_ACTIONS[DriftKind.NAME_DIFFERS] if theirs else (DriftAction.OURS,)
        found.add(DriftKind.NAME_DIFFERS, actions, **told, ours=wanted, theirs=theirs)
    picture = row.person.picture_url
    if picture and seen.picture is not None and seen.picture[:500] != picture:
        found.add(DriftKind.PICTURE_DIFFERS, **told, ours=picture, theirs=seen.picture[:500])


def _describe_strangers(found: Comparison, group: list[Seen], hidden: frozenset[str]) -> None:
    """One stranger, as whom several may be there. A recorder is nobody to be enrolled (contract 18, row 17)."""
    first = group[0]
    is_known = bool(first.custom_id) and len(first.custom_id) <= _CUSTOM_ID_LIMIT and first.preset not in hidden
    found.add(
        DriftKind.REMOTE_ONLY if is_known else DriftKind.UNIDENTIFIED,
        name=(first.name or "")[:255],
        custom_participant_id=first.custom_id[:_CUSTOM_ID_LIMIT],
        remote_ids=[one.id for one in group],
        theirs=first.preset[:500],
    )


def _list_hidden_presets() -> frozenset[str]:
    """Presets of recorders and hidden helpers, as far as RealtimeKit has shown their permissions."""
    names = set()
    for name, raw in Preset.objects.values_list("name", "raw"):
        permissions = raw.get("permissions") if isinstance(raw, dict) else None
        if not isinstance(permissions, dict):
            continue
        records = permissions.get("recorder_type") not in (None, "NONE")
        if permissions.get("is_recorder") is True or permissions.get("hidden_participant") is True or records:
            names.add(name)
    return frozenset(names)
