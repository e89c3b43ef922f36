"""The tables of allowed moves guard the updates that move rows."""

import pytest

from participants.models import Meeting, Participant
from participants.states import PARTICIPANT_MOVES, MeetingState, ParticipantState
from tests.factories import EnrolledFactory, MeetingFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("new", ParticipantState.values)
@pytest.mark.parametrize("old", ParticipantState.values)
def test_a_participant_moves_only_as_the_table_says(old: str, new: str) -> None:
    row = EnrolledFactory(state=old)
    moved = Participant.objects.filter(pk=row.pk).moving_to(new).update(state=new)
    assert bool(moved) == ((old, new) in PARTICIPANT_MOVES)


def test_a_meeting_once_made_is_never_failed() -> None:
    meeting = MeetingFactory(state=MeetingState.CREATED, realtimekit_id="made")
    assert not Meeting.objects.filter(pk=meeting.pk).moving_to(MeetingState.FAILED).exists()
