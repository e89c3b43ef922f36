"""Asking to be let in, from both sides of the API."""

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from participants.models import AccessRequest, Actor, Meeting, Participant
from participants.services import accessrequests
from tests.api.conftest import sign_in
from tests.factories import EnrolledFactory, MadeMeetingFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _alone(settings: LazySettings) -> None:
    settings.REALTIMEKIT_API_TOKEN = ""


@pytest.fixture
def meeting(db: None) -> Meeting:
    made: Meeting = MadeMeetingFactory(takes_requests=True)
    return made


@pytest.fixture
def grace(db: None) -> User:
    user: User = UserFactory(username="grace", first_name="Grace")
    return user


@pytest.fixture
def manager(meeting: Meeting) -> User:
    user: User = UserFactory()
    meeting.managers.add(user)
    return user


def ask(meeting: Meeting, user: User, by: Actor, message: str = "") -> AccessRequest:
    return accessrequests.ask(meeting_id=meeting.pk, user=user, message=message, by=by)[0]


def test_somebody_asks_once_and_reads_how_it_stands(meeting: Meeting, grace: User) -> None:
    client, address = sign_in(grace), f"/api/v1/meetings/{meeting.pk}/access-request/"
    assert client.get(address).status_code == 404
    first = client.post(address, {"message": "I am new in group 7."})
    assert (first.status_code, first.json()["state"]) == (201, "open")
    again = client.post(address, {"message": "Hello?"})
    assert (again.status_code, again.json()["id"], again.json()["message"]) == (
        200,
        first.json()["id"],
        "I am new in group 7.",
    )
    assert client.get(address).json() == again.json()


def test_the_admission_says_whether_one_may_ask(meeting: Meeting, grace: User, by: Actor) -> None:
    client, address = sign_in(grace), f"/api/v1/meetings/{meeting.pk}/admission/"
    before = client.get(address).json()
    assert (before["code"], before["access"]) == (
        "not_enrolled",
        {"may_ask": True, "state": None, "answer": "", "asked_at": None},
    )
    request = ask(meeting, grace, by)
    assert client.get(address).json()["access"]["state"] == "open"
    accessrequests.deny([request], by=by, answer="Complete.")
    told = client.get(address).json()["access"]
    assert (told["may_ask"], told["state"], told["answer"]) == (False, "denied", "Complete.")


def test_the_admission_of_somebody_enrolled_says_nothing_of_it(meeting: Meeting) -> None:
    row = EnrolledFactory(meeting=meeting)
    assert "access" not in sign_in(row.person.user).get(f"/api/v1/meetings/{meeting.pk}/admission/").json()


def test_each_obstacle_has_its_code(meeting: Meeting, grace: User, by: Actor) -> None:
    client = sign_in(grace)
    closed = client.post(f"/api/v1/meetings/{MadeMeetingFactory().pk}/access-request/")
    assert (closed.status_code, closed.json()["code"]) == (403, "requests_closed")
    accessrequests.deny([ask(meeting, grace, by)], by=by)
    lately = client.post(f"/api/v1/meetings/{meeting.pk}/access-request/")
    assert (lately.status_code, lately.json()["code"]) == (429, "asked_lately")
    assert int(lately.headers["Retry-After"]) > 80_000
    assert client.post(f"/api/v1/meetings/{meeting.pk}/access-request/", {"message": "x" * 501}).status_code == 400


def test_asking_is_throttled(grace: User) -> None:
    client = sign_in(grace)
    addresses = [f"/api/v1/meetings/{MadeMeetingFactory(takes_requests=True).pk}/access-request/" for _ in range(21)]
    assert [client.post(address).status_code for address in addresses] == [201] * 20 + [429]


def test_managers_see_who_asks_and_decide_on_many(meeting: Meeting, manager: User, grace: User, by: Actor) -> None:
    first, second = ask(meeting, grace, by, "Please."), ask(meeting, UserFactory(), by)
    client, address = sign_in(manager), f"/api/v1/manage/meetings/{meeting.pk}/access-requests/"
    listed = client.get(address + "?state=open").json()["results"]
    assert [item["person"]["username"] for item in listed] == [second.person.user.username, "grace"]  # type: ignore[union-attr]
    body = {"requests": [str(first.pk), str(second.pk)], "decision": "approve", "message": "Welcome."}
    results = client.post(address + "decide/", body).json()["results"]
    assert [item["done"] for item in results] == [True, True]
    assert Participant.objects.filter(meeting=meeting, source="request").count() == 2
    again = client.post(address + "decide/", body).json()["results"]
    assert {item["code"] for item in again} == {"already_decided"}


def test_a_request_of_another_meeting_is_not_found_and_nothing_is_decided(
    meeting: Meeting, manager: User, grace: User, by: Actor
) -> None:
    own, other = ask(meeting, grace, by), ask(MadeMeetingFactory(takes_requests=True), grace, by)
    body = {"requests": [str(own.pk), str(other.pk)], "decision": "deny"}
    address = f"/api/v1/manage/meetings/{meeting.pk}/access-requests/decide/"
    assert sign_in(manager).post(address, body).status_code == 404
    assert AccessRequest.objects.filter(state="open").count() == 2


def test_the_switches_of_a_meeting_are_set_by_the_api(meeting: Meeting, manager: User) -> None:
    client, address = sign_in(manager), f"/api/v1/manage/meetings/{meeting.pk}/"
    told = client.patch(address, {"takes_requests": False, "sends_notices": True}).json()
    assert (told["takes_requests"], told["sends_notices"]) == (False, True)
