"""Putting people out says what happened to each, and promises no more."""

import pytest

from participants.errors import Busy, Misconfigured
from participants.models import Actor, Event, Meeting, Participant, Session
from participants.sandbox import Sandbox
from participants.services import mirror, moderation
from participants.services.mirror import SessionNews
from participants.services.moderation import Outcome
from participants.states import KnownBy
from tests.factories import MeetingFactory, ParticipantFactory
from tests.services.conftest import enrol

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bob(meeting: Meeting, by: Actor) -> Participant:
    return enrol(meeting, by, "bob")


def enter(sandbox: Sandbox, *people: Participant) -> str:
    room = str(people[0].meeting.realtimekit_id)
    return sandbox.world.start_session(room, [str(person.realtimekit_id) for person in people]).id


def outcomes(report: moderation.Report) -> list[Outcome]:
    return [outcome for _, outcome in report.people]


def test_who_is_inside_is_put_out_and_who_is_not_is_said_so(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, bob: Participant, by: Actor
) -> None:
    session_id = enter(sandbox, ada)
    row = mirror.merge_session(SessionNews(session_id, str(meeting.realtimekit_id)), known_by=KnownBy.WEBHOOK)
    unknown = ParticipantFactory(meeting=meeting)
    report = moderation.kick(meeting, [ada, bob, unknown], by=by)
    assert outcomes(report) == [Outcome.KICKED, Outcome.NOT_INSIDE, Outcome.NOT_INSIDE]
    live = sandbox.world.session(str(meeting.realtimekit_id))
    assert live is not None
    assert live.present == []
    assert [event.participant for event in Event.objects.filter(kind="session.kicked")] == [ada]
    assert Session.objects.filter(pk=row.pk, pull_due_at__lt=row.pull_due_at).exists()
    assert Participant.objects.get(pk=ada.pk).state == "enrolled"


def test_nobody_is_inside_an_empty_room(meeting: Meeting, ada: Participant, by: Actor) -> None:
    assert outcomes(moderation.kick(meeting, [ada], by=by)) == [Outcome.NOT_INSIDE]
    assert not Event.objects.filter(kind="session.kicked").exists()


def test_a_meeting_that_was_never_made_has_nobody_inside(sandbox: Sandbox, transactional_db: None, by: Actor) -> None:
    row = ParticipantFactory(meeting=MeetingFactory())
    assert outcomes(moderation.kick(row.meeting, [row], by=by)) == [Outcome.NOT_INSIDE]
    assert moderation.end(row.meeting, by=by) is False
    assert sandbox.requests.count() == 0


def test_an_answer_that_does_not_say_whether_they_are_out_is_unconfirmed(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    enter(sandbox, ada)
    sandbox.faults.add("server_error", operation="active_session.kick", times=1)
    assert outcomes(moderation.kick(meeting, [ada], by=by)) == [Outcome.UNCONFIRMED]
    assert Event.objects.get(kind="session.kicked").data == {"outcome": "unconfirmed"}


def test_realtimekit_down_is_an_error_not_an_outcome(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    enter(sandbox, ada)
    sandbox.faults.down()
    with pytest.raises(Busy):
        moderation.kick(meeting, [ada], by=by)
    with pytest.raises(Busy):
        moderation.end(meeting, by=by)
    assert not Event.objects.filter(kind__startswith="session.").exists()


def test_who_could_not_be_reached_any_more_is_said_so(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, bob: Participant, by: Actor
) -> None:
    enter(sandbox, ada, bob)
    sandbox.faults.add("rate_limited", operation="active_session.kick", skip=1, times=None, retry_after=60)
    assert outcomes(moderation.kick(meeting, [ada, bob], by=by)) == [Outcome.KICKED, Outcome.NOT_REACHED]


def test_ending_puts_everybody_out_and_says_if_there_was_nothing_to_end(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, bob: Participant, by: Actor
) -> None:
    enter(sandbox, ada, bob)
    assert moderation.end(meeting, by=by) is True
    assert sandbox.world.session(str(meeting.realtimekit_id)) is None
    assert Event.objects.get(kind="session.ended").data == {"reason": "asked"}
    assert moderation.end(meeting, by=by) is False


def test_wrong_credentials_are_an_administrators_matter(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor, settings: object
) -> None:
    settings.REALTIMEKIT_API_TOKEN = "wrong"  # type: ignore[attr-defined]  # not a secret
    with pytest.raises(Misconfigured):
        moderation.kick(meeting, [ada], by=by)
