"""Content security and motion, as Chromium enforces them."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from participants.models import Participant
from tests.browser.conftest import Visit
from tests.browser.screens import expect_screen, expect_setup_screen
from tests.browser.stand_ins import extend_the_sdk

pytestmark = pytest.mark.browser
NOTE_OFFENCES = """
window.offences = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.offences.push(`${event.effectiveDirective} ${event.blockedURI}`));
"""


@pytest.mark.parametrize("path", ["/", "/m/0b0b0b0b-0000-4000-8000-000000000001/", "/accounts/login/", "/nowhere/"])
def test_markup_as_text_is_refused_where_no_package_needs_it(page: Page, transactional_db: None, path: str) -> None:
    page.add_init_script(NOTE_OFFENCES)
    page.goto(path)
    assert page.evaluate("window.offences") == []
    refused = page.evaluate(
        "() => { try { document.body.innerHTML = '<p>x'; } catch (error) { return error.name; } }"
    )
    assert refused == "TypeError"
    assert page.evaluate("window.offences") == ["require-trusted-types-for trusted-types-sink"]


def test_nothing_offends_on_the_way_through_a_meeting_in_another_language(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    page.set_extra_http_headers({"Accept-Language": "de"})
    page.add_init_script(NOTE_OFFENCES)
    extend_the_sdk(page)
    visit(ada, f"/m/{algebra.meeting_id}/")
    page.get_by_role("button", name="Beitreten").click()
    expect_screen(page, "ok", timeout=30_000)
    setup = page.locator("rtk-meeting rtk-setup-screen")
    expect(setup.get_by_text("Sie treten bei als")).to_be_visible()
    setup.get_by_role("button", name="Beitreten").click()
    expect(page.locator("rtk-meeting rtk-controlbar").first).to_be_visible()
    page.locator("[data-leave]").click()
    expect_screen(page, "list")
    assert page.evaluate("window.offences") == []


def test_a_language_is_chosen_at_the_foot_of_the_page_and_kept(visit: Visit, ada: User, algebra: Participant) -> None:
    page = visit(ada, f"/m/{algebra.meeting_id}/")
    expect_screen(page, "ready")
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Das Treffen ist offen")).to_be_visible()
    expect(page.get_by_role("button", name="Deutsch")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="Meine Treffen").click()
    expect(page.get_by_role("button", name="Algebra, group 7 beitreten")).to_have_text("Beitreten")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="My meetings")).to_be_visible()


def test_without_its_words_the_script_speaks_english_and_works(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    page.route("**/texts/**", lambda route: route.abort())
    visit(ada, f"/m/{algebra.meeting_id}/")
    page.get_by_role("button", name="Join").click()
    expect_setup_screen(page, name="Ada Example")


def test_who_wants_little_motion_gets_little(visit: Visit, ada: User, algebra: Participant, page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.route("**/api/v1/meetings/", lambda route: None)
    visit(ada)
    still = page.locator(".skeleton span").first
    assert still.evaluate("(it) => getComputedStyle(it).animationName") == "none"
    assert page.locator("button").first.evaluate("(it) => getComputedStyle(it).transitionDuration") == "0s"
