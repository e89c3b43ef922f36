from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connections
from rest_framework.test import APIClient

from participants.models import Event, EventKind, Meeting, Preset
from participants.sandbox import Sandbox
from tests.api.conftest import sign_in
from tests.factories import (
    AdminFactory,
    EnrolledFactory,
    MadeMeetingFactory,
    MeetingFactory,
    ParticipantFactory,
    PresetFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)
MEETINGS = "/api/v1/manage/meetings/"


@pytest.fixture
def staff(transactional_db: None) -> APIClient:
    return sign_in(AdminFactory(username="boss"))


def create(client: APIClient, **body: Any) -> Any:
    return client.post(MEETINGS, body, format="json")


def change(client: APIClient, meeting: Meeting, **body: Any) -> Any:
    return client.patch(f"{MEETINGS}{meeting.pk}/", body, format="json")


def list_problems(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    return [(item["field"], item["code"]) for item in answer.json()["errors"]]


def test_a_meeting_is_made_remotely_too(staff: APIClient, sandbox: Sandbox) -> None:
    PresetFactory()
    answer = create(
        staff,
        title="  Algebra,   group 7 ",
        opens_at="2020-01-11T10:00:00+01:00",
        closes_at="2999-01-11T10:00:00Z",
        default_preset="group_call_participant",
        capacity=30,
        managers=[UserFactory(username="grace").pk, UserFactory(username="alan").username],
    )
    (remote,) = sandbox.world.meetings()
    body = answer.json()
    assert answer.status_code == 201
    assert (remote.title, remote.status) == ("Algebra, group 7", "ACTIVE")
    assert body == {
        "id": body["id"],
        "realtimekit_id": remote.id,
        "title": "Algebra, group 7",
        "status": "ACTIVE",
        "opens_at": "2020-01-11T09:00:00Z",
        "closes_at": "2999-01-11T10:00:00Z",
        "state": "created",
        "applied_status": "ACTIVE",
        "enforce_window": True,
        "admission": "invited",
        "default_preset": "group_call_participant",
        "capacity": 30,
        "sends_notices": False,
        "takes_requests": False,
        "consent_text": "",
        "consent_version": None,
        "managers": ["alan", "grace"],
        "groups": [],
        "counts": {"enrolled": 0, "pending": 0, "failed": 0},
        "last_error": None,
        "created_at": body["created_at"],
        "updated_at": body["updated_at"],
    }
    assert staff.get(f"{MEETINGS}{body['id']}/").json() == body


def test_a_meeting_created_while_realtimekit_is_down_is_answered_as_made(staff: APIClient, sandbox: Sandbox) -> None:
    sandbox.faults.down()
    answer = create(staff, title="Algebra")
    body = answer.json()
    assert (answer.status_code, body["state"], body["realtimekit_id"]) == (201, "pending", None)
    assert body["last_error"]["code"]
    assert Meeting.objects.get().next_attempt_at is not None


def test_a_meeting_refused_by_realtimekit_says_why(staff: APIClient, sandbox: Sandbox) -> None:
    sandbox.faults.add("refuse", operation="meetings.create", status=422, message="title is rude")
    body = create(staff, title="Rude").json()
    assert (body["state"], body["realtimekit_id"]) == ("failed", None)
    assert "title is rude" in body["last_error"]["detail"]


def test_the_event_of_a_new_meeting_names_who_made_it_and_through_what(staff: APIClient, sandbox: Sandbox) -> None:
    answer = create(staff, title="Algebra")
    event = Event.objects.get(kind=EventKind.MEETING_CREATED)
    assert (event.actor_name, event.via, event.request_id) == ("boss", "api", answer["X-Request-ID"])


def test_a_preset_unknown_here_is_looked_up_remotely_before_it_is_refused(staff: APIClient, sandbox: Sandbox) -> None:
    sandbox.world.add_preset("lecture-host")
    assert create(staff, title="One", default_preset="lecture-host").json()["default_preset"] == "lecture-host"
    answer = create(staff, title="Two", default_preset="no-such-preset")
    assert answer.json()["code"] == "unknown_preset"
    assert list_problems(answer) == [("default_preset", "unknown_preset")]
    assert sandbox.requests.count("presets.list") == 2
    assert Meeting.objects.count() == 1


def test_a_preset_that_cannot_be_looked_up_is_not_called_unknown(staff: APIClient, sandbox: Sandbox) -> None:
    sandbox.faults.add("refuse", operation="presets.list", status=401, message="bad token", times=None)
    answer = create(staff, title="One", default_preset="lecture-host")
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_misconfigured")


def test_an_unknown_manager_is_refused_by_the_field_managers(staff: APIClient) -> None:
    answer = create(staff, title="One", managers=["nobody"])
    assert answer.json()["code"] == "unknown_user"
    assert list_problems(answer) == [("managers", "unknown_user")]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, ("title", "required")),
        ({"title": " "}, ("title", "blank")),
        ({"title": "x" * 101}, ("title", "max_length")),
        ({"title": "a\0b"}, ("title", "null_characters_not_allowed")),
        ({"title": "One", "status": "OPEN"}, ("status", "invalid_choice")),
        ({"title": "One", "opens_at": "tomorrow"}, ("opens_at", "invalid")),
        ({"title": "One", "capacity": 0}, ("capacity", "min_value")),
        ({"title": "One", "capacity": 2**31}, ("capacity", "max_value")),
        ({"title": "One", "capacity": "many"}, ("capacity", "invalid")),
        ({"title": "One", "admission": "all"}, ("admission", "invalid_choice")),
        ({"title": "One", "admission": "signed_in"}, ("default_preset", "default_preset_needed")),
        ({"title": "One", "default_preset": 7.5e300}, ("default_preset", "invalid")),
        ({"title": 7}, ("title", "invalid")),
        ({"title": "One", "capacity": "12"}, ("capacity", "invalid")),
        ({"title": "One", "enforce_window": 0}, ("enforce_window", "invalid")),
        ({"title": "One", "enforce_window": "yes"}, ("enforce_window", "invalid")),
        ({"title": "One", "groups": ["7b", 7]}, ("groups", "invalid")),
        ({"title": "One", "managers": "grace"}, ("managers", "not_a_list")),
        ({"title": "One", "managers": [True]}, ("managers.0", "invalid")),
        ({"title": "One", "managers": ["a\0b"]}, ("managers.0", "invalid")),
        ({"title": "One", "capasity": 3}, ("capasity", "unknown_field")),
        (
            {"title": "One", "opens_at": "2027-01-11T10:00:00Z", "closes_at": "2027-01-11T09:00:00Z"},
            ("closes_at", "closes_before_it_opens"),
        ),
    ],
)
def test_an_invalid_field_is_named_with_its_code(
    staff: APIClient, sandbox: Sandbox, body: dict[str, Any], problem: tuple[str, str]
) -> None:
    assert problem in list_problems(create(staff, **body))
    assert Meeting.objects.count() == 0
    assert sandbox.world.meetings() == []


