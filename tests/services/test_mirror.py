"""Deliveries are lost, late, doubled and reordered; the rows come out the same."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from participants.models import Attendance, Meeting, Participant, Presence, Session
from participants.services import mirror
from participants.services.merging import Told, take_earlier, take_later, tell
from participants.services.mirror import PeerNews, SessionNews
from participants.states import KnownBy
from tests.factories import NOW, EnrolledFactory, MadeMeetingFactory

pytestmark = pytest.mark.django_db

WEBHOOK, PULLED, ESTIMATED = KnownBy.WEBHOOK, KnownBy.PULLED, KnownBy.ESTIMATED
Step = Callable[[], object]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def ada() -> Participant:
    return enrol("ada-id")


def enrol(custom_id: str, **given: Any) -> Participant:
    with time_machine.travel(at(-60), tick=False):
        return EnrolledFactory(custom_participant_id=custom_id, **given)


def news_of(participant: Participant, **told: Any) -> SessionNews:
    return SessionNews(session_id="s1", meeting_id=str(participant.meeting.realtimekit_id), **told)


def read_rows() -> list[Any]:
    """Everything that was learnt, without keys and times of writing."""
    sessions = Session.objects.order_by("realtimekit_id").values_list(
        *("realtimekit_id", "meeting", "title", "started_at", "started_known_by", "ended_at", "ended_known_by"),
        *("end_reason", "opens_at", "closes_at"),
    )
    peers = Attendance.objects.order_by("peer_id").values_list(
        *("session__realtimekit_id", "peer_id", "participant", "custom_participant_id", "name", "preset_name"),
        *("joined_at", "joined_known_by", "left_at", "left_known_by", "is_recorder"),
    )
    people = Presence.objects.order_by("participant").values_list(
        *("session__realtimekit_id", "participant", "was_enrolled", "first_joined_at", "last_left_at", "is_present"),
        *("connections", "rejoins", "measured_seconds", "late_seconds", "left_early_seconds", "share_of_session"),
    )
    return [list(sessions), list(peers), list(people)]


@contextmanager
def undoing() -> Iterator[None]:
    """Nothing that is written inside stays."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def play(steps: Sequence[Step]) -> list[Any]:
    with time_machine.travel(at(120), tick=False), undoing():
        for step in steps:
            step()
        return read_rows()


def play_in_every_order(steps: Sequence[Step]) -> Iterator[list[Any]]:
    """The rows that each order ends in. Orders that begin alike share what they have in common."""
    if not steps:
        yield read_rows()
    for number, step in enumerate(steps):
        with undoing():
            step()
            yield from play_in_every_order([*steps[:number], *steps[number + 1 :]])


def joined(news: SessionNews, peer: str, who: str, when: float, known_by: KnownBy = WEBHOOK) -> Step:
    told = PeerNews(peer_id=peer, custom_participant_id=who, name=who.title(), joined_at=at(when))
    return lambda: mirror.merge_peer(news, told, known_by=known_by)


def left(news: SessionNews, peer: str, who: str, when: float, known_by: KnownBy = WEBHOOK) -> Step:
    told = PeerNews(peer_id=peer, custom_participant_id=who, name=who.title(), left_at=at(when))
    return lambda: mirror.merge_peer(news, told, known_by=known_by)


def test_every_order_of_a_small_history_ends_in_the_same_rows(ada: Participant) -> None:
    plain = news_of(ada)
    steps: list[Step] = [
        lambda: mirror.merge_session(news_of(ada, title="Algebra", started_at=at(0)), known_by=WEBHOOK),
        joined(plain, "p1", "ada-id", 1),
        left(plain, "p1", "ada-id", 20),
        joined(plain, "p2", "stranger", 3),
        lambda: mirror.merge_session(news_of(ada, ended_at=at(45), end_reason="ALL"), known_by=WEBHOOK),
    ]
    with time_machine.travel(at(120), tick=False):
        outcomes = list(play_in_every_order(steps))
    assert outcomes.count(outcomes[0]) == len(outcomes) == 120
    session, peers, people = outcomes[0]
    assert session[0][3:8] == (at(0), "webhook", at(45), "webhook", "ALL")
    assert [peer[6:10] for peer in peers] == [
        (at(1), "webhook", at(20), "webhook"),
        (at(3), "webhook", at(45), "estimated"),
    ]
    assert [person[8] for person in people] == [19 * 60]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), dropped=st.sampled_from((0.0, 0.2, 0.5)))
