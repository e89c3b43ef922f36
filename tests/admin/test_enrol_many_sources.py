"""Enrolling many from a file, a group, another meeting or a filter; finding one's way in a long look."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from participants.models import Batch, Meeting, Participant, Preset
from participants.services import spreadsheets
from tests.admin.conftest import sign_in
from tests.admin.test_enrol_many import read_cells, send
from tests.factories import EnrolledFactory, GuestFactory, MadeMeetingFactory, PresetFactory, UserFactory
from tests.services.test_spreadsheets import make_book

pytestmark = pytest.mark.django_db(transaction=True)
PUPILS = b"Class;Pupil;E-mail;Role\n7b;Ada;ada@example.org;\n\n7b;Bob;bob@example.org;group_call_host\n7b;;;\n"


@pytest.fixture
def school() -> Meeting:
    UserFactory(username="ada", email="ada@example.org")
    PresetFactory(name="group_call_host")
    made: Meeting = MadeMeetingFactory(title="Algebra")
    return made


@pytest.fixture
def group(school: Meeting) -> Group:
    group = Group.objects.create(name="Class <7b>")
    for name in ("bob", "carl"):
        UserFactory(username=name, is_active=name != "carl").groups.add(group)
    return group


def upload(client: Client, meeting: Meeting, data: bytes, name: str = "pupils.csv", **more: Any) -> str:
    answer = send(client, meeting, "look", "", source="file", file=SimpleUploadedFile(name, data), **more)
    assert answer.status_code == 200
    return str(answer.content.decode())


def read_form(html: str) -> dict[str, str]:
    """What pressing a button of the page sends beside the button: hidden fields, chosen options and ticked boxes."""
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html)
    found = {name: unescape(value) for name, value in fields if name != "csrfmiddlewaretoken"}
    for name, options in re.findall(r'<select name="(\w+)".*?>(.*?)</select>', html, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found | dict.fromkeys(re.findall(r'<input type="checkbox" name="(\w+)"[^>]* checked', html), "on")


def press(client: Client, meeting: Meeting, html: str, step: str, **changes: str) -> Any:
    url = reverse("admin:participants_meeting_enrol_many", args=[meeting.pk])
    return client.post(url, {**read_form(html), "step": step, **changes})


def look(client: Client, meeting: Meeting, html: str, **changes: str) -> str:
    return str(press(client, meeting, html, "look", **changes).content.decode())


@pytest.mark.parametrize("data", [PUPILS, make_book(line.split(";") for line in PUPILS.decode().splitlines())])
def test_a_file_shows_its_columns_first_with_a_guess_and_writes_nothing(
    staff: Client, school: Meeting, data: bytes
) -> None:
    html = upload(staff, school, data)
    assert "Which column says who?" in html
    chosen = read_form(html)
    assert [chosen[name] for name in ("who", "name", "role", "headed")] == ["2", "1", "3", "on"]
    assert "<td>ada@example.org</td>" in html
    assert not Batch.objects.exists()


def test_the_file_goes_from_its_columns_to_the_batch_without_being_sent_again(staff: Client, school: Meeting) -> None:
    html = look(staff, school, upload(staff, school, PUPILS), pre_enrol="on")
    assert [row[0] for row in read_cells(html)] == ["2", "4", "5"]
    assert "Enrol 2 people" in html
    answer = press(staff, school, html, "start")
    batch = Batch.objects.get()
    assert answer["Location"] == reverse("admin:participants_batch_change", args=[batch.pk])
    rows = Participant.objects.filter(meeting=school).order_by("person__email")
    assert [(row.person.display_name, row.preset.name) for row in rows][1] == ("Bob", "group_call_host")
    assert [row.line for row in batch.rows.all()] == [2, 4, 5]


def test_the_columns_can_be_chosen_otherwise_and_changed_again(staff: Client, school: Meeting) -> None:
    html = look(staff, school, upload(staff, school, PUPILS), who="1", name="", role="")
    assert [row[1] for row in read_cells(html)] == ["Ada", "Bob", "(blank)"]
    again = press(staff, school, html, "edit").content.decode()
    assert read_form(again)["who"] == "1"
    assert 'role="region"' in again


def test_a_file_without_headings_is_read_from_its_first_row(staff: Client, school: Meeting) -> None:
    html = upload(staff, school, b"ada@example.org\nbob@example.org\n")
    assert "headed" not in read_form(html)
    assert "Column A" in html
    assert len(read_cells(look(staff, school, html))) == 2


def test_a_column_must_be_chosen(staff: Client, school: Meeting) -> None:
    html = look(staff, school, upload(staff, school, PUPILS), who="")
    assert "Choose the column that says who." in html
    assert "Select a valid choice" in look(staff, school, html, who="99")


def test_a_preset_can_be_chosen_beside_the_columns(staff: Client, school: Meeting) -> None:
    Meeting.objects.update(default_preset=None)
    html = upload(staff, school, PUPILS)
    assert "Which column says who?" in html
    assert "This field is required" in html
    chosen = str(Preset.objects.latest("created_at").pk)
    assert "Nothing has been changed yet</h2>" in look(staff, school, html, preset=chosen)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The submitted file is empty."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel file"),
        (b"%PDF-1.7", "neither a CSV file nor an Excel workbook"),
        (b"x" * (spreadsheets.BYTES + 1), "larger than 8 MB"),
        (b"who\n" + b"a\n" * 20_001, "At most 20,000 people"),
    ],
    ids=["empty", "xls", "pdf", "large", "long"],
)
def test_a_file_that_is_no_list_is_refused_in_words(staff: Client, school: Meeting, data: bytes, words: str) -> None:
    html = upload(staff, school, data)
    assert words in html
    assert "Where does the list come from?" in html


def test_no_file_at_all_says_so(staff: Client, school: Meeting) -> None:
    assert "Choose a file." in send(staff, school, "look", "", source="file").content.decode()


@pytest.mark.parametrize("change", ["x", "", "eyJ"])
def test_what_was_not_read_here_is_not_taken_back(staff: Client, school: Meeting, change: str) -> None:
    html = upload(staff, school, PUPILS)
    carried = read_form(html)["table"]
    answer = look(staff, school, html, table=f"{change}{carried[1:]}")
    assert "Upload it again" in answer
    assert not Batch.objects.exists()


def test_cells_are_escaped(staff: Client, school: Meeting) -> None:
    html = upload(staff, school, b"<script>alert(1)</script>;mail\n<img src=x>;a@example.org\n")
    assert "<script>alert" not in html
    assert "<img src=x>" not in html
    assert "<img src=x>" not in look(staff, school, html, who="0", name="1")


def test_a_group_is_enrolled_by_id_and_the_deactivated_are_named(
    staff: Client, school: Meeting, group: Group
) -> None:
    page = staff.get(reverse("admin:participants_meeting_enrol_many", args=[school.pk])).content.decode()
    assert "Class &lt;7b&gt; (2 members)" in page
    html = send(staff, school, "look", "", source="group", group=group.pk).content.decode()
    assert [row[1] for row in read_cells(html)] == ["bob", "carl"]
    assert "The user is deactivated" in html
    press(staff, school, html, "start")
    assert [row.person.user.username for row in Participant.objects.all() if row.person.user] == ["bob"]


def test_a_group_that_has_changed_since_the_look_is_looked_at_again(
    staff: Client, school: Meeting, group: Group
) -> None:
    html = send(staff, school, "look", "", source="group", group=group.pk).content.decode()
    UserFactory(username="dora").groups.add(group)
    again = press(staff, school, html, "start").content.decode()
    assert "has changed since you looked" in again
    assert not Batch.objects.exists()
    press(staff, school, again, "start")
    assert Batch.objects.get().total == 3


def test_everybody_of_another_meeting_comes_along(staff: Client, school: Meeting) -> None:
    other = MadeMeetingFactory(title="Biology")
    host = Preset.objects.get(name="group_call_host")
    EnrolledFactory(meeting=other, person=GuestFactory(display_name="Guest G"), preset=host)
    html = send(
        staff, school, "look", "", source="meeting", from_meeting=other.pk, with_presets="on"
    ).content.decode()
    assert "Guest G" in html
    press(staff, school, html, "start")
    assert Participant.objects.get(meeting=school).preset == host


def test_users_that_match_a_filter_are_enrolled(staff: Client, school: Meeting, group: Group) -> None:
    filters = {"search": "example", "active": "yes", "in_group": group.pk, "joined_since": "2020-01-01"}
    html = send(staff, school, "look", "", source="users", **filters).content.decode()
    assert [row[1] for row in read_cells(html)] == ["bob"]
    press(staff, school, html, "start")
    assert Batch.objects.get().total == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"source": "group"}, "Choose a group."),
        ({"source": "group", "group": "99"}, "Select a valid choice"),
        ({"source": "meeting"}, "Choose a meeting."),
        ({"source": "meeting", "from_meeting": "nonsense"}, "id_from_meeting_error"),
        ({"source": "users", "search": "nobody at all"}, "No user matches the filter."),
        ({"source": "users", "joined_since": "soon"}, "Enter a valid date."),
        ({"source": "carrier pigeon"}, "Select a valid choice"),
    ],
)
def test_a_source_that_gives_nobody_says_why(
    staff: Client, school: Meeting, group: Group, fields: dict[str, str], words: str
) -> None:
    EnrolledFactory()
    html = unescape(send(staff, school, "start", "", **fields).content.decode())
    assert words in html
    assert not Batch.objects.exists()


def test_only_sources_that_one_may_view_are_offered(school: Meeting, group: Group) -> None:
    EnrolledFactory()
    url = reverse("admin:participants_meeting_enrol_many", args=[school.pk])

    def list_offered(*rights: str) -> list[str]:
        page = sign_in("add_participant", "view_meeting", *rights).get(url).content.decode()
        return re.findall(r'name="source" id="source_(\w+)"', page)

    assert list_offered() == ["paste", "file"]
    assert list_offered("view_group") == ["paste", "file"]
    assert list_offered("view_user") == ["paste", "file", "users"]
    assert list_offered("view_user", "view_group") == ["paste", "file", "group", "users"]
    assert list_offered("view_participant") == ["paste", "file", "meeting"]
    client = sign_in("add_participant", "view_meeting", "view_user")
    for fields in ({"source": "group", "group": group.pk}, {"source": "users", "in_group": group.pk}):
        html = send(client, school, "look", "", **fields).content.decode()
        assert "bob" not in html or fields["source"] == "users"
    assert (
        "Select a valid choice" in send(client, school, "look", "", source="group", group=group.pk).content.decode()
    )


LONG = "ada; nobody; ghost\nBob <bob@example.org>; ada"


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"show": "not_found"}, ["nobody", "ghost"]),
        ({"show": "will_enrol"}, ["ada", "Bob <bob@example.org>"]),
        ({"show": "duplicate"}, ["ada"]),
        ({"find": " BOB "}, ["Bob <bob@example.org>"]),
        ({"find": "o", "show": "not_found"}, ["nobody", "ghost"]),
        ({"show": "<x>"}, ["ada", "Bob <bob@example.org>", "nobody", "ghost", "ada"]),
    ],
)
def test_the_look_is_filtered_and_searched_and_keeps_the_list(
    staff: Client, school: Meeting, fields: dict[str, str], texts: list[str]
) -> None:
    html = send(staff, school, "look", LONG, pre_enrol="on", **fields).content.decode()
    assert [unescape(row[1]) for row in read_cells(html)] == texts
    assert "Enrol 2 people" in html
    carried = re.search(r'<textarea name="people"[^>]*>\n(.*?)</textarea>', html, re.DOTALL)
    assert carried is not None
    assert unescape(carried[1]) == LONG


def test_the_enter_key_in_the_search_field_never_enrols(staff: Client, school: Meeting) -> None:
    html = send(staff, school, "look", LONG).content.decode()
    form = html[html.index('id="carry"') :]
    first = re.search(r"<button[^>]*>", form)
    assert first is not None
    assert 'value="start"' not in first[0]
    assert read_form(form)["step"] == "look"


def test_the_whole_look_can_be_downloaded_and_no_cell_is_a_formula(staff: Client, school: Meeting) -> None:
    people = "=cmd()\nada\n" + "\n".join(f"p{n}" for n in range(300))
    answer = send(staff, school, "download", people)
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert "no-store" in answer["Cache-Control"]
    assert len(lines) == 303
    assert lines[1].startswith("1,'=cmd(),")
    assert lines[2].startswith("2,ada,")
    assert not Batch.objects.exists()
