import pytest
from django.test import Client

from participants.models import Actor, Event, EventKind, Meeting, Participant, Person
from participants.sandbox import Sandbox
from participants.services import enrolment
from participants.services.scrubbing import ERASED
from participants.states import Source
from tests.admin.conftest import sign_in
from tests.factories import AdminFactory, PersonFactory

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/participants/person/"


@pytest.fixture
def ada(sandbox: Sandbox, meeting: Meeting, by: Actor) -> Person:
    person: Person = PersonFactory(display_name="Ada Example")
    enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    return person


def test_the_page_says_what_will_happen_and_changes_nothing(staff: Client, ada: Person) -> None:
    html = staff.get(f"{LIST}{ada.pk}/erase/").content.decode()
    assert "removed from 1 meeting at once" in html
    assert "is closed and emptied" in html
    assert Person.objects.get().erased_at is None


def test_without_the_box_nobody_is_erased(staff: Client, ada: Person) -> None:
    answer = staff.post(f"{LIST}{ada.pk}/erase/")
    assert answer.status_code == 422
    assert "Tick the box" in answer.content.decode()
    assert Person.objects.get().erased_at is None


def test_erasing_says_what_became_of_it(staff: Client, ada: Person) -> None:
    html = staff.post(f"{LIST}{ada.pk}/erase/", {"agreed": "erase"}, follow=True).content.decode()
    assert "Deleted at RealtimeKit in 1 of 1 meetings. Nothing here names them any more." in html
    assert "Ada Example" not in html
    assert (Person.objects.get().display_name, Participant.objects.get().state) == (ERASED, "removed")
    assert "/erase/" not in staff.get(f"{LIST}{ada.pk}/change/").content.decode()


def test_erasing_during_an_outage_holds_here(staff: Client, sandbox: Sandbox, ada: Person) -> None:
    sandbox.faults.down()
    html = staff.post(f"{LIST}{ada.pk}/erase/", {"agreed": "erase"}, follow=True).content.decode()
    assert "in 0 of 1 meetings. The rest is tried again" in html
    assert Person.objects.get().display_name == ERASED


def test_staff_have_to_lose_their_rights_first(staff: Client) -> None:
    person = PersonFactory(user=AdminFactory(username="root"))
    assert "Take their staff rights away first" in staff.get(f"{LIST}{person.pk}/erase/").content.decode()
    html = staff.post(f"{LIST}{person.pk}/erase/", {"agreed": "erase"}, follow=True).content.decode()
    assert "Nothing was erased." in html


def test_erasing_and_downloading_each_need_their_own_right() -> None:
    person = PersonFactory()
    watcher = sign_in("view_person", "block_person", "view_event", "export_data")
    page = watcher.get(f"{LIST}{person.pk}/change/").content.decode()
    assert "/erase/" not in page
    assert "export.json" not in page
    assert watcher.get(f"{LIST}{person.pk}/erase/").status_code == 403
    assert watcher.post(f"{LIST}{person.pk}/erase/", {"agreed": "erase"}).status_code == 403
    assert watcher.get(f"{LIST}{person.pk}/export.json").status_code == 403
    assert sign_in("view_person", "export_person").get(f"{LIST}{person.pk}/export.json").status_code == 200
    assert sign_in("view_person", "erase_person").get(f"{LIST}{person.pk}/erase/").status_code == 200
    assert Person.objects.get(pk=person.pk).erased_at is None


def test_what_is_held_about_somebody_is_a_file_on_record(staff: Client, ada: Person) -> None:
    answer = staff.get(f"{LIST}{ada.pk}/export.json", REMOTE_ADDR="192.0.2.9")
    assert answer["Content-Disposition"] == f'attachment; filename="person-{ada.pk}.json"'
    assert "no-store" in answer["Cache-Control"]
    assert answer.json()["rows"]["Person"][0]["display_name"] == "Ada Example"
    event = Event.objects.get(kind=EventKind.PERSON_EXPORTED)
    assert (event.person, event.actor_name, event.address) == (ada, "boss", "192.0.2.0/24")
