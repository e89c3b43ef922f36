"""A mistyped account, app or token makes everything wait and erases nothing, however the server words it."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from participants.errors import Busy, Misconfigured, NotAdmitted
from participants.models import Actor, Meeting, Participant
from participants.realtimekit import Deadline
from participants.services import enrolment, joining, meetings, passes, removal
from participants.states import MeetingState, ParticipantState
from tests.factories import MeetingFactory, PresetFactory
from tests.standin.conftest import Start, close_breaker, enrol, find_only, find_user, make_meeting
from tests.standin.manners import Manners, Shape
from tests.standin.world import APP, SECRET

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = [(404, "html"), (404, "a"), (404, "c"), (404, "empty"), (403, "html"), (401, "b")]
DOUBTFUL = [(400, "html"), (400, "c"), (500, "html"), (302, "html")]


@pytest.mark.parametrize(("status", "shape"), [*PLACES, *DOUBTFUL])
def test_a_mistyped_app_erases_nothing_and_fails_nobody(
    start: Start, settings: LazySettings, by: Actor, status: int, shape: Shape
) -> None:
    standin = start()
    standin.wrong_place = (status, shape)
    meeting = make_meeting(by)
    ada, bob, cyd = (enrol(meeting, by, name) for name in ("ada", "bob", "cyd"))
    before = standin.world.people_in(meeting.realtimekit_id)

    settings.REALTIMEKIT_APP_ID = "mistyped"
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    with pytest.raises((Misconfigured, Busy)):
        joining.join(meeting_id=meeting.pk, user=find_user(ada), by=by)
    assert removal.remove(bob, by=by).waiting
    assert enrolment.change(cyd, by=by, preset=PresetFactory(name="group_call_host")).trouble is not None
    dan = enrol(meeting, by, "dan")
    Participant.objects.update(verify_after=timezone.now() - timedelta(minutes=1))
    close_breaker()  # so that every row is tried
    passes.converge(by=by, deadline=Deadline.after(8))
    states = {row.person.display_name: row.state for row in Participant.objects.with_relations()}
    assert sorted(states.values()) == ["enrolled", "enrolled", "pending", "removing"]
    ada.refresh_from_db()
    assert (ada.state, ada.realtimekit_id) == (ParticipantState.ENROLLED, before[0].id)
    assert standin.world.people_in(meeting.realtimekit_id) == before

    settings.REALTIMEKIT_APP_ID = APP
    close_breaker()
    for _ in range(3):
        Participant.objects.exclude(verify_after=None).update(verify_after=timezone.now() - timedelta(minutes=1))
        Participant.objects.filter(last_error_code="change_refused").update(last_error_code="")
        passes.converge(by=by)
    for row in (ada, cyd, dan):
        row.refresh_from_db()
        assert row.state == ParticipantState.ENROLLED
        find_only(standin, row)
    bob.refresh_from_db()
    assert bob.state == ParticipantState.REMOVED
    assert len(standin.world.people_in(meeting.realtimekit_id)) == 3


@pytest.mark.parametrize(("status", "shape"), PLACES[::2])
def test_a_mistyped_app_makes_no_meeting_and_says_that_settings_are_wrong(
    start: Start, settings: LazySettings, by: Actor, status: int, shape: Shape
) -> None:
    standin = start()
    standin.wrong_place = (status, shape)
    settings.REALTIMEKIT_APP_ID = "mistyped"
    meeting = MeetingFactory()
    assert isinstance(meetings.try_now(meeting, by=by), Misconfigured)
    assert Meeting.objects.get().state == MeetingState.PENDING
    settings.REALTIMEKIT_APP_ID = APP
    passes.converge(by=by)
    assert Meeting.objects.get().state == MeetingState.CREATED
    assert len(standin.world.rooms) == 1


@pytest.mark.parametrize("shape", ["a", "b", "c", "html", "empty"])
def test_a_wrong_api_token_is_named_and_nothing_is_lost(
    start: Start, settings: LazySettings, by: Actor, shape: Shape
) -> None:
    standin = start(Manners(shape=shape))
    meeting = make_meeting(by)
    settings.REALTIMEKIT_API_TOKEN = "wrong"
    row = enrol(meeting, by)
    assert (row.state, row.last_error_code) == (ParticipantState.PENDING, "token_invalid")
    with pytest.raises(Misconfigured):
        joining.join(meeting_id=meeting.pk, user=find_user(row), by=by)
    settings.REALTIMEKIT_API_TOKEN = SECRET
    assert joining.join(meeting_id=meeting.pk, user=find_user(row), by=by).participant.token
    row.refresh_from_db()
    find_only(standin, row)


def test_a_removed_person_is_refused_whatever_the_settings_say(
    start: Start, settings: LazySettings, by: Actor
) -> None:
    start()
    meeting = make_meeting(by)
    row = enrol(meeting, by)
    settings.REALTIMEKIT_API_TOKEN = ""
    removal.remove(row, by=by)
    with pytest.raises(NotAdmitted, match="removed"):
        joining.join(meeting_id=meeting.pk, user=find_user(row), by=by)
