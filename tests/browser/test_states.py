"""Every state of the pages for attendees: by axe's rules, on a small phone, in both languages, light and dark."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from participants.models import Actor, Meeting, Participant
from participants.services import removal
from tests.browser.conftest import Scheme, Show
from tests.browser.screens import expect_screen, measure_width
from tests.browser.test_access import find_violations
from tests.factories import MeetingFactory, ParticipantFactory

pytestmark = pytest.mark.browser
Act = Callable[[Page, Participant], None]
PRESS = "rtk-setup-screen rtk-button button"


def open_list(page: Page, row: Participant) -> None:
    page.goto("/")
    expect_screen(page, "list")


def open_door(page: Page, row: Participant) -> None:
    page.goto(f"/m/{row.meeting_id}/")
    expect_screen(page, "ready")


def open_early(page: Page, row: Participant) -> None:
    Meeting.objects.filter(pk=row.meeting_id).update(opens_at=timezone.now() + timedelta(hours=2))
    page.goto(f"/m/{row.meeting_id}/")
    expect_screen(page, "too_early")


def enter(page: Page, row: Participant) -> None:
    open_door(page, row)
    page.locator("[data-join]").click()
    expect_screen(page, "ok", timeout=30_000)
    expect(page.locator("rtk-setup-screen input").first).to_be_visible()


def arrive(page: Page, row: Participant) -> None:
    enter(page, row)
    page.locator(PRESS).last.click()
    note = page.locator(".sandbox-note")
    expect(note).to_contain_text(re.compile("would begin|würde der Anruf beginnen"))


def come_back(page: Page, row: Participant) -> None:
    arrive(page, row)
    page.reload()
    expect_screen(page, "come_back")


def end(state: str, screen: str) -> Act:
    def act(page: Page, row: Participant) -> None:
        enter(page, row)
        if screen == "removed":
            removal.remove(Participant.objects.get(pk=row.pk), by=Actor(via="tests"))
        page.evaluate(f"document.querySelector('rtk-meeting').meeting.self.emit('roomLeft', {{ state: '{state}' }})")
        expect_screen(page, screen)

    return act


def leave(page: Page, row: Participant) -> None:
    enter(page, row)
    page.locator("[data-leave]").click()
    expect_screen(page, "list")
    expect(page.locator("[data-again]")).to_be_visible()


def be_nowhere(page: Page, row: Participant) -> None:
    removal.remove(row, by=Actor(via="tests"))
    page.goto("/")
    expect_screen(page, "empty")


def lose_list(page: Page, row: Participant) -> None:
    page.route("**/api/v1/meetings/", lambda route: route.abort())
    page.goto("/")
    expect_screen(page, "network")


def go_offline(page: Page, row: Participant) -> None:
    open_early(page, row)
    page.context.set_offline(True)
    expect(page.locator(".network")).to_be_visible()


def have_list_fail(page: Page, row: Participant) -> None:
    open_list(page, row)
    page.route("**/api/v1/meetings/", lambda route: route.fulfill(status=500, body=""))
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.locator("[data-slot=notice]")).to_be_visible()


def press_join_slowly(page: Page, row: Participant) -> None:
    open_door(page, row)
    page.route("**/join/", lambda route: None)
    page.locator("[data-join]").click()
    expect(page.locator("[data-join]")).to_have_attribute("aria-busy", "true")


def be_refused(page: Page, row: Participant) -> None:
    page.goto(f"/m/{row.meeting_id}/")
    expect_screen(page, "ready")
    page.route("**/join/", lambda route: route.fulfill(status=503, headers={"Retry-After": "90"}, body="{}"))
    page.locator("[data-join]").click()
    expect_screen(page, "provider_unavailable")


STATES: dict[str, Act] = {
    "list": open_list,
    "list empty": be_nowhere,
    "list unreachable": lose_list,
    "list failing": have_list_fail,
    "waiting": open_early,
    "ready": open_door,
    "joining": press_join_slowly,
    "setup": enter,
    "arrived": arrive,
    "come back": come_back,
    "ended": end("ended", "ended"),
    "kicked": end("kicked", "kicked"),
    "removed": end("kicked", "removed"),
    "left": leave,
    "offline": go_offline,
    "unavailable": be_refused,
}


@pytest.mark.parametrize(("language", "scheme", "width"), [("en-GB", "light", 1280), ("de-DE", "dark", 360)])
@pytest.mark.parametrize("state", STATES)
def test_a_state_breaks_no_rule_of_access_and_fits_the_screen(
    show: Show, algebra: Participant, state: str, language: str, scheme: Scheme, width: int
) -> None:
    MeetingFactory()
    ParticipantFactory(person=algebra.person, meeting=MeetingFactory(title="Over", closes_at=timezone.now()))
    if state == "list empty":
        removal.remove(Participant.objects.get(meeting__title="Over"), by=Actor(via="tests"))
    page = show(language, scheme, width)
    STATES[state](page, algebra)
    assert find_violations(page) == []
    assert measure_width(page) == width
    assert page.locator("html").get_attribute("lang") == ("de" if language == "de-DE" else "en-gb")
    assert page.locator("h1").count() == 1
