"""The history of everything: asked, searched, taken along, and never rewritten."""

import csv
import io
import re

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from participants.models import Actor, Event, EventKind
from participants.models.appendonly import forgetting
from participants.models.event import record
from participants.services.auditquestions import THROUGH
from tests.admin.conftest import sign_in
from tests.factories import ApiKeyFactory, EnrolledFactory, MadeMeetingFactory, PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/participants/event/"
QUESTIONS = (
    "kind",
    "via",
    "actor",
    "actor_kind",
    "meeting",
    "person",
    "participant",
    "name",
    "title",
    "who",
    "request",
)


@pytest.fixture
def grace() -> User:
    user: User = StaffFactory(username="grace")
    return user


@pytest.fixture
def story(grace: User) -> dict[str, Event]:
    """Three things that happened: by staff, by a key, by a worker."""
    row = EnrolledFactory(
        meeting=MadeMeetingFactory(title="Algebra"), person=PersonFactory(display_name="Ada Example")
    )
    key = ApiKeyFactory(name="Timetable")
    return {
        "staff": record(EventKind.ENROLLED, Actor.of(grace, via="admin", request_id="r" * 20), participant=row),
        "key": record(EventKind.MEETING_CHANGED, Actor(via="api", key=key), meeting=MadeMeetingFactory(title="Bees")),
        "worker": record(EventKind.SYNCED, Actor(via="worker"), meetings=3),
    }


def list_shown(client: Client, query: str = "") -> set[str]:
    """Ids of the events that the list shows."""
    answer = client.get(f"{LIST}{query}")
    assert answer.status_code == 200
    return set(re.findall(rf'href="{LIST}([0-9a-f-]{{36}})/change/', answer.content.decode()))


def find_query(story: dict[str, Event], name: str) -> str:
    event = story["staff"]
    return {
        "kind": "?kind=participant.enrolled",
        "via": "?via=admin",
        "actor": f"?actor={event.actor_id}",
        "actor_kind": "?actor_kind=user",
        "meeting": f"?meeting={event.meeting_id}",
        "person": f"?person={event.person_id}",
        "participant": f"?participant={event.participant_id}",
        "name": "?q=Ada",
        "title": "?q=algebra",
        "who": "?q=grace",
        "request": f"?q={'r' * 20}",
    }[name]


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_question_finds_what_was_asked_for(staff: Client, story: dict[str, Event], name: str) -> None:
    assert list_shown(staff, find_query(story, name)) == {str(story["staff"].pk)}


def test_a_key_is_asked_for_by_its_id(staff: Client, story: dict[str, Event]) -> None:
    assert list_shown(staff, f"?api_key={story['key'].key_id}") == {str(story["key"].pk)}


def test_days_bound_what_is_shown(staff: Client, story: dict[str, Event]) -> None:
    today = f"{timezone.now():%Y-%m-%d}"
    assert list_shown(staff, f"?after={today}") == {str(event.pk) for event in story.values()}
    assert list_shown(staff, f"?before={today}") == set()


def test_the_history_is_only_for_who_holds_the_right(story: dict[str, Event]) -> None:
    assert sign_in("view_event").get(LIST).status_code == 200
    assert sign_in("view_meeting", "view_participant", "export_data").get(LIST).status_code == 403
    assert sign_in("view_meeting", "export_data").get(f"{LIST}export.csv").status_code == 403
    assert sign_in("view_event").get(f"{LIST}export.csv").status_code == 403


def test_nothing_in_it_can_be_changed_or_deleted(staff: Client, story: dict[str, Event]) -> None:
    page = f"{LIST}{story['staff'].pk}/"
    assert staff.post(f"{page}change/", {"via": "api"}).status_code == 403
    assert staff.post(f"{page}delete/", {"post": "yes"}).status_code == 403
    staff.post(LIST, {"action": "delete_selected", "_selected_action": [str(story["staff"].pk)]})
    assert Event.objects.count() == 3


def test_a_download_holds_what_was_asked_for_and_is_itself_on_record(
    story: dict[str, Event], boss: User, staff: Client
) -> None:
    answer = staff.get(f"{LIST}export.csv?kind=participant.enrolled", REMOTE_ADDR="198.51.100.77")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["by"], row["through"], row["person"], row["meeting"]) == ("grace", "admin", "Ada Example", "Algebra")
    told = Event.objects.get(kind=EventKind.EXPORT_DOWNLOADED)
    assert (told.actor, told.data["list"], told.data["rows"]) == (boss, "events", 1)
    assert told.address == "198.51.100.0/24"


def test_what_staff_do_keeps_their_network_and_no_more(staff: Client) -> None:
    person = PersonFactory()
    staff.post(f"/admin/participants/person/{person.pk}/block/", {"reason": ""}, REMOTE_ADDR="2001:db8:1:2:3::4")
    assert Event.objects.get(kind=EventKind.BLOCKED).address == "2001:db8:1::/48"


def test_the_page_of_an_event_says_through_what_and_from_where(staff: Client, story: dict[str, Event]) -> None:
    html = staff.get(f"{LIST}{story['staff'].pk}/change/").content.decode()
    assert THROUGH["admin"] in html


def test_a_filter_is_saved_like_those_of_other_lists(staff: Client, story: dict[str, Event]) -> None:
    staff.post(f"{LIST}save/?via=admin", {"name": "By staff"})
    assert "By staff" in staff.get("/admin/reports/").content.decode()


def test_the_database_itself_refuses_a_change(story: dict[str, Event]) -> None:
    """On PostgreSQL; SQLite knows nobody to tell apart."""
    event = story["staff"]
    changes = (
        "UPDATE participants_event SET actor_name = 'somebody else' WHERE id = %s",
        "DELETE FROM participants_event WHERE id = %s",
    )
    for statement in changes if connection.vendor == "postgresql" else ():
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [event.pk])
    event.refresh_from_db()
    assert event.actor_name == "grace"


def test_a_deleted_user_leaves_the_history_whole(story: dict[str, Event], grace: User) -> None:
    grace.delete()
    event = story["staff"]
    event.refresh_from_db()
    assert (event.actor, event.actor_name) == (None, "grace")


def test_forgetting_is_said_out_loud_and_ends(story: dict[str, Event]) -> None:
    with transaction.atomic():
        with forgetting():
            assert Event.objects.filter(pk=story["worker"].pk).delete()[0] == 1
        with pytest.raises(TypeError):
            Event.objects.all().delete()
    assert Event.objects.count() == 2


def test_the_list_costs_the_same_however_long_the_history_is(staff: Client, story: dict[str, Event]) -> None:
    queries = ["", *(find_query(story, name) for name in QUESTIONS), f"?api_key={story['key'].key_id}"]
    staff.get(LIST)  # what is looked up once in a process
    few = count_queries(staff, queries)
    for _ in range(5):
        row = EnrolledFactory(person=PersonFactory(display_name="Ada Example"))
        record(EventKind.ENROLLED, Actor.of(story["staff"].actor, via="admin"), participant=row)
    assert count_queries(staff, queries) == few


def count_queries(staff: Client, queries: list[str]) -> dict[str, int]:
    found = {}
    for query in queries:
        with CaptureQueriesContext(connection) as seen:
            assert staff.get(f"{LIST}{query}").status_code == 200
        found[query] = len(seen)
    return found
