"""Lists that are asked questions cost the same number of queries however many rows there are, whatever is asked."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from participants.errors import TooSlow
from participants.models import Participant, Presence
from participants.services.bounding import bounded
from participants.services.questions import Kind, Question
from participants.services.reports import SUBJECTS
from tests.factories import (
    BatchFactory,
    EnrolledFactory,
    GuestFactory,
    LiveSessionFactory,
    MadeMeetingFactory,
    PersonFactory,
    PresenceFactory,
    SessionFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db

LISTS = {"attendance": "presence", "sessions": "session", "participants": "participant"}
FEW, MANY = 2, 5


class Lessons:
    """Each call adds lessons of the same shape: somebody on time, somebody late, somebody absent, somebody inside."""

    def __init__(self) -> None:
        self.staff, self.group = StaffFactory(), Group.objects.create(name="7b")
        self.meeting = MadeMeetingFactory(title="Algebra")
        self.meeting.managers.add(self.staff)
        self.meeting.groups.add(self.group)
        self.batch = BatchFactory(meeting=self.meeting)
        self.began = timezone.now() - timedelta(days=3)
        self.session = SessionFactory(meeting=self.meeting, started_at=self.began)
        self.person = PersonFactory(display_name="Ada Example")

    def add(self, count: int) -> None:
        for _ in range(count):
            person = PersonFactory(display_name="Ada Example")
            person.user.groups.add(self.group)
            given: dict[str, Any] = {
                "enrolled_by": self.staff,
                "batch": self.batch,
                "preset": self.batch.meeting.default_preset,
            }
            row = EnrolledFactory(meeting=self.meeting, person=person, **given)
            late = EnrolledFactory(meeting=self.meeting, person=GuestFactory(), **given)
            PresenceFactory(session=self.session, participant=row, joined=0)
            PresenceFactory(session=self.session, participant=late, joined=20, minutes=1, left_early_seconds=3600)
            PresenceFactory(session=SessionFactory(meeting=self.meeting, started_at=self.began), participant=row)
            PresenceFactory(session=LiveSessionFactory(meeting=self.meeting), participant=row, joined=1)
            other = EnrolledFactory(person=self.person)
            PresenceFactory(session=SessionFactory(meeting=other.meeting), participant=other)
        Presence.objects.filter(late_seconds__gt=0).update(corrected_seconds=60, correction_reason="A broken line.")

    def answer(self, question: Question) -> list[str]:
        if question.kind is Kind.CHOICE:
            return [text for text, _ in question.choices]
        if question.kind is Kind.NUMBER:
            return ["5"]
        if question.kind in (Kind.DAY, Kind.PERIOD):
            return [f"{self.began:%Y-%m-%d}"]
        participant = Participant.objects.filter(meeting=self.meeting).order_by("created_at")[0]
        rows: dict[str, Any] = {
            "meeting": self.meeting.pk,
            "session": self.session.pk,
            "person": self.person.pk,
            "participant": participant.pk,
            "batch": self.batch.pk,
            "preset": participant.preset.name,
            "group": self.group.pk,
            "manager": self.staff.pk,
            "enrolled_by": self.staff.pk,
        }
        return [str(rows[question.name])]


@pytest.fixture
def lessons() -> Lessons:
    return Lessons()


def count_queries(staff: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert staff.get(address).status_code == 200, address
    return len(seen)


def count_each(staff: Client, lessons: Lessons, subject: str, *more: str) -> dict[str, int]:
    """Of the list asked each of its questions alone; with ``more``, only of what these say."""
    base = f"/admin/participants/{LISTS[subject]}/"
    asked = more or [f"{q.name}={text}" for q in SUBJECTS[subject].questions for text in lessons.answer(q)]
    count_queries(staff, base)  # what is looked up once in a process
    return {query: count_queries(staff, f"{base}?{query}") for query in asked}


@pytest.mark.parametrize("subject", LISTS)
def test_no_question_of_a_list_costs_more_queries_with_more_rows(
    staff: Client, lessons: Lessons, subject: str
) -> None:
    lessons.add(FEW)
    few = count_each(staff, lessons, subject)
    lessons.add(MANY)
    assert count_each(staff, lessons, subject) == few
    assert max(few.values()) <= 24


@pytest.mark.parametrize("subject", LISTS)
def test_nor_does_a_search_or_a_total_or_another_order(staff: Client, lessons: Lessons, subject: str) -> None:
    more = ("", "q=ada", "q=ada+example", "q=algebra", "totals=1", "o=1", "o=-2", "o=6")
    lessons.add(FEW)
    few = count_each(staff, lessons, subject, *more)
    lessons.add(MANY)
    assert count_each(staff, lessons, subject, *more) == few


@pytest.mark.parametrize("subject", LISTS)
def test_nor_for_who_manages_the_meeting(lessons: Lessons, subject: str) -> None:
    desk = Client()
    desk.force_login(lessons.staff)
    more = ("", "came=true", f"meeting={lessons.meeting.pk}", "q=ada")
    lessons.add(FEW)
    few = count_each(desk, lessons, subject, *more)
    lessons.add(MANY)
    assert count_each(desk, lessons, subject, *more) == few


@pytest.mark.parametrize("place", ["report/", "board/", "board.json"])
def test_nor_do_the_pages_of_a_meeting(staff: Client, lessons: Lessons, place: str) -> None:
    counts = []
    for size in (FEW, MANY):
        lessons.add(size)
        counts.append(count_queries(staff, f"/admin/participants/meeting/{lessons.meeting.pk}/{place}"))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "address",
    [
        "attendance/?",
        "attendance/?late_more_than_minutes=5&",
        "attendance/?present=true&",
        "meetings/{meeting}/attendance/?",
        "meetings/{meeting}/sessions/?",
        "meetings/{meeting}/participants/?",
    ],
)
def test_nor_do_the_pages_of_the_api(staff: Client, lessons: Lessons, address: str) -> None:
    counts = []
    for size in (FEW, MANY):
        lessons.add(size)
        place = address.format(meeting=lessons.meeting.pk)
        counts.append(count_queries(staff, f"/api/v1/manage/{place}page_size=5"))
    assert counts[0] == counts[1]


def test_what_takes_too_long_is_refused_in_words(staff: Client) -> None:
    if connection.vendor != "postgresql":  # the others can't be told how long they may take
        return
    with pytest.raises(TooSlow, match="Narrow it"), bounded(0.05), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")
    assert staff.get("/admin/participants/presence/").status_code == 200
