"""Participants by meeting and by custom id, and which of them lists do not show yet."""

from datetime import datetime

from participants.sandbox.records import Participant
from participants.sandbox.storage import Journal, State, Table


class Roster:
    """Callers hold the world's lock."""

    def __init__(self, journal: Journal) -> None:
        self._rows = Table(journal, Participant)
        self._by_meeting: dict[str, dict[str, Participant]] = {}
        self._by_custom_id: dict[tuple[str, str], list[str]] = {}
        self._hidden: dict[str, datetime] = {}

    def load(self, state: State) -> None:
        self.clear()
        for participant in self._rows.load(state):
            self._index(participant)

    def put(self, participant: Participant) -> Participant:
        known = self._rows.get(participant.id) is not None
        self._rows.put(participant)
        if known:
            self._by_meeting[participant.meeting_id][participant.id] = participant
        else:
            self._index(participant)
        return participant

    def drop(self, participant: Participant) -> None:
        self._rows.drop(participant.id)
        del self._by_meeting[participant.meeting_id][participant.id]
        self._by_custom_id[participant.meeting_id, participant.custom_participant_id].remove(participant.id)
        self._hidden.pop(participant.id, None)

    def get(self, participant_id: str) -> Participant | None:
        return self._rows.get(participant_id)

    def of(self, meeting_id: str) -> list[Participant]:
        return list(self._by_meeting.get(meeting_id, {}).values())

    def known_as(self, meeting_id: str, custom_participant_id: str) -> list[Participant]:
        ids = self._by_custom_id.get((meeting_id, custom_participant_id), [])
        return [self._by_meeting[meeting_id][key] for key in ids]

    def hide(self, participant_id: str, until: datetime) -> None:
        self._hidden[participant_id] = until

    def listed(self, meeting_id: str, now: datetime) -> list[Participant]:
        everybody = self.of(meeting_id)
        if not self._hidden:
            return everybody
        self._hidden = {key: until for key, until in self._hidden.items() if until > now}
        return [participant for participant in everybody if participant.id not in self._hidden]

    def clear(self) -> None:
        self._rows.clear()
        self._by_meeting.clear()
        self._by_custom_id.clear()
        self._hidden.clear()

    def _index(self, participant: Participant) -> None:
        self._by_meeting.setdefault(participant.meeting_id, {})[participant.id] = participant
        alias = (participant.meeting_id, participant.custom_participant_id)
        self._by_custom_id.setdefault(alias, []).append(participant.id)
