"""The report of a meeting and its live board, as a browser shows them under the content security policy."""

import re
from datetime import timedelta
from typing import Literal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from participants.models import Presence, Session
from tests.browser.conftest import Visit
from tests.browser.screens import measure_width
from tests.browser.test_access import find_violations
from tests.factories import (
    AdminFactory,
    AttendanceFactory,
    EnrolledFactory,
    GuestFactory,
    LiveSessionFactory,
    MadeMeetingFactory,
    PresenceFactory,
    SessionFactory,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def boss(transactional_db: None) -> User:
    user: User = AdminFactory(username="boss")
    return user


def attend(session: Session, name: str, joined: float | None = None) -> Presence:
    row = EnrolledFactory(meeting=session.meeting, person=GuestFactory(display_name=name))
    if joined is not None:
        began = session.started_at or timezone.now()
        AttendanceFactory(session=session, participant=row, joined_at=began + timedelta(minutes=joined))
    presence: Presence = PresenceFactory(session=session, participant=row, joined=joined)
    return presence


@pytest.fixture
def lesson(boss: User) -> Session:
    start = timezone.now() - timedelta(hours=3)
    session: Session = SessionFactory(started_at=start, meeting=MadeMeetingFactory(title="Algebra, group 7"))
    attend(session, "Ada Example", 0)
    attend(session, "Bob Baker", 12)
    attend(session, "Chidi Okafor")
    return session


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the console says: a refusal by the content security policy, too."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def test_the_report_draws_its_chart_from_the_table(
    visit: Visit, boss: User, lesson: Session, complaints: list[str]
) -> None:
    page = visit(boss, f"/admin/participants/meeting/{lesson.meeting_id}/report/")
    expect(page.locator("html[data-charts=drawn]")).to_have_count(1)
    expect(page.locator("[data-chart=curve] canvas")).to_be_visible()
    expect(page.locator(".rc-bars")).to_have_count(2)
    expect(page.locator("#curve-table")).to_be_hidden()
    page.get_by_text("The numbers").click()
    expect(page.locator("#curve-table tbody tr").nth(20)).to_contain_text("2")
    expect(page.locator("#absent")).to_contain_text("Chidi Okafor")
    assert complaints == []


def test_without_the_chart_library_the_table_is_open(visit: Visit, boss: User, lesson: Session, page: Page) -> None:
    page.route("**/vendor/uplot/**", lambda route: route.abort())
    visit(boss, f"/admin/participants/meeting/{lesson.meeting_id}/report/")
    expect(page.locator("html[data-charts=missing]")).to_have_count(1)
    expect(page.locator("#curve-table")).to_be_visible()


def test_the_board_follows_who_comes_and_goes(visit: Visit, boss: User, complaints: list[str]) -> None:
    session = LiveSessionFactory(started_at=timezone.now() - timedelta(minutes=5))
    ada, bob = attend(session, "Ada Example", 1), attend(session, "Bob Baker")
    page = visit(boss, f"/admin/participants/meeting/{session.meeting_id}/board/")
    expect(page.locator("[data-column=present] li")).to_contain_text(["Ada Example"])
    Presence.objects.filter(pk=bob.pk).update(first_joined_at=timezone.now(), is_present=True)
    Presence.objects.filter(pk=ada.pk).update(is_present=False, last_left_at=timezone.now())
    expect(page.locator("[data-column=present] li")).to_contain_text(["Bob Baker"], timeout=15_000)
    expect(page.locator("[data-column=left] li")).to_contain_text(["Ada Example"])
    expect(page.locator("[data-column=missing] [data-nobody]")).to_be_visible()
    assert complaints == []


def test_a_filter_is_asked_by_the_form_and_taken_away_by_its_chip(visit: Visit, boss: User, lesson: Session) -> None:
    page = visit(boss, "/admin/participants/presence/")
    page.locator(".rc-drawer > summary").click()
    page.get_by_label("Late by more than, minutes").fill("5")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(page.url.split("?")[0] + "?late_more_than_minutes=5")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Remove the filter Late by more than").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(
    visit: Visit, boss: User, lesson: Session, page: Page, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its literals
    page.set_viewport_size({"width": 360, "height": 740})
    found, widths = {}, {}
    paths = (
        "/admin/",
        "/admin/participants/presence/?came=false&totals=1",
        "/admin/participants/session/",
        f"/admin/participants/meeting/{lesson.meeting_id}/report/",
        f"/admin/participants/meeting/{lesson.meeting_id}/board/",
        "/admin/reports/",
        "/admin/time-zone/",
    )
    for path in paths:
        visit(boss, path)
        for drawer in page.locator(".rc-drawer > summary").all():
            drawer.click()
        widths[path] = measure_width(page)
        found[path] = find_violations(page)
    assert {path: violations for path, violations in found.items() if violations} == {}
    assert set(widths.values()) == {360}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_report_is_printed_black_on_white_whatever_the_theme(
    visit: Visit, boss: User, lesson: Session, page: Page, theme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=theme)
    visit(boss, f"/admin/participants/meeting/{lesson.meeting_id}/report/")
    expect(page.locator("html[data-charts=drawn]")).to_have_count(1)
    pages = page.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pages)) == 1
    page.emulate_media(media="print", color_scheme=theme)
    page.set_viewport_size({"width": 703, "height": 1010})  # A4 within its margins, narrower than a tablet
    expect(page.get_by_role("columnheader", name="Person")).to_be_visible()
    card = page.locator(".rc-card").first
    assert card.evaluate("card => getComputedStyle(card).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("h1").last.evaluate("title => getComputedStyle(title).color") == "rgb(0, 0, 0)"
    for hidden in ("#header", "#nav-sidebar", ".breadcrumbs", ".rc-numbers", ".u-legend", "[data-print]"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.get_by_text("Chidi Okafor")).to_be_visible()
