"""Waiting at the door: a wrong clock, a closed lid, a lost network, a reload. The page goes on by itself."""

import re
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from participants.models import Meeting, Participant
from participants.sandbox import Sandbox
from tests.browser.conftest import Visit
from tests.browser.screens import expect_screen, expect_setup_screen, press_join, press_leave

pytestmark = pytest.mark.browser
NO_CONNECTION = "No connection. This page goes on by itself as soon as it is back."


def set_device_clock(page: Page, hours: int) -> None:
    """The device's clock is wrong by this much, from the first script on."""
    page.add_init_script(f"""
      const Real = Date;
      window.Date = class extends Real {{
        constructor(...given) {{ given.length ? super(...given) : super(Date.now()); }}
        static now() {{ return Real.now() + {hours} * 3600_000; }}
      }};
    """)


def open_at(row: Participant, moment: datetime) -> None:
    Meeting.objects.filter(pk=row.meeting_id).update(opens_at=moment)


def open_in(row: Participant, **span: float) -> None:
    open_at(row, timezone.now() + timedelta(**span))


@pytest.mark.parametrize("hours", [-5, 5])
def test_the_door_opens_by_the_servers_clock_however_wrong_the_devices_is(
    visit: Visit, ada: User, algebra: Participant, page: Page, hours: int
) -> None:
    set_device_clock(page, hours)
    open_in(algebra, hours=1)
    visit(ada, f"/m/{algebra.meeting_id}/")
    expect_screen(page, "too_early")
    expect(page.locator(".countdown")).to_have_text(re.compile(r"^Opens in (1 h( 0 min)?|5\d:\d\d)$"))
    open_in(algebra, seconds=5)  # however long the page took to load
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.locator(".countdown")).to_have_text(re.compile(r"^Opens in \d s$"))
    opens_at = Meeting.objects.get(pk=algebra.meeting_id).opens_at
    assert opens_at
    assert timezone.now() < opens_at
    expect_screen(page, "ready")
    expect(page.get_by_role("status").first).to_have_text("The meeting is open. You can join now.")
    expect(page.get_by_role("heading", name="The meeting is open")).to_be_focused()
    expect(page.get_by_role("button", name="Join")).to_be_visible()


def test_after_a_closed_lid_the_countdown_is_right_at_once(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    page.clock.install()
    open_in(algebra, hours=4)
    visit(ada, f"/m/{algebra.meeting_id}/")
    expect(page.locator(".countdown")).to_have_text("Opens in 3 h 59 min")
    open_in(algebra, hours=1)  # three hours of sleep, as the server sees them
    page.clock.fast_forward("03:00:00")
    expect(page.locator(".countdown")).to_contain_text("Opens in 59:")


def test_a_door_that_opened_while_the_lid_was_closed_is_open_on_waking(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    page.clock.install()
    open_in(algebra, hours=1)
    visit(ada, f"/m/{algebra.meeting_id}/")
    expect_screen(page, "too_early")
    open_in(algebra, hours=-1)
    page.clock.fast_forward("02:00:00")
    expect_screen(page, "ready")


def test_waiting_moves_focus_nowhere_until_the_door_opens(visit: Visit, ada: User, algebra: Participant) -> None:
    open_in(algebra, hours=1)
    page = visit(ada, f"/m/{algebra.meeting_id}/")
    link = page.get_by_role("link", name="My meetings")
    link.focus()
    page.evaluate("window.card = document.querySelector('.outcome')")
    with page.expect_response("**/admission/"):
        page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(link).to_be_focused()
    assert page.evaluate("window.card === document.querySelector('.outcome')")


def test_a_postponed_opening_is_noticed(visit: Visit, ada: User, algebra: Participant) -> None:
    open_in(algebra, minutes=5)
    page = visit(ada, f"/m/{algebra.meeting_id}/")
    expect(page.locator(".countdown")).to_contain_text(re.compile(r"Opens in [34]:\d\d"))
    open_in(algebra, hours=3)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.locator(".countdown")).to_have_text("Opens in 2 h 59 min")


@pytest.mark.parametrize("path", ["/", "/m/{}/"])
def test_a_lost_network_is_said_and_found_again_by_itself(
    visit: Visit, ada: User, algebra: Participant, path: str
) -> None:
    open_in(algebra, hours=1)
    page = visit(ada, path.format(algebra.meeting_id))
    expect(page.get_by_text("Opens in").first).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator(".network")).to_have_text(NO_CONNECTION)
    open_in(algebra, hours=-1)
    page.context.set_offline(False)
    expect(page.locator(".network")).to_be_hidden()
    expect(page.locator("[data-join]:visible")).to_have_count(1)


def test_a_server_that_can_not_be_reached_is_asked_again_until_it_can(
    visit: Visit, ada: User, algebra: Participant
) -> None:
    open_in(algebra, hours=1)
    page = visit(ada, f"/m/{algebra.meeting_id}/")
    expect_screen(page, "too_early")
    page.route("**/api/**", lambda route: route.abort())
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.locator(".network")).to_have_text(NO_CONNECTION)
    open_in(algebra, hours=-1)
    page.unroute_all()
    expect_screen(page, "ready")
    expect(page.locator(".network")).to_be_hidden()


def test_a_lost_network_is_said_in_the_meeting_too_without_disturbing_it(
    visit: Visit, ada: User, algebra: Participant
) -> None:
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    page.context.set_offline(True)
    expect(page.locator(".network")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator(".network")).to_be_hidden()
    expect_setup_screen(page, name="Ada Example")


def test_after_a_reload_in_the_meeting_the_way_back_is_one_click(
    visit: Visit, ada: User, algebra: Participant, sandbox: Sandbox
) -> None:
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    page.locator("rtk-setup-screen rtk-button button").last.click()
    expect(page.locator(".sandbox-note")).to_contain_text("This is where the call would begin")
    page.reload()
    expect_screen(page, "come_back")
    expect(page.get_by_role("heading", name="You were in this meeting")).to_be_visible()
    asked = sandbox.requests.count()
    page.get_by_role("button", name="Come back").click()
    expect_setup_screen(page, name="Ada Example")
    assert sandbox.requests.count() == asked
    press_leave(page)
    page.goto(f"/m/{algebra.meeting_id}/")
    expect_screen(page, "ready")


def test_the_way_back_is_not_offered_once_the_door_is_closed(visit: Visit, ada: User, algebra: Participant) -> None:
    page = visit(ada, f"/m/{algebra.meeting_id}/")
    page.evaluate(f"sessionStorage.setItem('rollcall.inside', '{ada.pk}/{algebra.meeting_id}')")
    Meeting.objects.filter(pk=algebra.meeting_id).update(closes_at=timezone.now())
    page.reload()
    expect_screen(page, "closed")