def test_half_of_a_surrogate_pair_is_invalid_and_not_a_server_error(staff: APIClient) -> None:
    lone = '{"title": "\\ud800", "managers": ["\\ud800"]}'
    answer = staff.post(MEETINGS, lone, content_type="application/json")
    assert {field for field, _ in list_problems(answer)} == {"title", "managers.0"}


def test_a_change_is_applied_remotely_and_leaves_the_rest(
    staff: APIClient, meeting: Meeting, sandbox: Sandbox
) -> None:
    answer = change(staff, meeting, title="Geometry", status="INACTIVE")
    (remote,) = sandbox.world.meetings()
    body = answer.json()
    assert answer.status_code == 200
    assert (remote.title, remote.status) == ("Geometry", "INACTIVE")
    assert (body["title"], body["status"], body["applied_status"]) == ("Geometry", "INACTIVE", "INACTIVE")
    assert body["default_preset"] == "group_call_participant"


def test_a_change_while_realtimekit_is_down_is_saved_here(
    staff: APIClient, meeting: Meeting, sandbox: Sandbox
) -> None:
    sandbox.faults.down()
    body = change(staff, meeting, title="Geometry", status="INACTIVE").json()
    assert (body["title"], body["status"], body["applied_status"]) == ("Geometry", "INACTIVE", "ACTIVE")
    assert body["last_error"]["code"]


