"""Axe and the width of a phone: the history, and a person who is erased."""

import pytest
from django.contrib.auth.models import User

from participants.models import Actor, Event, EventKind, Meeting, Person
from participants.models.event import record
from participants.models.whereabouts import client_address
from participants.services import enrolment, people
from participants.states import Source
from tests.browser.test_every_staff_page import BY, Tour, grace, meeting, tour
from tests.browser.test_staff_pages import path_to
from tests.factories import AdminFactory, GuestFactory, PersonFactory, UserFactory

pytestmark = pytest.mark.browser
__all__ = ["grace", "meeting", "tour"]


@pytest.fixture
def ada(meeting: Meeting, grace: User) -> Person:
    user = UserFactory(username="ada", first_name="Ada", last_name="Example", email="ada@example.org")
    person = people.person_of(user, BY)
    GuestFactory(display_name="Ada E.", email="", merged_into=person)
    client_address.set("2001:db8:1234::9")
    by = Actor.of(grace, via="admin", request_id="0123456789abcdef")
    enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    record(
        EventKind.EXPORT_DOWNLOADED, by, list="attendance", filter="late_more_than_minutes=10", rows=31, file="csv"
    )
    client_address.set("")
    return person


def test_the_history(tour: Tour, ada: Person) -> None:
    tour.go("list", path_to("event_changelist"))
    tour.go("asked", path_to("event_changelist") + f"?kind=participant.enrolled&via=admin&person={ada.pk}&q=ada")
    tour.go("nothing", path_to("event_changelist") + "?q=zzz")
    tour.go("wrong", path_to("event_changelist") + "?after=never")
    for event in Event.objects.all():
        tour.go(event.kind, path_to("event_change", event.pk))


def test_erasing_a_person(tour: Tour, ada: Person) -> None:
    tour.go("person", path_to("person_change", ada.pk))
    tour.press("question", "Erase", link=True)
    tour.press("without the box", "Erase")
    tour.page.get_by_label("Erase them for good").check()
    tour.press("erased", "Erase")
    tour.go("nobody", path_to("person_erase", PersonFactory().pk))
    tour.go("staff", path_to("person_erase", PersonFactory(user=AdminFactory()).pk))
