from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from participants.models import Meeting, Preset
from participants.sandbox import Sandbox
from tests.admin.conftest import sign_in
from tests.factories import MadeMeetingFactory, MeetingFactory, ParticipantFactory, PresetFactory, StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/participants/meeting/"


def fill_in(meeting: Meeting | None = None, **changed: object) -> dict[str, object]:
    """The form as a browser sends it."""
    preset = meeting.default_preset_id if meeting else None
    form = {"title": meeting.title if meeting else "", "status": "ACTIVE", "admission": "invited"}
    empty = dict.fromkeys(("opens_at_0", "opens_at_1", "closes_at_0", "closes_at_1", "capacity"), "")
    return {**form, **empty, "default_preset": preset or "", "enforce_window": "on", **changed}


def list_remote_titles(sandbox: Sandbox) -> list[str | None]:
    return [meeting.title for meeting in sandbox.world.meeting_rows.all()]


def test_a_meeting_is_made_here_and_remotely(staff: Client, sandbox: Sandbox, preset: Preset) -> None:
    answer = staff.post(LIST + "add/", fill_in(title="Geometry", default_preset=preset.pk), follow=True)
    meeting = Meeting.objects.get(title="Geometry")
    assert answer.redirect_chain[-1][0] == reverse("admin:participants_meeting_change", args=[meeting.pk])
    assert (meeting.state, list_remote_titles(sandbox)) == ("created", ["Geometry"])


def test_an_edit_reaches_the_other_side(staff: Client, sandbox: Sandbox, meeting: Meeting) -> None:
    staff.post(f"{LIST}{meeting.pk}/change/", fill_in(meeting, title="Topology"))
    meeting.refresh_from_db()
    assert (meeting.title, meeting.applied_title, list_remote_titles(sandbox)) == (
        "Topology",
        "Topology",
        ["Topology"],
    )


def test_an_outage_keeps_the_edit_and_says_so(staff: Client, sandbox: Sandbox, meeting: Meeting) -> None:
    sandbox.faults.down()
    answer = staff.post(f"{LIST}{meeting.pk}/change/", fill_in(meeting, title="Topology"), follow=True)
    meeting.refresh_from_db()
    assert (meeting.title, meeting.applied_title) == ("Topology", "Algebra")
    assert "RealtimeKit does not know yet" in answer.content.decode()


def test_a_refused_meeting_shows_why_and_can_be_retried(staff: Client, sandbox: Sandbox, preset: Preset) -> None:
    sandbox.faults.add("refuse", "meetings.create", message="no such title, please")
    answer = staff.post(LIST + "add/", fill_in(title="Geometry", default_preset=preset.pk), follow=True)
    assert "no such title, please" in answer.content.decode()
    meeting = Meeting.objects.get(title="Geometry")
    staff.post(reverse("admin:participants_meeting_retry", args=[meeting.pk]))
    meeting.refresh_from_db()
    assert meeting.state == "created"


def test_closing_before_opening_is_a_form_error(staff: Client, preset: Preset) -> None:
    times: dict[str, object] = {
        "opens_at_0": "2027-01-11",
        "opens_at_1": "09:00",
        "closes_at_0": "2027-01-11",
        "closes_at_1": "08:00",
    }
    answer = staff.post(LIST + "add/", {**fill_in(title="Geometry"), **times})
    assert "must close after it opens" in answer.content.decode()
    assert not Meeting.objects.exists()


