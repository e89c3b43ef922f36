from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from participants.models import Actor, Meeting, Participant, Preset
from participants.sandbox import Sandbox
from participants.services import enrolment, meetings, people, removal
from participants.states import ParticipantState, Source
from tests.admin.conftest import sign_in
from tests.factories import PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/participants/participant/"


@pytest.fixture
def ada(meeting: Meeting, by: Actor) -> Participant:
    return enrol(meeting, "Ada", by)


@pytest.fixture
def grace(meeting: Meeting, by: Actor) -> Participant:
    return enrol(meeting, "Grace", by)


def enrol(meeting: Meeting, name: str, by: Actor) -> Participant:
    person = PersonFactory(user__first_name=name)
    return enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by).participant


def choose(staff: Client, action: str, *rows: Participant, **more: object) -> str:
    """An action of the list; with ``post="yes"`` confirmed."""
    form = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return staff.post(LIST, form, follow=True).content.decode()


def act(staff: Client, action: str, row: Participant, **more: object) -> str:
    """The button on a participant's own page, confirmed."""
    url = reverse("admin:participants_participant_act", args=[row.pk, action])
    return staff.post(url, {"post": "yes", **more}, follow=True).content.decode()


def read_state(row: Participant) -> str:
    return Participant.objects.get(pk=row.pk).state


def test_a_confirmation_names_everybody_and_changes_nothing(
    staff: Client, ada: Participant, grace: Participant
) -> None:
    html = choose(staff, "remove", ada, grace)
    assert "Remove 2 participants?" in html
    assert "Ada Example" in html
    assert "Grace Example" in html
    assert "refused from this moment on" in html
    assert (read_state(ada), read_state(grace)) == ("enrolled", "enrolled")


def test_removing_says_what_held_here_and_there(
    staff: Client, sandbox: Sandbox, ada: Participant, grace: Participant
) -> None:
    html = choose(staff, "remove", ada, grace, post="yes")
    assert html.count("deleted at RealtimeKit") == 2
    assert (read_state(ada), read_state(grace)) == ("removed", "removed")
    assert sandbox.requests.count("participants.delete") == 2


def test_removing_during_an_outage_holds_here_and_says_so(staff: Client, sandbox: Sandbox, ada: Participant) -> None:
    sandbox.faults.down()
    html = act(staff, "remove", ada)
    assert "Refused here from now on. RealtimeKit does not know yet" in html
    row = Participant.objects.get(pk=ada.pk)
    assert (row.state, row.token) == ("removing", None)


def test_restoring_brings_somebody_back(staff: Client, ada: Participant, by: Actor) -> None:
    removal.remove(ada, by=by)
    assert "Enrolled again here and at RealtimeKit" in act(staff, "restore", ada)
    assert read_state(ada) == ParticipantState.ENROLLED


def test_restoring_into_a_full_meeting_is_told_per_person(
    staff: Client, meeting: Meeting, ada: Participant, grace: Participant, by: Actor
) -> None:
    removal.remove(ada, by=by)
    removal.remove(grace, by=by)
    meetings.edit(Meeting.objects.get(pk=meeting.pk), by=by, capacity=1)
    html = choose(staff, "restore", ada, grace, post="yes")
    assert html.count(">Restored<") == 1
    assert html.count(">Full<") == 1


def test_refreshing_replaces_the_token_and_shows_none(staff: Client, ada: Participant) -> None:
    before = str(Participant.objects.get(pk=ada.pk).token)
    html = act(staff, "refresh", ada)
    after = str(Participant.objects.get(pk=ada.pk).token)
    assert "new token was fetched" in html
    assert before != after
    assert before not in html
    assert after not in html


