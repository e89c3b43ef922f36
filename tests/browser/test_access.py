"""By keyboard alone, on a small screen, and by axe's rules."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from participants.models import Participant
from participants.sandbox import Sandbox
from tests.browser.conftest import Visit
from tests.browser.screens import expect_screen, expect_setup_screen, measure_width, press_join
from tests.factories import MeetingFactory, ParticipantFactory

pytestmark = pytest.mark.browser
AXE = Axe()
# Style sheets are fetched again for one rule only, which is an experiment and off; what passed is not read.
RUN_AXE = """
axe.run(
  { exclude: [["rtk-meeting"]] },
  { resultTypes: ["violations"], preload: { assets: ["media"] }, selectors: false },
).then(({ violations }) =>
  violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`)))
"""


def find_violations(page: Page) -> list[str]:
    """axe's findings outside the vendor's elements, by all of its rules."""
    page.wait_for_load_state()
    page.evaluate(AXE.axe_script)
    # A colour on its way from one to another is neither.
    page.evaluate("document.getAnimations().forEach((each) => each instanceof CSSTransition && each.finish())")
    found: list[str] = page.evaluate(RUN_AXE)
    return found


def tab_to(page: Page, name: str, *, key: str = "Tab") -> None:
    """Press the key until the element of that accessible name has focus."""
    for _ in range(30):
        page.keyboard.press(key)
        if page.evaluate("(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim()") == name:
            return
    raise AssertionError(f"{name} can't be reached with Tab")


def test_the_whole_way_by_keyboard_alone(page: Page, algebra: Participant) -> None:
    page.goto(f"/m/{algebra.meeting_id}/")
    tab_to(page, "Sign in")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type("secret-pass-1")
    page.keyboard.press("Enter")
    expect_screen(page, "ready")
    tab_to(page, "Join")
    page.keyboard.press("Enter")
    expect_setup_screen(page, name="Ada Example")
    tab_to(page, "Leave", key="Shift+Tab")
    page.keyboard.press("Enter")
    expect_screen(page, "list")
    expect(page.get_by_role("heading", name="My meetings")).to_be_focused()
    tab_to(page, "Join Algebra, group 7")


def test_focus_can_be_seen(visit: Visit, ada: User, algebra: Participant) -> None:
    page = visit(ada)
    expect_screen(page, "list")
    tab_to(page, "Join Algebra, group 7")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_focus_stays_on_the_button_while_the_page_tries_again(
    visit: Visit, ada: User, algebra: Participant, sandbox: Sandbox
) -> None:
    sandbox.faults.down()
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    expect_screen(page, "provider_unavailable")
    page.get_by_role("button", name="Stop trying").focus()
    with page.expect_response("**/join/"):
        pass
    expect(page.get_by_role("button", name="Stop trying")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_way_from_sign_in_to_the_room(
    browser: Browser, live_server: LiveServer, algebra: Participant, scheme: str
) -> None:
    soon = timezone.now() + timedelta(hours=2)
    ParticipantFactory(person=algebra.person, meeting=MeetingFactory(title="Later", opens_at=soon))
    ParticipantFactory(person=algebra.person, meeting=MeetingFactory(title="Over", closes_at=timezone.now()))
    context = browser.new_context(base_url=live_server.url, color_scheme=scheme)  # type: ignore[arg-type]  # one of its literals
    page = context.new_page()
    found = {}
    page.goto("/")
    found["welcome"] = find_violations(page)
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    found["sign-in"] = find_violations(page)
    page.get_by_label("Password").fill("secret-pass-1")
    page.keyboard.press("Enter")
    expect_screen(page, "list")
    found["list"] = find_violations(page)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    found["room"] = find_violations(page)
    page.goto("/nowhere/")
    found["404"] = find_violations(page)
    page.goto("/m/0b0b0b0b-0000-4000-8000-000000000001/")
    expect_screen(page, "not_found")
    found["outcome"] = find_violations(page)
    context.close()
    assert {name: violations for name, violations in found.items() if violations} == {}


def test_nothing_is_wider_than_a_small_phone(browser: Browser, live_server: LiveServer, algebra: Participant) -> None:
    title = "Parents' evening for the whole of year nine, with donaudampfschifffahrtsgesellschaftskapitaen"
    ParticipantFactory(person=algebra.person, meeting=MeetingFactory(title=title[:100]))
    context = browser.new_context(base_url=live_server.url, viewport={"width": 360, "height": 740})
    page = context.new_page()
    widths = {}
    for path in ("/", "/accounts/login/"):
        page.goto(path)
        widths[path] = measure_width(page)
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("secret-pass-1")
    page.keyboard.press("Enter")
    expect_screen(page, "list")
    widths["list"] = measure_width(page)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    widths["room"] = measure_width(page)
    context.close()
    assert set(widths.values()) == {360}