def test_a_window_that_no_longer_fits_what_a_colleague_stored_meanwhile_is_told(staff: Client) -> None:
    meeting = MadeMeetingFactory()
    colleague = iter([Meeting.objects.filter(pk=meeting.pk)])

    def interfere(execute: Any, sql: str, *told: Any) -> Any:
        # The form is checked; the first thing that storing does is to mark a place to go back to.
        if sql.startswith("SAVEPOINT") and (rows := next(colleague, None)) is not None:
            rows.update(closes_at="2999-01-11T08:00:00Z")
        return execute(sql, *told)

    times: dict[str, object] = {"opens_at_0": "2999-01-11", "opens_at_1": "09:00"}
    with connection.execute_wrapper(interfere):
        answer = staff.post(f"{LIST}{meeting.pk}/change/", {**fill_in(meeting), **times}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{LIST}{meeting.pk}/change/"
    assert "Somebody else has just changed this meeting. The meeting must close after it opens." in (
        answer.content.decode()
    )
    meeting.refresh_from_db()
    assert meeting.opens_at is None


def test_each_phase_has_its_badge(staff: Client) -> None:
    now, hour = timezone.now(), timedelta(hours=1)
    MadeMeetingFactory(title="A")
    MadeMeetingFactory(title="B", opens_at=now + 3 * hour)
    MadeMeetingFactory(title="C", closes_at=now - hour)
    MadeMeetingFactory(title="D", status="INACTIVE")
    MeetingFactory(title="E")
    MeetingFactory(title="F", state="failed", last_error_code="bad_request", last_error_detail="no")
    html = staff.get(LIST).content.decode()
    for label in ("Open now", "Opens in 2", "Closed", "Inactive", "Pending", "Failed"):
        assert f">{label}" in html


def test_a_preset_that_is_gone_is_a_warning(staff: Client) -> None:
    gone = PresetFactory(name="old", gone_at=timezone.now())
    meeting = MadeMeetingFactory(default_preset=gone)
    assert "Preset gone" in staff.get(LIST).content.decode()
    assert "no longer exists" in staff.get(f"{LIST}{meeting.pk}/change/").content.decode()


@pytest.mark.parametrize(
    ("asked", "shown"), [("open", "Now"), ("later", "Soon"), ("over", "Past"), ("inactive", "Off")]
)
def test_meetings_are_filtered_by_now(staff: Client, asked: str, shown: str) -> None:
    now, hour = timezone.now(), timedelta(hours=1)
    MadeMeetingFactory(title="Room Now")
    MadeMeetingFactory(title="Room Soon", opens_at=now + hour)
    MadeMeetingFactory(title="Room Past", closes_at=now - hour)
    MadeMeetingFactory(title="Room Off", status="INACTIVE")
    html = staff.get(LIST, {"now": asked}).content.decode()
    titles = {title for title in ("Now", "Soon", "Past", "Off") if f">Room {title}<" in html}
    assert titles == {shown}


def test_a_meeting_is_found_by_either_id(staff: Client) -> None:
    wanted, other = MadeMeetingFactory(title="Wanted"), MadeMeetingFactory(title="Unwanted")
    for words in (str(wanted.pk), wanted.realtimekit_id):
        html = staff.get(LIST, {"q": words}).content.decode()
        assert ">Wanted<" in html
        assert f">{other.title}<" not in html


def test_nothing_can_be_deleted(staff: Client) -> None:
    meeting = MadeMeetingFactory()
    assert staff.get(f"{LIST}{meeting.pk}/delete/").status_code == 403
    assert "delete_selected" not in staff.get(LIST).content.decode()


def test_a_manager_sees_only_their_meetings_and_cannot_name_managers() -> None:
    manager = StaffFactory()
    mine, other = MadeMeetingFactory(title="Mine"), MadeMeetingFactory(title="Theirs")
    mine.managers.add(manager)
    browser = Client()
    browser.force_login(manager)
    html = browser.get(LIST).content.decode()
    assert ">Mine<" in html
    assert ">Theirs<" not in html
    assert browser.get(f"{LIST}{other.pk}/change/").status_code == 403
    browser.post(f"{LIST}{mine.pk}/change/", fill_in(mine, managers=[]))
    assert list(mine.managers.all()) == [manager]
    assert browser.get(LIST + "add/").status_code == 403


def test_who_may_only_look_gets_no_button() -> None:
    meeting = MadeMeetingFactory()
    browser = sign_in("view_meeting")
    for html in (browser.get(LIST).content.decode(), browser.get(f"{LIST}{meeting.pk}/change/").content.decode()):
        assert "/enrol/" not in html
        assert "Retry" not in html
    assert browser.post(reverse("admin:participants_meeting_retry", args=[meeting.pk])).status_code == 403
    assert browser.post(f"{LIST}{meeting.pk}/change/", fill_in(meeting, title="X")).status_code == 403


def test_staff_without_any_right_see_no_meetings() -> None:
    assert sign_in().get(LIST).status_code == 403


@pytest.mark.parametrize("title", ["", "   "])
def test_a_blank_title_is_one_error(staff: Client, title: str) -> None:
    html = staff.post(LIST + "add/", fill_in(title=title)).content.decode()
    assert html.count("This field is required.") == 1
    assert html.count('class="errorlist') == 1


def test_an_unknown_page_is_told_from_a_forbidden_one(staff: Client) -> None:
    meeting, mine = MadeMeetingFactory(), MadeMeetingFactory()
    manager, desk = StaffFactory(), Client()
    mine.managers.add(manager)
    desk.force_login(manager)
    assert desk.get(f"{LIST}{meeting.pk}/change/").status_code == 403
    for name in ("00000000-0000-4000-8000-000000000000", "nonsense"):
        assert staff.get(f"{LIST}{name}/change/").status_code == 404


def test_saving_goes_back_to_the_participant_whom_it_was_to_help(staff: Client, meeting: Meeting) -> None:
    row = ParticipantFactory(meeting=meeting)
    page = f"{LIST}{meeting.pk}/change/"
    answer = staff.post(f"{page}?participant={row.pk}", fill_in(meeting))
    assert answer["Location"] == reverse("admin:participants_participant_change", args=[row.pk])
    for foreign in ("https://elsewhere.example/", "00000000-0000-4000-8000-000000000000"):
        assert staff.post(page, fill_in(meeting), query_params={"participant": foreign})["Location"] == LIST


def test_managers_who_were_chosen_look_as_in_the_list_they_came_from(staff: Client, meeting: Meeting) -> None:
    meeting.managers.add(StaffFactory(username="ada", first_name="Ada", email="ada@example.org"))
    assert "Ada Example · ada · ada@example.org" in staff.get(f"{LIST}{meeting.pk}/change/").content.decode()
