"""``POST manage/meetings/{id}/participants/``: enrol one person."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from participants.models import Actor, Event, EventKind, Meeting, Participant, Person
from participants.sandbox import Sandbox
from participants.services import people, removal
from tests.api.conftest import sign_in
from tests.factories import AdminFactory, EnrolledFactory, GuestFactory, MeetingFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(transactional_db: None) -> APIClient:
    return sign_in(AdminFactory(username="boss"))


def enrol(client: APIClient, meeting: Meeting, **body: Any) -> Any:
    return client.post(f"/api/v1/manage/meetings/{meeting.pk}/participants/", body, format="json")


def test_a_new_participant_is_answered_with_201_and_without_a_token(
    staff: APIClient, meeting: Meeting, ada_user: User, sandbox: Sandbox
) -> None:
    answer = enrol(staff, meeting, user=ada_user.pk)
    body, row = answer.json(), Participant.objects.get()
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert answer.status_code == 201
    assert body == {
        "id": str(row.pk),
        "meeting": str(meeting.pk),
        "person": {
            "id": str(row.person_id),
            "user": ada_user.pk,
            "username": "ada",
            "name": "Ada Example",
            "email": "ada@example.org",
            "blocked": False,
        },
        "custom_participant_id": row.person.custom_participant_id,
        "realtimekit_id": remote.id,
        "state": "enrolled",
        "preset": "group_call_participant",
        "applied_preset": "group_call_participant",
        "name": "Ada Example",
        "source": "api",
        "enrolled_by": "boss",
        "token": {"state": "fresh", "expires_at": body["token"]["expires_at"], "expiry_source": "jwt"},
        "consent": {"state": "not_asked", "version": None, "agreed_at": None},
        "attempts": 0,
        "next_attempt_at": None,
        "last_error": None,
        "removed_at": None,
        "created_at": body["created_at"],
        "updated_at": body["updated_at"],
    }
    assert row.token
    assert row.token not in answer.content.decode()


@pytest.mark.parametrize("reference", ["ada", "ADA", "ada@example.org", "Ada@Example.ORG", " ada "])
def test_a_user_is_named_by_username_or_email(
    staff: APIClient, meeting: Meeting, ada_user: User, reference: str
) -> None:
    assert enrol(staff, meeting, user=reference).json()["person"]["user"] == ada_user.pk


def test_a_number_is_an_id_and_a_string_of_digits_a_username(
    staff: APIClient, meeting: Meeting, ada_user: User
) -> None:
    pupil = UserFactory(username=str(ada_user.pk))
    assert enrol(staff, meeting, user=str(ada_user.pk)).json()["person"]["user"] == pupil.pk
    assert enrol(staff, meeting, user=ada_user.pk).json()["person"]["user"] == ada_user.pk


def test_the_event_names_who_enrolled_and_through_what(staff: APIClient, meeting: Meeting, ada_user: User) -> None:
    answer = enrol(staff, meeting, user="ada")
    event = Event.objects.get(kind=EventKind.ENROLLED)
    assert (event.actor_name, event.via, event.request_id) == ("boss", "api", answer["X-Request-ID"])


def test_enrolling_again_answers_200_with_the_same_row_and_ignores_a_named_preset(
    staff: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    sandbox.requests.clear()
    for preset in ("group_call_host", "no-such-preset"):
        answer = enrol(staff, meeting, user="ada", preset=preset, name="Other")
        assert (answer.status_code, answer.json()["id"]) == (200, str(ada.pk))
        assert (answer.json()["preset"], answer.json()["name"]) == ("group_call_participant", "Ada Example")
    assert sandbox.requests.all() == []
    assert Participant.objects.count() == 1


def test_a_named_preset_and_name_are_applied_to_a_new_participant(
    staff: APIClient, meeting: Meeting, ada_user: User, sandbox: Sandbox
) -> None:
    body = enrol(staff, meeting, user="ada", preset="group_call_host", name="  Ada   L. ").json()
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert (body["preset"], body["name"]) == ("group_call_host", "Ada L.")
    assert (remote.preset_name, remote.name) == ("group_call_host", "Ada L.")


def test_a_guest_is_enrolled_once_by_email(staff: APIClient, meeting: Meeting, sandbox: Sandbox) -> None:
    answer = enrol(staff, meeting, guest={"name": "Bob Guest", "email": "Bob@Example.org"})
    person = answer.json()["person"]
    assert answer.status_code == 201
    assert (person["user"], person["username"], person["email"]) == (None, None, "bob@example.org")
    again = enrol(staff, meeting, guest={"name": "Robert", "email": "bob@example.org"})
    assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])
    assert [remote.name for remote in sandbox.world.participants(str(meeting.realtimekit_id))] == ["Bob Guest"]


def test_while_realtimekit_is_down_the_answer_is_pending_without_a_remote_id(
    staff: APIClient, meeting: Meeting, ada_user: User, sandbox: Sandbox
) -> None:
    sandbox.faults.down()
    answer = enrol(staff, meeting, user="ada")
    body = answer.json()
    assert (answer.status_code, body["state"], body["realtimekit_id"]) == (201, "pending", None)
    assert body["last_error"]["code"]
    assert body["token"] == {"state": "none", "expires_at": None, "expiry_source": ""}
    sandbox.faults.up()
    again = enrol(staff, meeting, user="ada")
    assert (again.status_code, again.json()["state"]) == (200, "enrolled")


def test_a_refused_enrolment_is_answered_as_failed_and_retried_by_enrolling_again(
    staff: APIClient, meeting: Meeting, ada_user: User, sandbox: Sandbox
) -> None:
    sandbox.faults.add("refuse", operation="participants.add", status=422, message='"name" is bad')
    body = enrol(staff, meeting, user="ada").json()
    assert body["state"] == "failed"
    assert '"name" is bad' in body["last_error"]["detail"]
    again = enrol(staff, meeting, user="ada", preset="group_call_host")
    assert (again.status_code, again.json()["state"]) == (200, "enrolled")
    assert (again.json()["id"], again.json()["preset"]) == (body["id"], "group_call_host")


def test_a_removed_participant_is_not_enrolled_without_restoring(
    staff: APIClient, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    removal.remove(ada, by=by)
    answer = enrol(staff, meeting, user="ada")
    assert (answer.status_code, answer.json()["code"]) == (409, "removed")
    assert answer.json()["participant"] == str(ada.pk)


def test_a_full_meeting_takes_nobody_new_and_keeps_who_is_in(
    staff: APIClient, meeting: Meeting, ada: Participant
) -> None:
    Meeting.objects.update(capacity=1)
    answer = enrol(staff, meeting, user=UserFactory().pk)
    assert (answer.status_code, answer.json()["code"]) == (409, "full")
    assert enrol(staff, meeting, user="ada").status_code == 200


def test_a_blocked_person_is_not_enrolled(staff: APIClient, meeting: Meeting, ada_user: User, by: Actor) -> None:
    people.block(people.person_of(ada_user, by), reason="spam", by=by)
    answer = enrol(staff, meeting, user="ada")
    assert (answer.status_code, answer.json()["code"]) == (409, "blocked")


def test_two_users_of_one_email_are_ambiguous(staff: APIClient, meeting: Meeting) -> None:
    first = UserFactory(email="shared@example.org")
    UserFactory(email="Shared@example.org")
    answer = enrol(staff, meeting, user="shared@example.org")
    assert (answer.status_code, answer.json()["code"]) == (409, "ambiguous_user")
    assert enrol(staff, meeting, user=first.username).status_code == 201


def test_a_deactivated_user_is_not_enrolled(staff: APIClient, meeting: Meeting) -> None:
    UserFactory(username="gone", is_active=False)
    answer = enrol(staff, meeting, user="gone")
    assert (answer.status_code, answer.json()["code"]) == (409, "inactive_user")


@pytest.mark.parametrize("reference", ["nobody", "nobody@example.org", 0, -1, 10**30, "5"])
def test_an_unknown_user_is_named_as_such(staff: APIClient, meeting: Meeting, reference: Any) -> None:
    answer = enrol(staff, meeting, user=reference)
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_user")
    assert [(item["field"], item["code"]) for item in answer.json()["errors"]] == [("user", "unknown_user")]
    assert Person.objects.count() == 0


def test_an_unknown_preset_is_looked_up_and_then_refused(
    staff: APIClient, meeting: Meeting, ada_user: User, sandbox: Sandbox
) -> None:
    answer = enrol(staff, meeting, user="ada", preset="no-such-preset")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_preset")
    assert answer.json()["errors"][0]["field"] == "preset"
    assert sandbox.requests.count("presets.list") == 1
    assert Participant.objects.count() == 0


def test_a_meeting_without_default_preset_needs_one_named(staff: APIClient, ada_user: User, sandbox: Sandbox) -> None:
    meeting = MeetingFactory(default_preset=None)
    answer = enrol(staff, meeting, user="ada")
    assert (answer.status_code, answer.json()["code"]) == (400, "preset_missing")
    assert answer.json()["errors"][0]["field"] == "preset"
    assert enrol(staff, meeting, user="ada", preset="group_call_host").json()["state"] == "enrolled"


def test_a_meeting_that_realtimekit_refused_says_so(staff: APIClient, ada_user: User, sandbox: Sandbox) -> None:
    meeting = MeetingFactory(state="failed", last_error_code="refused", last_error_detail="title is rude")
    body = enrol(staff, meeting, user="ada").json()
    assert (body["state"], body["realtimekit_id"]) == ("pending", None)
    assert sandbox.requests.count("participants.add") == 0


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, ("non_field_errors", "user_or_guest")),
        (
            {"user": 1, "guest": {"name": "B", "email": "b@example.org"}},
            ("non_field_errors", "user_or_guest"),
        ),
        ({"user": True}, ("user", "invalid")),
        ({"user": ""}, ("user", "invalid")),
        ({"user": 1.5}, ("user", "invalid")),
        ({"user": "a\0b"}, ("user", "invalid")),
        ({"user": {"id": 1}}, ("user", "invalid")),
        ({"user": None}, ("user", "null")),
        ({"guest": {"name": "B"}}, ("guest.email", "required")),
        ({"guest": {"name": "B", "email": "nowhere"}}, ("guest.email", "invalid")),
        ({"guest": {"name": "", "email": "b@example.org"}}, ("guest.name", "blank")),
        ({"guest": {"name": "x" * 101, "email": "b@example.org"}}, ("guest.name", "max_length")),
        ({"guest": {"name": "B", "email": "b@example.org", "age": 3}}, ("guest.age", "unknown_field")),
        ({"guest": "bob"}, ("guest.non_field_errors", "invalid")),
        ({"user": 1, "name": "x" * 101}, ("name", "max_length")),
        ({"user": 1, "presett": "host"}, ("presett", "unknown_field")),
    ],
)
def test_an_invalid_field_is_named_with_its_code(
    staff: APIClient, meeting: Meeting, body: dict[str, Any], problem: tuple[str, str]
) -> None:
    answer = enrol(staff, meeting, **body)
    assert answer.status_code == 400
    assert problem in [(item["field"], item["code"]) for item in answer.json()["errors"]]
    assert Participant.objects.count() == 0


def test_a_user_never_becomes_the_guest_of_the_same_email(staff: APIClient, meeting: Meeting, ada_user: User) -> None:
    GuestFactory(email="ada@example.org")
    assert enrol(staff, meeting, user="ada").json()["person"]["user"] == ada_user.pk
    assert enrol(staff, meeting, guest={"name": "Ada", "email": "ada@example.org"}).json()["person"]["user"] is None


def test_a_manager_enrols_into_their_own_meeting_alone(meeting: Meeting, ada_user: User) -> None:
    manager = UserFactory()
    meeting.managers.add(manager)
    grace = sign_in(manager)
    assert enrol(grace, meeting, user="ada").status_code == 201
    assert enrol(grace, EnrolledFactory().meeting, user="ada").status_code == 404
