"""A personal link from the mail to the setup screen, and what it says when it no longer works."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core import mail
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from participants.models import Actor, Invitation, Participant
from participants.sandbox import Sandbox
from participants.services import invitations, outbox, sync
from tests.browser.conftest import Visit
from tests.browser.screens import JOIN, expect_screen, expect_setup_screen
from tests.factories import AdminFactory, MeetingFactory, ParticipantFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LINK = re.compile(r"https?://\S+#rci_\S+")
Device = Callable[[], Page]


@pytest.fixture(autouse=True)
def _mail(settings: LazySettings, live_server: LiveServer) -> None:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, live_server.url


@pytest.fixture
def device(browser: Browser, live_server: LiveServer) -> Iterator[Device]:
    """Another browser at every call: no cookie, no session."""
    opened: list[BrowserContext] = []

    def open_page() -> Page:
        context = browser.new_context(base_url=live_server.url, viewport={"width": 390, "height": 844})
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        return page

    yield open_page
    for context in opened:
        context.close()


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
    expect(phone.get_by_role("heading", name="This invitation was revoked")).to_be_visible()
    assert "#" not in phone.url


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
