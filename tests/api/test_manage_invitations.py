"""Inviting, sending again and revoking by the API, and what became of the mails."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from participants.models import Actor, Invitation, Message, Participant, Person
from participants.services import invitations, outbox
from participants.states import MessageState, Source
from tests.api.conftest import sign_in
from tests.factories import EnrolledFactory, GuestFactory, MadeMeetingFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db
SITE = "https://rollcall.example.org"


@pytest.fixture(autouse=True)
def _mail(settings: LazySettings) -> None:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, SITE
    settings.REALTIMEKIT_API_TOKEN = ""


@pytest.fixture
def row(db: None) -> Participant:
    made: Participant = EnrolledFactory(person=GuestFactory(display_name="Bob Example"))
    return made


@pytest.fixture
def manager(row: Participant) -> User:
    user: User = UserFactory()
    row.meeting.managers.add(user)
    return user


@pytest.fixture
def client(manager: User) -> APIClient:
    return sign_in(manager)


def list_address(row: Participant) -> str:
    return f"/api/v1/manage/meetings/{row.meeting_id}/invitations/"


def test_a_guest_is_invited_by_mail(client: APIClient, row: Participant, by: Actor) -> None:
    body = {"guest": {"name": "Carol Example", "email": "Carol@example.org"}}
    answer = client.post(list_address(row), body)
    told = answer.json()
    assert (answer.status_code, told["mailed"], told["link"], told["state"]) == (201, True, None, "unopened")
    assert Participant.objects.get(pk=told["participant"]).source == Source.INVITE
    outbox.work(by=by)
    assert mail.outbox[0].to == ["carol@example.org"]


def test_a_link_to_copy_is_in_the_answer_once(client: APIClient, row: Participant) -> None:
    answer = client.post(list_address(row), {"participant": str(row.pk), "mail": False})
    told = answer.json()
    assert told["link"].startswith(f"http://testserver/m/{row.meeting_id}/#rci_")
    assert answer.headers["Cache-Control"] == "no-store"
    secret = told["link"].partition("#")[2]
    assert (
        Client().post("/api/v1/invitations/redeem/", {"secret": secret}, content_type="application/json").status_code
        == 200
    )
    again = client.get(f"/api/v1/manage/invitations/{told['id']}/").content.decode()
    assert secret not in again + client.get(list_address(row)).content.decode()
    assert not Message.objects.exists()


def test_inviting_somebody_new_needs_the_right_to_enrol_too(row: Participant) -> None:
    sender = sign_in(StaffFactory(permissions=["send_invitation", "view_meeting"]))
    body = {"guest": {"name": "Carol", "email": "carol@example.org"}}
    assert sender.post(list_address(row), body).status_code == 403
    assert sender.post(list_address(row), {"participant": str(row.pk)}).status_code == 201
    assert not Invitation.objects.exclude(participant=row).exists()


def test_a_user_is_invited_by_name(client: APIClient, row: Participant) -> None:
    user = UserFactory(username="ada")
    assert client.post(list_address(row), {"user": "ada"}).json()["email"] == user.email


def test_an_expiry_may_be_given(client: APIClient, row: Participant) -> None:
    until = (timezone.now() + timedelta(hours=3)).isoformat()
    body = {"participant": str(row.pk), "expires_at": until}
    assert client.post(list_address(row), body).status_code == 201
    answer = client.post(list_address(row), {**body, "expires_at": "2020-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["code"]) == (400, "expiry_past")
    assert answer.json()["errors"][0]["field"] == "expires_at"


@pytest.mark.parametrize(
    "body",
    [{}, {"user": "ada", "participant": "0b0b0b0b-0000-4000-8000-000000000001"}, {"guest": {"name": "A"}}],
    ids=["nobody", "two", "no-address"],
)
def test_exactly_one_person_is_to_be_named(client: APIClient, row: Participant, body: dict[str, Any]) -> None:
    assert client.post(list_address(row), body).status_code == 400
    assert not Invitation.objects.exists()


def test_nobody_is_made_where_no_mail_can_be_sent(
    client: APIClient, row: Participant, settings: LazySettings
) -> None:
    settings.MAIL_ENABLED = False
    answer = client.post(list_address(row), {"guest": {"name": "Carol", "email": "carol@example.org"}})
    assert (answer.status_code, answer.json()["code"]) == (409, "mail_unready")
    assert not Person.objects.filter(email="carol@example.org").exists()


def test_a_participant_of_another_meeting_is_not_found(client: APIClient, row: Participant) -> None:
    other = EnrolledFactory()
    assert client.post(list_address(row), {"participant": str(other.pk)}).status_code == 404


def test_invitations_are_listed_and_filtered_by_what_they_are_good_for(
    client: APIClient, row: Participant, by: Actor
) -> None:
    invitations.issue(row, by=by, mail=False)
    invitations.issue(row, by=by, mail=False)
    states = [item["state"] for item in client.get(list_address(row)).json()["results"]]
    assert states == ["unopened", "replaced"]
    (found,) = client.get(list_address(row) + "?state=replaced").json()["results"]
    assert found["name"] == "Bob Example"
    assert client.get(list_address(row) + "?state=odd").status_code == 400


def test_all_or_those_without_a_link_are_sent_one(client: APIClient, row: Participant, by: Actor) -> None:
    EnrolledFactory(meeting=row.meeting, person=GuestFactory())
    invitations.issue(row, by=by, mail=False)
    address = list_address(row) + "resend/"
    assert client.post(address, {"all": True, "missing": True}).json() == {"count": 1}
    assert client.post(address, {"all": True}).json() == {"count": 2}
    assert client.post(address, {"participants": [str(row.pk)]}).json() == {"count": 1}
    assert client.post(address, {}).status_code == 400
    assert client.post(address, {"all": True, "participants": [str(row.pk)]}).status_code == 400


def test_only_participants_of_the_meeting_are_sent_one(client: APIClient, row: Participant) -> None:
    other = EnrolledFactory(meeting=MadeMeetingFactory())
    answer = client.post(list_address(row) + "resend/", {"participants": [str(other.pk)]})
    assert answer.json() == {"count": 0}
    assert not Invitation.objects.exists()


def test_an_invitation_is_sent_again_with_a_new_link(client: APIClient, row: Participant, by: Actor) -> None:
    older = invitations.issue(row, by=by, mail=False).invitation
    address = f"/api/v1/manage/invitations/{older.pk}/resend/"
    told = client.post(address, {}).json()
    assert (told["mailed"], told["participant"]) == (True, str(row.pk))
    answer = client.post(address, {})
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


def test_an_invitation_is_revoked(client: APIClient, row: Participant, by: Actor) -> None:
    pk = invitations.issue(row, by=by, mail=False).invitation.pk
    for _ in range(2):
        answer = client.delete(f"/api/v1/manage/invitations/{pk}/")
        assert (answer.status_code, answer.json()["state"]) == (200, "revoked")


def test_mails_are_listed_with_what_became_of_them(client: APIClient, row: Participant, by: Actor) -> None:
    issued = invitations.issue(row, by=by, mail=True)
    outbox.work(by=by)
    answer = client.get(f"/api/v1/manage/meetings/{row.meeting_id}/messages/?state=sent&kind=invitation")
    (told,) = answer.json()["results"]
    assert (told["state"], told["address"], told["attempts"]) == ("sent", row.person.email, 1)
    assert issued.secret not in answer.content.decode()


def test_a_mail_that_failed_is_sent_again_and_a_sent_one_is_not(
    client: APIClient, row: Participant, by: Actor
) -> None:
    message = Message.objects.create(
        kind="enrolled",
        meeting=row.meeting,
        person=row.person,
        participant=row,
        address="bob@example.org",
        state="failed",
    )
    address = f"/api/v1/manage/messages/{message.pk}/retry/"
    assert client.post(address).json()["state"] == "waiting"
    outbox.work(by=by)
    assert Message.objects.get().state == MessageState.SENT
    assert client.post(address).json()["code"] == "wrong_state"


def test_a_bulk_enrolment_invites_with_the_right_to(row: Participant, client: APIClient) -> None:
    address = f"/api/v1/manage/meetings/{row.meeting_id}/enrolments/"
    body = {"people": ["carol@example.com"], "pre_enrol": True, "invite": True}
    enroller = sign_in(StaffFactory(permissions=["add_participant", "view_meeting"]))
    assert enroller.post(address, body).status_code == 403
    assert client.post(address, body).status_code == 202
    assert Message.objects.get().address == "carol@example.com"
