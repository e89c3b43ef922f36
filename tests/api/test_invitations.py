"""Opening personal links, and what a guest then may do."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from participants.api.throttling import GuessThrottle
from participants.models import Actor, Event, Invitation, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import invitations, removal
from participants.services.invitations import Issued
from tests.api.conftest import sign_in
from tests.factories import NOW, EnrolledFactory, GuestFactory, MadeMeetingFactory, UserFactory

REDEEM = "/api/v1/invitations/redeem/"


@pytest.fixture
def invited(meeting: Meeting, by: Actor) -> Issued:
    """Bob, who has no account, and his link."""
    person = invitations.find_guest(name="Bob Example", email="bob@example.org", by=by)
    return invitations.invite(meeting=meeting, person=person, preset=None, by=by, mail=False)


def redeem(client: Client, issued: Issued, **more: object) -> Any:
    return client.post(REDEEM, {"secret": issued.secret, **more}, content_type="application/json")


def open_in_browser(issued: Issued) -> Client:
    client = Client()
    assert redeem(client, issued).status_code == 200
    return client


def join(client: Client, meeting: Meeting) -> Any:
    return client.post(f"/api/v1/meetings/{meeting.pk}/join/", {}, content_type="application/json")


def test_a_guest_joins_with_nothing_but_the_link(invited: Issued, meeting: Meeting, sandbox: Sandbox) -> None:
    client = Client()
    opened = redeem(client, invited)
    assert opened.json() == {
        "joins_as": "guest",
        "meeting": str(meeting.pk),
        "title": meeting.title,
        "name": "Bob Example",
        "expires_at": opened.json()["expires_at"],
    }
    answer = join(client, meeting)
    assert answer.status_code == 200
    assert answer.json()["participant"]["name"] == "Bob Example"
    assert answer.json()["token"]
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_guest_reads_who_they_are_and_their_one_meeting(invited: Issued, meeting: Meeting) -> None:
    client, row = open_in_browser(invited), invited.invitation.participant
    me = client.get("/api/v1/me/").json()
    assert (me["id"], me["name"], me["rights"], me["is_staff"]) == (None, "Bob Example", [], False)
    assert me["guest"]["participant"] == str(row.pk)
    assert me["custom_participant_id"] == row.custom_participant_id
    listed = client.get("/api/v1/meetings/").json()["results"]
    assert [item["id"] for item in listed] == [str(meeting.pk)]
    assert client.get(f"/api/v1/meetings/{meeting.pk}/").status_code == 200
    assert client.get(f"/api/v1/meetings/{meeting.pk}/admission/").json()["code"] == "ok"


def test_a_guest_of_one_meeting_is_nobody_at_another(invited: Issued, by: Actor) -> None:
    person, other = invited.invitation.participant.person, MadeMeetingFactory()
    EnrolledFactory(person=person, meeting=other)
    client = open_in_browser(invited)
    answer = join(client, other)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_enrolled")
    assert client.get(f"/api/v1/meetings/{other.pk}/").status_code == 404
    assert len(client.get("/api/v1/meetings/").json()["results"]) == 1


def test_the_session_is_a_new_one_and_ends_with_the_invitation(invited: Issued) -> None:
    client = Client()
    client.get(f"/m/{invited.invitation.participant.meeting_id}/")
    client.session["something"] = 1
    before = client.session.session_key
    redeem(client, invited)
    assert client.session.session_key != before
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert client.session.get_expiry_age() <= 14 * 86_400


def test_a_session_outlives_no_invitation(meeting: Meeting, by: Actor) -> None:
    row = EnrolledFactory(meeting=meeting, person=GuestFactory())
    until = timezone.now() + timedelta(hours=1)
    client = open_in_browser(invitations.issue(row, by=by, mail=False, expires_at=until))
    assert 3500 < client.session.get_expiry_age() <= 3600


def test_the_device_is_known_by_a_cookie_no_script_can_read(invited: Issued) -> None:
    client = Client()
    redeem(client, invited)
    cookie = client.cookies["rollcall_device"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert cookie.value not in str(list(Invitation.objects.values()))


def test_a_second_device_is_refused_where_the_setting_says_first(invited: Issued, settings: LazySettings) -> None:
    settings.INVITATION_DEVICES = "first"
    first = open_in_browser(invited)
    answer = redeem(Client(), invited)
    assert (answer.status_code, answer.json()["code"]) == (403, "invitation_used")
    assert redeem(first, invited).status_code == 200


def test_a_second_device_is_welcome_by_default(invited: Issued, meeting: Meeting) -> None:
    open_in_browser(invited)
    assert join(open_in_browser(invited), meeting).status_code == 200


def test_a_revoked_invitation_ends_the_session_at_once_and_says_so(
    invited: Issued, meeting: Meeting, by: Actor
) -> None:
    client = open_in_browser(invited)
    invitations.revoke(invited.invitation, by=by)
    for answer in (
        join(client, meeting),
        client.get("/api/v1/me/"),
        client.get("/api/v1/meetings/"),
        client.get(f"/api/v1/meetings/{meeting.pk}/admission/"),
        redeem(Client(), invited),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "invitation_revoked")


def test_an_expired_invitation_ends_the_session(meeting: Meeting, by: Actor) -> None:
    row = EnrolledFactory(meeting=meeting, person=GuestFactory())
    with time_machine.travel(NOW, tick=False) as clock:
        issued = invitations.issue(row, by=by, mail=False, expires_at=NOW + timedelta(hours=1))
        client = open_in_browser(issued)
        session = client.session
        session.set_expiry(86_400)
        session.save()
        clock.shift(timedelta(hours=1))
        answer = join(client, meeting)
        assert (answer.status_code, answer.json()["code"]) == (403, "invitation_expired")
        assert answer.json()["expired_at"] == "2027-01-11T09:00:00Z"


def test_a_removed_guest_is_refused_at_once(invited: Issued, meeting: Meeting, by: Actor) -> None:
    client = open_in_browser(invited)
    assert join(client, meeting).status_code == 200
    removal.remove(invited.invitation.participant, by=by)
    answer = join(client, meeting)
    assert (answer.status_code, answer.json()["code"]) == (403, "removed")
    assert client.get("/api/v1/me/").json()["code"] == "removed"


def test_an_unknown_secret_is_a_404_that_says_what_to_do(client: Client, transactional_db: None) -> None:
    answer = client.post(REDEEM, {"secret": "rci_" + "a" * 43}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (404, "invitation_unknown")
    assert "organiser" in answer.json()["detail"]


def test_guessing_is_throttled_and_a_class_behind_one_address_is_not(invited: Issued) -> None:
    for _ in range(GuessThrottle.limit - 1):
        assert Client().post(REDEEM, {"secret": "rci_x"}, content_type="application/json").status_code == 404
    for _ in range(5):
        assert redeem(Client(), invited).status_code == 200
    assert Client().post(REDEEM, {"secret": "rci_x"}, content_type="application/json").status_code == 404
    answer = redeem(Client(), invited)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) <= 60


def test_somebody_else_signed_in_is_asked_and_signed_out_only_by_choice(
    invited: Issued, meeting: Meeting, ada: Participant, ada_user: User
) -> None:
    client = sign_in(ada_user)
    answer = client.post(REDEEM, {"secret": invited.secret})
    assert (answer.status_code, answer.json()["code"]) == (409, "signed_in_as_other")
    assert answer.json()["name"] == "Bob Example"
    assert client.get("/api/v1/me/").json()["username"] == "ada"
    assert client.post(REDEEM, {"secret": invited.secret, "replace": True}).status_code == 200
    assert client.get("/api/v1/me/").json()["name"] == "Bob Example"
    assert client.post(f"/api/v1/meetings/{meeting.pk}/join/").json()["participant"]["name"] == "Bob Example"


def test_their_own_invitation_leaves_somebody_signed_in(ada: Participant, ada_user: User, by: Actor) -> None:
    issued = invitations.issue(ada, by=by, mail=False)
    client = sign_in(ada_user)
    assert client.post(REDEEM, {"secret": issued.secret}).json()["joins_as"] == "user"
    assert client.get("/api/v1/me/").json()["username"] == "ada"


def test_who_signs_in_is_a_guest_no_longer(invited: Issued) -> None:
    client, grace = open_in_browser(invited), UserFactory(username="grace")
    client.post("/accounts/login/", {"username": grace.username, "password": "secret-pass-1"})
    assert client.get("/api/v1/me/").json()["username"] == "grace"
    assert "rollcall_invitation" not in client.session


def test_leaving_ends_the_session_of_a_guest(invited: Issued) -> None:
    client = open_in_browser(invited)
    client.post("/accounts/logout/")
    assert client.get("/api/v1/me/").status_code == 401


def test_neither_opening_nor_joining_works_without_the_csrf_token(invited: Issued, meeting: Meeting) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = redeem(client, invited)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    client.get(f"/m/{meeting.pk}/")
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    opened = client.post(REDEEM, {"secret": invited.secret}, content_type="application/json", headers=headers)
    assert opened.status_code == 200
    assert client.cookies["csrftoken"].value != headers["X-CSRFToken"]  # a new one, as at a sign-in
    assert join(client, meeting).json()["code"] == "csrf_failed"


def test_the_page_knows_its_guest_and_shows_nothing_of_the_secret(invited: Issued, meeting: Meeting) -> None:
    client = open_in_browser(invited)
    page = client.get(f"/m/{meeting.pk}/").content.decode()
    assert f'data-user="guest-{invited.invitation.participant_id}"' in page
    assert "Bob Example" in page
    assert invited.secret not in page


def test_no_event_names_the_secret(invited: Issued) -> None:
    open_in_browser(invited)
    assert invited.secret not in str(list(Event.objects.values("data", "kind", "via")))


@pytest.mark.parametrize(
    "body", [{}, {"secret": ""}, {"secret": None}, {"secret": ["a"]}, {"secret": "x" * 201}], ids=str
)
def test_a_body_without_a_secret_is_invalid(body: dict[str, Any], client: Client, transactional_db: None) -> None:
    answer = client.post(REDEEM, body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_guest_manages_nothing(invited: Issued, meeting: Meeting) -> None:
    client = open_in_browser(invited)
    assert client.get("/api/v1/manage/meetings/").status_code == 401
    assert client.post(f"/api/v1/meetings/{meeting.pk}/access-request/").status_code == 401
    assert client.get("/admin/").status_code == 302
