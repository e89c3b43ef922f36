import pytest
from django.contrib.auth.models import User

from participants.models import Actor, Meeting, Participant
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import enrolment, meetings, people
from participants.states import Source
from tests.factories import MeetingFactory, UserFactory


@pytest.fixture
def meeting(sandbox: Sandbox, by: Actor, transactional_db: None) -> Meeting:
    """A meeting made at the sandbox."""
    made = MeetingFactory()
    assert meetings.try_now(made, by=by) is None
    return made


@pytest.fixture
def ada(meeting: Meeting, by: Actor) -> Participant:
    """Ada, enrolled in the meeting."""
    return enrol(meeting, by)


def enrol(meeting: Meeting, by: Actor, username: str = "ada") -> Participant:
    return enrol_user(meeting, UserFactory(username=username, first_name=username.title()), by)


def enrol_user(meeting: Meeting, user: User, by: Actor) -> Participant:
    person = people.person_of(user, by)
    return enrolment.enrol(
        meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by, deadline=Deadline.after(10)
    ).participant
