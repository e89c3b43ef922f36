"""Asking RealtimeKit who is there: the complete listing of a meeting, shared by unknown outcomes (design 2.3)."""

import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from participants.errors import Misconfigured
from participants.models import Meeting
from participants.realtimekit import Absent, Deadline, OutcomeUnknown, RealtimeKit, RealtimeKitError, Refused
from participants.realtimekit import Participant as RemoteParticipant

Matches = list[RemoteParticipant]


@dataclass
class _Listing:
    begun: float
    rows: Matches
    by_custom_id: defaultdict[str | None, Matches] = field(init=False)

    def __post_init__(self) -> None:
        self.by_custom_id = defaultdict(list)
        for row in self.rows:
            self.by_custom_id[row.custom_participant_id].append(row)


@dataclass
class Listings:
    """Listings of one pass. One that began after a doubt arose answers that doubt, for every row of the meeting.

    Threads of a pass may share it: who needs the same listing waits for it instead of asking again.
    """

    client: RealtimeKit
    _asking: defaultdict[uuid.UUID, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    _known: dict[uuid.UUID, _Listing] = field(default_factory=dict)
    _presets: frozenset[str] | None = None

    def find(self, meeting: Meeting, custom_id: str, *, since: float, deadline: Deadline) -> Matches:
        """Remote participants with this custom id, newest first, from a listing begun at or after ``since``.

        ``since`` is of ``time.monotonic``. Raises RealtimeKitError when the listing is not complete.
        """
        listing = self._ask(meeting, since, deadline)
        return sorted(listing.by_custom_id.get(custom_id, ()), key=_newness, reverse=True)

    def list(self, meeting: Meeting, *, since: float, deadline: Deadline) -> Sequence[RemoteParticipant]:
        """Everybody, from a listing begun at or after ``since``. Raises as ``find``."""
        return self._ask(meeting, since, deadline).rows

    def _ask(self, meeting: Meeting, since: float, deadline: Deadline) -> _Listing:
        with self._asking[meeting.pk]:
            listing = self._known.get(meeting.pk)
            if listing is None or listing.begun < since:
                begun = time.monotonic()
                rows = self.client.participants.list(str(meeting.realtimekit_id), deadline=deadline)
                listing = self._known[meeting.pk] = _Listing(begun, rows)
            return listing

    def confirm_absent(
        self,
        meeting: Meeting,
        custom_id: str,
        realtimekit_id: str,
        *,
        deadline: Deadline,
        since: float | None = None,
    ) -> Matches:
        """Believe "no such participant" only from the meeting itself and its complete list (design 2.3).

        Returns the matches under other ids. What was asked at or after ``since`` is not asked again.
        Raises StillThere, Misconfigured (the meeting is unknown too:
        a mistyped account must not erase anything) or RealtimeKitError.
        """
        listing = self._known.get(meeting.pk)
        if since is None or listing is None or listing.begun < since:
            self.confirm_meeting(meeting, deadline=deadline)
        since = time.monotonic() if since is None else since
        matches = self.find(meeting, custom_id, since=since, deadline=deadline)
        if any(match.id == realtimekit_id for match in matches):
            raise StillThere
        return matches

    def delete(self, meeting: Meeting, custom_id: str, realtimekit_id: str, *, deadline: Deadline) -> None:
        """Delete a participant; where it is gone already, whoever else carries the custom id goes in its place.

        Raises as ``confirm_absent``, but what RealtimeKit said when the participant is still there.
        """
        room = str(meeting.realtimekit_id)
        try:
            self.client.participants.delete(room, realtimekit_id, deadline=deadline)
        except RealtimeKitError as error:
            if not may_mean_absent(error):
                raise
            try:
                others = self.confirm_absent(meeting, custom_id, realtimekit_id, deadline=deadline)
            except StillThere:
                raise error from None
            for other in others:
                self.client.participants.delete(room, other.id, deadline=deadline)

    def lacks_preset(self, name: str, *, deadline: Deadline) -> bool:
        """Whether the app has no preset of that name; False where that can't be found out now."""
        if self._presets is None:
            try:
                found = self.client.presets.list(deadline=deadline)
            except RealtimeKitError:
                return False
            self._presets = frozenset(preset.name for preset in found)
        return name not in self._presets

    def confirm_meeting(self, meeting: Meeting, *, deadline: Deadline) -> None:
        """Raises Misconfigured when RealtimeKit does not know the meeting, RealtimeKitError when it can't say."""
        try:
            self.client.meetings.get(str(meeting.realtimekit_id), deadline=deadline)
        except Absent:
            raise Misconfigured(
                meeting_id=str(meeting.pk),
                reason=f"RealtimeKit does not know the meeting {meeting.title!r}. "
                "Check REALTIMEKIT_ACCOUNT_ID and REALTIMEKIT_APP_ID.",
            ) from None


def may_mean_absent(error: RealtimeKitError) -> bool:
    """Whether an answer may mean "no such thing": 400, 404, 422 and 500 do, in any shape (contract 18, rows 4, 5).

    To be believed only together with ``confirm_absent``.
    """
    if isinstance(error, OutcomeUnknown):
        return error.status is not None
    return isinstance(error, Absent | Refused) or error.code == "route_unknown"


class StillThere(Exception):
    """RealtimeKit said a participant was unknown, yet its list shows them."""


def _newness(row: RemoteParticipant) -> tuple[float, str]:
    return (row.created_at.timestamp() if row.created_at else 0.0, row.id)
