"""Enrolling many on the meeting: paste, look, confirm, follow, stop, retry, undo."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from participants.models import Actor, Batch, Meeting, Participant, Preset
from participants.sandbox import Sandbox
from participants.services import batches, passes, rosters
from participants.states import ParticipantState
from tests.admin.conftest import sign_in
from tests.factories import GuestFactory, MadeMeetingFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
PASTED = "ada; nobody\n\nBob <bob@example.org>\r\nada"


@pytest.fixture
def school() -> Meeting:
    UserFactory(username="ada", first_name="Ada")
    made: Meeting = MadeMeetingFactory(title="Algebra")
    return made


def send(client: Client, meeting: Meeting, step: str, people: str = PASTED, **more: Any) -> Any:
    url = reverse("admin:participants_meeting_enrol_many", args=[meeting.pk])
    return client.post(url, {"people": people, "step": step, **more})


def begin(client: Client, meeting: Meeting, people: str = PASTED, **more: Any) -> Batch:
    answer = send(client, meeting, "start", people, pre_enrol="on", **more)
    batch = Batch.objects.latest("created_at")
    assert answer["Location"] == reverse("admin:participants_batch_change", args=[batch.pk])
    return batch


def open_page(client: Client, batch: Batch, query: str = "") -> str:
    answer = client.get(reverse("admin:participants_batch_change", args=[batch.pk]) + query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def act(client: Client, batch: Batch, action: str) -> Any:
    return client.post(reverse("admin:participants_batch_act", args=[batch.pk, action]))


def read_cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr><td>(\d+)</td><th scope=\"row\">(.*?)</th>(.*?)</tr>", html)
    return [[line, text, re.sub(r"<.*?>", " ", rest).strip()] for line, text, rest in rows]


def test_the_meeting_offers_it_beside_enrolling_single_people(staff: Client, school: Meeting) -> None:
    page = staff.get(reverse("admin:participants_meeting_change", args=[school.pk])).content.decode()
    assert reverse("admin:participants_meeting_enrol_many", args=[school.pk]) in page


def test_the_look_shows_two_lists_with_lines_and_reasons_and_changes_nothing(staff: Client, school: Meeting) -> None:
    html = send(staff, school, "look").content.decode()
    will, will_not = html.split('id="left-title"')
    assert [row[:2] for row in read_cells(will)] == [["1", "ada"]]
    assert [row[:2] for row in read_cells(will_not)] == [
        ["1", "nobody"],
        ["3", "Bob &lt;bob@example.org&gt;"],
        ["4", "ada"],
    ]
    assert "No user has this username" in will_not
    assert "Enrol 1 person" in html
    assert not Batch.objects.exists()
    assert not Participant.objects.exists()


def test_the_look_carries_the_list_to_the_confirmation_with_its_lines(staff: Client, school: Meeting) -> None:
    html = send(staff, school, "look", pre_enrol="on").content.decode()
    assert "Enrol 2 people" in html
    assert "New guest" in html
    carried = re.search(r'<textarea name="people"[^>]*>\n(.*?)</textarea>', html, re.DOTALL)
    assert carried is not None
    assert carried[1].replace("&lt;", "<").replace("&gt;", ">") == PASTED
    assert 'name="pre_enrol" value="on"' in html


def test_confirming_starts_a_batch_and_opens_its_page(staff: Client, school: Meeting) -> None:
    batch = begin(staff, school)
    html = open_page(staff, batch)
    assert '<progress class="rc-progress" value="2" max="4"' in html
    assert read_cells(html)[0][:2] == ["1", "ada"]
    assert {(row.source, str(row.enrolled_by)) for row in batch.participants.all()} == {("bulk", "boss")}


def test_the_list_can_be_changed_after_the_look(staff: Client, school: Meeting) -> None:
    html = send(staff, school, "edit").content.decode()
    assert "ada; nobody" in html
    assert "Look at it first" in html


@pytest.mark.parametrize("people", ["", " \n,;"])
def test_an_empty_list_is_refused(staff: Client, school: Meeting, people: str) -> None:
    html = send(staff, school, "start", people).content.decode()
    assert "errorlist" in html
    assert not Batch.objects.exists()


def test_a_list_that_is_too_long_is_refused_in_words(staff: Client, school: Meeting) -> None:
    html = send(staff, school, "look", "a\n" * (rosters.ROWS + 1)).content.decode()
    assert "At most 20,000 people" in html


def test_a_preset_must_be_chosen_where_the_meeting_has_none(staff: Client, preset: Preset) -> None:
    meeting = MadeMeetingFactory(default_preset=None)
    UserFactory(username="ada")
    assert "This field is required" in send(staff, meeting, "look").content.decode()
    begin(staff, meeting, preset=preset.pk)
    assert set(Participant.objects.values_list("preset", flat=True)) == {preset.pk}


def test_names_in_a_list_are_escaped(staff: Client, school: Meeting) -> None:
    evil = '"<script>alert(1)</script>" <x@example.org>, <img src=x>'
    assert "<script>alert" not in send(staff, school, "look", evil, pre_enrol="on").content.decode()
    html = open_page(staff, begin(staff, school, evil))
    assert "<script>alert" not in html
    assert "<img src=x" not in html


def test_a_page_of_a_large_batch_stays_small(staff: Client, school: Meeting) -> None:
    people = "\n".join(f"pupil{n}@example.org" for n in range(450))
    assert len(read_cells(send(staff, school, "look", people).content.decode())) == 200
    batch = begin(staff, school, people)
    html = open_page(staff, batch)
    assert len(read_cells(html)) == 100
    assert "Page 1 of 5" in html
    assert "pupil449@" in open_page(staff, batch, "?p=5")


@pytest.mark.parametrize(
    ("query", "lines"),
    [("?outcome=skipped", ["1", "4"]), ("?reason=not_found", ["1"]), ("?outcome=pending", ["1", "3"])],
)
def test_rows_are_filtered_and_can_be_copied(staff: Client, school: Meeting, query: str, lines: list[str]) -> None:
    html = open_page(staff, begin(staff, school), query)
    assert [row[0] for row in read_cells(html)] == lines
    assert 'id="copied"' in html


@pytest.mark.parametrize("query", ["?outcome=lost", "?reason=%3Cx", "?p=nine", "?p=-1", "?p=99"])
def test_a_filter_that_makes_no_sense_is_ignored(staff: Client, school: Meeting, query: str) -> None:
    assert len(read_cells(open_page(staff, begin(staff, school), query))) == 4


def test_failed_rows_are_downloaded_and_no_cell_is_a_formula(staff: Client, school: Meeting) -> None:
    begin(staff, school, "=cmd()\n+1\n-1\n@x\nada")
    batch = Batch.objects.get()
    GuestFactory(display_name="=HYPERLINK()")
    answer = staff.get(reverse("admin:participants_batch_rows", args=[batch.pk]) + "?outcome=skipped")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]  # a streaming answer
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert [line.split(",")[1] for line in text.splitlines()[1:]] == ["'=cmd()", "'+1", "'-1", "'@x"]


def test_what_realtimekit_refused_says_why_and_is_retried(
    staff: Client, sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    sandbox.faults.add("refuse", operation="participants.add", times=1)
    batch = begin(staff, meeting, "bob@example.org")
    passes.tick(by=by)
    html = open_page(staff, batch)
    assert "refused by a scripted fault" in html
    assert "Retry failed" in html
    act(staff, batch, "retry")
    passes.tick(by=by)
    assert batches.measure(batch).counts["enrolled"] == 1


def test_stopping_withdraws_what_still_waits(staff: Client, school: Meeting) -> None:
    batch = begin(staff, school)
    html = staff.post(reverse("admin:participants_batch_act", args=[batch.pk, "stop"]), follow=True).content.decode()
    assert "2 people who were still waiting will not be enrolled" in html
    assert batches.measure(batch).counts["pending"] == 0


def test_undoing_asks_first_and_says_whom_it_removes(staff: Client, school: Meeting) -> None:
    begin(staff, school, "ada")
    batch = begin(staff, school, "ada\nbob@example.org\nc@example.org")
    question = staff.get(reverse("admin:participants_batch_undo", args=[batch.pk])).content.decode()
    assert "<strong>2 people</strong>" in question
    assert "The other 1 of the list" in question
    assert not Participant.objects.filter(state=ParticipantState.REMOVING).exists()
    act(staff, batch, "undo")
    assert Participant.objects.filter(state=ParticipantState.REMOVING).count() == 2
    assert "Undone" in open_page(staff, batch)


def test_looking_at_an_action_changes_nothing(staff: Client, school: Meeting) -> None:
    batch = begin(staff, school)
    for action in ("stop", "retry", "undo"):
        staff.get(reverse("admin:participants_batch_act", args=[batch.pk, action]))
    assert batches.measure(batch).counts["pending"] == 2


def test_an_undone_batch_says_why_it_is_not_retried(staff: Client, school: Meeting) -> None:
    batch = begin(staff, school)
    batches.undo(batch, by=Actor(via="tests"))
    url = reverse("admin:participants_batch_act", args=[batch.pk, "retry"])
    assert "was undone" in staff.post(url, follow=True).content.decode()


def test_each_right_opens_what_it_names(staff: Client, school: Meeting) -> None:
    batch = begin(staff, school)
    page = reverse("admin:participants_batch_change", args=[batch.pk])
    enrols, views = sign_in("add_participant", "view_meeting"), sign_in("view_participant")
    removes = sign_in("remove_participant", "view_participant")
    assert [client.get(page).status_code for client in (enrols, views, sign_in("view_meeting"))] == [200, 200, 404]
    assert [act(client, batch, "undo").status_code for client in (enrols, views)] == [403, 403]
    assert [act(client, batch, "stop").status_code for client in (views, removes)] == [403, 403]
    assert act(removes, batch, "undo").status_code == 302
    assert act(staff, batch, "dance").status_code == 404
    assert send(views, school, "start").status_code == 404


def test_a_manager_enrols_many_into_their_own_meeting_only(school: Meeting) -> None:
    manager, client = StaffFactory(), Client()
    school.managers.add(manager)
    client.force_login(manager)
    batch = begin(client, school)
    assert "Undo …" in open_page(client, batch)
    assert send(client, MadeMeetingFactory(), "start").status_code == 404
    assert client.get(reverse("admin:participants_batch_changelist")).status_code == 200


def test_batches_are_listed_with_their_state(staff: Client, school: Meeting) -> None:
    begin(staff, school)
    page = staff.get(reverse("admin:participants_batch_changelist")).content.decode()
    assert "Algebra" in page
    assert "Running" in page


@pytest.mark.parametrize("key", ["nonsense", "0190a3a0-1111-7000-8000-000000000001"])
def test_an_unknown_batch_is_not_found(staff: Client, key: str) -> None:
    assert staff.get(f"/admin/participants/batch/{key}/change/").status_code == 404
