from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from participants import gateway
from participants.models import Actor, Meeting, Participant, Preset
from participants.models.budget import Budget
from participants.realtimekit import Deadline
from participants.services import enrolment, meetings, people
from participants.states import MeetingState, Source
from tests.factories import MeetingFactory, UserFactory
from tests.standin.manners import Manners
from tests.standin.server import Standin
from tests.standin.world import ACCOUNT, APP, SECRET, Thing

Start = Callable[..., Standin]


@pytest.fixture
def start(settings: LazySettings, transactional_db: None) -> Iterator[Start]:
    """Starts a stand-in with the manners given, and points the settings at it."""
    with ExitStack() as stack:

        def begin(manners: Manners | None = None) -> Standin:
            standin = stack.enter_context(Standin(manners or Manners()))
            settings.REALTIMEKIT_BASE_URL = standin.base_url
            settings.REALTIMEKIT_ACCOUNT_ID = ACCOUNT
            settings.REALTIMEKIT_APP_ID = APP
            settings.REALTIMEKIT_API_TOKEN = SECRET
            return standin

        yield begin
        gateway.close_client()


def make_meeting(by: Actor) -> Meeting:
    made = MeetingFactory()
    trouble = meetings.try_now(made, by=by)
    assert made.state == MeetingState.CREATED, trouble
    return made


def enrol(meeting: Meeting, by: Actor, username: str = "ada", preset: Preset | None = None) -> Participant:
    person = people.person_of(UserFactory(username=username, first_name=username.title()), by)
    return enrolment.enrol(
        meeting=meeting, person=person, preset=preset, source=Source.ADMIN, by=by, deadline=Deadline.after(10)
    ).participant


def find_user(row: Participant) -> User:
    assert row.person.user is not None
    return row.person.user


def find_only(standin: Standin, row: Participant) -> Thing:
    """The one remote participant there is for the row, which recorded it."""
    (remote,) = [
        thing
        for thing in standin.world.people_in(row.meeting.realtimekit_id)
        if thing.fields["custom_participant_id"] == row.custom_participant_id
    ]
    assert remote.id == row.realtimekit_id
    return remote


def close_breaker() -> None:
    """As if RealtimeKit had recovered some time ago. How long a breaker holds calls back is tested elsewhere."""
    Budget.objects.update(failures=0, probe_at=0)
