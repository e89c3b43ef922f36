"""A meeting's report and its live board, the overview, and who may see which of the new pages."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from participants.admin.reportpages import ReportPages
from participants.models import Meeting, Participant, Presence, Session
from participants.services import boards, meetingreports
from tests.admin.conftest import sign_in
from tests.factories import (
    NOW,
    AdminFactory,
    AttendanceFactory,
    EnrolledFactory,
    GuestFactory,
    LiveSessionFactory,
    MadeMeetingFactory,
    ParticipantFactory,
    PresenceFactory,
    SessionFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def attend(session: Session, name: str, *minutes: tuple[float, float | None]) -> Presence:
    """Somebody with these connections, in minutes from the start; without one they never came."""
    row = EnrolledFactory(meeting=session.meeting, person=GuestFactory(display_name=name))
    began = session.started_at or NOW
    for joined, left in minutes:
        AttendanceFactory(
            session=session,
            participant=row,
            joined_at=began + timedelta(minutes=joined),
            left_at=None if left is None else began + timedelta(minutes=left),
        )
    columns = {"joined": minutes[0][0], "rejoins": len(minutes) - 1} if minutes else {}
    presence: Presence = PresenceFactory(session=session, participant=row, **columns)
    if minutes and minutes[-1][1] is not None:
        Presence.objects.filter(pk=presence.pk).update(
            is_present=False, last_left_at=began + timedelta(minutes=minutes[-1][1])
        )
    return presence


@pytest.fixture
def lesson() -> Session:
    session: Session = SessionFactory(started_at=NOW, meeting=MadeMeetingFactory(title="Algebra"))
    attend(session, "Ada", (0, 60))
    attend(session, "Bob", (10, 30), (20, 40), (50, 60))
    attend(session, "Chidi")
    AttendanceFactory(session=session, participant=None, is_recorder=True)
    AttendanceFactory(session=session, participant=None)
    return session


def test_the_report_counts_people_not_connections(lesson: Session) -> None:
    report = meetingreports.build(lesson, timezone.now())
    tiles = report.tiles
    assert (tiles.expected, tiles.came, tiles.never_came, tiles.late, tiles.rejoins) == (3, 2, 1, 1, 2)
    assert tiles.peak == 2
    assert tiles.average_seconds == (3600 + 3000) / 2
    assert (report.recorders, report.strangers) == (1, 1)
    assert [row.participant.effective_name for row in report.absent] == ["Chidi"]


def test_who_was_enrolled_while_it_ran_is_no_no_show(staff: Client, lesson: Session) -> None:
    def enrol(name: str, minutes: float, **columns: Any) -> Participant:
        row: Participant = EnrolledFactory(meeting=lesson.meeting, person=GuestFactory(display_name=name))
        Participant.objects.filter(pk=row.pk).update(created_at=NOW + timedelta(minutes=minutes), **columns)
        return row

    before, during = NOW - timedelta(hours=1), NOW + timedelta(minutes=30)
    enrol("Later Example", 20)
    enrol("Restored Example", -600, away_from=before, away_until=during)
    enrol("Removed Again", 20, state="removed", removed_at=during)
    enrol("Afterwards Example", 90)
    PresenceFactory(session=lesson, participant=enrol("Came Anyway", 20), joined=25, was_enrolled=False)
    report = meetingreports.build(lesson, timezone.now())
    assert [row.effective_name for row in report.later] == ["Later Example", "Restored Example"]
    tiles = report.tiles
    assert (tiles.expected, tiles.came, tiles.unexpected, tiles.never_came) == (3, 3, 1, 1)
    html = staff.get(reverse("admin:participants_meeting_report", args=[lesson.meeting_id])).content.decode()
    assert "3 were expected, 1 came besides" in html
    assert re.search(r'Enrolled later <span class="rc-quiet">2</span>', html)
    assert [row.participant.effective_name for row in report.absent] == ["Chidi"]


def test_two_tabs_are_one_bar(lesson: Session) -> None:
    report = meetingreports.build(lesson, timezone.now())
    spans = {
        line.name: [(round((a - NOW).seconds / 60), round((b - NOW).seconds / 60)) for a, b in line.spans]
        for line in report.lines
    }
    assert spans == {"Ada": [(0, 60)], "Bob": [(10, 40), (50, 60)]}


def test_the_curve_says_how_many_were_there_at_each_moment(lesson: Session) -> None:
    points = {
        round((point.at - NOW).seconds / 60): point.present for point in meetingreports.build(lesson, NOW).points
    }
    assert len(points) == 61
    assert {at: points[at] for at in (0, 9, 10, 25, 39, 41, 49, 50, 60)} == {
        0: 1, 9: 1, 10: 2, 25: 2, 39: 2, 41: 1, 49: 1, 50: 2, 60: 2,
    }  # fmt: skip


def test_a_short_session_is_drawn_by_the_second(staff: Client) -> None:
    session = SessionFactory(started_at=NOW, ended_at=NOW + timedelta(minutes=2), meeting=MadeMeetingFactory())
    attend(session, "Ada", (0, 0.5), (1, 2))
    report = meetingreports.build(session, timezone.now())
    assert [point.present for point in report.points[::6]] == [1, 1, 1, 1, 1]
    assert [point.present for point in report.points[7:12]] == [0] * 5
    html = staff.get(reverse("admin:participants_meeting_report", args=[session.meeting_id])).content.decode()
    labels = re.findall(r'data-at="\d+">([^<]+)<', html)
    assert len(labels) == len(set(labels)) == len(report.points) == 25
    ticks = re.findall(r'text-anchor="\w+">([^<]+)<', html)
    assert len(ticks) == len(set(ticks)) == 5


def test_the_report_page_shows_it(staff: Client, lesson: Session) -> None:
    html = staff.get(reverse("admin:participants_meeting_report", args=[lesson.meeting_id])).content.decode()
    assert re.search(r"<dt>Came</dt><dd>2</dd>", html)
    assert html.count('class="rc-bars"') == 2
    assert html.count('<rect class="rc-bar"') == 3 + 2  # and two shares
    assert "Chidi" in html
    assert "Set apart: 1 connection of a recorder, 1 of somebody who is not known here" in html
    assert html.count('<tr><th scope="row" data-at=') == 61


def test_another_session_can_be_chosen(staff: Client, lesson: Session) -> None:
    earlier = SessionFactory(meeting=lesson.meeting, started_at=NOW - timedelta(days=7))
    attend(earlier, "Dana", (0, 60))
    url = reverse("admin:participants_meeting_report", args=[lesson.meeting_id])
    assert "Dana" not in staff.get(url).content.decode()
    assert "Dana" in staff.get(f"{url}?session={earlier.pk}").content.decode()
    assert staff.get(f"{url}?session={SessionFactory().pk}").status_code == 404
    assert staff.get(f"{url}?session=nonsense").status_code == 200


def test_a_meeting_that_was_not_held_says_so(staff: Client) -> None:
    url = reverse("admin:participants_meeting_report", args=[MadeMeetingFactory().pk])
    assert "has not been held yet" in staff.get(url).content.decode()


def test_a_session_of_which_little_is_known_has_a_report(staff: Client) -> None:
    session = SessionFactory(started_at=None, ended_at=None, opens_at=None, closes_at=None)
    url = reverse("admin:participants_meeting_report", args=[session.meeting_id])
    assert "Nobody came." in staff.get(url).content.decode()


def test_a_report_costs_the_same_for_three_people_and_for_thirty(staff: Client, lesson: Session) -> None:
    url = reverse("admin:participants_meeting_report", args=[lesson.meeting_id])
    counts = []
    for size in (0, 27):
        for place in range(size):
            attend(lesson, f"P{place}", (place, 50))
        with CaptureQueriesContext(connection) as seen:
            assert staff.get(url).status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 16


def test_a_sessions_page_is_the_report(staff: Client, lesson: Session) -> None:
    answer = staff.get(reverse("admin:participants_session_change", args=[lesson.pk]))
    report = reverse("admin:participants_meeting_report", args=[lesson.meeting_id])
    assert answer["Location"] == f"{report}?session={lesson.pk}"


def test_the_board_tells_who_is_there_who_left_and_who_is_missing(staff: Client) -> None:
    session = LiveSessionFactory(started_at=timezone.now() - timedelta(minutes=30))
    attend(session, "Ada", (0, None))
    attend(session, "Bob", (5, 10))
    attend(session, "Chidi")
    EnrolledFactory(meeting=session.meeting, person=GuestFactory(display_name="Enrolled later"))
    ParticipantFactory(meeting=session.meeting, state="removed", person=GuestFactory(display_name="Removed"))
    answer = staff.get(reverse("admin:participants_meeting_board_json", args=[session.meeting_id]))
    assert "no-store" in answer["Cache-Control"]
    told = {column["name"]: [one["name"] for one in column["members"]] for column in answer.json()["columns"]}
    assert told == {"present": ["Ada"], "left": ["Bob"], "missing": ["Chidi", "Enrolled later"]}
    html = staff.get(reverse("admin:participants_meeting_board", args=[session.meeting_id])).content.decode()
    assert [name for name in ("Ada", "Bob", "Chidi", "Enrolled later") if name not in html] == []


def test_before_a_session_everybody_is_still_to_come(staff: Client) -> None:
    row = EnrolledFactory()
    told = staff.get(reverse("admin:participants_meeting_board_json", args=[row.meeting_id])).json()
    assert told["live"] is False
    assert [column["count"] for column in told["columns"]] == [0, 0, 1]


def test_a_board_of_many_shows_some_and_counts_all() -> None:
    session = LiveSessionFactory()
    rows = EnrolledFactory.create_batch(boards.SHOWN + 2, meeting=session.meeting)
    assert len(rows) == boards.SHOWN + 2
    board = boards.read(session.meeting)
    assert (len(board.missing), board.missing_count) == (boards.SHOWN, boards.SHOWN + 2)


def test_the_overview_tells_what_runs_opens_and_failed(staff: Client) -> None:
    now = timezone.now()
    live = LiveSessionFactory(started_at=now - timedelta(minutes=5), meeting=MadeMeetingFactory(title="Runs now"))
    attend(live, "Ada", (0, None))
    MadeMeetingFactory(title="Opens soon", opens_at=now + timedelta(hours=2))
    MadeMeetingFactory(title="Opens late", opens_at=now + timedelta(days=9))
    ParticipantFactory(state="failed", last_error_detail="No such preset", person=GuestFactory(display_name="Greta"))
    html = staff.get("/admin/").content.decode()
    for words in (
        "Runs now",
        "1 present",
        "Opens soon",
        "Greta",
        "No such preset",
        'id="weeks-table"',
        "calls in the last",
    ):
        assert words in html, words
    assert "Opens late" not in html.split("Latest events")[0]


def test_a_managers_overview_is_of_their_meetings_alone() -> None:
    manager, desk = StaffFactory(), Client()
    desk.force_login(manager)
    now = timezone.now()
    theirs = LiveSessionFactory(started_at=now, meeting=MadeMeetingFactory(title="Theirs live"))
    MadeMeetingFactory(title="Theirs soon", opens_at=now + timedelta(hours=1))
    attend(theirs, "Other", (0, None))
    mine = LiveSessionFactory(started_at=now, meeting=MadeMeetingFactory(title="Mine live"))
    mine.meeting.managers.add(manager)
    html = desk.get("/admin/").content.decode()
    assert "Mine live" in html
    assert "Theirs" not in html
    assert "calls in the last" not in html
    assert 'id="weeks-table"' not in html


def test_the_overview_costs_the_same_with_many_sessions(staff: Client) -> None:
    counts = []
    for size in (1, 12):
        for _ in range(size):
            session = LiveSessionFactory(started_at=timezone.now())
            attend(session, "Ada", (0, None))
            MadeMeetingFactory(opens_at=timezone.now() + timedelta(hours=2))
            ParticipantFactory(state="failed")
        staff.get("/admin/")
        with CaptureQueriesContext(connection) as seen:
            staff.get("/admin/")
        counts.append(len(seen))
    assert counts[0] == counts[1]


CALLERS = ("staff", "other", "manager", "view_presence", "boss")
"""``other`` manages another meeting. Who is not of the staff is asked to sign in."""
MATRIX: dict[str, tuple[int, ...]] = {
    "participants_presence_changelist": (403, 200, 200, 200, 200),
    "participants_presence_csv": (403, 200, 200, 403, 200),
    "participants_presence_export": (403, 302, 302, 403, 302),
    "participants_presence_save": (403, 302, 302, 302, 302),
    "participants_session_changelist": (403, 200, 200, 403, 200),
    "participants_session_csv": (403, 200, 200, 403, 200),
    "participants_participant_csv": (403, 200, 200, 403, 200),
    "participants_meeting_report": (404, 404, 200, 200, 200),
    "participants_meeting_board": (404, 404, 200, 200, 200),
    "participants_meeting_board_json": (404, 404, 200, 200, 200),
    "participants_meeting_end": (404, 404, 200, 403, 200),
    "reports": (403, 200, 200, 200, 200),
    "report_delete": (302, 302, 302, 302, 302),
    "export_download": (302, 302, 302, 302, 302),
    "time_zone": (200, 200, 200, 200, 200),
}


def become(caller: str, meeting: Meeting) -> Client:
    if caller == "nobody":
        return Client()
    if caller == "view_presence":
        return sign_in("view_presence")
    user: User = {"plain": UserFactory, "boss": AdminFactory}.get(caller, StaffFactory)()
    if caller == "manager":
        meeting.managers.add(user)
    if caller == "other":
        MadeMeetingFactory().managers.add(user)
    client = Client()
    client.force_login(user)
    return client


def address_of(name: str, presence: Presence) -> str:
    meeting = "meeting" in name
    pk = (
        [presence.session.meeting_id]
        if meeting
        else [presence.pk]
        if name in ("report_delete", "export_download")
        else []
    )
    return reverse(f"admin:{name}", args=pk)


@pytest.mark.parametrize("name", MATRIX)
def test_each_caller_meets_the_status_the_matrix_says(name: str) -> None:
    presence = PresenceFactory(joined=0)
    url = address_of(name, presence)
    meeting = presence.session.meeting
    seen = {who: become(who, meeting).get(url).status_code for who in ("nobody", "plain", *CALLERS)}
    assert seen == {"nobody": 302, "plain": 302, **dict(zip(CALLERS, MATRIX[name], strict=True))}


def test_the_matrix_has_a_row_for_every_page_of_reports() -> None:
    assert set(MATRIX) >= {str(pattern.name) for pattern in ReportPages(admin.site).list_urls()}


@pytest.mark.parametrize("name", MATRIX)
def test_no_page_has_inline_script_or_style(staff: Client, lesson: Session, name: str) -> None:
    presence = Presence.objects.filter(session=lesson).first()
    assert presence
    answer = staff.get(address_of(name, presence))
    if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
        html = answer.content.decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)
        assert "script-src 'self'" in answer["Content-Security-Policy"]
