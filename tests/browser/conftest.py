"""A real Chromium against the real server and the sandbox. A missing Chromium is an error, never a skip."""

import os
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize
from pytest_django.live_server_helper import LiveServer

from participants.models import Participant, Person
from participants.sandbox import Sandbox
from tests.factories import MeetingFactory, ParticipantFactory, UserFactory

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ADDRESS_BAR = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup")
"""Pages of Chromium's own under its address bar: it loads two for every new context, for twice what a page of ours
costs, and nobody sees them."""
OFF = (
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "LensOverlay", "MediaRouter"),
    *("HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable", "PaintHolding", "ThirdPartyStoragePartitioning"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled"),
    "PreconnectToSearch",
)
"""What Playwright switches off. Chromium reads the last list alone, so ours repeats it."""
ARGUMENTS = [
    f"--disable-features={','.join(OFF + ADDRESS_BAR)}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Visit = Callable[..., Page]
Show = Callable[..., Page]
Scheme = Literal["light", "dark"]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": CHROMIUM, "args": ARGUMENTS}


@pytest.fixture(scope="session", autouse=True)
def _allow_queries_beside_playwright() -> Iterator[None]:
    # Playwright's own event loop runs in this thread; the tests still ask the database directly.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.fixture(autouse=True)
def _serve_static_files_as_they_are(settings: LazySettings) -> None:
    # The test server finds files by their own names; hashing is collectstatic's business.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def context(browser: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    made = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 800})
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    made = context.new_page()
    made.set_default_timeout(15_000)
    return made


@pytest.fixture
def visit(page: Page, live_server: LiveServer) -> Visit:
    """``visit(user, path="/")``: the page as that user sees it, signed in already."""

    def open_page(user: User, path: str = "/") -> Page:
        client = Client()
        client.force_login(user)
        cookie = client.cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page.goto(path)
        return page

    return open_page


@pytest.fixture
def ada(transactional_db: None) -> User:
    user: User = UserFactory(username="ada", first_name="Ada", last_name="Example")
    return user


@pytest.fixture
def person(ada: User) -> Person:
    return Person.objects.create(user=ada, display_name="Ada Example", email=ada.email)


@pytest.fixture
def algebra(person: Person, sandbox: Sandbox) -> Participant:
    """Ada's enrolment in a meeting that is open; RealtimeKit learns of both at the first join."""
    row: Participant = ParticipantFactory(person=person, meeting=MeetingFactory(title="Algebra, group 7"))
    return row


@pytest.fixture
def show(browser: Browser, live_server: LiveServer, ada: User, sandbox: Sandbox) -> Iterator[Show]:
    """``show(language, scheme, width)``: a page where Ada is signed in."""
    contexts = []

    def open_page(language: str, scheme: Scheme, width: int = 1280) -> Page:
        viewport: ViewportSize = {"width": width, "height": 740}
        context = browser.new_context(
            base_url=live_server.url, viewport=viewport, color_scheme=scheme, locale=language
        )
        contexts.append(context)
        client = Client()
        client.force_login(ada)
        cookie = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
