"""What is agreed to before joining: shown, ticked by hand, asked once, and by axe's rules in both languages."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from participants.models import Actor, ConsentText, Event, EventKind, Meeting, Participant
from participants.services import meetings
from tests.browser.conftest import Scheme, Show, Visit
from tests.browser.screens import JOIN, expect_screen, expect_setup_screen, measure_width, press_join, press_leave
from tests.browser.test_access import find_violations, tab_to

pytestmark = pytest.mark.browser
BY = Actor(via="tests")
RECORDED = """This meeting is recorded: sound, picture and what is written in the chat.

The recording is kept for a year on the school's own server. Only members of the class see it:
no one else, and no search engine. <b>Nothing</b> is handed on.

You can leave at any time, and ask the office to delete what you said."""


def write(row: Participant, text: str) -> None:
    meetings.store(Meeting.objects.get(pk=row.meeting_id), by=BY, consent_text=text, changed=[])


@pytest.fixture
def recorded(algebra: Participant) -> Participant:
    write(algebra, RECORDED)
    return algebra


def open_door(visit: Visit, user: User, row: Participant) -> Page:
    page = visit(user, f"/m/{row.meeting_id}/")
    expect_screen(page, "consent_required")
    return page


def has_agreed() -> bool:
    return Event.objects.filter(kind=EventKind.CONSENTED).exists()


def test_without_a_tick_join_does_nothing(visit: Visit, ada: User, recorded: Participant) -> None:
    page = open_door(visit, ada, recorded)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    box, button = page.get_by_role("checkbox", name="I agree"), page.locator(JOIN)
    expect(box).not_to_be_checked()
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description("Join is off until you tick the box.")
    button.click(force=True)
    box.check()
    expect(button).not_to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description("")
    box.uncheck()
    button.click(force=True)
    expect_screen(page, "consent_required")
    assert not [url for url in asked if url.endswith("/join/")]
    assert not has_agreed()


def test_the_text_is_shown_as_it_was_written(visit: Visit, ada: User, recorded: Participant) -> None:
    page = open_door(visit, ada, recorded)
    region = page.get_by_role("region", name="What you are asked to agree to")
    expect(region.locator("p")).to_have_count(3)
    expect(region).to_contain_text("<b>Nothing</b> is handed on.")


def test_who_agrees_is_in_and_is_not_asked_again(visit: Visit, ada: User, recorded: Participant) -> None:
    page = open_door(visit, ada, recorded)
    page.get_by_role("checkbox").check()
    page.locator(JOIN).click()
    expect_setup_screen(page, name="Ada Example")
    recorded.refresh_from_db()
    assert recorded.consented_to == ConsentText.objects.get()
    press_leave(page)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    assert Event.objects.filter(kind=EventKind.CONSENTED).count() == 1


def test_from_the_list_join_leads_to_the_text(visit: Visit, ada: User, recorded: Participant) -> None:
    page = visit(ada)
    expect_screen(page, "list")
    expect(page.get_by_role("listitem").get_by_text("Open", exact=True)).to_be_visible()
    press_join(page, "Algebra, group 7")
    expect_screen(page, "consent_required")
    expect(page.get_by_role("heading", name="Before you join")).to_be_focused()
    assert not has_agreed()


def test_a_text_changed_meanwhile_is_shown_anew_with_an_empty_box(
    visit: Visit, ada: User, recorded: Participant
) -> None:
    page = open_door(visit, ada, recorded)
    page.get_by_role("checkbox").check()
    write(recorded, "This meeting is streamed to the world.")
    page.locator(JOIN).click()
    expect(page.get_by_role("region")).to_have_text("This meeting is streamed to the world.")
    expect(page.get_by_role("checkbox")).not_to_be_checked()
    expect(page.get_by_text("The organiser has changed the text. Please read it again.")).to_be_visible()
    assert not has_agreed()
    page.get_by_role("checkbox").check()
    page.locator(JOIN).click()
    expect_setup_screen(page, name="Ada Example")


def test_a_page_that_looks_again_keeps_the_tick_and_notices_a_new_text(
    visit: Visit, ada: User, recorded: Participant
) -> None:
    page = open_door(visit, ada, recorded)
    page.get_by_role("checkbox").check()
    with page.expect_response("**/admission/"):
        page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.get_by_role("checkbox")).to_be_checked()
    write(recorded, "")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect_screen(page, "ready")
    write(recorded, RECORDED)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect_screen(page, "consent_required")


def test_by_keyboard_alone(visit: Visit, ada: User, recorded: Participant) -> None:
    page = open_door(visit, ada, recorded)
    page.get_by_role("heading", level=1).focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox")).to_be_focused()
    page.keyboard.press("Space")
    tab_to(page, "Join")
    page.keyboard.press("Enter")
    expect_setup_screen(page, name="Ada Example")


@pytest.mark.parametrize("text", [RECORDED, RECORDED * 12], ids=["short", "long"])
@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("en-GB", "light", 1280), ("de-DE", "dark", 360), ("de-DE", "light", 360), ("en-GB", "dark", 1280)],
    ids=["english", "german-dark", "german", "english-dark"],
)
def test_the_screen_breaks_no_rule_of_access_and_fits(
    show: Show, algebra: Participant, text: str, language: str, scheme: Scheme, width: int
) -> None:
    write(algebra, text)
    page = show(language, scheme, width)
    page.goto(f"/m/{algebra.meeting_id}/")
    expect_screen(page, "consent_required")
    assert find_violations(page) == []
    page.get_by_role("checkbox").check()
    assert find_violations(page) == []
    assert measure_width(page) == width
    assert page.locator("h1").count() == 1