def test_fields_are_emptied_by_null(staff: APIClient, meeting: Meeting) -> None:
    Meeting.objects.update(capacity=3, opens_at="2020-01-01T00:00:00Z")
    body = change(staff, meeting, capacity=None, opens_at=None, default_preset=None, managers=[]).json()
    assert (body["capacity"], body["opens_at"], body["default_preset"], body["managers"]) == (None, None, None, [])


def test_a_change_is_checked_against_what_stays(staff: APIClient, meeting: Meeting) -> None:
    Meeting.objects.update(opens_at="2027-01-11T10:00:00Z")
    assert list_problems(change(staff, meeting, closes_at="2027-01-11T09:00:00Z")) == [
        ("closes_at", "closes_before_it_opens")
    ]
    assert list_problems(change(staff, meeting, title="")) == [("title", "blank")]
    assert list_problems(change(staff, meeting, state="failed")) == [("state", "unknown_field")]
    meeting.refresh_from_db()
    assert meeting.closes_at is None


def test_a_manager_changes_the_meeting_but_not_who_manages_it(meeting: Meeting) -> None:
    user = UserFactory(username="grace")
    meeting.managers.add(user)
    grace = sign_in(user)
    assert change(grace, meeting, capacity=5).json()["capacity"] == 5
    for managers in ([], ["grace"]):
        refused = change(grace, meeting, title="Mine", managers=managers)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    meeting.refresh_from_db()
    assert (meeting.title, list(meeting.managers.all())) == ("Algebra, group 7", [user])
    assert create(grace, title="Another").status_code == 403


def test_staff_who_manage_a_meeting_change_its_managers_only_with_the_permission(meeting: Meeting) -> None:
    user = StaffFactory()
    meeting.managers.add(user)
    assert change(sign_in(user), meeting, managers=[]).status_code == 403
    assert change(sign_in(StaffFactory(permissions=["change_meeting"])), meeting, managers=[]).status_code == 200


def test_managers_see_their_own_meetings_and_staff_all(staff: APIClient) -> None:
    own, other = MadeMeetingFactory(title="Own"), MadeMeetingFactory(title="Other")
    user = UserFactory()
    own.managers.add(user)
    titles = [item["title"] for item in sign_in(user).get(MEETINGS).json()["results"]]
    assert titles == ["Own"]
    assert [item["title"] for item in staff.get(MEETINGS).json()["results"]] == [other.title, own.title]


def test_the_list_counts_participants_by_state(staff: APIClient) -> None:
    busy, empty = MadeMeetingFactory(), MadeMeetingFactory()
    EnrolledFactory.create_batch(3, meeting=busy)
    ParticipantFactory.create_batch(2, meeting=busy)
    ParticipantFactory(meeting=busy, state="failed")
    counts = {item["id"]: item["counts"] for item in staff.get(MEETINGS).json()["results"]}
    assert counts[str(busy.pk)] == {"enrolled": 3, "pending": 2, "failed": 1}
    assert counts[str(empty.pk)] == {"enrolled": 0, "pending": 0, "failed": 0}


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("search=algebra", ["Algebra"]),
        ("status=INACTIVE", ["Closed"]),
        ("state=pending", ["Waiting"]),
        ("state=created&status=ACTIVE", ["Algebra"]),
        ("search=zzz", []),
    ],
)
def test_the_list_is_filtered(staff: APIClient, query: str, titles: list[str]) -> None:
    MadeMeetingFactory(title="Algebra")
    MadeMeetingFactory(title="Closed", status="INACTIVE")
    MeetingFactory(title="Waiting")
    assert [item["title"] for item in staff.get(f"{MEETINGS}?{query}").json()["results"]] == titles


@pytest.mark.parametrize(
    ("query", "field"), [("state=made", "state"), ("status=active", "status"), ("search=a%00b", "search")]
)
def test_a_wrong_filter_is_named(staff: APIClient, query: str, field: str) -> None:
    assert [name for name, _ in list_problems(staff.get(f"{MEETINGS}?{query}"))] == [field]


