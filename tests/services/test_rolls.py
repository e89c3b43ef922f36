"""Who was expected in a session: whoever was enrolled when it began, whatever became of them since."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine

from participants.models import Actor, Participant, Presence, Session
from participants.services import enlisting, mirror, removal
from participants.services.mirror import PeerNews, SessionNews
from participants.states import KnownBy
from tests.factories import NOW, EnrolledFactory, MadeMeetingFactory

pytestmark = pytest.mark.django_db
BY = Actor(via="tests")
Restore = Callable[[Participant], object]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def restore_alone(row: Participant) -> object:
    return removal.mark_restored(Participant.objects.with_relations().get(pk=row.pk), by=BY)


def restore_in_bulk(row: Participant) -> object:
    return enlisting.reopen(Participant.objects.filter(pk=row.pk))


RESTORES = pytest.mark.parametrize("restore", [restore_alone, restore_in_bulk])


@pytest.fixture
def ada() -> Participant:
    with time_machine.travel(at(-600), tick=False):
        row: Participant = EnrolledFactory(meeting=MadeMeetingFactory(), custom_participant_id="ada")
    return row


def remove(row: Participant, minutes: float) -> None:
    with time_machine.travel(at(minutes), tick=False):
        assert removal.mark(row.pk, by=BY) is not None


def hold(row: Participant, *, joined: float | None = None, known: float = 120) -> Session:
    """A session from 0 to 60, of which we come to know so many minutes after its beginning."""
    news = SessionNews("s1", str(row.meeting.realtimekit_id), started_at=at(0), ended_at=at(60))
    with time_machine.travel(at(known), tick=False):
        session = mirror.merge_session(news, known_by=KnownBy.WEBHOOK)
        if joined is not None:
            peer = PeerNews("p1", "ada", joined_at=at(joined), left_at=at(60))
            mirror.merge_peer(news, peer, known_by=KnownBy.WEBHOOK)
    return session


@RESTORES
def test_somebody_restored_during_a_session_who_never_came_is_no_no_show(ada: Participant, restore: Restore) -> None:
    remove(ada, -60)
    with time_machine.travel(at(30), tick=False):
        restore(ada)
    hold(ada)
    assert not Presence.objects.exists()


@RESTORES
def test_somebody_restored_during_a_session_who_came_is_shown_as_come_and_not_as_expected(
    ada: Participant, restore: Restore
) -> None:
    remove(ada, -60)
    with time_machine.travel(at(30), tick=False):
        restore(ada)
    hold(ada, joined=40)
    row = Presence.objects.get()
    assert (row.was_enrolled, row.measured_seconds) == (False, 1200)


@RESTORES
def test_somebody_removed_and_restored_during_a_session_was_expected(ada: Participant, restore: Restore) -> None:
    remove(ada, 10)
    with time_machine.travel(at(20), tick=False):
        restore(ada)
    hold(ada)
    assert Presence.objects.get().was_enrolled


@RESTORES
def test_somebody_restored_before_it_began_was_expected(ada: Participant, restore: Restore) -> None:
    remove(ada, -60)
    with time_machine.travel(at(-30), tick=False):
        restore(ada)
    hold(ada)
    assert Presence.objects.get().was_enrolled


def test_a_failed_row_that_is_retried_was_away_at_no_time(ada: Participant) -> None:
    Participant.objects.filter(pk=ada.pk).update(state="failed")
    with time_machine.travel(at(-30), tick=False):
        restore_in_bulk(ada)
    ada.refresh_from_db()
    assert (ada.state, ada.away_from, ada.away_until) == ("pending", None, None)
