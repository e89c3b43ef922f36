"""With a slow network nothing is sent twice; without scripts every page says what is missing."""

import re

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Locator, Page, Route, expect

from participants.models import Meeting, Participant
from tests.browser.conftest import Visit
from tests.browser.screens import expect_screen
from tests.factories import AdminFactory, MeetingFactory, ParticipantFactory, PresetFactory

pytestmark = pytest.mark.browser
PASSWORD = "secret-pass-1"
NOTE_LOOKS = """
addEventListener("submit", ({ target }) => {
  const button = target.querySelector("button");
  const ring = getComputedStyle(button, "::before").animationName;
  sessionStorage.setItem("looks", [target.ariaBusy, button.ariaDisabled, ring].join(" "));
});
"""
"""What a form that was sent looks like, for the page after it: Playwright waits while a page is being left."""


def press_twice_while_held(page: Page, address: str, button: Locator) -> list[Route]:
    """Both presses, on a network so slow that the first request is still under way."""
    held: list[Route] = []
    page.route(address, lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box
    with page.expect_request(lambda request: request.method == "POST"):
        page.mouse.click(box["x"] + 5, box["y"] + 5)
    page.mouse.click(box["x"] + 5, box["y"] + 5)
    page.keyboard.press("Enter")
    return held


def test_signing_in_is_sent_once_and_the_button_says_so(page: Page, ada: User) -> None:
    page.add_init_script(NOTE_LOOKS)
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    held = press_twice_while_held(page, "**/accounts/login/", page.get_by_role("button", name="Sign in"))
    assert len(held) == 1
    held[0].continue_()
    expect_screen(page, "empty")
    assert page.evaluate("sessionStorage.getItem('looks')") == "true true turn"


def test_a_wrong_password_can_be_corrected_at_once(page: Page, ada: User) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill("ada")
    for password in ("wrong", PASSWORD):
        page.get_by_label("Password").fill(password)
        with page.expect_navigation():
            page.keyboard.press("Enter")
    expect_screen(page, "empty")


@pytest.mark.parametrize("page_name", ["participants_meeting_add", "participants_meeting_change"])
def test_staff_save_once(visit: Visit, page: Page, transactional_db: None, page_name: str) -> None:
    meeting = MeetingFactory(title="Algebra")
    path = reverse(f"admin:{page_name}", args=[meeting.pk] if page_name.endswith("change") else [])
    visit(AdminFactory(), path)
    page.locator("[name=title]").fill("Geometry")
    held = press_twice_while_held(page, f"**{path}", page.locator("[name=_save]"))
    assert len(held) == 1
    held[0].continue_()
    page.wait_for_url(lambda address: not address.endswith(path))
    assert Meeting.objects.filter(title="Geometry").count() == 1


def test_after_going_back_a_form_can_be_sent_again(visit: Visit, page: Page, transactional_db: None) -> None:
    PresetFactory(name="group_call_participant")
    path = reverse("admin:participants_meeting_change", args=[MeetingFactory(title="Algebra").pk])
    visit(AdminFactory(), path)
    for title in ("Geometry", "Topology"):
        page.locator("[name=title]").fill(title)
        page.locator("[name=_save]").click()
        page.wait_for_url("**/participants/meeting/")
        page.go_back()
        page.wait_for_url(f"**{path}")
    assert Meeting.objects.get().title == "Topology"


@pytest.fixture
def _without_scripts(settings: LazySettings) -> None:
    # By the pages' own policy: Chromium's switch for developers shows no <noscript>.
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": {**directives, "sandbox": ["allow-same-origin", "allow-forms"]}}


def sign_in(page: Page, username: str, path: str) -> None:
    page.goto(f"/accounts/login/?next={path}")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(f"{re.escape(path)}$"))


@pytest.mark.usefixtures("_without_scripts")
@pytest.mark.parametrize("path", ["/", "/m/{}/"])
def test_without_scripts_the_join_page_says_what_is_missing(page: Page, algebra: Participant, path: str) -> None:
    sign_in(page, "ada", path.format(algebra.meeting_id))
    note = page.locator("noscript .alert")
    expect(note).to_have_text("This page needs JavaScript to show and join meetings. Please turn it on and reload.")
    expect(note).to_be_visible()
    expect(page.locator(".skeleton")).to_be_hidden()
    page.get_by_role("button", name="Deutsch").click()
    expect(note).to_contain_text("Diese Seite braucht JavaScript")
    page.get_by_role("button", name="Abmelden").click()
    expect(page.get_by_role("link", name="Anmelden")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/admin/", "JavaScript is switched off. Lists, forms and reports work without it"),
        ("/admin/participants/meeting/", "JavaScript is switched off. Lists, forms and reports work without it"),
        ("/admin/participants/meeting/{}/enrol/", "this page needs it for choosing people"),
        ("/admin/participants/meeting/{}/board/", "live progress"),
        ("/api/docs/", "This reference needs JavaScript."),
    ],
)
@pytest.mark.usefixtures("_without_scripts")
def test_without_scripts_staff_are_told_what_does_not_work(
    page: Page, algebra: Participant, path: str, words: str
) -> None:
    AdminFactory(username="grace")
    sign_in(page, "grace", path.format(algebra.meeting_id))
    note = page.locator("noscript p, noscript li").first
    expect(note).to_contain_text(words)
    expect(note).to_be_visible()


@pytest.mark.usefixtures("_without_scripts")
def test_without_scripts_staff_can_still_find_and_change_a_meeting(page: Page, algebra: Participant) -> None:
    AdminFactory(username="grace")
    ParticipantFactory()
    sign_in(page, "grace", "/admin/participants/meeting/")
    page.get_by_role("link", name="Algebra, group 7", exact=True).click()
    page.locator("[name=title]").fill("Algebra, group 8")
    page.locator("[name=_save]").click()
    expect(page.get_by_role("link", name="Algebra, group 8").first).to_be_visible()
    assert Meeting.objects.get(pk=algebra.meeting_id).title == "Algebra, group 8"
