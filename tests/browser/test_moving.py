"""Back, Forward, reload, and a second tab where somebody else signs in."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from participants.models import Participant
from participants.sandbox import Sandbox
from tests.browser.conftest import Visit
from tests.browser.screens import expect_screen, expect_setup_screen, press_join, press_leave
from tests.factories import UserFactory

pytestmark = pytest.mark.browser

WATCHED_CLIENT = """
window.released = [];
const client = document.querySelector("rtk-meeting").meeting;
const note = (what) => ({ value: async () => window.released.push(what), configurable: true });
Object.defineProperty(client.self, "disableVideo", note("camera"));
Object.defineProperty(client.self, "disableAudio", note("microphone"));
Object.defineProperty(client.self, "roomJoined", { value: true, configurable: true });
Object.defineProperty(client, "leave", note("room"));
"""
"""The sandbox's room is never joined: as if it were, and what is let go is written down."""


def address_of(row: Participant) -> re.Pattern[str]:
    return re.compile(rf"/m/{row.meeting_id}/$")


def sign_in_as_bob(page: Page) -> None:
    """In the same browser, as in a second tab."""
    UserFactory(username="bob", first_name="Bob", last_name="Baker")
    other = page.context.new_page()
    page.context.clear_cookies(name="sessionid")
    other.goto("/accounts/login/")
    other.get_by_label("Username").fill("bob")
    other.get_by_label("Password").fill("secret-pass-1")
    other.get_by_role("button", name="Sign in").click()
    expect_screen(other, "empty")
    other.close()


def test_back_leaves_the_meeting_for_the_list_and_forward_leads_to_its_door(
    visit: Visit, ada: User, algebra: Participant
) -> None:
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    expect(page).to_have_url(address_of(algebra))
    page.evaluate(f"() => {{ {WATCHED_CLIENT} }}")
    page.go_back()
    expect_screen(page, "list")
    expect(page.get_by_text("You left Algebra, group 7.").first).to_be_visible()
    expect(page.locator("rtk-meeting")).to_have_count(0)
    assert set(page.evaluate("window.released")) == {"camera", "microphone", "room"}
    page.go_forward()
    expect_screen(page, "ready")
    page.locator("[data-join]").click()
    expect_setup_screen(page, name="Ada Example")


def test_reload_in_the_meeting_shows_its_door_and_back_still_leads_to_the_list(
    visit: Visit, ada: User, algebra: Participant
) -> None:
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    page.reload()
    expect_screen(page, "ready")
    expect(page.locator(".meeting-name")).to_have_text("Algebra, group 7")
    page.go_back()
    expect_screen(page, "list")


def test_leaving_steps_back_instead_of_piling_up_lists(visit: Visit, ada: User, algebra: Participant) -> None:
    page = visit(ada)
    before = page.evaluate("history.length")
    for _ in range(2):
        press_join(page, "Algebra, group 7")
        expect_setup_screen(page, name="Ada Example")
        press_leave(page)
        expect(page).to_have_url(re.compile(r"//[^/]+/$"))
    assert page.evaluate("history.length") == before + 1


def test_joining_from_the_meetings_own_page_adds_no_step(visit: Visit, ada: User, algebra: Participant) -> None:
    page = visit(ada, f"/m/{algebra.meeting_id}/")
    expect_screen(page, "ready")
    before = page.evaluate("history.length")
    page.locator("[data-join]").click()
    expect_setup_screen(page, name="Ada Example")
    assert page.evaluate("history.length") == before
    press_leave(page)
    expect(page).to_have_url(re.compile(r"//[^/]+/$"))


def test_back_while_the_meeting_is_starting_calls_it_off(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    held: list[Route] = []
    page.route("**/realtimekit/browser.js", lambda route: held.append(route))
    visit(ada)
    press_join(page, "Algebra, group 7")
    expect_screen(page, "starting")
    page.go_back()
    expect_screen(page, "list")
    with page.expect_response("**/realtimekit/browser.js"):
        held[0].continue_()
    page.unroute_all()
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    expect(page.locator("rtk-meeting")).to_have_count(1)


@pytest.mark.parametrize("path", ["/", "/m/{}/"])
def test_nobody_joins_as_the_person_who_signed_in_in_another_tab(
    visit: Visit, ada: User, algebra: Participant, page: Page, sandbox: Sandbox, path: str
) -> None:
    asked: list[str] = []
    visit(ada, path.format(algebra.meeting_id))
    expect(page.locator("[data-join]:visible")).to_have_count(1)
    sign_in_as_bob(page)
    page.on("request", lambda request: asked.append(request.url))
    page.locator("[data-join]:visible").click()
    expect_screen(page, "stale_page")
    assert not [address for address in asked if address.endswith("/join/") or "vendor" in address]


def test_an_answer_for_somebody_else_starts_no_meeting(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    visit(ada)

    def answer_for_another(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["participant"]["custom_participant_id"] = "p_somebody-else"
        route.fulfill(response=answer, json=body)

    page.route("**/join/", answer_for_another)
    press_join(page, "Algebra, group 7")
    expect_screen(page, "stale_page")
    expect(page.locator("rtk-meeting")).to_have_count(0)


def test_the_list_of_another_person_is_not_shown_under_the_first_ones_name(
    visit: Visit, ada: User, algebra: Participant
) -> None:
    page = visit(ada)
    expect_screen(page, "list")
    sign_in_as_bob(page)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect_screen(page, "stale_page")


def test_a_phone_shows_who_is_signed_in(browser: Browser, live_server: LiveServer, algebra: Participant) -> None:
    context = browser.new_context(base_url=live_server.url, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto("/accounts/login/?next=/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("secret-pass-1")
    page.keyboard.press("Enter")
    expect_screen(page, "list")
    expect(page.locator(".who:visible")).to_have_text("Ada")
    context.close()
