"""What a person is handed when they ask what is held about them."""

import io
import json

import pytest
from django.core.management import call_command
from django.utils import timezone

from participants.models import Actor, Delivery, Event, EventKind, Meeting, Participant
from participants.models.appendonly import forgetting
from participants.models.event import record
from participants.services import dossiers, people, personaldata
from tests.factories import EnrolledFactory, StaffFactory, UserFactory
from tests.services.everywhere import EMAIL, mark_everything, seed

pytestmark = pytest.mark.django_db
TOKEN = "eyJ-a-token-never-to-be-seen"


@pytest.fixture
def zelda(by: Actor) -> Participant:
    user = UserFactory(username="zelda.zqxmarker", first_name="Zelda", last_name="Zqxmarker", email=EMAIL)
    row: Participant = EnrolledFactory(person=people.person_of(user, by), token=TOKEN)
    seed(row)
    return row


def test_it_holds_rows_of_every_kind_that_is_theirs(zelda: Participant, by: Actor) -> None:
    mark_everything()
    found = dossiers.collect(zelda.person, by=by)
    assert set(found["rows"]) == {model.__name__ for model in personaldata.OWNERS}
    assert [name for name, rows in found["rows"].items() if not rows] == []
    assert found["account"]["email"] == EMAIL
    assert found["rows"]["Participant"][0]["meeting_title"] == Meeting.objects.get(pk=zelda.meeting_id).title


def test_it_holds_no_secret_and_nobody_else(zelda: Participant, by: Actor) -> None:
    other = EnrolledFactory(meeting=zelda.meeting, person__display_name="Somebody Else")
    text = json.dumps(dossiers.collect(zelda.person, by=by))
    assert TOKEN not in text
    assert "a" * 64 not in text  # the hash of an invitation's secret
    assert str(other.pk) not in text
    assert "password" not in text
    assert "hash" not in text


def test_deliveries_about_them_are_in_it(zelda: Participant, by: Actor) -> None:
    theirs = {"customParticipantId": zelda.custom_participant_id, "name": "Zelda"}
    body = {"event": "meeting.participantJoined", "participant": theirs, "host": {"customParticipantId": "another"}}
    Delivery.objects.create(body_hash="f" * 64, received_at=timezone.now(), body=body)
    (found,) = dossiers.collect(zelda.person, by=by)["webhooks_received"]
    assert (found["event"], found["about_them"]) == ("meeting.participantJoined", [theirs])


def test_deliveries_about_somebody_whose_id_only_contains_theirs_are_not(zelda: Participant, by: Actor) -> None:
    body = {"participant": {"customParticipantId": f"{zelda.custom_participant_id}0", "name": "Somebody Else"}}
    Delivery.objects.create(body_hash="f" * 64, received_at=timezone.now(), body=body)
    assert dossiers.collect(zelda.person, by=by)["webhooks_received"] == []


def test_from_where_staff_acted_upon_them_is_not_in_it(zelda: Participant, by: Actor) -> None:
    record(EventKind.BLOCKED, Actor.of(StaffFactory(), via="admin", request_id="staff-request"), person=zelda.person)
    with forgetting():
        Event.objects.filter(kind=EventKind.BLOCKED).update(address="203.0.113.0/24")
    text = json.dumps(dossiers.collect(zelda.person, by=by))
    assert "203.0.113" not in text
    assert "staff-request" not in text


def test_it_is_on_record_who_took_it(zelda: Participant, by: Actor) -> None:
    dossiers.collect(zelda.person, by=by)
    event = Event.objects.get(kind=EventKind.PERSON_EXPORTED)
    assert (event.person, event.data["rows"] > 10) == (zelda.person, True)


def test_the_command_writes_json(zelda: Participant) -> None:
    out = io.StringIO()
    call_command("export_person", EMAIL, stdout=out)
    assert json.loads(out.getvalue())["person"] == str(zelda.person_id)
