import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from participants.models import Actor, Meeting, Participant, Person
from participants.sandbox import Sandbox
from participants.services import people, removal
from participants.states import AdmissionPolicy
from tests.browser.conftest import Visit
from tests.browser.screens import expect_screen, expect_setup_screen, press_join
from tests.factories import MeetingFactory, ParticipantFactory

pytestmark = pytest.mark.browser


def enrol(person: Person, title: str, **fields: object) -> Participant:
    row: Participant = ParticipantFactory(person=person, meeting=MeetingFactory(title=title, **fields))
    return row


def open_soon(page: Page, row: Participant) -> None:
    """In a few seconds, and the page knows: it has loaded by now, however long that took."""
    Meeting.objects.filter(pk=row.meeting_id).update(opens_at=timezone.now() + timedelta(seconds=4))
    page.evaluate("window.dispatchEvent(new Event('focus'))")


def test_meetings_are_grouped_by_what_can_be_done_about_them(
    visit: Visit, ada: User, person: Person, sandbox: Sandbox
) -> None:
    now = timezone.now()
    enrol(person, "Always")
    enrol(person, "Later", opens_at=now + timedelta(hours=2))
    enrol(person, "Over", closes_at=now - timedelta(hours=2))
    page = visit(ada)
    expect(page.locator("[data-group=open]")).to_contain_text("Always")
    expect(page.locator("[data-group=coming]")).to_contain_text("Opens in 1 h 59 min")
    expect(page.locator("[data-group=other]")).to_contain_text("The meeting is over.")
    expect(page.locator("[data-join]:visible")).to_have_count(1)


def test_somebody_enrolled_nowhere_is_told_so(visit: Visit, ada: User) -> None:
    page = visit(ada)
    expect_screen(page, "empty")
    expect(page.get_by_role("heading", name="No meetings")).to_be_visible()
    expect(page.get_by_text("You are not enrolled in any meeting at present.")).to_be_visible()


def test_somebody_removed_from_their_only_meeting_is_promised_nothing(
    visit: Visit, ada: User, algebra: Participant
) -> None:
    removal.remove(algebra, by=Actor(via="tests"))
    page = visit(ada)
    expect_screen(page, "empty")
    expect(page.get_by_role("main")).not_to_contain_text("appears")


def test_somebody_blocked_is_told_so_until_they_are_let_in_again(
    visit: Visit, ada: User, algebra: Participant
) -> None:
    people.block(algebra.person, reason="noise", by=Actor(via="tests"))
    page = visit(ada)
    expect_screen(page, "blocked")
    expect(page.get_by_role("heading", name="You can't join meetings here")).to_be_visible()
    expect(page.get_by_role("link", name="My meetings")).to_have_count(0)
    people.unblock(algebra.person, by=Actor(via="tests"))
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect_screen(page, "empty")


def test_rows_say_when_and_leave_the_presets_name_to_the_staff(visit: Visit, ada: User, algebra: Participant) -> None:
    page = visit(ada)
    expect(page.locator(".meeting-facts")).to_have_text("Always open")


def test_a_countdown_turns_into_a_join_button_by_itself(
    visit: Visit, ada: User, person: Person, sandbox: Sandbox
) -> None:
    row = enrol(person, "Soon", opens_at=timezone.now() + timedelta(hours=1))
    page = visit(ada)
    expect(page.locator(".badge")).to_have_text(re.compile(r"^Opens in (1 h( 0 min)?|5\d:\d\d)$"))
    open_soon(page, row)
    expect(page.locator(".badge")).to_contain_text("Opens in 0:0")
    press_join(page, "Soon")
    expect_setup_screen(page, name="Ada Example")


def test_the_meeting_page_opens_its_door_by_itself(visit: Visit, ada: User, person: Person, sandbox: Sandbox) -> None:
    row = enrol(person, "Soon", opens_at=timezone.now() + timedelta(hours=1))
    page = visit(ada, f"/m/{row.meeting_id}/")
    expect_screen(page, "too_early")
    expect(page.locator(".countdown")).to_have_text(re.compile(r"^Opens in (1 h( 0 min)?|5\d:\d\d)$"))
    open_soon(page, row)
    expect(page.locator(".countdown")).to_have_text(re.compile(r"^Opens in \d s$"))
    expect_screen(page, "ready")
    page.locator("[data-join]").click()
    expect_setup_screen(page, name="Ada Example")


def test_looking_at_the_page_again_brings_the_list_up_to_date_in_place(
    visit: Visit, ada: User, algebra: Participant
) -> None:
    page = visit(ada)
    page.locator("[data-join]").focus()
    page.evaluate("window.before = document.querySelector('.meeting')")
    Meeting.objects.filter(pk=algebra.meeting_id).update(title="Algebra, group 8")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.get_by_role("link", name="Algebra, group 8")).to_be_visible()
    assert page.evaluate("window.before === document.querySelector('.meeting')")
    expect(page.locator("[data-join]")).to_be_focused()


def test_a_meeting_that_goes_from_the_list_is_named(visit: Visit, ada: User, algebra: Participant) -> None:
    enrol(algebra.person, "Chemistry")
    page = visit(ada)
    expect(page.locator(".meeting")).to_have_count(2)
    removal.remove(algebra, by=Actor(via="tests"))
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.locator(".meeting")).to_have_count(1)
    expect(page.get_by_text("No longer on your list: Algebra, group 7.")).to_be_visible()


def test_a_link_lets_somebody_signed_in_into_an_open_meeting_that_never_enrolled_them(
    visit: Visit, ada: User, sandbox: Sandbox
) -> None:
    meeting = MeetingFactory(title="Open house", admission=AdmissionPolicy.SIGNED_IN)
    page = visit(ada, f"/m/{meeting.pk}/")
    expect_screen(page, "ready")
    expect(page.locator(".meeting-name")).to_have_text("Open house")
    page.locator("[data-join]").click()
    expect_setup_screen(page, name="Ada Example")
    assert Participant.objects.get(meeting=meeting).person.user == ada
