"""Removing and changing the preset of many from the participants list: a dry run, then a batch and its page."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from participants import conf
from participants.admin.participantactions import FEW
from participants.models import Actor, Batch, Meeting, Participant, Preset
from participants.models.budget import Ledger, Limits
from participants.services import batches, bulkchanges
from participants.states import BatchKind, ParticipantState
from tests.admin.conftest import sign_in
from tests.factories import EnrolledFactory, GuestFactory, MadeMeetingFactory, PresetFactory, StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/participants/participant/"
MANY = FEW + 5


@pytest.fixture
def school(transactional_db: None) -> Meeting:
    made: Meeting = MadeMeetingFactory(title="Algebra")
    fill(made, MANY)
    return made


def fill(meeting: Meeting, count: int, **more: Any) -> None:
    for _ in range(count):
        EnrolledFactory(meeting=meeting, person=GuestFactory(), **more)


def choose_all(client: Client, action: str, query: str = "", **more: Any) -> Any:
    """Everybody who matches the list's filter, as Django's "Select all" sends it."""
    one = Participant.objects.values_list("pk", flat=True)[:1]
    form = {"action": action, "select_across": "1", "_selected_action": list(one), **more}
    return client.post(LIST + query, form)


def read_hidden(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html))


def confirm(client: Client, answer: Any, query: str = "") -> Any:
    """Sends the form of the dry run as a browser would."""
    return client.post(LIST + query, read_hidden(answer.content.decode()))


def open_page(client: Client, batch: Batch, query: str = "") -> str:
    answer = client.get(reverse("admin:participants_batch_change", args=[batch.pk]) + query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_dry_run_counts_and_changes_nothing(staff: Client, school: Meeting) -> None:
    fill(school, 3, state=ParticipantState.REMOVED)
    html = choose_all(staff, "remove").content.decode()
    assert f"Remove {MANY} of {MANY + 3} participants?" in html
    assert f"<dt>Will be removed</dt><dd>{MANY}</dd>" in html
    assert "<dt>Removed earlier</dt><dd>3</dd>" in html
    assert f"Remove {MANY} people" in html
    assert not Batch.objects.exists()
    assert not Participant.objects.filter(state=ParticipantState.REMOVING).exists()


def test_confirming_removes_all_that_match_the_filter_and_opens_the_batch(staff: Client, school: Meeting) -> None:
    fill(MadeMeetingFactory(title="Other"), MANY)
    query = f"?meeting={school.pk}"
    answer = confirm(staff, choose_all(staff, "remove", query), query)
    batch = Batch.objects.get()
    assert answer["Location"] == reverse("admin:participants_batch_change", args=[batch.pk])
    assert (batch.kind, batch.meeting, batch.total) == (BatchKind.REMOVE, school, MANY)
    assert Participant.objects.filter(state=ParticipantState.REMOVING, meeting=school).count() == MANY
    assert Participant.objects.filter(state=ParticipantState.ENROLLED).count() == MANY
    html = open_page(staff, batch)
    assert "Bulk removal" in html
    assert "<dt>Removed</dt>" in html


def test_ticked_rows_are_taken_and_no_others(staff: Client, school: Meeting) -> None:
    ticked = list(Participant.objects.values_list("pk", flat=True)[: FEW + 1])
    answer = staff.post(LIST, {"action": "remove", "_selected_action": ticked})
    form = read_hidden(answer.content.decode())
    staff.post(LIST, {**form, "_selected_action": ticked})
    assert Participant.objects.filter(state=ParticipantState.REMOVING).count() == FEW + 1


def test_a_dry_run_that_no_longer_holds_is_shown_again(staff: Client, school: Meeting) -> None:
    seen = choose_all(staff, "remove")
    fill(school, 1)
    html = confirm(staff, seen).content.decode()
    assert "Things have changed since you looked" in html
    assert f"Remove {MANY + 1} people" in html
    assert not Batch.objects.exists()


def test_a_preset_is_chosen_looked_at_and_changed(staff: Client, school: Meeting) -> None:
    host = PresetFactory(name="group_call_host")
    fill(school, 2, preset=host)
    assert "Choose a preset" in choose_all(staff, "change_preset").content.decode()
    assert "This field is required" in choose_all(staff, "change_preset", preset="").content.decode()
    looked = choose_all(staff, "change_preset", preset=host.pk)
    html = looked.content.decode()
    assert f"<dt>Will be changed</dt><dd>{MANY}</dd>" in html
    assert "<dt>Has it already</dt><dd>2</dd>" in html
    assert not Batch.objects.exists()
    confirm(staff, looked)
    assert Participant.objects.filter(preset=host).count() == MANY + 2
    assert "to group_call_host" in open_page(staff, Batch.objects.get())


def test_undo_asks_in_the_words_of_its_kind_and_does_it(staff: Client, school: Meeting, by: Actor) -> None:
    batch = bulkchanges.start(Participant.objects.all(), by=by)
    question = staff.get(reverse("admin:participants_batch_undo", args=[batch.pk])).content.decode()
    assert f"Undo and restore {MANY} people" in question
    staff.post(reverse("admin:participants_batch_act", args=[batch.pk, "undo"]))
    assert Participant.objects.filter(state=ParticipantState.PENDING).count() == MANY
    assert "Undone" in open_page(staff, batch)


def test_a_manager_removes_many_in_their_own_meeting_only(school: Meeting) -> None:
    manager, desk = StaffFactory(), Client()
    school.managers.add(manager)
    fill(MadeMeetingFactory(title="Other"), 5)
    desk.force_login(manager)
    confirm(desk, choose_all(desk, "remove"))
    assert Participant.objects.filter(state=ParticipantState.REMOVING).count() == MANY
    assert Participant.objects.filter(meeting__title="Other", state=ParticipantState.ENROLLED).count() == 5


def test_those_in_whose_meetings_one_may_not_do_it_are_counted_and_left(school: Meeting) -> None:
    watcher = StaffFactory(permissions=["view_participant"])
    school.managers.add(watcher)
    fill(MadeMeetingFactory(), 4)
    desk = Client()
    desk.force_login(watcher)
    answer = choose_all(desk, "remove")
    assert "<dt>Not yours</dt><dd>4</dd>" in answer.content.decode()
    confirm(desk, answer)
    assert Participant.objects.filter(state=ParticipantState.ENROLLED).count() == 4


@pytest.fixture
def wide(school: Meeting) -> Batch:
    """Over several meetings, started by somebody who manages them."""
    starter = StaffFactory(username="starter")
    other = MadeMeetingFactory(title="Other")
    fill(other, 2)
    for meeting in (school, other):
        meeting.managers.add(starter)
    return bulkchanges.start(Participant.objects.all(), by=Actor(via="tests", user=starter))


def sign_in_as(username: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=username))
    return client


def test_a_batch_over_several_meetings_is_seen_by_staff_with_the_right_and_by_who_started_it(wide: Batch) -> None:
    url = reverse("admin:participants_batch_change", args=[wide.pk])
    manager = StaffFactory(username="one_meeting")
    Meeting.objects.get(title="Algebra").managers.add(manager)
    for client in (sign_in("view_participant"), sign_in("remove_participant"), sign_in_as("starter")):
        assert client.get(url).status_code == 200
        assert "Several meetings" in client.get("/admin/participants/batch/").content.decode()
    assert sign_in_as("one_meeting").get(url).status_code == 404
    assert sign_in("add_participant").get(url).status_code == 404


def test_who_started_a_batch_sees_and_undoes_it_only_while_they_manage_all_its_meetings(wide: Batch) -> None:
    url = reverse("admin:participants_batch_act", args=[wide.pk, "undo"])
    starter = sign_in_as("starter")
    other = Meeting.objects.get(title="Other")
    other.managers.clear()
    assert starter.post(url).status_code == 404
    other.managers.add(User.objects.get(username="starter"))
    assert starter.post(url).status_code == 302
    assert Participant.objects.filter(state=ParticipantState.PENDING).count() == MANY + 2


def test_watching_a_batch_gives_no_button_to_change_it(wide: Batch) -> None:
    html = open_page(sign_in("view_participant"), wide)
    assert "/now/" not in html
    assert "/undo/" not in html


def test_a_waiting_batch_says_what_for_and_until_when(staff: Client, school: Meeting, by: Actor) -> None:
    batch = bulkchanges.start(Participant.objects.all(), by=by)
    ledger = Ledger(Limits(*conf.read_budget()))
    ledger.take(background=False)
    ledger.pause(60)
    assert re.search(r"Waiting for Cloudflare’s budget until \d\d:\d\d:\d\d UTC", open_page(staff, batch))


def test_failed_rows_can_be_copied_with_and_without_a_script(staff: Client, school: Meeting, by: Actor) -> None:
    host: Preset = PresetFactory(name="group_call_host")
    batch = bulkchanges.start(Participant.objects.all(), by=by, preset=host)
    failed = Participant.objects.select_related("person")[0]
    Participant.objects.filter(pk=failed.pk).update(state=ParticipantState.FAILED, last_error_code="refused")
    assert "Copy the failed ones" in open_page(staff, batch)
    html = open_page(staff, batch, "?outcome=failed")
    copied = re.search(r'<textarea id="copied"[^>]*>\n(.*?)</textarea>', html, re.DOTALL)
    assert copied is not None
    assert copied[1] == failed.effective_name
    assert 'data-copies="copied" hidden' in html
    assert batches.measure(batch).counts["failed"] == 1
