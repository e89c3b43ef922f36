"""What of a session is new, so that outgoing webhooks tell of it once.

A connection is told of when it is first known, and its end when an end is first known, be it estimated; what is
learnt later corrects our rows and is not told again. A session of a meeting that we do not know is told of, from its
beginning, once we do.
"""

import uuid

from participants.models import Attendance, Session
from participants.models.hookqueue import tell_of_session


class Witness:
    """Sees one merge; made and asked to ``tell`` inside its transaction, with the session locked."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._had_ended = session.ended_at is not None
        self._had_meeting = session.meeting_id is not None
        self._joined: set[uuid.UUID] = set()
        self._left: set[uuid.UUID] = set()

    def see(self, row: Attendance, *, is_new: bool, was_inside: bool) -> None:
        """A connection as it is now; ``was_inside`` of one that was known and had no end."""
        if is_new:
            self._joined.add(row.pk)
        if row.left_at is not None and (is_new or was_inside):
            self._left.add(row.pk)

    def see_all_leave(self) -> None:
        """Call before those who are still there are estimated to have left with the session's end."""
        if self._session.ended_at is not None:
            self._left.update(self._session.attendances.filter(left_at=None).values_list("pk", flat=True))

    def tell(self) -> None:
        session = self._session
        if session.meeting_id is None:
            return
        has_ended = session.ended_at is not None
        if not self._had_meeting:
            known = session.attendances.values_list("pk", "left_at")
            self._joined = {pk for pk, _ in known}
            self._left = {pk for pk, left_at in known if left_at is not None}
            self._had_ended = False
        ended = has_ended and not self._had_ended
        if self._joined or self._left or ended:
            tell_of_session(session, joined=self._joined, left=self._left, ended=ended)
