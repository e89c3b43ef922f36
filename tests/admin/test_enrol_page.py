import re

import pytest
from django.test import Client
from django.urls import reverse

from participants.models import Actor, Event, EventKind, Meeting, Participant, Preset
from participants.sandbox import Sandbox
from participants.services import enrolment, meetings, people, removal
from participants.states import ParticipantState, Source
from tests.admin.conftest import sign_in
from tests.factories import PersonFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def enrol(staff: Client, meeting: Meeting, *users: object, **more: object) -> str:
    url = reverse("admin:participants_meeting_enrol", args=[meeting.pk])
    answer = staff.post(url, {"users": [getattr(user, "pk", user) for user in users], **more}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def read_results(html: str) -> dict[str, str]:
    """Name to label, of the results table."""
    rows = re.findall(r'<th scope="row">(.*?)</th><td><span class="[^"]*">(.*?)</span>', html)
    return dict(rows)


def test_several_people_are_enrolled_here_and_remotely(
    staff: Client, sandbox: Sandbox, meeting: Meeting, preset: Preset
) -> None:
    ada, grace = UserFactory(first_name="Ada"), UserFactory(first_name="Grace")
    html = enrol(staff, meeting, ada, grace, preset=preset.pk)
    assert read_results(html) == {"Ada Example": "Enrolled", "Grace Example": "Enrolled"}
    rows = Participant.objects.filter(meeting=meeting)
    assert {(row.state, row.source, str(row.enrolled_by)) for row in rows} == {("enrolled", "admin", "boss")}
    assert sandbox.requests.count("participants.add") == 2


def test_the_default_preset_is_preselected_and_used_when_none_is_named(staff: Client, meeting: Meeting) -> None:
    url = reverse("admin:participants_meeting_enrol", args=[meeting.pk])
    assert f'value="{meeting.default_preset_id}" selected' in staff.get(url).content.decode()
    enrol(staff, meeting, UserFactory())
    assert Participant.objects.get().preset_id == meeting.default_preset_id


def test_another_preset_can_be_chosen(staff: Client, meeting: Meeting) -> None:
    host = Preset.objects.get(name="group_call_host")
    enrol(staff, meeting, UserFactory(), preset=host.pk)
    assert Participant.objects.get().applied_preset == "group_call_host"


def test_a_name_can_be_given_to_one_person(staff: Client, meeting: Meeting) -> None:
    enrol(staff, meeting, UserFactory(), name="The chair")
    assert Participant.objects.get().applied_name == "The chair"


def test_a_name_for_several_people_is_refused(staff: Client, meeting: Meeting) -> None:
    html = enrol(staff, meeting, UserFactory(), UserFactory(), name="The chair")
    assert "single person only" in html
    assert not Participant.objects.exists()


def test_enrolling_again_says_so_and_changes_nothing(staff: Client, meeting: Meeting) -> None:
    ada = UserFactory(first_name="Ada")
    enrol(staff, meeting, ada)
    html = enrol(staff, meeting, ada, preset=Preset.objects.get(name="group_call_host").pk)
    assert read_results(html) == {"Ada Example": "Already enrolled"}
    assert Participant.objects.get().preset_id == meeting.default_preset_id


def test_an_outage_leaves_everybody_pending_and_says_that_nothing_is_lost(
    staff: Client, sandbox: Sandbox, meeting: Meeting
) -> None:
    sandbox.faults.down()
    html = enrol(staff, meeting, UserFactory(first_name="Ada"))
    assert read_results(html) == {"Ada Example": "Pending"}
    assert "nothing is lost" in html
    assert Participant.objects.get().state == ParticipantState.PENDING


def test_a_refusal_is_told_with_its_reason_and_a_way_to_retry(
    staff: Client, sandbox: Sandbox, meeting: Meeting
) -> None:
    sandbox.faults.add("refuse", "participants.add", message="the name is too long")
    html = enrol(staff, meeting, UserFactory(first_name="Ada"))
    row = Participant.objects.get()
    assert read_results(html) == {"Ada Example": "Failed"}
    assert "the name is too long" in html
    assert reverse("admin:participants_participant_act", args=[row.pk, "retry"]) in html


def test_what_stops_one_person_does_not_stop_the_next(staff: Client, meeting: Meeting, by: Actor) -> None:
    blocked = PersonFactory(user__first_name="Mallory")
    people.block(blocked, reason="", by=by)
    html = enrol(
        staff, meeting, blocked.user, UserFactory(first_name="Off", is_active=False), UserFactory(first_name="Ada")
    )
    assert read_results(html) == {
        "Mallory Example": "Blocked",
        "Off Example": "Deactivated",
        "Ada Example": "Enrolled",
    }


def test_somebody_removed_is_offered_a_restore(staff: Client, meeting: Meeting, by: Actor) -> None:
    person = PersonFactory(user__first_name="Ada")
    row = enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.API, by=by).participant
    removal.remove(row, by=by)
    html = enrol(staff, meeting, person.user)
    assert read_results(html) == {"Ada Example": "Removed"}
    assert reverse("admin:participants_participant_act", args=[row.pk, "restore"]) in html


