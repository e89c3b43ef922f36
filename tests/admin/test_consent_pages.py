"""Consent as staff see it: the text on the meeting's page with all its versions, and who has agreed."""

import csv
import io

import pytest
from django.contrib.auth.models import User
from django.test import Client

from participants.models import Actor, ConsentText, Event, EventKind, Meeting, Participant
from participants.services import consents, meetings
from tests.admin.conftest import make_with_token, sign_in
from tests.admin.test_meeting_pages import LIST, fill_in
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)
RECORDED = "This meeting is recorded.\n\nThe recording is kept for a year."
PEOPLE = "/admin/participants/participant/"


def save(client: Client, meeting: Meeting, text: str, *, seen: str = "", **more: object) -> str:
    """The page after the form was sent as a browser does; ``seen`` is the text that the form was opened with."""
    form = fill_in(meeting, consent_text=text.replace("\n", "\r\n"), **more)
    form["initial-consent_text"] = seen.replace("\n", "\r\n")
    return client.post(f"{LIST}{meeting.pk}/change/", form, follow=True).content.decode()


def list_texts(meeting: Meeting) -> list[tuple[int, str]]:
    return [(text.number, text.text) for text in consents.list_versions(meeting)]


def agree(row: Participant, by: Actor) -> None:
    consents.agree(
        Participant.objects.with_relations().get(pk=row.pk), find(row.meeting).pk, by=by, now=row.created_at
    )


def find(meeting: Meeting) -> ConsentText:
    return ConsentText.objects.filter(meeting=meeting).latest("number")


def test_staff_write_a_text_and_see_every_version(staff: Client, meeting: Meeting, boss: User) -> None:
    save(staff, meeting, RECORDED)
    save(staff, meeting, "It is <i>streamed</i>.", seen=RECORDED)
    assert list_texts(meeting) == [(2, "It is <i>streamed</i>."), (1, RECORDED)]
    assert {text.created_by for text in ConsentText.objects.all()} == {boss}
    page = staff.get(f"{LIST}{meeting.pk}/change/").content.decode()
    assert "Versions of the consent text (2)" in page
    assert page.index("Version 2") < page.index("Asked now") < page.index("Version 1")
    assert "It is &lt;i&gt;streamed&lt;/i&gt;." in page
    assert "<i>streamed</i>" not in page


def test_a_meeting_can_be_made_with_a_text(staff: Client, meeting: Meeting) -> None:
    form = fill_in(meeting, title="Geometry", consent_text=RECORDED)
    staff.post(f"{LIST}add/", form)
    made = Meeting.objects.get(title="Geometry")
    assert (made.consent_text, list_texts(made)) == (RECORDED, [(1, RECORDED)])


def test_saving_something_else_makes_no_version(staff: Client, meeting: Meeting) -> None:
    save(staff, meeting, RECORDED)
    save(staff, meeting, RECORDED, seen=RECORDED, title="Topology")
    meeting.refresh_from_db()
    assert (meeting.title, list_texts(meeting)) == ("Topology", [(1, RECORDED)])


def test_a_form_opened_before_does_not_bring_the_older_text_back(staff: Client, meeting: Meeting, by: Actor) -> None:
    save(staff, meeting, RECORDED)
    meetings.store(meeting, by=by, consent_text="It is streamed.", changed=[])
    save(staff, meeting, RECORDED, seen=RECORDED, title="Topology")
    meeting.refresh_from_db()
    assert (meeting.title, meeting.consent_text) == ("Topology", "It is streamed.")


def test_an_emptied_text_asks_nobody_and_its_versions_stay(staff: Client, meeting: Meeting) -> None:
    save(staff, meeting, RECORDED)
    page = save(staff, meeting, "  ", seen=RECORDED)
    meeting.refresh_from_db()
    assert (meeting.consent_id, list_texts(meeting)) == (None, [(1, RECORDED)])
    assert page
    assert Event.objects.filter(kind=EventKind.MEETING_CHANGED, data={"consent_version": "none"}).count() == 1


