"""Every admission code has its own screen, and those where waiting helps wait by themselves."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from participants import gateway
from participants.models import Actor, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import people, removal
from participants.states import AdmissionPolicy, MeetingStatus
from tests.browser.conftest import Visit
from tests.browser.screens import expect_screen, expect_setup_screen, press_join, press_leave
from tests.factories import MeetingFactory, ParticipantFactory

pytestmark = pytest.mark.browser
NOWHERE = "/m/0b0b0b0b-0000-4000-8000-000000000001/"


def expect_words(page: Page, code: str, heading: str) -> None:
    expect_screen(page, code)
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(page.get_by_role("main").get_by_role("link").or_(page.locator("main button")).first).to_be_visible()


def test_no_such_meeting(visit: Visit, ada: User) -> None:
    expect_words(visit(ada, NOWHERE), "not_found", "There is no such meeting")


def test_not_enrolled(visit: Visit, ada: User) -> None:
    page = visit(ada, f"/m/{MeetingFactory().pk}/")
    expect_words(page, "not_enrolled", "You are not on the list")
    expect(page.get_by_role("button", name="Copy details")).to_be_visible()


def test_closed(visit: Visit, ada: User, algebra: Participant) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    Meeting.objects.filter(pk=algebra.meeting_id).update(closes_at=yesterday)
    page = visit(ada, f"/m/{algebra.meeting_id}/")
    expect_words(page, "closed", "The meeting is over")
    expect(page.get_by_text("It closed yesterday")).to_be_visible()


def test_inactive_and_noticed_when_it_is_opened_again(visit: Visit, ada: User, algebra: Participant) -> None:
    Meeting.objects.filter(pk=algebra.meeting_id).update(status=MeetingStatus.INACTIVE)
    page = visit(ada, f"/m/{algebra.meeting_id}/")
    expect_words(page, "meeting_inactive", "Closed for now")
    Meeting.objects.filter(pk=algebra.meeting_id).update(status=MeetingStatus.ACTIVE)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect_screen(page, "ready")


def test_full(visit: Visit, ada: User) -> None:
    meeting = MeetingFactory(admission=AdmissionPolicy.SIGNED_IN, capacity=1)
    ParticipantFactory(meeting=meeting)
    page = visit(ada, f"/m/{meeting.pk}/")
    expect_words(page, "full", "The meeting is full")
    expect(page.get_by_text("It takes 1 person")).to_be_visible()


def test_removed_while_the_list_still_offers_the_meeting(visit: Visit, ada: User, algebra: Participant) -> None:
    page = visit(ada)
    expect_screen(page, "list")
    removal.remove(algebra, by=Actor(via="tests"))
    press_join(page, "Algebra, group 7")
    expect_words(page, "removed", "You were removed from this meeting")


def test_blocked(visit: Visit, ada: User, algebra: Participant) -> None:
    people.block(algebra.person, reason="noise", by=Actor(via="tests"))
    page = visit(ada, f"/m/{algebra.meeting_id}/")
    expect_words(page, "blocked", "You can't join meetings here")
    assert "noise" not in page.content()


def test_refused_by_realtimekit(visit: Visit, ada: User, algebra: Participant, sandbox: Sandbox) -> None:
    sandbox.faults.add("refuse", "participants.add", times=None)
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    expect_words(page, "enrolment_failed", "Your enrolment needs attention")
    expect(page.locator(".hint")).not_to_be_empty()


def test_realtimekit_down_is_tried_again_until_it_is_back(
    visit: Visit, ada: User, algebra: Participant, sandbox: Sandbox
) -> None:
    sandbox.faults.down()
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    expect_words(page, "provider_unavailable", "The meeting service does not answer")
    expect(page.locator(".countdown")).to_contain_text("Trying again in")
    sandbox.faults.up()
    expect_setup_screen(page, name="Ada Example")


def test_trying_again_can_be_stopped(visit: Visit, ada: User, algebra: Participant, sandbox: Sandbox) -> None:
    sandbox.faults.down()
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    page.get_by_role("button", name="Stop trying").click()
    expect(page.locator(".countdown")).to_be_hidden()
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    sandbox.faults.up()
    page.keyboard.press("Enter")
    expect_setup_screen(page, name="Ada Example")


def test_a_wrong_api_token_sends_people_to_an_administrator(
    visit: Visit, ada: User, algebra: Participant, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_API_TOKEN = "not-the-token-the-sandbox-knows"
    gateway.close_client()
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    expect_words(page, "provider_misconfigured", "An administrator is needed")
    expect(page.locator(".countdown")).to_be_hidden()


def test_too_many_joins_are_asked_to_wait(
    visit: Visit, ada: User, algebra: Participant, settings: LazySettings
) -> None:
    settings.JOIN_RATE = (1, 60)
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    press_leave(page)
    press_join(page, "Algebra, group 7")
    expect_words(page, "rate_limited", "One moment, please")
    expect(page.locator(".countdown")).to_contain_text("Trying again in")


def test_signed_out_in_the_meantime(visit: Visit, ada: User, algebra: Participant) -> None:
    page = visit(ada, f"/m/{algebra.meeting_id}/")
    expect_screen(page, "ready")
    page.context.clear_cookies(name="sessionid")
    page.locator("[data-join]").click()
    expect_words(page, "not_authenticated", "Please sign in again")
    back = f"/accounts/login/?next=%2Fm%2F{algebra.meeting_id}%2F"
    expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", back)


def test_offline_goes_on_when_the_network_is_back(visit: Visit, ada: User, algebra: Participant) -> None:
    page = visit(ada)
    expect_screen(page, "list")
    page.context.set_offline(True)
    press_join(page, "Algebra, group 7")
    expect_words(page, "network", "You seem to be offline")
    page.context.set_offline(False)
    expect_setup_screen(page, name="Ada Example")


def test_a_join_refused_for_its_csrf_token_asks_for_a_reload(visit: Visit, ada: User, algebra: Participant) -> None:
    def spoil(route: Route) -> None:
        route.continue_(headers={**route.request.headers, "x-csrftoken": "x" * 32})

    page = visit(ada)
    page.route("**/join/", spoil)
    press_join(page, "Algebra, group 7")
    expect_words(page, "stale_page", "This page is out of date")


def test_a_lost_csrf_cookie_keeps_nobody_out(visit: Visit, ada: User, algebra: Participant) -> None:
    page = visit(ada)
    expect_screen(page, "list")
    page.context.clear_cookies(name="csrftoken")
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")


def test_an_unforeseen_answer_still_has_a_screen(visit: Visit, ada: User, algebra: Participant) -> None:
    page = visit(ada)
    page.route("**/join/", lambda route: route.fulfill(status=500, body="<h1>Internal error</h1>"))
    press_join(page, "Algebra, group 7")
    expect_words(page, "unexpected", "That did not work")


def test_a_list_that_can_not_be_read_at_first_appears_as_soon_as_it_can(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    page.route("**/api/v1/meetings/", lambda route: route.abort(), times=1)
    visit(ada)
    expect_words(page, "network", "You seem to be offline")
    page.get_by_role("button", name="Try again").click()
    expect_screen(page, "list")