def test_a_full_meeting_turns_the_next_away(staff: Client, meeting: Meeting, by: Actor) -> None:
    meetings.edit(meeting, by=by, capacity=1)
    html = enrol(staff, meeting, UserFactory(first_name="Ada"), UserFactory(first_name="Grace"))
    assert read_results(html) == {"Ada Example": "Enrolled", "Grace Example": "Full"}
    assert "Raise the capacity" in html


def test_the_person_who_enrolled_is_on_record(staff: Client, meeting: Meeting) -> None:
    enrol(staff, meeting, UserFactory())
    event = Event.objects.get(kind=EventKind.ENROLLED)
    assert (event.actor_name, event.via) == ("boss", "admin")
    assert len(event.request_id) == 32


def test_an_unknown_user_is_a_form_error(staff: Client, meeting: Meeting) -> None:
    assert "Select a valid choice" in enrol(staff, meeting, 999_999)


def test_without_the_right_the_page_is_closed(meeting: Meeting) -> None:
    url = reverse("admin:participants_meeting_enrol", args=[meeting.pk])
    assert sign_in("view_meeting").get(url).status_code == 403
    assert sign_in("add_participant").get(url).status_code == 404


def test_a_manager_enrols_into_their_own_meeting_only(meeting: Meeting, by: Actor, preset: Preset) -> None:
    manager, other = StaffFactory(), meetings.create(by=by, title="Other", default_preset=preset)[0]
    meeting.managers.add(manager)
    browser = Client()
    browser.force_login(manager)
    assert read_results(enrol(browser, meeting, UserFactory(first_name="Ada"))) == {"Ada Example": "Enrolled"}
    url = reverse("admin:participants_meeting_enrol", args=[other.pk])
    assert browser.post(url, {"users": [manager.pk]}).status_code == 404


def test_whoever_may_enrol_can_look_people_up(meeting: Meeting) -> None:
    UserFactory(first_name="Ada", username="ada", email="ada@example.org")
    UserFactory(first_name="Adam", is_active=False)
    asked = {"app_label": "participants", "model_name": "person", "field_name": "user", "term": "ada"}
    answer = sign_in("view_meeting", "add_participant").get(reverse("admin:autocomplete"), asked)
    assert [found["text"] for found in answer.json()["results"]] == ["Ada Example · ada · ada@example.org"]
    assert sign_in("view_meeting").get(reverse("admin:autocomplete"), asked).status_code == 403


def test_a_reload_shows_the_results_and_enrols_nobody(staff: Client, sandbox: Sandbox, meeting: Meeting) -> None:
    url = reverse("admin:participants_meeting_enrol", args=[meeting.pk])
    answer = staff.post(url, {"users": [UserFactory(first_name="Ada").pk]})
    assert answer.status_code == 302
    sandbox.requests.clear()
    for _ in range(2):
        assert read_results(staff.get(answer["Location"]).content.decode()) == {"Ada Example": "Enrolled"}
    assert sandbox.requests.count() == 0
    assert read_results(staff.get(f"{url}?result=guessed").content.decode()) == {}


def test_later_results_replace_earlier_ones(staff: Client, meeting: Meeting) -> None:
    url = reverse("admin:participants_meeting_enrol", args=[meeting.pk])
    first = staff.post(url, {"users": [UserFactory().pk]})["Location"]
    enrol(staff, meeting, UserFactory())
    assert read_results(staff.get(first).content.decode()) == {}


def test_results_come_in_the_order_in_which_people_were_chosen(staff: Client, meeting: Meeting) -> None:
    ada, grace, alan = (UserFactory(first_name=name) for name in ("Ada", "Grace", "Alan"))
    assert list(read_results(enrol(staff, meeting, grace, alan, ada))) == [
        "Grace Example",
        "Alan Example",
        "Ada Example",
    ]


def test_a_block_is_told_with_the_way_to_lift_it_to_whom_may(staff: Client, meeting: Meeting, by: Actor) -> None:
    person = PersonFactory()
    people.block(person, reason="", by=by)
    url = reverse("admin:participants_person_unblock", args=[person.pk])
    assert f'<a href="{url}">Unblock</a>' in enrol(staff, meeting, person.user)
    assert url not in enrol(sign_in("view_meeting", "add_participant"), meeting, person.user)


def test_after_an_error_those_chosen_look_as_in_the_list_they_came_from(staff: Client, meeting: Meeting) -> None:
    ada = UserFactory(first_name="Ada", username="ada", email="ada@example.org")
    html = enrol(staff, meeting, ada, UserFactory(), name="The chair")
    assert "Ada Example · ada · ada@example.org" in html
