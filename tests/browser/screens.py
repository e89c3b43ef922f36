"""What the join page shows, in the words of the tests."""

import re

from playwright.sync_api import Locator, Page, expect

JOIN = "[data-join]:visible"


def expect_screen(page: Page, code: str, *, timeout: float = 15_000) -> None:
    """``code`` as in ``<main data-screen>``."""
    expect(page.locator("main")).to_have_attribute("data-screen", code, timeout=timeout)


def expect_setup_screen(page: Page, *, name: str) -> None:
    """The vendor's own screen, inside the shadow roots of ``<rtk-meeting>``."""
    expect_screen(page, "ok", timeout=30_000)
    setup = page.locator("rtk-meeting rtk-setup-screen")
    expect(setup.get_by_text("Joining as")).to_be_visible(timeout=15_000)
    expect(setup.locator("input").first).to_have_value(name)


def press_join(page: Page, title: str) -> None:
    page.get_by_role("button", name=re.compile(rf"^Join {re.escape(title)}$")).click()


def follow(control: Locator) -> None:
    """Click what leads to another page, and stay until that page is loaded: a click alone returns before it comes."""
    with control.page.expect_navigation():
        control.click()


def measure_width(page: Page) -> int:
    """How wide what was loaded is, in px; more than the window's where it can be scrolled sideways."""
    page.wait_for_load_state()
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


def press_leave(page: Page) -> None:
    page.locator("[data-leave]").click()
    expect_screen(page, "list")
