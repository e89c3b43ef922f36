import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from participants.models import Meeting, Participant
from participants.sandbox import Sandbox
from participants.states import ParticipantState
from tests.browser.screens import expect_screen, expect_setup_screen, press_join, press_leave
from tests.factories import AdminFactory, MeetingFactory

pytestmark = pytest.mark.browser


@pytest.fixture
def meeting(sandbox: Sandbox, ada: User) -> Meeting:
    made: Meeting = MeetingFactory(title="Algebra, group 7")
    return made


def sign_in(page: Page, username: str) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill("secret-pass-1")
    page.get_by_role("button", name="Sign in").or_(page.get_by_role("button", name="Log in")).click()


def enrol_on_the_admin_page(page: Page, meeting: Meeting) -> None:
    page.goto(f"/admin/participants/meeting/{meeting.pk}/enrol/")
    sign_in(page, "grace")
    page.locator(".select2-search__field").first.fill("ada")
    page.locator(".select2-results__option", has_text="Ada").first.click()
    page.locator("select[name=preset]").select_option(label="group_call_participant")
    page.get_by_role("button", name="Enrol").click()
    expect(page.locator("#results")).to_contain_text("Ada Example")


def remove_on_the_admin_page(page: Page, row: Participant) -> None:
    page.goto(f"/admin/participants/participant/{row.pk}/act/remove/")
    expect(page.locator("#content")).to_contain_text("refused from this moment on")
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url(f"**/participant/{row.pk}/change/")


def test_staff_enrol_ada_who_joins_and_joins_again_from_the_cache_until_she_is_removed(
    browser: Browser, live_server: LiveServer, page: Page, meeting: Meeting, sandbox: Sandbox
) -> None:
    AdminFactory(username="grace")
    staff = browser.new_context(base_url=live_server.url)
    desk = staff.new_page()
    enrol_on_the_admin_page(desk, meeting)
    row = Participant.objects.get(meeting=meeting)
    assert (row.state, row.person.display_name) == (ParticipantState.ENROLLED, "Ada Example")

    page.goto("/")
    page.get_by_role("link", name="Sign in").click()
    sign_in(page, "ada")
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")

    asked = sandbox.requests.count()
    press_leave(page)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    assert sandbox.requests.count() == asked

    press_leave(page)
    remove_on_the_admin_page(desk, row)
    press_join(page, "Algebra, group 7")
    expect_screen(page, "removed")
    expect(page.get_by_role("heading", name="You were removed from this meeting")).to_be_focused()
    staff.close()