def test_who_cannot_join_gets_no_new_token(
    staff: Client, sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    meetings.edit(Meeting.objects.get(pk=meeting.pk), by=by, opens_at=timezone.now() + timedelta(hours=1))
    sandbox.requests.clear()
    html = act(staff, "refresh", ada)
    assert "they can&#x27;t join now. The meeting has not opened yet." in html
    assert sandbox.requests.count() == 0


def test_a_preset_is_changed_remotely(staff: Client, ada: Participant) -> None:
    host = Preset.objects.get(name="group_call_host")
    assert "Choose a preset" in choose(staff, "change_preset", ada)
    choose(staff, "change_preset", ada, post="yes", preset=host.pk)
    assert Participant.objects.get(pk=ada.pk).applied_preset == "group_call_host"


def test_changing_to_no_preset_asks_again(staff: Client, ada: Participant) -> None:
    assert "This field is required" in choose(staff, "change_preset", ada, post="yes", preset="")
    assert Participant.objects.get(pk=ada.pk).applied_preset == "group_call_participant"


def test_a_refused_change_is_told(staff: Client, sandbox: Sandbox, ada: Participant) -> None:
    sandbox.faults.add("refuse", "participants.patch", message="that preset is retired")
    html = act(staff, "change_preset", ada, preset=Preset.objects.get(name="group_call_host").pk)
    assert "RealtimeKit refused the change" in html
    assert "that preset is retired" in html


def test_a_failed_enrolment_is_retried(staff: Client, sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    sandbox.faults.add("refuse", "participants.add")
    row = enrol(meeting, "Ada", by)
    assert row.state == ParticipantState.FAILED
    assert "It holds here and at RealtimeKit" in act(staff, "retry", row)
    assert read_state(row) == ParticipantState.ENROLLED


def test_rows_to_which_an_action_does_not_apply_are_named_and_left(
    staff: Client, ada: Participant, grace: Participant, by: Actor
) -> None:
    removal.remove(grace, by=by)
    html = choose(staff, "remove", ada, grace)
    assert "Remove Ada Example?" in html
    assert "Left as they are" in html


def test_nobody_is_added_or_deleted_on_these_pages(staff: Client, ada: Participant) -> None:
    assert staff.get(LIST + "add/").status_code == 403
    assert staff.get(f"{LIST}{ada.pk}/delete/").status_code == 403
    assert staff.post(f"{LIST}{ada.pk}/change/", {"name": "X"}).status_code == 403


def test_actions_are_offered_by_right(ada: Participant) -> None:
    html = sign_in("view_participant", "remove_participant").get(LIST).content.decode()
    assert 'value="remove"' in html
    for missing in ("restore", "refresh", "change_preset", "retry"):
        assert f'<option value="{missing}"' not in html
    html = sign_in("view_participant").get(f"{LIST}{ada.pk}/change/").content.decode()
    assert "/act/" not in html


def test_an_action_without_its_right_is_refused(ada: Participant) -> None:
    watcher = sign_in("view_participant")
    url = reverse("admin:participants_participant_act", args=[ada.pk, "remove"])
    assert watcher.post(url, {"post": "yes"}).status_code == 403
    choose(watcher, "remove", ada, post="yes")
    assert read_state(ada) == ParticipantState.ENROLLED


def test_a_manager_acts_in_their_own_meeting_only(
    meeting: Meeting, ada: Participant, preset: Preset, by: Actor
) -> None:
    other = meetings.create(by=by, title="Other", default_preset=preset)[0]
    grace, manager, desk = enrol(other, "Grace", by), StaffFactory(), Client()
    meeting.managers.add(manager)
    desk.force_login(manager)
    choose(desk, "remove", ada, grace, post="yes")
    assert (read_state(ada), read_state(grace)) == ("removed", "enrolled")
    url = reverse("admin:participants_participant_act", args=[grace.pk, "remove"])
    assert desk.post(url, {"post": "yes"}).status_code == 404


def test_a_blocked_or_deactivated_person_is_not_offered_a_restore(
    staff: Client, ada: Participant, grace: Participant, meeting: Meeting, by: Actor
) -> None:
    alan = enrol(meeting, "Alan", by)
    people.block(ada.person, reason="", by=by)
    account = grace.person.user
    assert account is not None
    account.is_active = False
    account.save()
    removal.remove(alan, by=by)
    for row in (ada, grace):
        assert "/act/restore/" not in staff.get(f"{LIST}{row.pk}/change/").content.decode()
    html = choose(staff, "restore", ada, grace, alan)
    assert "Restore Alan Example?" in html
    assert "Algebra · blocked" in html
    assert "Algebra · deactivated" in html