def test_a_text_that_is_too_long_is_an_error_at_its_field(staff: Client, meeting: Meeting) -> None:
    page = save(staff, meeting, "a" * 5_001)
    assert "at most 5000 characters" in page
    assert list_texts(meeting) == []


def test_who_only_looks_reads_it_and_can_not_write_it(staff: Client, meeting: Meeting) -> None:
    save(staff, meeting, RECORDED)
    viewer = sign_in("view_meeting")
    page = viewer.get(f"{LIST}{meeting.pk}/change/").content.decode()
    assert "The recording is kept for a year." in page
    assert '<textarea name="consent_text"' not in page
    save(viewer, meeting, "Anything.", seen=RECORDED)
    assert list_texts(meeting) == [(1, RECORDED)]


def test_a_manager_writes_it_for_their_own_meeting(meeting: Meeting) -> None:
    manager = StaffFactory()
    meeting.managers.add(manager)
    client = Client()
    client.force_login(manager)
    save(client, meeting, RECORDED)
    assert list_texts(meeting) == [(1, RECORDED)]


def test_the_list_of_people_is_asked_who_has_agreed(staff: Client, meeting: Meeting, by: Actor) -> None:
    meetings.store(meeting, by=by, consent_text=RECORDED, changed=[])
    willing = make_with_token(meeting=meeting, name="Willing Example")
    make_with_token(meeting=meeting, name="Waiting Example")
    make_with_token(name="Elsewhere Example")
    agree(willing, by)
    names = ("Willing Example", "Waiting Example", "Elsewhere Example")
    for state, found in zip(("agreed", "waiting", "not_asked"), names, strict=True):
        page = staff.get(f"{PEOPLE}?consent={state}").content.decode()
        assert [name for name in names if f">{name}<" in page] == [found]
    assert "column-consent" in staff.get(f"{PEOPLE}?meeting={meeting.pk}").content.decode()
    assert "column-consent" not in staff.get(PEOPLE).content.decode()
    page = staff.get(f"{LIST}{meeting.pk}/change/").content.decode()
    assert ">1 agreed</a>" in page
    assert ">1 not yet</a>" in page


def test_a_downloaded_list_says_who_agreed_to_what(staff: Client, meeting: Meeting, by: Actor) -> None:
    meetings.store(meeting, by=by, consent_text=RECORDED, changed=[])
    willing = make_with_token(meeting=meeting, name="Willing Example")
    agree(willing, by)
    answer = staff.get(f"{PEOPLE}export.csv?meeting={meeting.pk}")
    body = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]  # a streamed answer
    (row,) = csv.DictReader(io.StringIO(body))
    assert (row["consent"], row["agreed to version"]) == ("Agreed", "1")


def test_the_page_of_somebody_says_what_they_agreed_to_and_when(staff: Client, meeting: Meeting, by: Actor) -> None:
    row = make_with_token(meeting=meeting)
    address = f"{PEOPLE}{row.pk}/change/"
    assert "Not asked" in staff.get(address).content.decode()
    meetings.store(meeting, by=by, consent_text=RECORDED, changed=[])
    waiting = staff.get(address).content.decode()
    assert "Not yet. They can once they agree to the consent text: the join page asks them." in waiting
    agree(row, by)
    agreed = staff.get(address).content.decode()
    assert "Yes, they can join now." in agreed
    assert "Version 1 on " in agreed
    assert "Agreed to the consent text" in agreed


def test_a_new_token_for_who_has_not_agreed_is_refused_in_words_for_staff(
    staff: Client, meeting: Meeting, by: Actor
) -> None:
    row = make_with_token(meeting=meeting)
    meetings.store(meeting, by=by, consent_text=RECORDED, changed=[])
    answer = staff.post(f"{PEOPLE}{row.pk}/act/refresh/", {"post": "yes"}, follow=True)
    assert "They have not agreed to the consent text; the join page asks them." in answer.content.decode()
