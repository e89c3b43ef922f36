import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from participants.models import Actor, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import enrolment
from participants.states import Source
from tests.factories import PersonFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(meeting: Meeting, by: Actor) -> User:
    """Enrolled in one meeting."""
    person = PersonFactory(user__username="ada")
    enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    user: User = person.user
    return user


def save(staff: Client, user: User, query: str = "", **changed: str) -> str:
    """The user's page as a browser sends it; a deactivated user's box is not ticked, so nothing is sent for it."""
    form = {"username": user.username, "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00", **changed}
    url = reverse("admin:auth_user_change", args=[user.pk])
    return staff.post(url + query, form, follow=True).content.decode()


def test_deactivating_says_how_many_enrolments_it_ended(staff: Client, ada: User) -> None:
    assert "1 enrolment removed here and at RealtimeKit." in save(staff, ada)
    assert Participant.objects.get().state == "removed"


def test_deactivating_during_an_outage_says_what_is_left(staff: Client, sandbox: Sandbox, ada: User) -> None:
    sandbox.faults.down()
    assert "1 enrolment removed here, 0 of them at RealtimeKit." in save(staff, ada)


def test_a_save_that_removes_nobody_says_nothing_of_it(staff: Client, ada: User) -> None:
    assert "removed here" not in save(staff, ada, is_active="on")


def test_deleting_says_how_many_enrolments_it_ended(staff: Client, ada: User) -> None:
    html = staff.post(reverse("admin:auth_user_delete", args=[ada.pk]), {"post": "yes"}, follow=True).content.decode()
    assert "1 enrolment removed here and at RealtimeKit." in html


def test_activating_goes_back_to_the_participant_it_was_to_help(staff: Client, ada: User) -> None:
    row = Participant.objects.get()
    assert "Can they join?" in save(staff, ada, f"?participant={row.pk}", is_active="on")
