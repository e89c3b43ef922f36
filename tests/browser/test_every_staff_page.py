"""Axe and the width of a phone: every page of the admin that needs no key, and the newer ones in their states."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from participants.models import Actor, Hook, HookMessage, Invitation, Meeting, Message, Participant
from participants.sandbox import Sandbox
from participants.services import accessrequests, hooks, invitations, outbox, sync
from participants.states import HookKind, HookMessageState, HookOff
from tests.browser.conftest import Visit
from tests.browser.screens import follow, measure_width
from tests.browser.test_access import find_violations
from tests.browser.test_staff_pages import path_to
from tests.factories import (
    AdminFactory,
    ApiKeyFactory,
    BatchFactory,
    DriftReportFactory,
    EnrolledFactory,
    GuestFactory,
    HookFactory,
    HookMessageFactory,
    MadeMeetingFactory,
    MeetingFactory,
    PresenceFactory,
    UserFactory,
)

pytestmark = pytest.mark.browser
BY = Actor(via="tests")
LISTS = ("participant", "presence", "session", "event")
NO_PAGES = {
    "jsi18n": "is a script",
    "login": "sends on who is signed in; test_signing_in.py looks at it",
    "logout": "takes a post alone",
    "sync": "takes a post alone",
    "connection_webhook": "takes a post alone",
    **{f"participants_{name}_csv": "is a file" for name in LISTS},
    **{
        f"participants_{name}_export": "takes a post alone"
        for name in ("participant", "presence", "session", "event")
    },
    **{f"participants_{name}_save": "takes a post alone" for name in LISTS},
}
"""What answers without a key but shows no page, and why. Views that refuse even a superuser need no reason."""
REFUSED = 403


class Tour:
    """What axe and the width say of each state that was looked at."""

    def __init__(self, page: Page, width: int) -> None:
        self.page, self.faults, self._width = page, dict[str, list[str]](), width

    def go(self, state: str, address: str) -> None:
        answer = self.page.goto(address)
        assert answer is not None
        assert answer.ok, f"{state}: {answer.status}"
        self.look(state)

    def press(self, state: str, button: str | re.Pattern[str], *, link: bool = False) -> None:
        role = self.page.get_by_role("link" if link else "button", name=button, exact=isinstance(button, str))
        follow(role.first)
        self.look(state)

    def look(self, state: str) -> None:
        faults = find_violations(self.page)
        if (wide := measure_width(self.page)) > self._width:
            faults.append(f"{wide} px wide")
        if faults:
            self.faults[state] = faults


@pytest.fixture
def grace(transactional_db: None) -> User:
    user: User = AdminFactory(username="grace")
    return user


@pytest.fixture(params=[("light", 1280), ("dark", 360)], ids=["light-wide", "dark-narrow"])
def tour(request: pytest.FixtureRequest, visit: Visit, page: Page, grace: User) -> Iterator[Tour]:
    scheme, width = request.param
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    visit(grace, path_to("meeting_changelist"))
    made = Tour(page, width)
    yield made
    assert made.faults == {}


@pytest.fixture
def meeting(sandbox: Sandbox, grace: User, settings: LazySettings) -> Meeting:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, "https://rollcall.example.org"
    sync.pull(by=BY)
    made: Meeting = MeetingFactory(title="Algebra, group 7", takes_requests=True)
    return made


def list_routes(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from list_routes(pattern.url_patterns)
        elif pattern.name:
            yield pattern.name


def list_plain_addresses() -> dict[str, str]:
    """Every address of the admin that needs no key, by its name."""
    resolvers = [each for each in get_resolver().url_patterns if isinstance(each, URLResolver)]
    (admin,) = (each for each in resolvers if each.namespace == "admin")
    found = {}
    for name in list_routes(admin.url_patterns):
        try:
            found[name] = reverse(f"admin:{name}")
        except NoReverseMatch:
            continue
    return found


def fill_lists() -> None:
    """A row for what is listed, so that no list is looked at empty."""
    presence = PresenceFactory(joined=3.0)
    for factory in (ApiKeyFactory, BatchFactory, DriftReportFactory, GuestFactory):
        factory()
    hook = HookFactory()
    HookMessageFactory(hook=hook, meeting=presence.meeting)
    row = EnrolledFactory(meeting=MadeMeetingFactory(takes_requests=True))
    invitations.issue(row, by=BY, mail=True)
    accessrequests.ask(meeting_id=row.meeting_id, user=UserFactory(), message="Please.", by=BY)


def test_every_address_that_shows_no_page_has_its_reason(client: Client, grace: User) -> None:
    client.force_login(grace)
    silent = set()
    for name, address in list_plain_addresses().items():
        answer = client.get(address)
        is_page = answer.status_code == 200 and answer["Content-Type"].startswith("text/html")
        if answer.status_code != REFUSED and not is_page:
            silent.add(name)
    assert silent == set(NO_PAGES)


def test_axe_finds_nothing_on_any_page_that_needs_no_key(client: Client, tour: Tour, meeting: Meeting) -> None:
    fill_lists()
    client.force_login(User.objects.get(username="grace"))
    for name, address in list_plain_addresses().items():
        if name not in NO_PAGES and client.get(address).status_code != REFUSED:
            tour.go(name, address)


def make_hooks(meeting: Meeting) -> dict[str, Hook]:
    now = timezone.now()
    fine: Hook = HookFactory(name="Timetable", succeeded_at=now)
    fine.meetings.add(meeting)
    hooks.rotate(fine, by=BY)
    return {
        "fine": fine,
        "failing": HookFactory(failing_since=now - timedelta(hours=3), failures=7, paused_until=now),
        "gone": HookFactory(off_at=now, off_reason=HookOff.GONE),
        "given up": HookFactory(off_at=now, off_reason=HookOff.FAILING),
        "off": HookFactory(off_at=now, off_reason=HookOff.STAFF),
    }


def make_messages(hook: Hook, meeting: Meeting) -> list[HookMessage]:
    told = {
        "type": HookKind.ENROLLED,
        "timestamp": "2027-01-11T08:00:00Z",
        "data": {"meeting": {"id": str(meeting.pk), "title": "A title of some length, " * 6}},
    }
    common = {"hook": hook, "meeting": meeting, "payload": told, "attempted_at": timezone.now(), "attempts": 3}
    failed = {"state": HookMessageState.FAILED, "last_error_detail": "The receiver answered 500."}
    return [
        HookMessageFactory(hook=hook, meeting=meeting),
        HookMessageFactory(**common, state=HookMessageState.DELIVERED, status=204, milliseconds=81),
        HookMessageFactory(**common, **failed, status=500, milliseconds=9_000, excerpt="<html>" + "x" * 400),
    ]


def test_outgoing_webhooks(tour: Tour, meeting: Meeting) -> None:
    made = make_hooks(meeting)
    sent = make_messages(made["fine"], meeting)
    tour.go("list", path_to("hook_changelist"))
    tour.go("no hooks", path_to("hook_changelist") + "?q=zzz")
    for state, hook in made.items():
        tour.go(state, path_to("hook_change", hook.pk))
    tour.go("rotate", path_to("hook_rotate", made["fine"].pk))
    tour.press("rotated", "Make a new secret")
    tour.go("remove", path_to("hook_remove", made["off"].pk))
    tour.go("fine again", path_to("hook_change", made["fine"].pk))
    tour.press("tested", "Send a test")
    tour.go("log", path_to("hookmessage_changelist"))
    for message in sent:
        tour.go(f"message {message.state}", path_to("hookmessage_change", message.pk))
    tour.page.goto(path_to("hookmessage_changelist"))
    choose_all(tour.page, "replay")
    tour.look("replay")


def test_adding_an_outgoing_webhook(tour: Tour, meeting: Meeting) -> None:
    tour.go("add", path_to("hook_add"))
    tour.press("refused", "Save")
    tour.page.get_by_label("Name", exact=False).first.fill("Timetable")
    tour.page.get_by_label("Address", exact=False).first.fill("https://example.org/rollcall")
    tour.page.locator("[name=kinds]").first.check()
    tour.press("secret", "Save")
    expect(tour.page.locator("#secret")).to_contain_text("whsec_")


def choose_all(page: Page, action: str) -> None:
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option(action)
    follow(page.get_by_role("button", name="Go", exact=True))


def make_invitations(meeting: Meeting) -> None:
    """One in each state, and a mail to each."""
    rows = [EnrolledFactory(meeting=meeting, person=GuestFactory()) for _ in range(4)]
    fresh, revoked, expired, replaced = (invitations.issue(row, by=BY, mail=True).invitation for row in rows)
    invitations.revoke(revoked, by=BY)
    Invitation.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    invitations.issue(replaced.participant, by=BY, mail=False)
    Invitation.objects.filter(pk=fresh.pk).update(uses=2, last_used_at=timezone.now())
    outbox.work(by=BY)


def test_invitations(tour: Tour, meeting: Meeting) -> None:
    make_invitations(meeting)
    tour.go("list", path_to("invitation_changelist") + f"?meeting={meeting.pk}")
    tour.go("none", path_to("invitation_changelist") + "?q=zzz")
    for invitation in Invitation.objects.all():
        tour.go(f"one, {invitation.decide_state(timezone.now())}", path_to("invitation_change", invitation.pk))
    tour.go("everybody", path_to("invitation_all", meeting.pk))
    tour.press("everybody invited", re.compile("^Invite the"))
    tour.go("invite", path_to("invitation_send", meeting.pk))
    for button, state in (("Send the invitation", "mailed"), ("Make a link to copy", "link")):
        tour.page.goto(path_to("invitation_send", meeting.pk))
        tour.press(f"{state}, refused", button)
        tour.page.get_by_label("Name", exact=True).fill(f"Bob Baker, {state}")
        tour.page.get_by_label("E-mail address").fill(f"{state}@example.org")
        tour.press(state, button)
    tour.go("a new link", path_to("invitation_of", Participant.objects.filter(meeting=meeting)[0].pk))
    tour.press("a new link made", "Make a link to copy")


def test_mails_and_what_they_say(tour: Tour, meeting: Meeting) -> None:
    make_invitations(meeting)
    tour.go("mails", path_to("message_changelist"))
    tour.go("no mails", path_to("message_changelist") + "?q=zzz")
    for message in Message.objects.all():
        tour.go(f"mail {message.state}", path_to("message_change", message.pk))
    tour.go("texts", reverse("admin:mail_texts"))
    tour.go("text", reverse("admin:mail_text", args=["invitation"]))
    tour.press("looked at", "Look at it first")
    tour.page.get_by_label("Subject", exact=True).fill("{nonsense}")
    tour.press("refused", "Save")
    tour.page.get_by_label("Subject", exact=True).fill("Come to {meeting}")
    tour.press("saved", "Save")


def test_what_a_meeting_says_of_requests_and_invitations(tour: Tour, meeting: Meeting) -> None:
    address = path_to("meeting_change", meeting.pk)
    panel = tour.page.locator(".rc-below", has_text="Asked to join")
    tour.go("nobody asked", address)
    expect(panel).to_contain_text("0 open requests")
    accessrequests.ask(meeting_id=meeting.pk, user=UserFactory(), message="Please.", by=BY)
    make_invitations(meeting)
    tour.go("one asked", address)
    tour.press("the one who asked", "1 open request", link=True)
    for _ in range(11):
        accessrequests.ask(meeting_id=meeting.pk, user=UserFactory(), message="Please.", by=BY)
    tour.go("many asked", address)
    expect(panel).to_contain_text("12 open requests")


def test_requests_to_be_let_in(tour: Tour, meeting: Meeting) -> None:
    said = "I am new in group 7, and Ms Rossi said that I should ask here. " * 5
    users = [UserFactory() for _ in range(4)]
    asked = [accessrequests.ask(meeting_id=meeting.pk, user=user, message=said, by=BY)[0] for user in users]
    accessrequests.deny(asked[:1], by=BY, answer="Ask your form teacher first.")
    tour.go("list", path_to("accessrequest_changelist"))
    tour.go("none", path_to("accessrequest_changelist") + "?q=zzz")
    tour.go("denied", path_to("accessrequest_change", asked[0].pk))
    for verb, request in (("Deny", asked[1]), ("Approve", asked[2])):
        tour.go(f"{verb} this", path_to("accessrequest_change", request.pk))
        tour.press(f"{verb}?", re.compile(f"^{verb}"))
        tour.press(f"{verb}, done", re.compile(f"^{verb}"))
    tour.page.goto(path_to("accessrequest_changelist"))
    choose_all(tour.page, "approve_chosen")
    tour.look("approve many")
