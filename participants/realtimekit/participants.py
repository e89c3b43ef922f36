"""Participants of a meeting: everybody ever added to it, present or not (contract 7)."""

import builtins
from collections.abc import Callable
from typing import TypeVar

from participants.realtimekit.calls import Call
from participants.realtimekit.deadlines import Deadline
from participants.realtimekit.envelopes import Envelope, UnreadableError
from participants.realtimekit.paging import list_all
from participants.realtimekit.records import (
    IssuedParticipant,
    Participant,
    parse_participant,
    parse_token,
    require_token,
)
from participants.realtimekit.retry import Repeat
from participants.realtimekit.tokens import ParticipantToken
from participants.realtimekit.transport import Transport

R = TypeVar("R")
_PATH = "/accounts/{account_id}/realtime/kit/{app_id}/meetings/{meeting_id}/participants"
_ONE = _PATH + "/{participant_id}"


class Participants:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add(
        self,
        meeting_id: str,
        *,
        custom_participant_id: str,
        preset_name: str,
        name: str | None = None,
        picture: str | None = None,
        deadline: Deadline | None = None,
    ) -> IssuedParticipant:
        """Add one participant; the token is always there.

        Not safe to repeat after OutcomeUnknown: list and match `custom_participant_id` first. An answer
        without a token, or about somebody else, is OutcomeUnknown too.
        """
        body = {
            "custom_participant_id": custom_participant_id,
            "preset_name": preset_name,
            **_given(name=name, picture=picture),
        }
        ids = {"meeting_id": meeting_id}
        call = Call("participants.add", "POST", _PATH, Repeat.ONCE_IF_NOT_DELIVERED, ids, body=body)

        def parse(envelope: Envelope) -> IssuedParticipant:
            data = envelope.mapping("participant")
            issued = IssuedParticipant(parse_participant(data), require_token(data))
            if issued.participant.custom_participant_id not in (custom_participant_id, None):
                raise UnreadableError("custom_participant_id is not the one sent")
            return issued

        return self._transport.perform(call, parse, deadline=deadline)

    def list(self, meeting_id: str, *, deadline: Deadline | None = None) -> list[Participant]:
        """Everybody in the meeting, or an error: never a part of the list."""
        call = Call("participants.list", "GET", _PATH, Repeat.FREELY, {"meeting_id": meeting_id})
        return list_all(self._transport, call, parse_participant, name="participants", deadline=deadline)

    def walk(
        self, meeting_id: str, take: Callable[[Participant], R], *, deadline: Deadline | None = None
    ) -> builtins.list[R]:
        """As ``list``, with each participant shown to ``take`` as their page arrives and only its answers kept.

        Somebody may be shown more than once; only who is in the result was in the complete list.
        """
        call = Call("participants.list", "GET", _PATH, Repeat.FREELY, {"meeting_id": meeting_id})
        return list_all(
            self._transport, call, lambda data: take(parse_participant(data)), name="participants", deadline=deadline
        )

    def get(self, meeting_id: str, participant_id: str, *, deadline: Deadline | None = None) -> Participant:
        ids = _name(meeting_id, participant_id)
        call = Call("participants.get", "GET", _ONE, Repeat.FREELY, ids)
        return self._transport.perform(
            call, lambda envelope: parse_participant(envelope.mapping("participant")), deadline=deadline
        )

    def patch(
        self,
        meeting_id: str,
        participant_id: str,
        *,
        name: str | None = None,
        picture: str | None = None,
        preset_name: str | None = None,
        deadline: Deadline | None = None,
    ) -> IssuedParticipant:
        """Set what is given (an empty name blanks it); safe to repeat. ValueError if nothing is given."""
        body = _given(name=name, picture=picture, preset_name=preset_name)
        if not body:
            raise ValueError("participants.patch: nothing to change")
        ids = _name(meeting_id, participant_id)
        call = Call("participants.patch", "PATCH", _ONE, Repeat.IF_NOT_DELIVERED, ids, body=body)

        def parse(envelope: Envelope) -> IssuedParticipant:
            data = envelope.mapping("participant")
            return IssuedParticipant(parse_participant(data), parse_token(data))

        return self._transport.perform(call, parse, deadline=deadline)

    def delete(self, meeting_id: str, participant_id: str, *, deadline: Deadline | None = None) -> None:
        """The only thing that revokes tokens (contract 4). Raises Absent if there is no such participant."""
        ids = _name(meeting_id, participant_id)
        call = Call("participants.delete", "DELETE", _ONE, Repeat.IF_NOT_DELIVERED, ids, needs_data=False)
        self._transport.perform(call, lambda envelope: None, deadline=deadline)

    def refresh_token(
        self, meeting_id: str, participant_id: str, *, deadline: Deadline | None = None
    ) -> ParticipantToken:
        """A new token for the same participant; older ones stay valid until they expire."""
        ids = _name(meeting_id, participant_id)
        call = Call("participants.refresh_token", "POST", _ONE + "/token", Repeat.IF_NOT_DELIVERED, ids)
        return self._transport.perform(call, lambda envelope: require_token(envelope.mapping()), deadline=deadline)


def _name(meeting_id: str, participant_id: str) -> dict[str, str]:
    return {"meeting_id": meeting_id, "participant_id": participant_id}


def _given(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}