def test_the_list_comes_page_by_page_newest_first_and_back(staff: APIClient) -> None:
    made = [str(MadeMeetingFactory().pk) for _ in range(5)]
    first = staff.get(f"{MEETINGS}?page_size=2").json()
    second = staff.get(first["next"]).json()
    third = staff.get(second["next"]).json()
    ids = [item["id"] for page in (first, second, third) for item in page["results"]]
    assert ids == made[::-1]
    assert (first["previous"], third["next"]) == (None, None)
    assert staff.get(second["previous"]).json()["results"] == first["results"]


@pytest.mark.parametrize("cursor", ["nonsense", "cD1mb28=", "bz0tMQ==", "cD0A", "%F0%9F%98%80"])
def test_a_garbled_cursor_is_refused_as_a_problem(staff: APIClient, cursor: str) -> None:
    MadeMeetingFactory()
    answer = staff.get(f"{MEETINGS}?cursor={cursor}")
    assert answer.status_code in {400, 404}
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("asked", ["0", "-1", "x", "", "null", "1.5", "١", "9999999999"])
def test_a_page_size_that_is_none_is_refused(staff: APIClient, asked: str) -> None:
    answer = staff.get(MEETINGS, {"page_size": asked})
    assert answer.status_code == 400
    assert list_problems(answer) == [("page_size", "invalid")]


@pytest.mark.parametrize("query", ["status=", "state=", "search=", "status=OPEN", "search=%00"])
def test_a_filter_without_a_value_that_can_be_read_is_refused(staff: APIClient, query: str) -> None:
    answer = staff.get(f"{MEETINGS}?{query}")
    assert answer.status_code == 400
    assert [field for field, _ in list_problems(answer)] == [query.partition("=")[0]]


@pytest.mark.parametrize(("asked", "count"), [("", 50), ("1000", 60), ("3", 3)])
def test_a_page_holds_fifty_unless_told_and_two_hundred_at_most(staff: APIClient, asked: str, count: int) -> None:
    Meeting.objects.bulk_create(Meeting(title=f"M{n}") for n in range(60))
    query = {"page_size": asked} if asked else {}
    assert len(staff.get(MEETINGS, query).json()["results"]) == count


@pytest.mark.parametrize("count", [1, 20])
def test_the_list_costs_five_queries_however_long_it_is(
    staff: APIClient, django_assert_num_queries: Any, count: int
) -> None:
    manager = UserFactory()
    for _ in range(count):
        row = EnrolledFactory()
        row.meeting.managers.add(manager)
        row.meeting.groups.add(Group.objects.get_or_create(name="7b")[0])
    with django_assert_num_queries(5):  # session with user, page, managers, groups, counts
        assert len(staff.get(MEETINGS).json()["results"]) == count


def test_presets_gone_remotely_are_not_given_to_meetings(staff: APIClient, sandbox: Sandbox) -> None:
    PresetFactory(name="old-preset")
    answer = create(staff, title="One", default_preset="old-preset")
    assert answer.status_code == 201  # known here; RealtimeKit was not asked
    staff.post(MEETINGS, {"title": "Two", "default_preset": "unheard-of"}, format="json")
    assert Preset.objects.get(name="old-preset").gone_at is not None
    assert create(staff, title="Three", default_preset="old-preset").json()["code"] == "unknown_preset"


def test_the_second_of_two_who_change_one_end_of_the_window_each_is_told_so(
    staff: APIClient, sandbox: Sandbox, meeting: Meeting
) -> None:
    # A preset that is not known yet is looked up at RealtimeKit between reading the meeting and storing it.
    late = {"opens_at": "2999-01-12T10:00:00Z", "default_preset": "group_call_host"}

    def change_beside() -> Any:
        try:
            return change(staff, meeting, **late)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, sandbox.faults.hold("presets.list") as gate:
        waiting = pool.submit(change_beside)
        gate.wait_for(1)
        assert change(sign_in(AdminFactory()), meeting, closes_at="2999-01-11T10:00:00Z").status_code == 200
        gate.release()
        assert list_problems(waiting.result(20)) == [("closes_at", "closes_before_it_opens")]
    meeting.refresh_from_db()
    assert (meeting.opens_at, meeting.closes_at is None) == (None, False)
    assert Event.objects.filter(kind=EventKind.MEETING_CHANGED).count() == 1
