import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from participants.models import Actor, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import enrolment, meetings, people
from participants.states import Source
from tests.factories import MeetingFactory, UserFactory


@pytest.fixture
def meeting(sandbox: Sandbox, by: Actor, transactional_db: None) -> Meeting:
    made = MeetingFactory(title="Algebra, group 7")
    assert meetings.try_now(made, by=by) is None
    return made


@pytest.fixture
def ada_user(transactional_db: None) -> User:
    return UserFactory(username="ada", first_name="Ada", email="ada@example.org")


@pytest.fixture
def ada(meeting: Meeting, ada_user: User, by: Actor) -> Participant:
    """Ada, enrolled, with a fresh token."""
    person = people.person_of(ada_user, by)
    return enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by).participant


@pytest.fixture
def as_ada(ada_user: User) -> APIClient:
    return sign_in(ada_user)


def sign_in(user: User) -> APIClient:
    """A client with a real session, as a browser has."""
    client = APIClient()
    client.force_login(user)
    return client
