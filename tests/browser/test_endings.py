"""How a meeting ends for somebody: by themselves, by a host, by the organiser, by the network; and the way back."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from participants.models import Actor, Participant
from participants.services import removal
from tests.browser.conftest import Visit
from tests.browser.screens import expect_screen, expect_setup_screen, press_join, press_leave

pytestmark = pytest.mark.browser


@pytest.fixture
def inside(visit: Visit, ada: User, algebra: Participant) -> Page:
    page = visit(ada, f"/m/{algebra.meeting_id}/")
    page.locator("[data-join]").click()
    expect_setup_screen(page, name="Ada Example")
    return page


def end(page: Page, state: str) -> None:
    """As the SDK says that the room was left."""
    page.evaluate(f"document.querySelector('rtk-meeting').meeting.self.emit('roomLeft', {{ state: '{state}' }})")


@pytest.mark.parametrize(
    ("state", "heading", "way"),
    [
        ("ended", "The meeting has ended", "My meetings"),
        ("kicked", "You were taken out of the session", "Join"),
        ("rejected", "The host did not let you in", "Join"),
    ],
)
def test_an_ending_by_a_host_is_said_with_a_way_back(inside: Page, state: str, heading: str, way: str) -> None:
    end(inside, state)
    expect_screen(inside, state)
    expect(inside.get_by_role("heading", name=heading)).to_be_focused()
    expect(inside.locator(".meeting-name")).to_have_text("Algebra, group 7")
    expect(inside.locator("rtk-meeting")).to_have_count(0)
    expect(inside.locator(".actions").get_by_role("button").or_(inside.locator(".actions a")).first).to_have_text(way)
    inside.get_by_role("link", name="My meetings").click()
    expect_screen(inside, "list")


def test_whoever_was_removed_while_inside_is_told_that_it_was_the_organiser(
    inside: Page, algebra: Participant
) -> None:
    removal.remove(Participant.objects.get(pk=algebra.pk), by=Actor(via="tests"))
    end(inside, "kicked")
    expect_screen(inside, "removed")
    expect(inside.get_by_role("heading", name="You were removed from this meeting")).to_be_focused()
    expect(inside.get_by_role("button", name="Join")).to_have_count(0)


@pytest.mark.parametrize("way", ["ours", "the kit's"])
def test_leaving_is_confirmed_with_a_way_back(inside: Page, way: str) -> None:
    press_leave(inside) if way == "ours" else end(inside, "left")
    expect_screen(inside, "list")
    note = inside.locator("[data-left]")
    expect(note).to_contain_text("You left Algebra, group 7.")
    with inside.expect_response("**/meetings/"):
        inside.evaluate("window.dispatchEvent(new Event('focus'))")
    note.get_by_role("button", name="Join again").click()
    expect_setup_screen(inside, name="Ada Example")


def test_somebody_removed_on_leaving_is_not_asked_to_join_again(inside: Page, algebra: Participant) -> None:
    removal.remove(Participant.objects.get(pk=algebra.pk), by=Actor(via="tests"))
    inside.locator("[data-leave]").click()
    expect_screen(inside, "empty")
    expect(inside.get_by_text("You left Algebra, group 7.").first).to_be_visible()
    expect(inside.get_by_role("button", name="Join again")).to_have_count(0)


def test_a_connection_that_the_sdk_gave_up_is_taken_up_again_by_the_page(inside: Page) -> None:
    inside.context.set_offline(True)
    end(inside, "failed")
    expect_screen(inside, "connection_lost")
    expect(inside.get_by_role("heading", name="The connection to the meeting was lost")).to_be_focused()
    expect(inside.locator(".network")).to_be_hidden()
    inside.context.set_offline(False)
    expect_setup_screen(inside, name="Ada Example")


def test_a_connection_that_the_sdk_is_still_repairing_is_left_to_it(inside: Page) -> None:
    end(inside, "disconnected")
    expect_setup_screen(inside, name="Ada Example")


def test_leaving_while_the_meeting_is_still_loading_calls_it_off(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    page.route("**/realtimekit/browser.js", lambda route: None)
    visit(ada)
    press_join(page, "Algebra, group 7")
    expect_screen(page, "starting")
    press_leave(page)
    page.unroute_all()
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
