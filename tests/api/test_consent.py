"""Consent over the API: asked at the door, sent along with the join, written by staff."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from participants.models import Actor, ConsentText, Event, EventKind, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import invitations, meetings
from tests.api.conftest import sign_in
from tests.factories import AdminFactory, MadeMeetingFactory, StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)
RECORDED = "This meeting is recorded.\n\nThe recording is kept for a year."


@pytest.fixture
def text(meeting: Meeting, by: Actor) -> ConsentText:
    meetings.store(meeting, by=by, consent_text=RECORDED, changed=[])
    return ConsentText.objects.get()


@pytest.fixture
def staff(transactional_db: None) -> APIClient:
    return sign_in(AdminFactory())


def join(client: Any, meeting: Meeting, **body: Any) -> Any:
    return client.post(f"/api/v1/meetings/{meeting.pk}/join/", body, content_type="application/json")


def show(text: ConsentText) -> dict[str, object]:
    return {"id": str(text.pk), "version": text.number, "text": text.text}


@pytest.fixture
def browser(ada: Participant) -> Client:
    client = Client()
    assert ada.person.user is not None
    client.force_login(ada.person.user)
    return client


def test_a_join_is_refused_with_the_text_and_without_the_token(
    browser: Client, meeting: Meeting, ada: Participant, text: ConsentText
) -> None:
    answer = join(browser, meeting)
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["code"], body["consent"]) == ("consent_required", show(text))
    assert str(ada.token) not in answer.content.decode()


def test_the_admission_says_so_beforehand_and_changes_nothing(
    browser: Client, meeting: Meeting, ada: Participant, text: ConsentText
) -> None:
    for _ in range(2):
        body = browser.get(f"/api/v1/meetings/{meeting.pk}/admission/").json()
        assert (body["code"], body["consent"]) == ("consent_required", show(text))
    mine = browser.get("/api/v1/meetings/").json()["results"]
    assert mine[0]["verdict"]["consent"] == show(text)


def test_agreeing_joins_and_is_remembered(
    browser: Client, meeting: Meeting, ada: Participant, text: ConsentText
) -> None:
    answer = join(browser, meeting, consent=str(text.pk))
    assert (answer.status_code, answer.json()["token"]) == (200, ada.token)
    assert join(browser, meeting).status_code == 200
    assert browser.get(f"/api/v1/meetings/{meeting.pk}/admission/").json()["code"] == "ok"
    event = Event.objects.get(kind=EventKind.CONSENTED)
    assert (event.actor_name, event.via, event.data) == ("ada", "join", {"version": 1})


def test_a_cached_join_of_who_agreed_costs_what_any_costs(
    browser: Client,
    meeting: Meeting,
    ada: Participant,
    text: ConsentText,
    sandbox: Sandbox,
    django_assert_num_queries: Any,
) -> None:
    join(browser, meeting, consent=str(text.pk))
    sandbox.requests.clear()
    for body in ({}, {"consent": str(text.pk)}):
        with django_assert_num_queries(2) as captured:  # session with user, participant
            assert join(browser, meeting, **body).status_code == 200
        assert all(query["sql"].lstrip().upper().startswith("SELECT") for query in captured.captured_queries)
    assert sandbox.requests.all() == []


def test_an_outdated_or_a_foreign_text_is_answered_with_the_newest(
    browser: Client, meeting: Meeting, ada: Participant, text: ConsentText, by: Actor
) -> None:
    other = MadeMeetingFactory()
    meetings.store(other, by=by, consent_text=RECORDED, changed=[])
    meetings.store(meeting, by=by, consent_text="It is streamed.", changed=[])
    newest = ConsentText.objects.get(meeting=meeting, number=2)
    for wrong in (text.pk, ConsentText.objects.get(meeting=other).pk):
        answer = join(browser, meeting, consent=str(wrong))
        assert (answer.status_code, answer.json()["consent"]) == (403, show(newest))
    assert not Event.objects.filter(kind=EventKind.CONSENTED).exists()


@pytest.mark.parametrize("sent", ["yes", True, 1, [], {}], ids=repr)
def test_what_is_no_id_is_an_invalid_field(
    browser: Client, meeting: Meeting, ada: Participant, text: ConsentText, sent: object
) -> None:
    answer = join(browser, meeting, consent=sent)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "consent")


def test_where_nothing_is_asked_an_agreement_is_no_obstacle(
    browser: Client, meeting: Meeting, ada: Participant
) -> None:
    answer = join(browser, meeting, consent="0190a3a0-5555-7000-8000-000000000005")
    assert answer.status_code == 200
    assert not Event.objects.filter(kind=EventKind.CONSENTED).exists()


def test_guests_of_a_link_agree_at_the_same_door(meeting: Meeting, text: ConsentText, by: Actor) -> None:
    person = invitations.find_guest(name="Bob Example", email="bob@example.org", by=by)
    issued = invitations.invite(meeting=meeting, person=person, preset=None, by=by, mail=False)
    guest = Client()
    redeem = {"secret": issued.secret}
    assert guest.post("/api/v1/invitations/redeem/", redeem, content_type="application/json").status_code == 200
    answer = join(guest, meeting)
    assert (answer.status_code, answer.json()["consent"]) == (403, show(text))
    assert join(guest, meeting, consent=str(text.pk)).json()["token"]
    assert join(guest, meeting).status_code == 200
    row = issued.invitation.participant
    assert Event.objects.get(kind=EventKind.CONSENTED).participant_id == row.pk


def test_a_guest_agrees_to_nothing_at_another_meeting(meeting: Meeting, by: Actor) -> None:
    other = MadeMeetingFactory()
    meetings.store(other, by=by, consent_text=RECORDED, changed=[])
    person = invitations.find_guest(name="Bob Example", email="bob@example.org", by=by)
    issued = invitations.invite(meeting=meeting, person=person, preset=None, by=by, mail=False)
    guest = Client()
    guest.post("/api/v1/invitations/redeem/", {"secret": issued.secret}, content_type="application/json")
    answer = join(guest, other, consent=str(ConsentText.objects.get().pk))
    assert (answer.status_code, answer.json()["code"]) == (403, "not_enrolled")
    assert not Event.objects.filter(kind=EventKind.CONSENTED).exists()


def test_a_back_end_passes_its_users_word_on(ada: Participant, text: ConsentText) -> None:
    back_end = sign_in(StaffFactory(username="portal", permissions=["issue_token", "view_participant"]))
    address = f"/api/v1/manage/participants/{ada.pk}/"
    refused = back_end.post(f"{address}token/", {}, format="json")
    assert (refused.status_code, refused.json()["consent"]) == (403, show(text))
    assert back_end.get(f"{address}admission/").json()["consent"] == show(text)
    issued = back_end.post(f"{address}token/", {"consent": str(text.pk)}, format="json")
    assert issued.json()["token"] == ada.token
    event = Event.objects.get(kind=EventKind.CONSENTED)
    assert (event.participant_id, event.actor_name, event.via) == (ada.pk, "portal", "api")


def test_integrators_write_and_read_the_text(staff: APIClient, meeting: Meeting) -> None:
    address = f"/api/v1/manage/meetings/{meeting.pk}/"
    first = staff.get(address).json()
    assert (first["consent_text"], first["consent_version"]) == ("", None)
    for number, text in enumerate((RECORDED, "It is streamed."), start=1):
        answer = staff.patch(address, {"consent_text": text}, format="json").json()
        assert (answer["consent_text"], answer["consent_version"]) == (text, number)
    assert staff.patch(address, {"title": "Topology"}, format="json").json()["consent_version"] == 2
    assert staff.patch(address, {"consent_text": ""}, format="json").json()["consent_version"] is None


def test_a_meeting_can_be_made_with_a_text(staff: APIClient, meeting: Meeting) -> None:
    body = {"title": "Geometry", "consent_text": RECORDED}
    made = staff.post("/api/v1/manage/meetings/", body, format="json")
    assert (made.status_code, made.json()["consent_text"], made.json()["consent_version"]) == (201, RECORDED, 1)


@pytest.mark.parametrize("text", ["a" * 5_001, "\x00", None, 7], ids=["long", "nul", "null", "number"])
def test_a_text_that_can_not_be_stored_is_an_invalid_field(staff: APIClient, meeting: Meeting, text: object) -> None:
    answer = staff.patch(f"/api/v1/manage/meetings/{meeting.pk}/", {"consent_text": text}, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "consent_text")
    assert not ConsentText.objects.exists()


def test_without_the_right_to_change_the_meeting_nobody_writes_it(meeting: Meeting) -> None:
    viewer = sign_in(StaffFactory(permissions=["view_meeting"]))
    answer = viewer.patch(f"/api/v1/manage/meetings/{meeting.pk}/", {"consent_text": RECORDED}, format="json")
    assert (answer.status_code, ConsentText.objects.count()) == (403, 0)


def test_a_participant_tells_whether_they_agreed(
    staff: APIClient, browser: Client, meeting: Meeting, ada: Participant, text: ConsentText, by: Actor
) -> None:
    address = f"/api/v1/manage/participants/{ada.pk}/"
    assert staff.get(address).json()["consent"] == {"state": "waiting", "version": None, "agreed_at": None}
    join(browser, meeting, consent=str(text.pk))
    told = staff.get(address).json()["consent"]
    assert (told["state"], told["version"], told["agreed_at"][-1]) == ("agreed", 1, "Z")
    meetings.store(meeting, by=by, consent_text="It is streamed.", changed=[])
    assert staff.get(address).json()["consent"] == {**told, "state": "waiting"}
