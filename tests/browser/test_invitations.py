"""A personal link from the mail to the setup screen, and what it says when it no longer works."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core import mail
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect
from pytest_django.live_server_helper import LiveServer

from participants.models import Actor, Invitation, Participant
from participants.sandbox import Sandbox
from participants.services import invitations, outbox, removal, sync
from tests.browser.conftest import Visit
from tests.browser.screens import JOIN, expect_screen, expect_setup_screen, measure_width
from tests.browser.test_access import find_violations
from tests.browser.test_policy import NOTE_OFFENCES
from tests.factories import AdminFactory, MeetingFactory, ParticipantFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LINK = re.compile(r"https?://\S+#rci_\S+")
Device = Callable[..., Page]
UNKNOWN = "#rci_" + "x" * 43


@pytest.fixture(autouse=True)
def _mail(settings: LazySettings, live_server: LiveServer) -> None:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, live_server.url


@pytest.fixture
def device(browser: Browser, live_server: LiveServer) -> Iterator[Device]:
    """Another browser at every call: no cookie, no session. Refuses no content that the page needs."""
    opened: list[BrowserContext] = []

    def open_page(language: str = "en-GB", width: int = 390) -> Page:
        viewport: ViewportSize = {"width": width, "height": 844}
        context = browser.new_context(base_url=live_server.url, viewport=viewport, locale=language)
        context.add_init_script(NOTE_OFFENCES)
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        return page

    yield open_page
    offences = [page.evaluate("window.offences") for context in opened for page in context.pages]
    for context in opened:
        context.close()
    assert not any(offences)


@pytest.fixture
def bob(sandbox: Sandbox, transactional_db: None) -> Participant:
    person = invitations.find_guest(name="Bob Example", email="bob@example.org", by=Actor(via="tests"))
    row: Participant = ParticipantFactory(person=person, meeting=MeetingFactory(title="Algebra, group 7"))
    return row


def make_link(row: Participant, live_server: LiveServer) -> str:
    return invitations.issue(row, by=Actor(via="tests"), mail=False).build_link(live_server.url)


def read_link() -> str:
    """From the newest mail."""
    found = LINK.search(str(mail.outbox[-1].body))
    assert found
    return found[0]


def test_staff_invite_somebody_who_joins_from_the_mail_until_they_are_revoked(
    visit: Visit, device: Device, sandbox: Sandbox, live_server: LiveServer
) -> None:
    by = Actor(via="tests")
    sync.pull(by=by)
    meeting = MeetingFactory(title="Algebra, group 7")
    staff = visit(AdminFactory(), f"/admin/participants/meeting/{meeting.pk}/change/")
    staff.get_by_role("link", name="Invite", exact=True).click()
    staff.get_by_label("Name", exact=True).fill("Bob Example")
    staff.get_by_label("E-mail address").fill("bob@example.org")
    staff.get_by_role("button", name="Send the invitation").click()
    expect(staff.get_by_text("The invitation of Bob Example will be mailed to bob@example.org")).to_be_visible()
    outbox.work(by=by)

    link = read_link()
    phone = device()
    phone.goto(link)
    expect_screen(phone, "ready")
    assert "#" not in phone.url
    expect(phone.get_by_text("Algebra, group 7")).to_be_visible()
    expect(phone.get_by_text("Bob Example")).to_be_visible()
    phone.locator(JOIN).click()
    expect_setup_screen(phone, name="Bob Example")

    staff.goto(f"/admin/participants/invitation/?meeting={meeting.pk}")
    staff.get_by_role("link", name="Bob Example").click()
    staff.get_by_role("button", name="Revoke").click()
    expect(staff.get_by_text("The invitation was revoked.")).to_be_visible()

    phone.goto("about:blank")
    phone.goto(link)
    expect(phone.get_by_role("heading", name="Your invitation was revoked")).to_be_visible()
    assert "#" not in phone.url


@pytest.mark.parametrize(("devices", "clicks"), [("any", 2), ("first", 3)])
def test_somebody_without_an_account_is_in_the_setup_screen_three_clicks_after_opening_the_mail(
    bob: Participant, device: Device, settings: LazySettings, devices: str, clicks: int
) -> None:
    settings.INVITATION_DEVICES = devices
    invitations.issue(bob, by=Actor(via="tests"), mail=True)
    outbox.work(by=Actor(via="tests"))
    phone = device()
    phone.context.add_init_script("addEventListener('click', (e) => e.isTrusted && console.info('a click'), true)")
    seen: list[str] = []
    phone.on("console", lambda message: seen.append(message.text))
    open_mail(phone)
    phone.get_by_role("link").click()
    if devices == "first":
        phone.get_by_role("button", name="Open it here").click()
    phone.locator(JOIN).click()
    expect_setup_screen(phone, name="Bob Example")
    assert seen.count("a click") == clicks
    assert not User.objects.exists()


def open_mail(page: Page) -> None:
    """The HTML part of the newest mail, as a mail program in the browser shows it."""
    message = mail.outbox[-1]
    assert isinstance(message, mail.EmailMultiAlternatives)
    html = str(message.alternatives[0][0])
    page.route("https://mail.example.org/", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto("https://mail.example.org/")


@pytest.mark.parametrize("devices", ["any", "first"])
def test_the_link_says_on_either_device_that_it_was_revoked(
    bob: Participant, device: Device, live_server: LiveServer, settings: LazySettings, devices: str
) -> None:
    settings.INVITATION_DEVICES = devices
    link, first, second = make_link(bob, live_server), device(), device()
    first.goto(link)
    if devices == "first":
        first.get_by_role("button", name="Open it here").click()
    expect_screen(first, "ready")
    invitations.revoke(Invitation.objects.get(), by=Actor(via="tests"))
    for page in (first, second):
        page.goto("about:blank")
        page.goto(link)
        if devices == "first":
            page.get_by_role("button", name="Open it here").click()
        expect(page.get_by_role("heading", name="Your invitation was revoked")).to_be_visible()
        assert "#" not in page.url


def test_a_second_device_joins_too_by_default(bob: Participant, device: Device, live_server: LiveServer) -> None:
    link = make_link(bob, live_server)
    for page in (device(), device()):
        page.goto(link)
        expect_screen(page, "ready")


def test_a_second_device_is_turned_away_where_the_setting_says_first(
    bob: Participant, device: Device, live_server: LiveServer, settings: LazySettings
) -> None:
    settings.INVITATION_DEVICES = "first"
    link, first, second = make_link(bob, live_server), device(), device()
    for page in (first, second):
        page.goto(link)
        page.get_by_role("button", name="Open it here").click()
    expect_screen(first, "ready")
    expect(second.get_by_role("heading", name="Opened on another device")).to_be_visible()
    expect(second.get_by_text("ask the organiser for a new one")).to_be_visible()


def test_under_that_setting_a_page_that_is_only_loaded_uses_nothing_up(
    bob: Participant, device: Device, live_server: LiveServer, settings: LazySettings
) -> None:
    settings.INVITATION_DEVICES = "first"
    scanner = device()
    scanner.goto(make_link(bob, live_server))
    expect(scanner.get_by_role("button", name="Open it here")).to_be_visible()
    assert Invitation.objects.get().uses == 0


def test_somebody_signed_in_chooses_whom_to_be(bob: Participant, visit: Visit, live_server: LiveServer) -> None:
    grace: User = UserFactory(first_name="Grace", last_name="Example")
    link = make_link(bob, live_server)
    page = visit(grace, link)
    expect(page.get_by_role("heading", name="This invitation is for Bob Example")).to_be_visible()
    page.get_by_role("button", name="Stay signed in as Grace Example").click()
    expect_screen(page, "not_enrolled")
    page.goto("about:blank")
    page.goto(link)
    page.get_by_role("button", name="Join as Bob Example").click()
    expect_screen(page, "ready")
    expect(page.get_by_text("Here by invitation").or_(page.get_by_title("Here by invitation"))).to_be_visible()


def test_a_link_that_is_pasted_into_an_open_page_is_opened(
    bob: Participant, device: Device, live_server: LiveServer
) -> None:
    page = device()
    page.goto(f"/m/{bob.meeting_id}/")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    page.goto(make_link(bob, live_server))
    expect_screen(page, "ready")


def test_an_open_page_says_when_its_invitation_is_revoked(
    bob: Participant, device: Device, live_server: LiveServer
) -> None:
    page = device()
    page.goto(make_link(bob, live_server))
    expect_screen(page, "ready")
    invitations.revoke(Invitation.objects.get(), by=Actor(via="tests"))
    page.locator(JOIN).click()
    expect_screen(page, "invitation_revoked")
    expect(page.get_by_role("heading", name="Your invitation was revoked")).to_be_visible()


def test_somebody_asks_to_be_let_in_and_is(bob: Participant, visit: Visit) -> None:
    bob.meeting.takes_requests = True
    bob.meeting.save()
    page = visit(UserFactory(first_name="Grace"), f"/m/{bob.meeting_id}/")
    expect_screen(page, "not_enrolled")
    page.get_by_label("Ask to be let in").fill("I am new in group 7.")
    page.get_by_role("button", name="Ask to be let in").click()
    expect(page.get_by_role("heading", name="You have asked to be let in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="You have asked to be let in")).to_be_visible()


def test_a_guest_is_led_in_german_from_the_link_to_the_setup_screen(
    bob: Participant, device: Device, live_server: LiveServer
) -> None:
    page = device("de-DE")
    page.goto(make_link(bob, live_server))
    expect(page.get_by_role("heading", name="Das Treffen ist offen")).to_be_visible()
    expect(page.get_by_title("Mit einer Einladung hier")).to_have_text("Bob Example")
    page.get_by_role("button", name="Beitreten").click()
    expect_screen(page, "ok", timeout=30_000)
    expect(page.locator("rtk-meeting rtk-setup-screen").get_by_text("Sie treten bei als")).to_be_visible()


def test_a_guest_has_a_list_of_one_and_is_told_when_it_ends(
    bob: Participant, device: Device, live_server: LiveServer
) -> None:
    page = device()
    page.goto(make_link(bob, live_server))
    page.get_by_role("link", name="My meetings").click()
    expect(page.get_by_role("button", name="Join Algebra, group 7")).to_be_visible()
    invitations.revoke(Invitation.objects.get(), by=Actor(via="tests"))
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect_screen(page, "invitation_revoked")
    expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", re.compile(r"/accounts/login/\?next="))


def test_a_guest_who_left_elsewhere_is_sent_back_to_the_link(
    bob: Participant, device: Device, live_server: LiveServer
) -> None:
    page = device()
    page.goto(make_link(bob, live_server))
    expect_screen(page, "ready")
    other = page.context.new_page()
    other.goto("/")
    other.get_by_role("button", name="Leave").click()
    expect(other.get_by_role("link", name="Sign in")).to_be_visible()
    page.locator(JOIN).click()
    expect_screen(page, "not_authenticated")
    expect(page.get_by_text("Open your personal link again")).to_be_visible()


def test_a_guest_who_became_another_elsewhere_has_a_page_out_of_date(
    bob: Participant, device: Device, live_server: LiveServer
) -> None:
    person = invitations.find_guest(name="Carol Example", email="carol@example.org", by=Actor(via="tests"))
    carol: Participant = ParticipantFactory(person=person, meeting=bob.meeting)
    page = device()
    page.goto(make_link(bob, live_server))
    expect_screen(page, "ready")
    other = page.context.new_page()
    other.goto(make_link(carol, live_server))
    expect_screen(other, "ready")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect_screen(page, "stale_page")
    page.get_by_role("button", name="Reload the page").click()
    expect_screen(page, "ready")
    expect(page.get_by_text("Carol Example")).to_be_visible()


def test_a_guest_at_another_meeting_is_told_that_the_invitation_is_for_one(
    bob: Participant, device: Device, live_server: LiveServer
) -> None:
    page = device()
    page.goto(make_link(bob, live_server))
    expect_screen(page, "ready")
    page.goto(f"/m/{MeetingFactory().pk}/")
    expect_screen(page, "not_enrolled")
    expect(page.get_by_text("Your invitation is for another meeting.")).to_be_visible()


def test_a_link_opened_without_a_connection_is_opened_once_it_is_back(
    bob: Participant, device: Device, live_server: LiveServer
) -> None:
    page = device()
    page.route("**/redeem/", lambda route: route.abort())
    page.goto(make_link(bob, live_server))
    expect_screen(page, "network")
    page.unroute("**/redeem/")
    page.get_by_role("button", name="Try again").click()
    expect_screen(page, "ready")


@pytest.mark.parametrize(("language", "width"), [("en-GB", 1280), ("de-DE", 360)])
@pytest.mark.parametrize(
    "screen", ["invitation_unknown", "invitation_revoked", "invitation_used", "removed", "invitation", "network"]
)
def test_what_a_link_says_breaks_no_rule_of_access_and_fits_the_screen(
    bob: Participant,
    device: Device,
    live_server: LiveServer,
    settings: LazySettings,
    screen: str,
    language: str,
    width: int,
) -> None:
    link, by, page = make_link(bob, live_server), Actor(via="tests"), device(language, width)
    if screen == "invitation_unknown":
        link = link.partition("#")[0] + UNKNOWN
    elif screen == "invitation_revoked":
        make_link(bob, live_server)  # a newer one
    elif screen == "removed":
        removal.remove(bob, by=by)
    elif screen == "network":
        page.route("**/redeem/", lambda route: route.abort())
    elif screen == "invitation_used":
        other = device()
        other.goto(link)
        expect_screen(other, "ready")
    settings.INVITATION_DEVICES = "first" if screen in ("invitation", "invitation_used") else "any"
    page.goto(link)
    if screen == "invitation_used":
        page.get_by_role("button", name="Hier öffnen" if language == "de-DE" else "Open it here").click()
    expect_screen(page, screen)
    assert find_violations(page) == []
    assert measure_width(page) == width
    assert page.locator("html").get_attribute("lang") == ("de" if language == "de-DE" else "en-gb")
    assert page.locator("h1").count() == 1
    expect(page.locator("h1")).to_be_focused()
