"""Lists ask the database as often for thirty rows as for three."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from participants.models import AccessRequest, Actor, EventKind
from participants.models.event import record
from participants.services import invitations, outbox
from participants.services.outbox import Draft
from participants.states import MessageKind
from tests.admin.conftest import make_with_token
from tests.factories import (
    BatchFactory,
    DriftItemFactory,
    MeetingFactory,
    ParticipantFactory,
    PresetFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db

BY = Actor(via="tests")


def make_participants(count: int) -> None:
    for _ in range(count):
        make_with_token(enrolled_by=StaffFactory())


def make_meetings(count: int) -> None:
    for place in range(count):
        meeting = MeetingFactory(
            default_preset=PresetFactory(name=f"preset-{MeetingFactory._meta.model.objects.count()}")
        )
        ParticipantFactory.create_batch(place % 3, meeting=meeting)


def make_events(count: int) -> None:
    for _ in range(count):
        record(EventKind.ENROLLED, BY, participant=ParticipantFactory())


def make_batches(count: int) -> None:
    for _ in range(count):
        ParticipantFactory(batch=BatchFactory(started_by=StaffFactory()))


def make_comparisons(count: int) -> None:
    for _ in range(count):
        DriftItemFactory()


def make_invitations(count: int) -> None:
    for _ in range(count):
        row = ParticipantFactory(enrolled_by=StaffFactory())
        invitations.issue(row, by=BY, mail=False)
        outbox.queue([Draft(MessageKind.ENROLLED, row)], by=BY)
        AccessRequest.objects.create(meeting=row.meeting, person=row.person, decided_by=StaffFactory())


PAGES: dict[str, Callable[[int], None]] = {
    "meeting": make_meetings,
    "participant": make_participants,
    "person": make_participants,
    "batch": make_batches,
    "invitation": make_invitations,
    "message": make_invitations,
    "accessrequest": make_invitations,
    "driftreport": make_comparisons,
    "preset": make_meetings,
    "event": make_events,
}


def list_queries(staff: Client, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as seen:
        assert staff.get(url).status_code == 200
    return [query["sql"][:200] for query in seen]


def count_queries(staff: Client, url: str) -> int:
    return len(list_queries(staff, url))


@pytest.mark.parametrize(
    ("name", "most"), [("meeting", 8), ("participant", 12), ("person", 8), ("preset", 8), ("event", 10), ("batch", 8)]
)
def test_a_list_costs_the_same_for_three_rows_and_for_thirty(staff: Client, name: str, most: int) -> None:
    PAGES[name](3)
    few = list_queries(staff, f"/admin/participants/{name}/")
    PAGES[name](27)
    assert count_queries(staff, f"/admin/participants/{name}/") == len(few)
    # PostgreSQL is told how long a page may take, and may be asked how it would go about it.
    assert len(few) <= most + 2 * (connection.vendor == "postgresql"), "\n".join(few)


@pytest.mark.parametrize("name", ["meeting", "participant"])
def test_a_managers_list_costs_the_same_too(name: str) -> None:
    manager, desk = StaffFactory(), Client()
    desk.force_login(manager)
    counts = []
    for size in (3, 27):
        for _ in range(size):
            row = make_with_token()
            row.meeting.managers.add(manager)
        counts.append(count_queries(desk, f"/admin/participants/{name}/"))
    assert counts[0] == counts[1]


def test_the_overview_costs_the_same_with_many_events(staff: Client) -> None:
    make_events(3)
    count_queries(staff, "/admin/")  # the attendance of the last weeks is counted once in five minutes
    few = count_queries(staff, "/admin/")
    make_events(27)
    assert count_queries(staff, "/admin/") == few
