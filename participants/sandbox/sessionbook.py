"""Live and past sessions. Nobody connects to the sandbox: tests and the demo say who is in a room."""

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from participants.sandbox.happenings import BY_EMPTINESS, BY_HOST, ENDED, JOINED, LEFT, STARTED, Happening
from participants.sandbox.records import Meeting, Participant, Peer, Session
from participants.sandbox.storage import Journal, State, Table


class SessionBook:
    """At most one live session per meeting. Callers hold the world's lock. `tell` hears of all that happens."""

    def __init__(self, journal: Journal, tell: Callable[[Happening], None]) -> None:
        self._rows = Table(journal, Session)
        self._tell = tell
        self._live: dict[str, str] = {}

    def load(self, state: State) -> None:
        self._live = {row.meeting_id: row.id for row in self._rows.load(state) if row.ended_at is None}

    def clear(self) -> None:
        self._rows.clear()
        self._live.clear()

    def all(self) -> list[Session]:
        return self._rows.all()

    def get(self, session_id: str) -> Session | None:
        return self._rows.get(session_id)

    @property
    def live_meetings(self) -> list[str]:
        return list(self._live)

    def live(self, meeting: Meeting, now: datetime) -> Session | None:
        """A room emptied longer ago than the meeting's keep-alive has ended (contract 3)."""
        session = self._rows.get(self._live.get(meeting.id, ""))
        if session is None or session.present or not session.peers:
            return session
        emptied = max(peer.left_at for peer in session.peers if peer.left_at is not None)
        closing = emptied + timedelta(seconds=meeting.settings["session_keep_alive_time_in_secs"])
        if closing > now:
            return session
        self._end(session, closing, BY_EMPTINESS)
        return None

    def join(self, meeting: Meeting, participants: Iterable[Participant], now: datetime) -> Session:
        """Starts a session if none is live; every call makes new peers, as every tab does."""
        live = self.live(meeting, now)
        session = live or Session(
            id=str(uuid.uuid4()),
            app_id=meeting.app_id,
            meeting_id=meeting.id,
            title=meeting.title or "",
            created_at=now,
            updated_at=now,
        )
        came = [_peer(participant, now) for participant in participants]
        joined = replace(session, peers=[*session.peers, *came], updated_at=now)
        self._live[meeting.id] = session.id
        most = max(joined.max_concurrent, len(joined.present))
        joined = self._rows.put(replace(joined, max_concurrent=most))
        if live is None:
            self._tell(Happening(STARTED, joined))
        for peer in came:
            self._tell(Happening(JOINED, joined, peer))
        return joined

    def leave(self, session: Session, peer_ids: Collection[str], now: datetime) -> list[Peer]:
        """Those of them who were in the room; the room stays for as long as its keep-alive says."""
        return self._put_out(session, [peer for peer in session.present if peer.id in peer_ids], now, kicked=False)

    def kick(
        self, session: Session, participant_ids: Collection[str], custom_ids: Collection[str], now: datetime
    ) -> list[Peer]:
        """Those who were in the room and are not any more."""
        named = [
            peer
            for peer in session.present
            if peer.participant_id in participant_ids or peer.custom_participant_id in custom_ids
        ]
        return self._put_out(session, named, now, kicked=True)

    def end(self, session: Session, now: datetime, *, kicked: bool = False) -> Session:
        self._put_out(session, session.present, now, kicked=kicked)
        return self._end(self._rows.get(session.id) or session, now, BY_HOST)

    def _put_out(self, session: Session, leaving: Collection[Peer], now: datetime, *, kicked: bool) -> list[Peer]:
        gone = {peer.id: replace(peer, left_at=now, kicked=kicked) for peer in leaving}
        peers = [gone.get(peer.id, peer) for peer in session.peers]
        left = self._rows.put(replace(session, peers=peers, updated_at=now))
        for peer in gone.values():
            self._tell(Happening(LEFT, left, peer))
        return list(gone.values())

    def _end(self, session: Session, ended_at: datetime, reason: str) -> Session:
        self._live.pop(session.meeting_id, None)
        ended = self._rows.put(replace(session, ended_at=ended_at, updated_at=ended_at))
        self._tell(Happening(ENDED, ended, reason=reason))
        return ended


def _peer(participant: Participant, now: datetime) -> Peer:
    return Peer(
        id=str(uuid.uuid4()),
        participant_id=participant.id,
        custom_participant_id=participant.custom_participant_id,
        preset_name=participant.preset_name,
        name=participant.name,
        picture=participant.picture,
        joined_at=now,
    )