def test_any_order_and_doubling_of_what_arrived_gives_the_same_rows(
    ada: Participant, seed: int, dropped: float
) -> None:
    chance = random.Random(seed)  # a seed that hypothesis prints
    steps: list[Step] = []
    for number in range(4):
        begin, news = chance.uniform(0, 30), news_of(ada, started_at=chance.choice((None, at(0))))
        source = chance.choice((WEBHOOK, PULLED))
        who = chance.choice(("ada-id", "stranger", ""))
        steps.append(joined(news, f"p{number}", who, begin, source))
        steps.append(left(news, f"p{number}", who, begin + chance.uniform(0, 30), source))
    for known_by, when in ((ESTIMATED, 50), (PULLED, 58), (WEBHOOK, 58)):
        steps.append(partial(mirror.merge_session, news_of(ada, ended_at=at(when)), known_by=known_by))
    steps = [step for step in steps if chance.random() >= dropped] or steps
    shuffled = [*steps, *chance.sample(steps, len(steps) // 2)]
    chance.shuffle(shuffled)
    assert play(shuffled) == play(steps)


TOLD = st.builds(
    tell, st.one_of(st.none(), st.integers(0, 5).map(lambda n: at(n))), st.sampled_from((WEBHOOK, PULLED, ESTIMATED))
)


@pytest.mark.parametrize("merge", [take_earlier, take_later])
@given(one=TOLD, two=TOLD, three=TOLD)
def test_merging_times_asks_neither_for_order_nor_for_repetition(
    merge: Callable[[Told, Told], Told], one: Told, two: Told, three: Told
) -> None:
    assert merge(one, two) == merge(two, one)
    assert merge(one, one) == one
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


def test_a_left_before_its_joined_makes_the_row(ada: Participant) -> None:
    left(news_of(ada, started_at=at(0)), "p1", "ada-id", 10)()
    row = Attendance.objects.get()
    assert (row.joined_at, row.joined_known_by) == (at(0), "estimated")
    joined(news_of(ada), "p1", "ada-id", 4)()
    row.refresh_from_db()
    assert (row.joined_at, row.joined_known_by, row.left_at) == (at(4), "webhook", at(10))


def test_a_started_after_ended_reopens_nothing(ada: Participant) -> None:
    mirror.merge_session(news_of(ada, ended_at=at(40)), known_by=WEBHOOK)
    session = mirror.merge_session(news_of(ada, started_at=at(0)), known_by=WEBHOOK)
    assert (session.started_at, session.ended_at, session.is_live) == (at(0), at(40), False)


def test_a_reported_time_replaces_an_estimated_one_even_if_earlier(ada: Participant) -> None:
    mirror.merge_session(news_of(ada, ended_at=at(90)), known_by=ESTIMATED)
    session = mirror.merge_session(news_of(ada, ended_at=at(40)), known_by=PULLED)
    assert (session.ended_at, session.ended_known_by) == (at(40), "pulled")


def test_an_estimated_end_moves_behind_who_joins_after_it(ada: Participant) -> None:
    mirror.merge_session(news_of(ada, started_at=at(0), ended_at=at(40)), known_by=ESTIMATED)
    joined(news_of(ada), "p1", "ada-id", 50)()
    session, row = Session.objects.get(), Attendance.objects.get()
    assert (session.ended_at, session.ended_known_by) == (at(50), "estimated")
    assert (row.left_at, row.left_known_by) == (at(50), "estimated")


def test_the_end_of_a_session_closes_connections_that_nobody_closed(ada: Participant) -> None:
    joined(news_of(ada, started_at=at(0)), "p1", "ada-id", 5)()
    assert Presence.objects.get().is_present
    mirror.merge_session(news_of(ada, ended_at=at(30)), known_by=WEBHOOK)
    row, person = Attendance.objects.get(), Presence.objects.get()
    assert (row.left_at, row.left_known_by) == (at(30), "estimated")
    assert (person.is_present, person.last_left_at, person.measured_seconds) == (False, at(30), 1500)


def test_a_leave_told_after_the_end_replaces_the_estimate(ada: Participant) -> None:
    joined(news_of(ada, started_at=at(0)), "p1", "ada-id", 5)()
    mirror.merge_session(news_of(ada, ended_at=at(30)), known_by=WEBHOOK)
    left(news_of(ada), "p1", "ada-id", 12)()
    assert (Attendance.objects.get().left_at, Presence.objects.get().measured_seconds) == (at(12), 420)


def test_what_a_delivery_and_a_listing_agree_on_is_told_by_the_delivery(ada: Participant) -> None:
    joined(news_of(ada), "p1", "ada-id", 5, PULLED)()
    joined(news_of(ada), "p1", "ada-id", 5, WEBHOOK)()
    joined(news_of(ada), "p1", "ada-id", 5, PULLED)()
    assert Attendance.objects.get().joined_known_by == "webhook"


def test_news_of_a_meeting_we_do_not_know_is_kept_without_it() -> None:
    row = mirror.merge_peer(
        SessionNews("s9", "elsewhere"), PeerNews("p9", "somebody", joined_at=at(0)), known_by=WEBHOOK
    )
    assert (row.session.meeting, row.session.remote_meeting_id, row.participant) == (None, "elsewhere", None)
    assert not Presence.objects.exists()


def test_recorders_and_strangers_are_nobodys_presence(ada: Participant) -> None:
    news = news_of(ada, started_at=at(0))
    recorder = PeerNews("r1", "ada-id", joined_at=at(0), is_recorder=True)
    for peer in (recorder, PeerNews("g1", "nobody", joined_at=at(0)), PeerNews("g2", joined_at=at(0))):
        assert mirror.merge_peer(news, peer, known_by=WEBHOOK).participant is None
    assert [row.came for row in Presence.objects.all()] == [False]


def test_a_peer_found_out_to_be_a_recorder_is_not_counted_any_more(ada: Participant) -> None:
    news = news_of(ada, started_at=at(0))
    mirror.merge_peer(news, PeerNews("r1", "ada-id", joined_at=at(0)), known_by=WEBHOOK)
    mirror.merge_peer(news, PeerNews("r1", "ada-id", is_recorder=True), known_by=PULLED)
    assert not Presence.objects.get().came


def test_everybody_enrolled_at_the_start_has_a_row_and_the_window_is_noted() -> None:
    meeting = MadeMeetingFactory(opens_at=at(-5), closes_at=at(60))
    here, away = (enrol(name, meeting=meeting) for name in ("here", "away"))
    with time_machine.travel(at(30), tick=False):
        EnrolledFactory(meeting=meeting, custom_participant_id="later")
        joined(news_of(here, started_at=at(0)), "p1", "here", 5)()
    Meeting.objects.update(opens_at=at(600), closes_at=at(700))
    rows = {row.participant_id: row for row in Presence.objects.all()}
    assert rows.keys() == {here.pk, away.pk}
    assert all(row.was_enrolled for row in rows.values())
    assert (rows[here.pk].late_seconds, rows[away.pk].came) == (600, False)
    assert (Session.objects.get().opens_at, Session.objects.get().closes_at) == (at(-5), at(60))


def test_who_was_removed_before_the_start_was_not_expected() -> None:
    meeting = MadeMeetingFactory()
    enrol("gone", meeting=meeting, state="removed", removed_at=at(-10))
    enrol("refused", meeting=meeting, state="failed")
    later = enrol("later-removed", meeting=meeting, state="removed", removed_at=at(10))
    mirror.merge_session(news_of(later, started_at=at(0)), known_by=WEBHOOK)
    assert [row.participant for row in Presence.objects.all()] == [later]


def test_somebody_not_expected_who_came_has_a_row_that_says_so(ada: Participant) -> None:
    with time_machine.travel(at(10), tick=False):
        EnrolledFactory(meeting=ada.meeting, custom_participant_id="late-comer")
    joined(news_of(ada, started_at=at(0)), "p1", "late-comer", 15)()
    told = Presence.objects.order_by("was_enrolled").values_list("was_enrolled", "connections")
    assert list(told) == [(False, 1), (True, 0)]


def test_two_tabs_are_not_counted_twice_and_a_gap_is_a_rejoin(ada: Participant) -> None:
    news = news_of(ada, started_at=at(0), ended_at=at(60))
    for peer, begin, end in (("a", 0, 20), ("b", 10, 30), ("c", 40, 50)):
        told = PeerNews(peer, "ada-id", joined_at=at(begin), left_at=at(end))
        mirror.merge_peer(news, told, known_by=WEBHOOK)
    row = Presence.objects.get()
    assert (row.measured_seconds, row.connections, row.rejoins) == (40 * 60, 3, 1)
    assert row.share_of_session == pytest.approx(40 / 60)


@pytest.mark.parametrize(("session_id", "peer_id"), [("", "p"), ("s", "")])
def test_news_that_name_nothing_are_a_mistake_of_the_caller(session_id: str, peer_id: str) -> None:
    with pytest.raises(ValueError, match="name"):
        mirror.merge_peer(SessionNews(session_id, "m"), PeerNews(peer_id), known_by=WEBHOOK)


def test_text_that_no_column_holds_is_cut_and_cleaned(ada: Participant) -> None:
    news = news_of(ada, title="T" * 1000 + "\x00", end_reason="R" * 100)
    row = mirror.merge_peer(news, PeerNews("p" * 400, "x\ud800", name="N" * 400), known_by=WEBHOOK)
    assert (len(row.peer_id), row.custom_participant_id, len(row.name)) == (255, "x", 255)
