"""Asking to be let in, as whoever asks sees it: in German, and each state by axe's rules in both languages."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from participants.models import AccessRequest, Actor, Meeting
from participants.sandbox import Sandbox
from participants.services import accessrequests
from tests.browser.conftest import Scheme, Show
from tests.browser.screens import expect_screen, measure_width
from tests.browser.test_access import find_violations
from tests.factories import MeetingFactory

pytestmark = pytest.mark.browser
BY = Actor(via="tests")
GERMAN, ENGLISH = ("de-DE", "dark", 360), ("en-GB", "light", 1280)
Act = Callable[[Page, Meeting, User], None]


@pytest.fixture
def club(sandbox: Sandbox, ada: User) -> Meeting:
    made: Meeting = MeetingFactory(title="Maths club", takes_requests=True)
    return made


def open_door(page: Page, meeting: Meeting, user: User) -> None:
    page.goto(f"/m/{meeting.pk}/")
    expect_screen(page, "not_enrolled")
    expect(page.locator("main .access")).to_be_visible()


def ask(page: Page, meeting: Meeting, user: User) -> None:
    open_door(page, meeting, user)
    page.locator(".access textarea").fill("I am new in group 7. " * 8)
    page.locator(".access button").click()
    expect(page.locator(".access h2")).to_be_focused()


def ask_in_vain(page: Page, meeting: Meeting, user: User) -> None:
    open_door(page, meeting, user)
    Meeting.objects.update(takes_requests=False)
    page.locator(".access button").click()
    expect(page.get_by_role("alert")).to_be_visible()


def be_denied(answer: str) -> Act:
    def act(page: Page, meeting: Meeting, user: User) -> None:
        request, _ = accessrequests.ask(meeting_id=meeting.pk, user=user, message="", by=BY)
        accessrequests.deny([request], by=BY, answer=answer)
        open_door(page, meeting, user)

    return act


def be_denied_long_ago(page: Page, meeting: Meeting, user: User) -> None:
    request, _ = accessrequests.ask(meeting_id=meeting.pk, user=user, message="", by=BY)
    accessrequests.deny([request], by=BY, answer="")
    AccessRequest.objects.update(decided_at=timezone.now() - accessrequests.AGAIN)
    open_door(page, meeting, user)
    expect(page.locator(".access textarea")).to_be_visible()


STATES: dict[str, Act] = {
    "may ask": open_door,
    "asked": ask,
    "asked in vain": ask_in_vain,
    "denied": be_denied(""),
    "denied with an answer": be_denied("Ask your form teacher first, please; she knows about the timetable."),
    "may ask again": be_denied_long_ago,
}


@pytest.mark.parametrize(("language", "scheme", "width"), [ENGLISH, GERMAN], ids=["english", "german"])
@pytest.mark.parametrize("state", STATES)
def test_a_state_breaks_no_rule_of_access_and_fits_the_screen(
    show: Show, club: Meeting, ada: User, state: str, language: str, scheme: Scheme, width: int
) -> None:
    page = show(language, scheme, width)
    STATES[state](page, club, ada)
    assert find_violations(page) == []
    assert measure_width(page) == width
    assert page.locator("html").get_attribute("lang") == ("de" if language == "de-DE" else "en-gb")
    assert page.locator("h1").count() == 1


def test_somebody_asks_in_german_is_denied_asks_again_and_is_let_in(show: Show, club: Meeting, ada: User) -> None:
    page = show(*GERMAN)
    page.goto(f"/m/{club.pk}/")
    expect(page.get_by_role("heading", name="Sie stehen nicht auf der Liste")).to_be_visible()
    page.get_by_label("Um Einlass bitten").fill("Ich bin neu in der Gruppe.")
    page.get_by_role("button", name="Um Einlass bitten").click()
    expect(page.get_by_role("heading", name="Sie haben um Einlass gebeten")).to_be_focused()
    expect(page.get_by_text("Die Veranstalter entscheiden.")).to_be_visible()
    request = AccessRequest.objects.get()
    assert request.message == "Ich bin neu in der Gruppe."

    accessrequests.deny([request], by=BY, answer="")
    page.reload()
    expect(page.get_by_role("heading", name="Ihrer Bitte wurde nicht entsprochen")).to_be_visible()
    expect(page.get_by_role("button", name="Um Einlass bitten")).to_be_hidden()

    AccessRequest.objects.update(decided_at=timezone.now() - accessrequests.AGAIN)
    page.reload()
    page.get_by_role("button", name="Um Einlass bitten").click()
    expect(page.get_by_role("heading", name="Sie haben um Einlass gebeten")).to_be_visible()
    accessrequests.approve([AccessRequest.objects.latest("created_at")], by=BY)
    page.reload()
    expect(page.get_by_role("heading", name="Das Treffen ist offen")).to_be_visible()


def test_why_a_request_is_not_taken_is_said_in_german(show: Show, club: Meeting, ada: User) -> None:
    page = show(*GERMAN)
    ask_in_vain(page, club, ada)
    expect(page.get_by_role("alert")).to_have_text(
        "Dieses Treffen nimmt keine Anfragen mehr an. Bitten Sie die Veranstalter, Sie einzutragen."
    )
    Meeting.objects.update(takes_requests=True)
    request, _ = accessrequests.ask(meeting_id=club.pk, user=ada, message="", by=BY)
    accessrequests.deny([request], by=BY, answer="")
    page.get_by_role("button", name="Um Einlass bitten").click()
    expect(page.get_by_role("alert")).to_have_text(
        "Ihrer letzten Bitte wurde nicht entsprochen. Sie können einen Tag später noch einmal fragen."
    )


def test_a_page_left_open_notices_the_answer_by_itself_in_german(show: Show, club: Meeting, ada: User) -> None:
    page = show(*GERMAN)
    page.clock.install()
    ask(page, club, ada)
    accessrequests.deny([AccessRequest.objects.get()], by=BY, answer="")
    page.clock.run_for(16_000)
    expect(page.get_by_role("heading", name="Ihrer Bitte wurde nicht entsprochen")).to_be_visible()
