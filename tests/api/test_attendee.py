"""What an attendee asks beside a join: my meetings, one of them, may I, who am I."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from participants.models import Actor, Event, Meeting, Participant, Person
from participants.sandbox import Sandbox
from participants.services import people, removal
from tests.api.conftest import sign_in
from tests.factories import EnrolledFactory, MadeMeetingFactory, ParticipantFactory, PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)
MISSING = "00000000-0000-4000-8000-000000000000"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2999, 1, 1, tzinfo=UTC)


def get(client: APIClient, path: str) -> Any:
    return client.get(f"/api/v1/{path}")


def ask(client: APIClient, meeting: Meeting) -> dict[str, Any]:
    answer = get(client, f"meetings/{meeting.pk}/admission/")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def test_my_meetings_are_those_i_am_enrolled_in_each_with_its_verdict(as_ada: APIClient, ada_user: User) -> None:
    mine = PersonFactory(user=ada_user)
    open_one = EnrolledFactory(person=mine, meeting__title="Open")
    early = EnrolledFactory(person=mine, meeting__title="Early", meeting__opens_at=FAR_AHEAD)
    EnrolledFactory(meeting__title="Somebody else's")
    results = get(as_ada, "meetings/").json()["results"]
    assert [(item["title"], item["verdict"]["code"]) for item in results] == [("Early", "too_early"), ("Open", "ok")]
    assert results[0]["verdict"]["opens_at"] == "2999-01-01T00:00:00Z"
    assert results[1] == {
        "id": str(open_one.meeting_id),
        "realtimekit_id": open_one.meeting.realtimekit_id,
        "title": "Open",
        "status": "ACTIVE",
        "opens_at": None,
        "closes_at": None,
        "state": "enrolled",
        "preset": "group_call_participant",
        "verdict": {"code": "ok", "message": "You can join now."},
    }
    assert get(as_ada, f"meetings/{early.meeting_id}/").json() == results[0]


def test_a_meeting_i_was_removed_from_is_not_mine_and_the_verdict_says_why(
    as_ada: APIClient, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    removal.remove(ada, by=by)
    assert get(as_ada, "meetings/").json()["results"] == []
    assert get(as_ada, f"meetings/{meeting.pk}/").json()["code"] == "not_found"
    assert ask(as_ada, meeting)["code"] == "removed"


def test_a_meeting_of_others_is_not_found_among_mine(as_ada: APIClient) -> None:
    other = EnrolledFactory().meeting
    answer = get(as_ada, f"meetings/{other.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_my_meetings_come_page_by_page(as_ada: APIClient, ada_user: User) -> None:
    mine = PersonFactory(user=ada_user)
    made = [str(EnrolledFactory(person=mine).meeting_id) for _ in range(5)]
    seen, address = [], "/api/v1/meetings/?page_size=2"
    while address:
        page = as_ada.get(address).json()
        seen += [item["id"] for item in page["results"]]
        address = page["next"]
    assert seen == made[::-1]


@pytest.mark.parametrize("count", [1, 20])
def test_my_meetings_cost_two_queries_however_many_they_are(
    as_ada: APIClient, ada_user: User, django_assert_num_queries: Any, count: int
) -> None:
    mine = PersonFactory(user=ada_user)
    for _ in range(count):
        EnrolledFactory(person=mine)
    with django_assert_num_queries(2):  # session with user, page
        assert len(get(as_ada, "meetings/").json()["results"]) == count


@pytest.mark.parametrize(
    ("columns", "code", "datum"),
    [
        ({}, "ok", {}),
        ({"status": "INACTIVE"}, "meeting_inactive", {}),
        ({"opens_at": FAR_AHEAD}, "too_early", {"opens_at": "2999-01-01T00:00:00Z"}),
        ({"closes_at": LONG_AGO}, "closed", {"closes_at": "2020-01-01T00:00:00Z"}),
    ],
)
def test_the_admission_is_the_verdict_with_its_datum(
    as_ada: APIClient, ada_user: User, columns: dict[str, Any], code: str, datum: dict[str, Any]
) -> None:
    row = EnrolledFactory(person=PersonFactory(user=ada_user), meeting=MadeMeetingFactory(**columns))
    body = ask(as_ada, row.meeting)
    assert body["code"] == code
    assert {key: body[key] for key in datum} == datum
    assert body["meeting"]["id"] == str(row.meeting_id)


def test_the_admission_of_a_refused_enrolment_gives_the_reason(as_ada: APIClient, ada_user: User) -> None:
    row = ParticipantFactory(person=PersonFactory(user=ada_user), state="failed", last_error_detail="No preset found")
    body = ask(as_ada, row.meeting)
    assert (body["code"], body["reason"]) == ("enrolment_failed", "No preset found")


def test_the_admission_of_somebody_not_enrolled_depends_on_the_policy_and_the_room_left(as_ada: APIClient) -> None:
    assert ask(as_ada, MadeMeetingFactory())["code"] == "not_enrolled"
    assert ask(as_ada, MadeMeetingFactory(admission="signed_in"))["code"] == "ok"
    taken = EnrolledFactory(meeting=MadeMeetingFactory(admission="signed_in", capacity=1))
    body = ask(as_ada, taken.meeting)
    assert (body["code"], body["capacity"]) == ("full", 1)


def test_asking_for_admission_changes_nothing_asks_nobody_and_shows_no_token(
    as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox, django_assert_num_queries: Any
) -> None:
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    before = Participant.objects.values().get(), Event.objects.count(), Person.objects.count()
    sandbox.requests.clear()
    with django_assert_num_queries(2) as captured:  # session with user, participant
        answer = get(as_ada, f"meetings/{meeting.pk}/admission/")
    assert all(query["sql"].lstrip().upper().startswith("SELECT") for query in captured.captured_queries)
    assert answer["Cache-Control"] == "no-store"
    assert "token" not in answer.json()
    assert "eyJ" not in answer.content.decode()
    assert sandbox.requests.all() == []
    assert (Participant.objects.values().get(), Event.objects.count(), Person.objects.count()) == before


def test_asking_as_somebody_unknown_here_makes_no_person(as_ada: APIClient) -> None:
    ask(as_ada, MadeMeetingFactory(admission="signed_in"))
    get(as_ada, "me/")
    get(as_ada, "meetings/")
    assert Person.objects.filter(user__username="ada").count() == 0


def test_the_admission_to_a_missing_meeting_is_404(as_ada: APIClient) -> None:
    answer = get(as_ada, f"meetings/{MISSING}/admission/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_no_attendee_answer_but_a_join_shows_a_token(as_ada: APIClient, meeting: Meeting, ada: Participant) -> None:
    assert ada.token
    for path in ("me/", "meetings/", f"meetings/{meeting.pk}/", f"meetings/{meeting.pk}/admission/"):
        assert ada.token not in get(as_ada, path).content.decode()


def test_me_says_who_i_am(as_ada: APIClient, ada_user: User) -> None:
    body = get(as_ada, "me/").json()
    assert len(body.pop("csrf_token")) == 64
    assert body == {
        "id": ada_user.pk,
        "username": "ada",
        "name": "Ada Example",
        "email": "ada@example.org",
        "is_staff": False,
        "person": None,
        "custom_participant_id": None,
        "blocked": False,
        "rights": [],
        "manages": [],
    }


def test_me_says_which_person_i_am_what_i_manage_and_whether_i_am_blocked(
    as_ada: APIClient, meeting: Meeting, ada: Participant, ada_user: User, by: Actor
) -> None:
    meeting.managers.add(ada_user)
    people.block(ada.person, reason="rude", by=by)
    body = get(as_ada, "me/").json()
    assert body["person"] == str(ada.person_id)
    assert body["custom_participant_id"] == ada.person.custom_participant_id
    assert body["manages"] == [str(meeting.pk)]
    assert body["blocked"]
    assert body["rights"] == []


def test_me_names_the_rights_a_member_of_staff_holds(transactional_db: None) -> None:
    client = sign_in(StaffFactory(permissions=["view_meeting", "issue_token"]))
    assert get(client, "me/").json()["rights"] == ["issue_token", "view_meeting"]


def test_admission_tells_the_time_that_countdowns_go_by(as_ada: APIClient) -> None:
    before = timezone.now()
    told = datetime.fromisoformat(ask(as_ada, MadeMeetingFactory(opens_at=FAR_AHEAD))["server_time"])
    assert before <= told <= timezone.now()
