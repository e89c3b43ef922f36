"""A guest and a user who turn out to be one person are one line in every report, with what either attended."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from participants.models import (
    Actor,
    Attendance,
    Event,
    EventKind,
    Meeting,
    Participant,
    Person,
    Presence,
    VerifiedEmail,
)
from participants.services import attendance, chores, linking, meetingreports, mirror, presence, reportfiles, reports
from participants.services.mirror import PeerNews, SessionNews
from participants.services.reports import SUBJECTS
from participants.services.zones import UTC
from participants.states import KnownBy, VerifiedBy
from tests.factories import (
    NOW,
    AdminFactory,
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    PersonFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
BY = Actor(via="tests")
MAIL = "bob@example.org"


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def meeting() -> Meeting:
    made: Meeting = MadeMeetingFactory(title="Algebra", opens_at=at(0), closes_at=at(60))
    return made


@pytest.fixture
def bob() -> User:
    """A user with a verified address."""
    user: User = UserFactory(username="bob", email=MAIL)
    VerifiedEmail.objects.create(user=user, email=MAIL, source=VerifiedBy.STAFF, verified_at=NOW)
    return user


def enrol(meeting: Meeting, person: Person, custom_id: str) -> Participant:
    with time_machine.travel(at(-60), tick=False):
        row: Participant = EnrolledFactory(meeting=meeting, person=person, custom_participant_id=custom_id)
    return row


@pytest.fixture
def kept(meeting: Meeting, bob: User) -> Participant:
    return enrol(meeting, PersonFactory(user=bob), "bob")


@pytest.fixture
def guest(meeting: Meeting) -> Participant:
    return enrol(meeting, GuestFactory(email=MAIL), "guest")


def play(meeting: Meeting, *told: tuple[str, str, float, float], session_id: str = "s1") -> None:
    """A session from 0 to 60 with these connections: peer, custom id, minutes."""
    news = SessionNews(session_id, str(meeting.realtimekit_id), started_at=at(0), ended_at=at(60))
    peers = [PeerNews(peer, who, joined_at=at(begin), left_at=at(end)) for peer, who, begin, end in told]
    with time_machine.travel(at(90), tick=False):
        mirror.merge_session(news, known_by=KnownBy.WEBHOOK)
        mirror.merge_peers(news, peers, known_by=KnownBy.WEBHOOK)


def merge(guest: Participant, kept: Participant) -> None:
    linking.merge(guest.person, kept.person, by=BY)


def test_both_lines_become_one_by_the_union_of_their_connections(
    meeting: Meeting, kept: Participant, guest: Participant
) -> None:
    play(meeting, ("p1", "bob", 0, 20), ("p2", "guest", 10, 30), ("p3", "guest", 50, 60))
    assert Presence.objects.count() == 2
    merge(guest, kept)
    row = Presence.objects.get()
    assert (row.participant, row.measured_seconds, row.connections, row.rejoins) == (kept, 2400, 3, 1)
    assert (row.was_enrolled, row.late_seconds, row.left_early_seconds) == (True, 0, 0)
    (record,) = attendance.describe(meeting, list(attendance.list_people(meeting, {})))
    assert (record.seconds_present, len(record.stays), record.custom_participant_id) == (2400, 3, "bob")
    report = meetingreports.build(row.session, timezone.now())
    assert [(line.name, len(line.spans)) for line in report.lines] == [(kept.effective_name, 2)]
    assert (report.tiles.expected, report.tiles.came, report.tiles.never_came, report.later_count) == (1, 1, 0, 0)
    subject, boss = SUBJECTS["attendance"], AdminFactory()
    pieces = reportfiles.stream_csv(subject, boss, reports.read_query(subject, "", UTC), by=BY)
    assert len("".join(pieces).splitlines()) == 2


def test_each_keeps_the_custom_id_that_it_was_added_under(
    meeting: Meeting, kept: Participant, guest: Participant
) -> None:
    play(meeting, ("p1", "bob", 0, 20), ("p2", "guest", 10, 30))
    merge(guest, kept)
    ids = dict(Attendance.objects.values_list("peer_id", "custom_participant_id"))
    assert ids == {"p1": "bob", "p2": "guest"}
    guest.refresh_from_db()
    kept.refresh_from_db()
    assert (guest.custom_participant_id, kept.custom_participant_id) == ("guest", "bob")


def test_what_is_told_after_the_merger_counts_as_the_kept_ones_too(
    meeting: Meeting, kept: Participant, guest: Participant
) -> None:
    merge(guest, kept)
    play(meeting, ("p1", "guest", 0, 30))
    row = Presence.objects.get()
    assert (row.participant, row.measured_seconds, row.was_enrolled) == (kept, 1800, True)


def test_who_was_expected_as_a_guest_was_expected(meeting: Meeting, bob: User, guest: Participant) -> None:
    with time_machine.travel(at(30), tick=False):
        kept = EnrolledFactory(meeting=meeting, person=PersonFactory(user=bob), custom_participant_id="bob")
        merge(guest, kept)
    play(meeting)
    row = Presence.objects.get()
    assert (row.participant, row.was_enrolled, row.came) == (kept, True, False)


def test_sessions_that_only_one_of_them_attended_are_one_line_each(
    meeting: Meeting, kept: Participant, guest: Participant
) -> None:
    play(meeting, ("p1", "guest", 0, 30), session_id="s1")
    play(meeting, ("p2", "bob", 0, 45), session_id="s2")
    merge(guest, kept)
    rows = Presence.objects.order_by("session__realtimekit_id").values_list("participant", "measured_seconds")
    assert list(rows) == [(kept.pk, 1800), (kept.pk, 2700)]


def test_a_correction_of_either_is_kept_with_its_reason(
    meeting: Meeting, kept: Participant, guest: Participant
) -> None:
    play(meeting, ("p1", "bob", 0, 20), ("p2", "guest", 10, 30))
    theirs = Presence.objects.get(participant=guest)
    presence.correct(theirs, seconds=theirs.measured_seconds + 600, reason="Their line was down.", by=BY)
    merge(guest, kept)
    row = Presence.objects.get()
    assert (row.measured_seconds, row.seconds) == (1800, 2400)
    assert row.correction_reason == "Their line was down."
    assert row.share_of_session == pytest.approx(2400 / 3600)
    told = Event.objects.filter(kind=EventKind.CORRECTED, participant=kept).get()
    assert told.data["seconds"] == {"measured": 1800, "before": None, "now": 2400}


def test_what_slipped_in_beside_a_merger_is_united_by_the_next_chore(
    meeting: Meeting, kept: Participant, guest: Participant
) -> None:
    merge(guest, kept)
    play(meeting, ("p1", "bob", 0, 20), ("p2", "guest", 10, 30))
    # As a delivery leaves it that was worked on at the very moment of the merger.
    Attendance.objects.filter(peer_id="p2").update(participant=guest)
    presence.recompute(Presence.objects.get().session)
    assert Presence.objects.count() == 2
    assert chores.do("merged", by=BY)
    assert Presence.objects.get().measured_seconds == 1800
    assert set(Attendance.objects.values_list("participant", flat=True)) == {kept.pk}


def test_nobody_else_is_touched(meeting: Meeting, kept: Participant, guest: Participant) -> None:
    other = enrol(meeting, GuestFactory(), "other")
    play(meeting, ("p1", "other", 0, 60), ("p2", "guest", 0, 60))
    merge(guest, kept)
    assert Presence.objects.get(participant=other).measured_seconds == 3600
    assert Presence.objects.count() == 2
