"""Asking RealtimeKit who is there: the complete listing of a meeting, shared by unknown outcomes (design 2.3)."""

import time
import uuid
from dataclasses import dataclass, field

from participants.errors import Misconfigured
from participants.models import Meeting
from participants.realtimekit import Absent, Deadline, RealtimeKit
from participants.realtimekit import Participant as RemoteParticipant


@dataclass
class _Listing:
    begun: float
    rows: list[RemoteParticipant]


@dataclass
class Listings:
    """Listings of one pass. One that began after a doubt arose answers that doubt, for every row of the meeting."""

    client: RealtimeKit
    _known: dict[uuid.UUID, _Listing] = field(default_factory=dict)

    def find(self, meeting: Meeting, custom_id: str, *, since: float, deadline: Deadline) -> list[RemoteParticipant]:
        """Remote participants with this custom id, newest first, from a listing begun at or after ``since``.

        ``since`` is of ``time.monotonic``. Raises RealtimeKitError when the listing is not complete.
        """
        listing = self._known.get(meeting.pk)
        if listing is None or listing.begun < since:
            begun = time.monotonic()
            rows = self.client.participants.list(str(meeting.realtimekit_id), deadline=deadline)
            listing = self._known[meeting.pk] = _Listing(begun, rows)
        matches = [row for row in listing.rows if row.custom_participant_id == custom_id]
        return sorted(matches, key=_newness, reverse=True)

    def confirm_absent(
        self, meeting: Meeting, custom_id: str, realtimekit_id: str, *, deadline: Deadline
    ) -> list[RemoteParticipant]:
        """Believe "no such participant" only from the meeting itself and its complete list (design 2.3).

        Returns the matches under other ids. Raises StillThere, Misconfigured (the meeting is unknown too:
        a mistyped account must not erase anything) or RealtimeKitError.
        """
        self.confirm_meeting(meeting, deadline=deadline)
        matches = self.find(meeting, custom_id, since=time.monotonic(), deadline=deadline)
        if any(match.id == realtimekit_id for match in matches):
            raise StillThere
        return matches

    def confirm_meeting(self, meeting: Meeting, *, deadline: Deadline) -> None:
        """Raises Misconfigured when RealtimeKit does not know the meeting, RealtimeKitError when it can't say."""
        try:
            self.client.meetings.get(str(meeting.realtimekit_id), deadline=deadline)
        except Absent:
            raise Misconfigured(
                reason=f"RealtimeKit does not know the meeting {meeting.title!r}. "
                "Check REALTIMEKIT_ACCOUNT_ID and REALTIMEKIT_APP_ID."
            ) from None


class StillThere(Exception):
    """RealtimeKit said a participant was unknown, yet its list shows them."""


def _newness(row: RemoteParticipant) -> tuple[float, str]:
    return (row.created_at.timestamp() if row.created_at else 0.0, row.id)
