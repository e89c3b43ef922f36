"""Signing in by a provider, a second factor and confirming an address, in a real Chromium under the site's policy."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.cache import cache
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.screens import expect_screen, follow, measure_width
from tests.browser.test_access import find_violations
from tests.factories import AdminFactory, UserFactory
from tests.signin.apps import App
from tests.signin.provider import CLIENT_ID, CLIENT_SECRET, Provider

pytestmark = pytest.mark.browser
Look = Callable[[Page, str], None]


@pytest.fixture
def provider(settings: LazySettings) -> Iterator[Provider]:
    with Provider() as running:
        settings.OIDC_ISSUER = settings.OIDC_SERVER_URL = running.issuer
        settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
        settings.OIDC_NAME = "Example School"
        yield running


@pytest.fixture(params=["light-wide", "dark-narrow"])
def stage(request: pytest.FixtureRequest, browser: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    """Light on a wide screen, dark on a phone."""
    scheme, width = request.param.split("-")
    size: Any = {"width": 1280, "height": 800} if width == "wide" else {"width": 360, "height": 740}
    context = browser.new_context(base_url=live_server.url, color_scheme=scheme, viewport=size, accept_downloads=True)
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Look:
    """Nothing for axe, nothing wider than the screen; a picture where ``LOOK_AT`` names a folder."""

    def check(page: Page, name: str) -> None:
        assert find_violations(page) == [], name
        width = page.viewport_size["width"] if page.viewport_size else 0
        assert measure_width(page) <= width, name
        if folder := os.environ.get("LOOK_AT"):
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)

    return check


def watch(page: Page) -> list[str]:
    """What the browser refused, as it goes on."""
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
    return refused


@pytest.mark.usefixtures("transactional_db")
def test_the_button_leads_to_the_provider_and_back(stage: BrowserContext, provider: Provider, look: Look) -> None:
    page = stage.new_page()
    refused = watch(page)
    page.goto("/m/0b0b0b0b-0000-4000-8000-000000000001/")
    follow(page.get_by_role("link", name="Sign in").first)
    look(page, "sign-in")
    page.get_by_role("button", name="Sign in with Example School").click()
    page.wait_for_url("**/m/0b0b0b0b-*/")
    expect_screen(page, "not_found")
    assert refused == []
    assert User.objects.get().email == "ada@example.org"


@pytest.mark.usefixtures("transactional_db")
def test_what_goes_wrong_is_told_with_a_way_back(stage: BrowserContext, provider: Provider, look: Look) -> None:
    UserFactory(email="ada@example.org")
    page = stage.new_page()
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with Example School").click()
    expect_screen(page, "sign_in_email_in_use")
    look(page, "refused")
    provider.close()
    cache.clear()  # its documents are kept for five minutes
    page.get_by_role("link", name="Back to sign in").click()
    page.get_by_role("button", name="Sign in with Example School").click()
    expect_screen(page, "sign_in_provider_away")
    look(page, "away")


@pytest.mark.usefixtures("transactional_db")
def test_the_page_on_the_way_to_the_provider(stage: BrowserContext, provider: Provider, look: Look) -> None:
    provider.manners.answers = {"/authorize": (204, b"")}  # which leaves a browser where it is
    page = stage.new_page()
    page.goto("/admin/login/")
    look(page, "admin-sign-in")
    page.get_by_role("button", name="Sign in with Example School").click()
    expect_screen(page, "leaving")
    look(page, "leaving")
    expect(page.get_by_role("link", name="Go on")).to_have_attribute("href", re.compile(re.escape(provider.issuer)))


def test_a_second_factor_from_set_up_to_another_phone(
    stage: BrowserContext, transactional_db: None, settings: LazySettings, look: Look
) -> None:
    settings.STAFF_MFA = "required"
    AdminFactory(username="boss")
    page = stage.new_page()
    refused = watch(page)
    page.goto("/admin/login/")
    page.get_by_label("Username").fill("boss")
    page.get_by_label("Password").fill("secret-pass-1")
    page.keyboard.press("Enter")
    expect_screen(page, "second_factor_set_up")
    assert page.locator("img.qr").evaluate("image => image.naturalWidth") > 0
    look(page, "set-up")
    app = App(page.locator("code.secret").inner_text())
    page.get_by_label("Code").fill("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, "set-up-wrong")
    page.get_by_label("Code").fill(app.show())
    page.keyboard.press("Enter")
    expect_screen(page, "recovery_codes")
    look(page, "codes")
    with page.expect_download() as loading:
        page.get_by_role("link", name="Download as text").click()
    file = loading.value.path().read_text()
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    assert all(code in file for code in codes)
    page.get_by_role("link", name="I have kept them").click()
    page.wait_for_url("**/admin/")
    page.goto("/accounts/2fa/")
    look(page, "status")
    follow(page.get_by_role("link", name="Recovery codes"))
    look(page, "codes-kept")
    follow(page.get_by_role("link", name="Make new codes"))
    look(page, "codes-new")
    page.goto("/accounts/2fa/remove/")
    look(page, "remove")
    page.goto("/")
    follow(page.get_by_role("button", name="Sign out"))
    page.goto("/accounts/login/?next=/admin/")
    page.get_by_label("Username").fill("boss")
    page.get_by_label("Password").fill("secret-pass-1")
    page.keyboard.press("Enter")
    expect_screen(page, "second_factor")
    expect(page.get_by_label("Code")).to_be_focused()
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, "code")
    page.get_by_label("Code").fill(codes[0])
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    assert refused == []


def test_confirming_an_address(
    stage: BrowserContext, transactional_db: None, settings: LazySettings, look: Look
) -> None:
    settings.EMAIL_VERIFICATION = "required"
    UserFactory(username="ada")
    page = stage.new_page()
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("secret-pass-1")
    page.keyboard.press("Enter")
    expect_screen(page, "confirm_email")
    look(page, "email")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("button", name="Send it again")).to_be_visible()
    look(page, "email-sent")
