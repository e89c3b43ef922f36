"""Sessions and attendance through the API: shapes, filters, pages, files, corrections, and who may see what."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from participants.models import Actor, Event, Meeting, Participant, Person, Presence, Session
from participants.services import mirror, reportfiles, zones
from participants.services.mirror import PeerNews, SessionNews
from participants.states import KnownBy
from tests.api.conftest import sign_in
from tests.factories import (
    NOW,
    AdminFactory,
    EnrolledFactory,
    MadeMeetingFactory,
    PersonFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
BASE = "/api/v1/manage"


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def lesson() -> Meeting:
    return MadeMeetingFactory(title="Algebra", opens_at=at(0), closes_at=at(60))


@pytest.fixture
def office() -> APIClient:
    return sign_in(AdminFactory())


def enrol(meeting: Meeting, name: str) -> Participant:
    user = UserFactory(username=name, first_name=name.title(), last_name="")
    with time_machine.travel(at(-60), tick=False):
        return EnrolledFactory(
            meeting=meeting, person=PersonFactory(user=user, display_name=name.title()), custom_participant_id=name
        )


Told = dict[str, list[tuple[int, int | None]]]


def play(meeting: Meeting, people: Told, session_id: str = "s1", ended: int | None = 60, start: int = 0) -> Session:
    """A session in which these were connected from minute to minute."""
    news = SessionNews(session_id, str(meeting.realtimekit_id), title=meeting.title, started_at=at(start))
    with time_machine.travel(at(90), tick=False):
        session = mirror.merge_session(news, known_by=KnownBy.WEBHOOK)
        for name, stays in people.items():
            for number, (begin, end) in enumerate(stays):
                left_at = None if end is None else at(end)
                peer = PeerNews(f"{session_id}-{name}-{number}", name, name.title(), "", at(begin), left_at)
                mirror.merge_peer(news, peer, known_by=KnownBy.WEBHOOK)
        if ended is not None:
            over = SessionNews(session_id, str(meeting.realtimekit_id), ended_at=at(ended))
            session = mirror.merge_session(over, known_by=KnownBy.PULLED)
    return session


def results(client: APIClient, path: str, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get(f"{BASE}/{path}", asked)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_a_meeting_shows_a_line_a_person_with_their_intervals(lesson: Meeting, office: APIClient) -> None:
    ada, eve = enrol(lesson, "ada"), enrol(lesson, "eve")
    session = play(lesson, {"ada": [(5, 20), (15, 30), (40, None)]})
    lines = {line["name"]: line for line in results(office, f"meetings/{lesson.pk}/attendance/")}
    assert lines["Ada"] == {
        "participant": str(ada.pk),
        "custom_participant_id": "ada",
        "name": "Ada",
        "present": False,
        "first_joined_at": "2027-01-11T08:05:00Z",
        "last_left_at": "2027-01-11T09:00:00Z",
        "seconds_present": 45 * 60,
        "seconds": 45 * 60,
        "corrected": False,
        "late_seconds": 300,
        "left_early_seconds": 0,
        "share_of_window": 0.75,
        "intervals": [
            {
                "session": str(session.pk),
                "peer_id": f"s1-ada-{number}",
                "joined_at": begin,
                "left_at": end,
                "known_by": known_by,
            }
            for number, begin, end, known_by in (
                (0, "2027-01-11T08:05:00Z", "2027-01-11T08:20:00Z", "webhook"),
                (1, "2027-01-11T08:15:00Z", "2027-01-11T08:30:00Z", "webhook"),
                (2, "2027-01-11T08:40:00Z", "2027-01-11T09:00:00Z", "estimated"),
            )
        ],
    }
    absent = lines["Eve"]
    assert (absent["participant"], absent["seconds_present"], absent["intervals"]) == (str(eve.pk), 0, [])
    assert (absent["late_seconds"], absent["share_of_window"], absent["first_joined_at"]) == (None, 0.0, None)


def test_several_sessions_of_one_window_are_one_lesson(lesson: Meeting, office: APIClient) -> None:
    enrol(lesson, "ada")
    play(lesson, {"ada": [(0, 20)]}, "s1", ended=21)
    second = play(lesson, {"ada": [(30, 45)]}, "s2", ended=60, start=30)
    (line,) = results(office, f"meetings/{lesson.pk}/attendance/")
    assert (line["seconds_present"], line["late_seconds"], line["left_early_seconds"]) == (35 * 60, 0, 15 * 60)
    (line,) = results(office, f"meetings/{lesson.pk}/attendance/", session=str(second.pk))
    assert (line["seconds_present"], len(line["intervals"])) == (15 * 60, 1)


def test_a_room_that_is_used_again_adds_up_its_windows(lesson: Meeting, office: APIClient) -> None:
    enrol(lesson, "ada")
    play(lesson, {"ada": [(6, 60)]}, "s1")
    Meeting.objects.update(opens_at=at(1000), closes_at=at(1060))
    with time_machine.travel(at(1100), tick=False):
        play(lesson, {"ada": [(1004, 1030)]}, "s2", ended=1060, start=1000)
    (line,) = results(office, f"meetings/{lesson.pk}/attendance/")
    assert (line["late_seconds"], line["left_early_seconds"]) == (600, 1800)
    assert line["share_of_window"] == pytest.approx((54 + 26) / 120)


def test_strangers_are_listed_apart_and_recorders_not_at_all(lesson: Meeting, office: APIClient) -> None:
    enrol(lesson, "ada")
    play(lesson, {"ada": [(0, 60)], "stranger": [(0, 10), (20, 30)], "": [(1, 2)]})
    recorder = PeerNews("r", is_recorder=True, joined_at=at(0))
    mirror.merge_peer(SessionNews("s1", str(lesson.realtimekit_id)), recorder, known_by=KnownBy.WEBHOOK)
    assert [line["name"] for line in results(office, f"meetings/{lesson.pk}/attendance/")] == ["Ada"]
    lines = results(office, f"meetings/{lesson.pk}/attendance/", known="false")
    told = [(line["participant"], line["custom_participant_id"], line["seconds_present"]) for line in lines]
    assert told == [(None, "", 60), (None, "stranger", 1200)]


def walk(client: APIClient, path: str, **asked: Any) -> list[dict[str, Any]]:
    found, address = [], f"{BASE}/{path}"
    while address:
        answer = client.get(address, asked).json()
        found += answer["results"]
        address, asked = answer["next"], {}
    return found


@pytest.mark.parametrize("path", ["meetings/{}/attendance/", "meetings/{}/attendance/?known=false", "attendance/"])
def test_pages_by_cursor_hold_everybody_once(lesson: Meeting, office: APIClient, path: str) -> None:
    people: Told = {f"p{number}": [(0, 5)] for number in range(7)}
    for name in list(people):
        enrol(lesson, name)
    play(lesson, people | {f"stranger-{number}": [(0, 5)] for number in range(5)})
    address = path.format(lesson.pk)
    lines = walk(office, f"{address}{'&' if '?' in address else '?'}page_size=2")
    names = [line["custom_participant_id"] for line in lines]
    assert len(names) == len(set(names)) == (5 if "known" in path else 7)


def test_sessions_come_latest_first_with_their_counts(lesson: Meeting, office: APIClient) -> None:
    enrol(lesson, "ada"), enrol(lesson, "eve")
    play(lesson, {"ada": [(0, 20)]}, "s1", ended=21)
    play(lesson, {"ada": [(30, None)], "x": [(30, None)]}, "s2", ended=None, start=30)
    second, first = results(office, f"meetings/{lesson.pk}/sessions/")
    assert (first["realtimekit_id"], first["live"], first["ended_known_by"]) == ("s1", False, "pulled")
    assert (first["opens_at"], first["started_at"]) == ("2027-01-11T08:00:00Z", "2027-01-11T08:00:00Z")
    assert second["counts"] == {"expected": 2, "came": 1, "present": 1}
    assert [row["realtimekit_id"] for row in results(office, f"meetings/{lesson.pk}/sessions/", live="true")] == [
        "s2"
    ]
    assert len(walk(office, f"meetings/{lesson.pk}/sessions/?page_size=1")) == 2


def test_attendance_across_meetings_is_filtered_by_the_names_of_the_admin(lesson: Meeting, office: APIClient) -> None:
    other = MadeMeetingFactory(title="Greek")
    for name in ("ada", "bob", "eve"):
        enrol(lesson, name)
    enrol(other, "zoe")
    play(lesson, {"ada": [(0, 60)], "bob": [(30, 40)]})
    play(other, {"zoe": [(0, None)]}, "s2", ended=None)

    def names(**asked: Any) -> set[str]:
        return {row["custom_participant_id"] for row in results(office, "attendance/", **asked)}

    assert names() == {"ada", "bob", "eve", "zoe"}
    assert names(meeting=str(lesson.pk), never_joined="true") == {"eve"}
    assert names(late_more_than_minutes="10", present_less_than_percent="50") == {"bob"}
    assert names(live="true") == {"zoe"}
    (row,) = results(office, "attendance/", meeting=str(lesson.pk), came="true", present_less_than_minutes="11")
    assert (row["meeting"], row["state"]) == ({"id": str(lesson.pk), "title": "Algebra"}, "left")
    assert (row["seconds"], row["measured_seconds"], row["correction"], row["was_enrolled"]) == (600, 600, None, True)


def test_filters_that_cannot_be_read_are_all_named(office: APIClient) -> None:
    answer = office.get(f"{BASE}/attendance/", {"meeting": "x", "came": "maybe", "live": "true"})
    assert answer.status_code == 400
    assert {(item["field"], item["code"]) for item in answer.json()["errors"]} == {
        ("meeting", "invalid_filter"),
        ("came", "invalid_filter"),
    }


@pytest.mark.parametrize("cursor", ["cD0lMDA=", "cD1hYmM=", "x", "bz0x", "cj0xJnA9"])
@pytest.mark.parametrize("path", ["attendance/", "meetings/{}/attendance/?known=false", "meetings/{}/sessions/"])
def test_a_cursor_that_is_not_ours_is_never_a_fault_of_ours(
    lesson: Meeting, office: APIClient, path: str, cursor: str
) -> None:
    address = f"{BASE}/{path.format(lesson.pk)}"
    assert office.get(f"{address}{'&' if '?' in address else '?'}cursor={cursor}").status_code in (200, 404)


def test_managers_see_their_own_meetings_only(lesson: Meeting) -> None:
    other, teacher = MadeMeetingFactory(), UserFactory()
    lesson.managers.add(teacher)
    enrol(lesson, "ada"), enrol(other, "zoe")
    play(lesson, {"ada": [(0, 60)]})
    play(other, {"zoe": [(0, 60)]}, "s2")
    client = sign_in(teacher)
    assert [row["custom_participant_id"] for row in results(client, "attendance/")] == ["ada"]
    assert results(client, "attendance/", meeting=str(other.pk)) == []
    assert [row["username"] for row in read_csv(client, "attendance/export/")] == ["ada"]
    for path in ("attendance/", "attendance/export/", "sessions/"):
        assert client.get(f"{BASE}/meetings/{other.pk}/{path}").status_code == 404
    row = Presence.objects.get(participant__meeting=other)
    assert client.put(f"{BASE}/attendance/{row.pk}/correction/", {"seconds": 1, "reason": "x"}).status_code == 404


def read_csv(client: APIClient, path: str, **asked: Any) -> list[dict[str, str]]:
    answer = client.get(f"{BASE}/{path}", asked)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert "attachment" in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]  # it streams
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_file_holds_what_the_filter_shows_in_the_readers_time_zone(lesson: Meeting, office: APIClient) -> None:
    for name in ("ada", "bob"):
        enrol(lesson, name)
    play(lesson, {"ada": [(5, 50)]})
    (row,) = read_csv(office, "attendance/export/", came="true", time_zone="Europe/Berlin")
    assert (row["name"], row["meeting"], row["state"]) == ("Ada", "Algebra", "left")
    assert (row["first_joined"], row["minutes"]) == ("2027-01-11 09:05:00", "45.0")
    assert (row["first_joined_offset"], row["session_ended_offset"]) == ("UTC+01:00", "UTC+01:00")
    assert (row["late_minutes"], row["left_early_minutes"], row["percent_of_window"]) == ("5.0", "10.0", "75.0")
    assert {row["name"] for row in read_csv(office, f"meetings/{lesson.pk}/attendance/export/")} == {"Ada", "Bob"}
    event = Event.objects.filter(kind="export.downloaded").earliest("created_at")
    assert (event.data["list"], event.data["filter"], event.data["rows"]) == ("attendance", "came=true", 1)
    assert event.data["time_zone"] == "Europe/Berlin"


def test_no_cell_of_a_file_is_a_formula(office: APIClient) -> None:
    meeting = MadeMeetingFactory(title="=cmd|' /C calc'!A0")
    row = enrol(meeting, "ada")
    Participant.objects.filter(pk=row.pk).update(name='@SUM(1,"2")')
    play(meeting, {"ada": [(0, 5)]})
    (line,) = read_csv(office, "attendance/export/")
    assert (line["meeting"], line["name"]) == ("'=cmd|' /C calc'!A0", '\'@SUM(1,"2")')


def test_files_need_their_own_right_and_a_time_zone_that_exists(lesson: Meeting, office: APIClient) -> None:
    reader = sign_in(StaffFactory(permissions=["view_presence"]))
    for path in ("attendance/export/", f"meetings/{lesson.pk}/attendance/export/"):
        assert reader.get(f"{BASE}/{path}").status_code == 403
        answer = office.get(f"{BASE}/{path}", {"time_zone": "Mars/Olympus"})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_time_zone")


def test_a_file_begins_before_anything_is_read_and_takes_one_query(lesson: Meeting, by: Actor) -> None:
    for number in range(7):
        enrol(lesson, f"p{number}")
    play(lesson, {})
    pieces = reportfiles.stream_for_programs(Presence.objects.all(), zones.UTC, query="", by=by)
    with CaptureQueriesContext(connection) as queries:
        heading = next(pieces)
        assert len(queries) == 0
        text = "".join([heading, *pieces]).removeprefix("\ufeff")
    names = [row["name"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert len(names) == len(set(names)) == 7
    assert len([query for query in queries if "participants_presence" in query["sql"]]) == 1


def test_a_file_that_its_reader_gave_up_is_audited_as_broken_off(lesson: Meeting, by: Actor) -> None:
    enrol(lesson, "ada")
    play(lesson, {})
    pieces = reportfiles.stream_for_programs(Presence.objects.all(), zones.UTC, query="", by=by)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # a generator, as responses close it
    event = Event.objects.get(kind="export.downloaded")
    assert (event.data["rows"], event.data["broken_off"]) == (0, True)


def test_a_correction_counts_and_what_was_measured_stays(lesson: Meeting, office: APIClient) -> None:
    enrol(lesson, "ada")
    play(lesson, {"ada": [(10, 20)]})
    row = Presence.objects.get()
    address = f"{BASE}/attendance/{row.pk}/correction/"
    answer = office.put(address, {"seconds": 2700, "reason": " Line   was down "}, format="json")
    body = answer.json()
    assert (answer.status_code, body["seconds"], body["measured_seconds"]) == (200, 2700, 600)
    assert (body["share_of_window"], body["late_seconds"]) == (0.75, 600)
    assert (body["correction"]["reason"], body["correction"]["by"]) == (
        "Line was down",
        User.objects.get(is_superuser=True).username,
    )
    play(lesson, {"ada": [(10, 20), (30, 31)]})
    row.refresh_from_db()
    assert (row.measured_seconds, row.seconds, row.share_of_window) == (660, 2700, 0.75)
    (line,) = results(office, f"meetings/{lesson.pk}/attendance/")
    assert (line["seconds_present"], line["seconds"], line["corrected"]) == (660, 2700, True)
    body = office.delete(address).json()
    assert (body["seconds"], body["correction"], body["share_of_window"]) == (660, None, pytest.approx(11 / 60))
    assert office.delete(address).status_code == 200
    assert [event.kind for event in Event.objects.filter(kind__startswith="presence.").order_by("created_at")] == [
        "presence.corrected",
        "presence.correction_withdrawn",
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"seconds": 5},
        {"seconds": 5, "reason": "  "},
        {"seconds": -1, "reason": "x"},
        {"seconds": 10**9, "reason": "x"},
        {"seconds": 5, "reason": "x" * 301},
        {"seconds": 5, "reason": "x", "measured_seconds": 9},
    ],
)
def test_a_correction_without_reason_or_sense_is_refused(
    lesson: Meeting, office: APIClient, body: dict[str, Any]
) -> None:
    enrol(lesson, "ada")
    play(lesson, {"ada": [(10, 20)]})
    row = Presence.objects.get()
    assert office.put(f"{BASE}/attendance/{row.pk}/correction/", body, format="json").status_code == 400
    row.refresh_from_db()
    assert (row.corrected_seconds, Event.objects.filter(kind="presence.corrected").exists()) == (None, False)


def test_attendance_that_does_not_exist_cannot_be_corrected(office: APIClient) -> None:
    body = {"seconds": 1, "reason": "x"}
    assert office.put(f"{BASE}/attendance/{uuid4()}/correction/", body, format="json").status_code == 404


def test_a_person_sees_their_own_attendance_and_nobody_elses(lesson: Meeting, office: APIClient) -> None:
    ada, _ = enrol(lesson, "ada"), enrol(lesson, "bob")
    play(lesson, {"ada": [(5, 50)], "bob": [(0, 60)]})
    row = Presence.objects.get(participant=ada)
    office.put(f"{BASE}/attendance/{row.pk}/correction/", {"seconds": 60, "reason": "secret"}, format="json")
    assert ada.person.user is not None
    (line,) = sign_in(ada.person.user).get("/api/v1/me/attendance/").json()["results"]
    assert (line["id"], line["seconds"], line["late_seconds"], line["state"]) == (str(row.pk), 60, 300, "left")
    assert "secret" not in str(line)


def test_lists_ask_the_database_as_often_for_many_as_for_few(lesson: Meeting, office: APIClient) -> None:
    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            results(office, path, page_size=200)
        return len(queries)

    paths = ["attendance/", f"meetings/{lesson.pk}/attendance/", f"meetings/{lesson.pk}/sessions/"]
    people: Told = {}
    seen: list[list[int]] = []
    for size in (3, 30):
        for number in range(len(people), size):
            people[f"p{number}"] = [(number % 9, 30), (40, 50)]
            enrol(lesson, f"p{number}")
        play(lesson, people, f"s{size}", start=size)
        count(paths[0])  # whatever is cached
        seen.append([count(path) for path in paths])
    assert seen[0] == seen[1]


def test_who_was_a_guest_before_sees_what_they_attended_as_one(lesson: Meeting, office: APIClient) -> None:
    ada, guest = enrol(lesson, "ada"), enrol(lesson, "guest")
    Person.objects.filter(pk=guest.person_id).update(user=None, merged_into=ada.person)
    play(lesson, {"guest": [(0, 30)]})
    assert ada.person.user is not None
    lines = sign_in(ada.person.user).get("/api/v1/me/attendance/").json()["results"]
    assert [(line["state"], line["seconds"]) for line in lines] == [("left", 1800)]
    for person in (ada.person_id, guest.person_id):
        assert [line["participant"] for line in results(office, "attendance/", person=str(person))] == [str(ada.pk)]
    assert [item["participant"] for item in results(office, f"meetings/{lesson.pk}/attendance/")] == [str(ada.pk)]
    assert [row["connections"] for row in read_csv(office, "attendance/export/")] == ["1"]
