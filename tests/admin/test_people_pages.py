import pytest
from django.test import Client
from django.utils import timezone

from participants.models import Actor, Meeting, Participant, Person
from participants.sandbox import Sandbox
from participants.services import enrolment
from participants.states import Source
from tests.admin.conftest import sign_in
from tests.factories import GuestFactory, ParticipantFactory, PersonFactory

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/participants/person/"


def test_blocking_says_from_how_many_meetings_and_removes_there(
    staff: Client, sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    person = PersonFactory()
    enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    assert "removed from 1 meeting at once" in staff.get(f"{LIST}{person.pk}/block/").content.decode()
    html = staff.post(f"{LIST}{person.pk}/block/", {"reason": "abuse"}, follow=True).content.decode()
    assert "Deleted at RealtimeKit in 1 of 1 meetings" in html
    person.refresh_from_db()
    assert (bool(person.blocked_at), person.block_reason) == (True, "abuse")
    assert Participant.objects.get().state == "removed"


def test_blocking_during_an_outage_holds_here(staff: Client, sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    person = PersonFactory()
    enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    sandbox.faults.down()
    html = staff.post(f"{LIST}{person.pk}/block/", {"reason": ""}, follow=True).content.decode()
    assert "in 0 of 1 meetings. The rest is tried again" in html


def test_unblocking_lifts_the_block_and_restores_nothing(staff: Client, by: Actor) -> None:
    row = ParticipantFactory()
    staff.post(f"{LIST}{row.person_id}/block/", {"reason": ""})
    html = staff.post(f"{LIST}{row.person_id}/unblock/", follow=True).content.decode()
    assert "is unblocked" in html
    assert Person.objects.get().blocked_at is None
    assert Participant.objects.get().state in {"removing", "removed"}


def test_a_look_at_the_question_blocks_nobody(staff: Client) -> None:
    person = PersonFactory()
    staff.get(f"{LIST}{person.pk}/block/")
    assert Person.objects.get().blocked_at is None


def test_blocking_needs_its_own_right() -> None:
    person = PersonFactory()
    watcher = sign_in("view_person")
    assert "/block/" not in watcher.get(f"{LIST}{person.pk}/change/").content.decode()
    assert watcher.post(f"{LIST}{person.pk}/block/", {"reason": ""}).status_code == 403
    assert Person.objects.get().blocked_at is None


def test_people_are_listed_and_found(staff: Client) -> None:
    PersonFactory(display_name="Ada Example")
    GuestFactory(display_name="Gwen Guest", email="gwen@example.com")
    html = staff.get(LIST).content.decode()
    assert "Ada Example" in html
    assert ">Guest</span>" in html
    assert "Ada" not in staff.get(LIST, {"q": "gwen@example.com"}).content.decode().split("result_list")[1]


def test_people_are_neither_added_nor_deleted_here(staff: Client) -> None:
    person = PersonFactory()
    assert staff.get(LIST + "add/").status_code == 403
    assert staff.get(f"{LIST}{person.pk}/delete/").status_code == 403


def test_a_persons_meetings_are_one_click_away(staff: Client) -> None:
    row = ParticipantFactory(person__display_name="Ada Wanted")
    ParticipantFactory(person__display_name="Somebody Else")
    url = f"/admin/participants/participant/?person__id__exact={row.person_id}"
    assert url in staff.get(LIST).content.decode()
    html = staff.get(url).content.decode()
    assert "Ada Wanted" in html
    assert "Somebody Else" not in html


def test_a_persons_history_tells_what_happened_in_which_meeting(staff: Client, meeting: Meeting, by: Actor) -> None:
    person = PersonFactory()
    enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    staff.post(f"{LIST}{person.pk}/block/", {"reason": "abuse"})
    html = staff.get(f"{LIST}{person.pk}/change/").content.decode()
    assert html.index("boss via admin") < html.index("Added at RealtimeKit")
    assert f"{person} in Algebra" in html
    assert "History</h2>" not in sign_in("view_person").get(f"{LIST}{person.pk}/change/").content.decode()


def test_unblocking_goes_back_to_the_participant_it_was_to_help(staff: Client) -> None:
    row = ParticipantFactory(person__blocked_at=timezone.now())
    answer = staff.post(f"{LIST}{row.person_id}/unblock/?participant={row.pk}")
    assert answer["Location"] == f"/admin/participants/participant/{row.pk}/change/"
