"""Every question of a list, alone and with others: which rows are the answer."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from participants.models import Participant, Presence
from participants.services import questions, reports
from participants.services.reports import SUBJECTS
from participants.services.zones import UTC, find_zone
from tests.factories import (
    NOW,
    AdminFactory,
    BatchFactory,
    EnrolledFactory,
    GuestFactory,
    LiveSessionFactory,
    MadeMeetingFactory,
    PresenceFactory,
    PresetFactory,
    SessionFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    user: User = AdminFactory()
    return user


def enrol(name: str, **columns: Any) -> Any:
    return EnrolledFactory(person=GuestFactory(display_name=name), **columns)


@pytest.fixture
def lesson() -> dict[str, Presence]:
    """An hour: Prompt was there all along, Late came after 20 minutes, Brief stayed for 5, Absent never came."""
    session = SessionFactory(started_at=NOW, meeting=MadeMeetingFactory(title="Algebra"))
    times: dict[str, dict[str, float]] = {
        "Prompt": {"joined": 0},
        "Late": {"joined": 20},
        "Brief": {"joined": 2, "minutes": 5},
        "Absent": {},
    }
    return {
        name: PresenceFactory(session=session, participant=enrol(name, meeting=session.meeting), **when)
        for name, when in times.items()
    }


def ask(user: User, query: str, *, subject: str = "attendance", zone: str = "UTC") -> set[str]:
    """Names of those in the answer; titles, for sessions."""
    asked = reports.read_query(SUBJECTS[subject], query, find_zone(zone))
    assert asked.unknown == []
    rows = reports.find(SUBJECTS[subject], user, asked)
    found = [
        row.participant.effective_name
        if subject == "attendance"
        else row.effective_name
        if subject == "participants"
        else row.meeting.title
        for row in rows
    ]
    assert len(found) == len(set(found)), "a row was found twice"
    return set(found)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"Prompt", "Late", "Brief", "Absent"}),
        ("came=false", {"Absent"}),
        ("never_joined=true", {"Absent"}),
        ("came=true", {"Prompt", "Late", "Brief"}),
        ("present=true", set()),
        ("present_less_than_percent=50", {"Brief", "Absent"}),
        ("present_less_than_percent=100", {"Late", "Brief", "Absent"}),
        ("present_less_than_minutes=6", {"Brief", "Absent"}),
        ("present_less_than_minutes=5", {"Absent"}),
        ("late_more_than_minutes=10", {"Late"}),
        ("late_more_than_minutes=1.5", {"Late", "Brief"}),
        ("joined_after=2027-01-11", {"Prompt", "Late", "Brief"}),
        ("joined_after=2027-01-12", set()),
        ("joined_before=2027-01-11", set()),
        ("joined_before=2027-01-12", {"Prompt", "Late", "Brief"}),
        ("started_after=2027-01-11&started_before=2027-01-12&came=false", {"Absent"}),
        ("started_after=2027-01-12", set()),
        ("on=2027", {"Prompt", "Late", "Brief", "Absent"}),
        ("on=2027-01-11", {"Prompt", "Late", "Brief", "Absent"}),
        ("on=2027-02", set()),
        ("live=true", set()),
        ("q=prompt", {"Prompt"}),
        ("q=algebra brief", {"Brief"}),
        ("q=nobody", set()),
        ("came=true&present_less_than_percent=50", {"Brief"}),
        ("late_more_than_minutes=1&present_less_than_minutes=30", {"Brief"}),
        ("came=true&late_more_than_minutes=1&q=late", {"Late"}),
    ],
)
def test_each_question_of_attendance_has_its_rows(
    boss: User, lesson: dict[str, Presence], query: str, names: set[str]
) -> None:
    assert ask(boss, query) == names


def test_attendance_is_asked_by_who_and_where(boss: User, lesson: dict[str, Presence]) -> None:
    group, manager, enroller = Group.objects.create(name="7b"), StaffFactory(), StaffFactory()
    other = SessionFactory(meeting=MadeMeetingFactory(title="Physics"), started_at=NOW)
    host, batch = PresetFactory(name="group_call_host"), BatchFactory(meeting=other.meeting)
    pupil = UserFactory(first_name="Ada", last_name="Example")
    row = EnrolledFactory(
        meeting=other.meeting, person__user=pupil, preset=host, enrolled_by=enroller, batch=batch, name="Ada"
    )
    presence = PresenceFactory(session=other, participant=row, joined=3)
    pupil.groups.add(group, Group.objects.create(name="another"))
    other.meeting.managers.add(manager, StaffFactory())
    for query in (
        f"meeting={other.meeting_id}",
        f"session={other.pk}",
        f"participant={row.pk}",
        f"person={row.person_id}",
        f"manager={manager.pk}",
        f"manager={manager.username}",
        f"group={group.pk}",
        "group=7b",
        f"preset={host.name}",
        f"enrolled_by={enroller.pk}",
        f"batch={batch.pk}",
        f"meeting={other.meeting_id}&preset={host.name}&group={group.pk}&manager={manager.pk}&came=true",
    ):
        assert ask(boss, query) == {"Ada"}, query
    assert ask(boss, f"meeting={other.meeting_id}&came=false") == set()
    assert ask(boss, "token_state=none") == {"Ada", *lesson}
    type(row).objects.filter(pk=row.pk).update(
        token="x",
        token_issued_at=timezone.now(),
        token_expires_at=timezone.now() + timedelta(days=90),
        token_expiry_source="jwt",
    )
    assert ask(boss, "token_state=fresh") == {"Ada"}
    assert presence.late_seconds == 180


def test_who_is_in_a_room_now_is_found_at_once(boss: User, lesson: dict[str, Presence]) -> None:
    live = LiveSessionFactory(meeting=MadeMeetingFactory(title="Physics"))
    PresenceFactory(session=live, participant=enrol("Here", meeting=live.meeting), joined=1)
    PresenceFactory(session=live, participant=enrol("Not yet", meeting=live.meeting))
    assert ask(boss, "present=true") == {"Here"}
    assert ask(boss, "live=true") == {"Here", "Not yet"}
    assert ask(boss, "present=true", subject="participants") == {"Here"}
    assert ask(boss, "live=true", subject="sessions") == {"Physics"}


def test_a_day_is_a_day_of_the_readers_time_zone(boss: User) -> None:
    late_in_the_evening = NOW.replace(hour=23, minute=30)
    session = SessionFactory(started_at=late_in_the_evening)
    PresenceFactory(session=session, participant=enrol("Owl", meeting=session.meeting), joined=0)
    assert ask(boss, "joined_after=2027-01-12") == set()
    assert ask(boss, "joined_after=2027-01-12", zone="Europe/Berlin") == {"Owl"}
    assert ask(boss, "on=2027-01-12", zone="Europe/Berlin") == {"Owl"}
    assert ask(boss, "started_before=2027-01-12", zone="Europe/Berlin") == set()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("came=false", {"Absent", "New"}),
        ("never_joined=true", {"Absent", "New"}),
        ("came=true", {"Prompt", "Late", "Brief"}),
        ("late_more_than_minutes=10", {"Late"}),
        ("present_less_than_percent=50", {"Brief", "Absent"}),
        ("present_less_than_minutes=10&came=true", {"Brief"}),
        ("joined_after=2027-01-11&late_more_than_minutes=1", {"Late", "Brief"}),
        ("joined_after=2027-01-12", set()),
        ("came=false&joined_after=2027-01-12", {"Prompt", "Late", "Brief", "Absent", "New"}),
        ("state=enrolled&came=false", {"Absent", "New"}),
        ("state=failed", set()),
        ("state__exact=enrolled&q=new", {"New"}),
        ("source=admin&token_state=none&q=late", {"Late"}),
        ("source=bulk", set()),
    ],
)
def test_participants_are_asked_by_their_attendance(
    boss: User, lesson: dict[str, Presence], query: str, names: set[str]
) -> None:
    enrol("New", meeting=lesson["Late"].session.meeting)
    assert ask(boss, query, subject="participants") == names


def test_conditions_on_a_participant_hold_of_one_and_the_same_session(boss: User) -> None:
    row = enrol("Ada")
    early = SessionFactory(meeting=row.meeting, started_at=NOW)
    later = SessionFactory(meeting=row.meeting, started_at=NOW + timedelta(days=7))
    PresenceFactory(session=early, participant=row, joined=30)
    PresenceFactory(session=later, participant=row, joined=0)
    assert ask(boss, "late_more_than_minutes=10&joined_before=2027-01-12", subject="participants") == {"Ada"}
    assert ask(boss, "late_more_than_minutes=10&joined_after=2027-01-12", subject="participants") == set()


def test_participants_are_asked_by_who_and_where(boss: User) -> None:
    row = enrol("Ada", preset=PresetFactory(name="group_call_host"), enrolled_by=StaffFactory(), batch=BatchFactory())
    enrol("Bob")
    manager = StaffFactory()
    row.meeting.managers.add(manager)
    for query in (
        f"meeting={row.meeting_id}",
        f"manager={manager.pk}",
        f"preset={row.preset.name}",
        f"preset__id__exact={row.preset_id}",
        f"enrolled_by={row.enrolled_by_id}",
        f"enrolled_by__id__exact={row.enrolled_by_id}",
        f"batch={row.batch_id}",
        f"person={row.person_id}",
    ):
        assert ask(boss, query, subject="participants") == {"Ada"}, query
    today = timezone.now().date()
    assert ask(boss, f"enrolled_after={today}", subject="participants") == {"Ada", "Bob"}
    assert ask(boss, f"enrolled_before={today}", subject="participants") == set()


def test_sessions_are_asked_by_when_where_and_whether_anybody_came(boss: User, lesson: dict[str, Presence]) -> None:
    empty = SessionFactory(meeting=MadeMeetingFactory(title="Nobody's"), started_at=NOW + timedelta(days=40))
    PresenceFactory(session=empty)
    group, manager = Group.objects.create(name="7b"), StaffFactory()
    empty.meeting.groups.add(group)
    empty.meeting.managers.add(manager)
    for query in (
        "came=false",
        "started_after=2027-02-01",
        "on=2027-02",
        f"meeting={empty.meeting_id}",
        f"group={group.pk}",
        f"manager={manager.pk}",
        "q=nobody",
        f"live=false&came=false&manager={manager.pk}",
    ):
        assert ask(boss, query, subject="sessions") == {"Nobody's"}, query
    assert ask(boss, "came=true", subject="sessions") == {"Algebra"}
    assert ask(boss, "live=false&preset=group_call_participant", subject="sessions") == {"Algebra", "Nobody's"}


@pytest.mark.parametrize("query", ["late_more_than_minutes=x", "on=2027-13", "meeting=x", "came=maybe", "live=\0"])
def test_what_cant_be_read_matches_nothing_rather_than_too_much(
    boss: User, lesson: dict[str, Presence], query: str
) -> None:
    asked = reports.read(SUBJECTS["attendance"], dict([query.split("=")]), UTC)
    assert list(asked.errors) == [query.split("=")[0]]
    assert not reports.find(SUBJECTS["attendance"], boss, asked).exists()


@pytest.mark.parametrize("subject", [name for name in SUBJECTS if name != "events"])
def test_managers_see_the_rows_of_their_meetings_alone(lesson: dict[str, Presence], subject: str) -> None:
    manager = StaffFactory()
    mine = SessionFactory(meeting=MadeMeetingFactory(title="Mine"))
    PresenceFactory(session=mine, participant=enrol("Mine", meeting=mine.meeting))
    mine.meeting.managers.add(manager)
    assert ask(manager, "", subject=subject) == {"Mine"}
    assert ask(manager, f"meeting={lesson['Late'].session.meeting_id}", subject=subject) == set()
    assert ask(StaffFactory(), "", subject=subject) == set()


def test_managers_see_no_row_of_the_audit_trail_which_is_about_everything(lesson: dict[str, Presence]) -> None:
    manager = StaffFactory()
    mine = lesson["Late"].session.meeting
    assert mine is not None
    mine.managers.add(manager)
    assert not reports.find(SUBJECTS["events"], manager, reports.read(SUBJECTS["events"], {}, UTC)).exists()


def test_totals_say_what_the_matches_come_to(boss: User, lesson: dict[str, Presence]) -> None:
    subject = SUBJECTS["attendance"]
    rows = reports.find(subject, boss, reports.read_query(subject, "came=true", UTC))
    totals = reports.total(subject, rows)
    assert (totals.people, totals.meetings, totals.sessions, totals.minutes) == (3, 1, 1, 105)
    assert totals.percent == 58
    for name, people in (("sessions", 4), ("participants", 4)):
        found = reports.find(SUBJECTS[name], boss, reports.read_query(SUBJECTS[name], "", UTC))
        totals = reports.total(SUBJECTS[name], found)
        assert (totals.people, totals.sessions, totals.minutes) == (people, 1, 105)


def test_totals_of_nothing_are_nothing(boss: User) -> None:
    totals = reports.total(SUBJECTS["attendance"], Presence.objects.none())
    assert (totals.people, totals.minutes, totals.percent) == (0, 0, None)


def test_counting_stops_at_its_bound(boss: User, lesson: dict[str, Presence]) -> None:
    assert reports.count(Presence.objects.all(), 4) == (4, False)
    assert reports.count(Presence.objects.all(), 3) == (3, True)
    assert reports.count(Presence.objects.none(), 3) == (0, False)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=an", {"Anna Ruiz", "Mia Anders"}),
        ("q=AN", {"Anna Ruiz", "Mia Anders"}),
        ("q=a", {"Anna Ruiz", "Mia Anders"}),
        ("q=nn", set()),
        ("q=nna", {"Anna Ruiz", "Hanna Berg"}),
        ("q=明", {"李小明"}),
        ("q=小明", {"李小明"}),
        ("q=7b", {"Group 7b"}),
        ("q=b7", set()),
        ("q=an ruiz", {"Anna Ruiz"}),
        ('q="a r"', {"Anna Ruiz"}),
    ],
)
@pytest.mark.parametrize("subject", ["participants", "attendance"])
def test_one_or_two_letters_are_looked_for_where_words_begin(
    boss: User, subject: str, query: str, names: set[str]
) -> None:
    session = SessionFactory(meeting=MadeMeetingFactory(title="Zoology"))
    for name in ("Anna Ruiz", "Hanna Berg", "Mia Anders", "李小明", "Group 7b"):
        person = GuestFactory(display_name=name, email="")
        ids = {"custom_participant_id": f"~{name[0]}", "realtimekit_id": f"~{name[0]}"}
        row = EnrolledFactory(person=person, meeting=session.meeting, **ids)
        PresenceFactory(session=session, participant=row)
    assert ask(boss, query, subject=subject) == names


def test_two_letters_begin_a_word_of_a_title_too(boss: User) -> None:
    for title in ("Anatomy", "Advanced anatomy", "Botany and more", "Satan"):
        SessionFactory(meeting=MadeMeetingFactory(title=title), title="", realtimekit_id=f"~{title}")
    assert ask(boss, "q=an", subject="sessions") == {"Anatomy", "Advanced anatomy", "Botany and more"}
    assert ask(boss, "q=zz", subject="sessions") == set()


def test_every_word_of_a_search_has_to_be_of_the_row(boss: User, lesson: dict[str, Presence]) -> None:
    other = SessionFactory(meeting=MadeMeetingFactory(title="Biology"))
    PresenceFactory(session=other, participant=enrol("Brief Encounter", meeting=other.meeting))
    assert ask(boss, "q=brief encounter") == ask(boss, "q=biology brief") == {"Brief Encounter"}
    assert ask(boss, "q=brief algebra") == {"Brief"}
    assert ask(boss, "q=encounter algebra") == set()
    assert ask(boss, "q=brief encounter", subject="participants") == {"Brief Encounter"}


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("late_more_than_minutes=10", 1),
        ("present_less_than_percent=50", 2),
        ("present=false", 4),
        ("corrected=true", 0),
        ("came=true&present_less_than_minutes=30", 1),
    ],
)
def test_participants_by_their_attendance_are_counted_in_it(
    boss: User, lesson: dict[str, Presence], query: str, number: int
) -> None:
    again = SessionFactory(started_at=NOW, meeting=lesson["Late"].session.meeting)
    PresenceFactory(session=again, participant=lesson["Late"].participant, joined=30)
    asked = reports.read_query(SUBJECTS["participants"], query, find_zone("UTC"))
    assert reports.count_quickly(SUBJECTS["participants"], boss, asked) == number
    rows = reports.find(SUBJECTS["participants"], boss, asked)
    assert rows.count() == number
    walked = questions.walk_attending(Participant.objects.all(), asked.answers)
    assert set(walked) == set(rows)


@pytest.mark.parametrize(
    "query", ["", "came=false", "came=true", "never_joined=true", "state=enrolled&corrected=true", "q=late"]
)
def test_what_attendance_alone_cant_tell_is_counted_as_any_other(
    boss: User, lesson: dict[str, Presence], query: str
) -> None:
    asked = reports.read_query(SUBJECTS["participants"], query, find_zone("UTC"))
    assert reports.count_quickly(SUBJECTS["participants"], boss, asked) is None


def test_counting_in_attendance_says_nothing_beyond_what_it_looked_at(
    boss: User, lesson: dict[str, Presence]
) -> None:
    asked = reports.read_query(SUBJECTS["participants"], "present=false", find_zone("UTC"))
    assert reports.count_quickly(SUBJECTS["participants"], boss, asked, 3) == 4
    for _ in range(4):
        again = SessionFactory(meeting=lesson["Late"].session.meeting)
        PresenceFactory(session=again, participant=lesson["Late"].participant)
    Presence.objects.exclude(participant=lesson["Late"].participant).delete()
    assert reports.count_quickly(SUBJECTS["participants"], boss, asked, 2) is None
    assert reports.count_quickly(SUBJECTS["participants"], boss, asked, 3) == 1


def test_a_manager_counts_the_rows_of_their_meetings_alone(lesson: dict[str, Presence]) -> None:
    teacher = StaffFactory()
    MadeMeetingFactory().managers.add(teacher)
    asked = reports.read_query(SUBJECTS["participants"], "present=false", find_zone("UTC"))
    assert reports.count_quickly(SUBJECTS["participants"], teacher, asked) is None
    assert ask(teacher, "present=false", subject="participants") == set()
