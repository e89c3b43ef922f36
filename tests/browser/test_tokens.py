"""When the join page asks for a token, how often, and what it does when the SDK refuses one."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, Route, expect

from participants.models import Participant
from participants.sandbox import Sandbox
from tests.browser.conftest import Visit
from tests.browser.screens import expect_screen, expect_setup_screen, press_join
from tests.browser.stand_ins import (
    REFUSING_SDK,
    REFUSING_THE_OLD_TOKEN,
    extend_the_sdk,
    stand_in_for_cloudflare,
)
from tests.processes.conftest import wait_until

pytestmark = pytest.mark.browser
WITHOUT_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })"


def note_calls(page: Page) -> list[str]:
    """What the page asks our API from now on: "POST join", "GET admission", …"""
    calls: list[str] = []

    def note(url: str, method: str, body: str | None) -> None:
        if "/api/v1/" in url:
            name = url.rstrip("/").rsplit("/", 1)[1]
            calls.append(f"{method} {name}{' again' if body and 'refresh' in body else ''}")

    page.on("request", lambda request: note(request.url, request.method, request.post_data))
    return calls


def wait_for(page: Page, name: str, value: int) -> None:
    """Until a global of the page has this value; the page's policy forbids Playwright's own way."""
    wait_until(lambda: page.evaluate(f"window.{name}") == value)


def press_the_kits_join(page: Page) -> None:
    page.locator("rtk-setup-screen rtk-button button").last.click()


@pytest.mark.parametrize("path", ["/", "/m/{}/"])
def test_looking_at_a_meeting_asks_for_no_token_and_loads_nothing_of_the_vendors(
    visit: Visit, ada: User, algebra: Participant, page: Page, sandbox: Sandbox, path: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    visit(ada, path.format(algebra.meeting_id))
    expect(page.locator("[data-join]:visible")).to_have_count(1)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.reload()
    expect(page.locator("[data-join]:visible")).to_have_count(1)
    assert not [address for address in asked if address.endswith("/join/") or "/vendor/" in address]
    assert sandbox.requests.count() == 0


def test_a_look_that_failed_is_repeated_and_still_asks_for_no_token(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    page.route("**/admission/", lambda route: route.abort(), times=1)
    calls = note_calls(page)
    visit(ada, f"/m/{algebra.meeting_id}/")
    expect_screen(page, "network")
    page.get_by_role("button", name="Try again").click()
    expect_screen(page, "ready")
    assert "POST join" not in calls


def test_a_refused_token_is_judged_before_it_is_renewed(
    visit: Visit, ada: User, algebra: Participant, page: Page, sandbox: Sandbox
) -> None:
    stand_in_for_cloudflare(page, REFUSING_SDK)
    visit(ada, f"/m/{algebra.meeting_id}/")
    expect_screen(page, "ready")
    calls = note_calls(page)
    page.locator("[data-join]").click()
    expect_screen(page, "pass_refused")
    assert calls == ["GET me", "POST join", "GET admission", "POST join again"]
    assert sandbox.requests.count("participants.refresh") == 1


@pytest.mark.parametrize("locks", [True, False], ids=["with locks", "without locks"])
def test_two_tabs_with_the_same_refused_token_cause_one_refresh(
    visit: Visit, ada: User, algebra: Participant, context: BrowserContext, page: Page, sandbox: Sandbox, locks: bool
) -> None:
    visit(ada)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    algebra.refresh_from_db()
    context.add_init_script(f"window.oldToken = {algebra.token!r};")
    if not locks:
        context.add_init_script(WITHOUT_LOCKS)
    tabs = [page, context.new_page()]
    for tab in tabs:
        stand_in_for_cloudflare(tab, REFUSING_THE_OLD_TOKEN)
        tab.goto(f"/m/{algebra.meeting_id}/")
        expect_screen(tab, "ready")
        tab.locator("[data-join]").click()
        wait_for(tab, "attempts?.length", 1)
    page.evaluate("localStorage.setItem('go', 'yes')")
    for tab in tabs:
        expect_screen(tab, "ok", timeout=20_000)
    assert sandbox.requests.count("participants.refresh") == 1
    renewed = {tab.evaluate("window.attempts[1]") for tab in tabs}
    algebra.refresh_from_db()
    assert renewed == {algebra.token}
    assert str(algebra.token) not in page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")


def test_a_join_that_could_not_connect_is_tried_once_more(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    extend_the_sdk(page)
    page.add_init_script("window.failures = ['0002']")
    visit(ada, f"/m/{algebra.meeting_id}/")
    page.locator("[data-join]").click()
    expect_setup_screen(page, name="Ada Example")
    press_the_kits_join(page)
    wait_for(page, "joins", 2)
    expect(page.locator("rtk-meeting rtk-setup-screen")).to_have_count(0)


def test_a_join_that_can_not_connect_twice_is_left_to_the_person(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    extend_the_sdk(page)
    page.add_init_script("window.failures = ['0002', '0002']")
    visit(ada, f"/m/{algebra.meeting_id}/")
    page.locator("[data-join]").click()
    expect_setup_screen(page, name="Ada Example")
    press_the_kits_join(page)
    expect(page.locator("rtk-setup-screen").get_by_text("We couldn't connect to the meeting")).to_be_visible()
    assert page.evaluate("window.joins") == 2
    press_the_kits_join(page)
    wait_for(page, "joins", 3)
    expect(page.locator("rtk-meeting rtk-setup-screen")).to_have_count(0)


def test_a_token_that_is_refused_only_at_the_door_is_renewed_and_the_room_opened_again(
    visit: Visit, ada: User, algebra: Participant, page: Page, sandbox: Sandbox
) -> None:
    extend_the_sdk(page)
    page.add_init_script("window.failures = ['0004']")
    visit(ada, f"/m/{algebra.meeting_id}/")
    page.locator("[data-join]").click()
    expect_setup_screen(page, name="Ada Example")
    press_the_kits_join(page)
    wait_for(page, "attempts.length", 2)
    expect_setup_screen(page, name="Ada Example")
    assert sandbox.requests.count("participants.refresh") == 1
    assert len(set(page.evaluate("window.attempts"))) == 2


@pytest.mark.parametrize("path", ["/", "/m/{}/"])
def test_a_double_click_joins_once(
    visit: Visit, ada: User, algebra: Participant, page: Page, sandbox: Sandbox, path: str
) -> None:
    calls = note_calls(page)
    visit(ada, path.format(algebra.meeting_id))
    page.locator("[data-join]:visible").dblclick()
    expect_setup_screen(page, name="Ada Example")
    assert calls.count("POST join") == 1
    assert sandbox.requests.count("participants.add") == 1


def test_on_a_slow_network_the_button_says_that_it_was_pressed_and_takes_no_second_press(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    held: list[Route] = []
    page.route("**/join/", lambda route: held.append(route))
    calls = note_calls(page)
    visit(ada, f"/m/{algebra.meeting_id}/")
    button = page.locator("[data-join]")
    with page.expect_request("**/join/"):
        button.click()
    expect(button).to_have_attribute("aria-busy", "true")
    expect(button).to_have_attribute("aria-disabled", "true")
    assert button.evaluate("(it) => getComputedStyle(it, '::before').animationName") == "turn"
    expect(page.get_by_role("status").first).to_have_text("Joining…")
    button.click(force=True)
    button.focus()
    page.keyboard.press("Enter")
    held[0].continue_()
    expect_setup_screen(page, name="Ada Example")
    assert calls.count("POST join") == 1
