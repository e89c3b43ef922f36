import json

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from participants.models import Participant
from participants.sandbox import Sandbox
from tests.browser.conftest import Visit
from tests.browser.screens import expect_screen, expect_setup_screen, press_join, press_leave
from tests.browser.stand_ins import REFUSING_SDK, stand_in_for_cloudflare
from tests.processes.conftest import wait_until

pytestmark = pytest.mark.browser


def test_the_real_setup_screen_appears_and_says_that_this_is_the_sandbox(
    visit: Visit, ada: User, algebra: Participant
) -> None:
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    note = page.locator(".sandbox-note")
    expect(note).to_contain_text("sound and picture stop here")
    page.locator("rtk-setup-screen rtk-button button").last.click()
    expect(note).to_contain_text("This is where the call would begin")
    press_leave(page)
    expect(page.get_by_text("You left Algebra, group 7.").first).to_be_visible()


@pytest.mark.parametrize("way", ["leave", "close"])
def test_the_sandbox_counts_who_pressed_join_as_inside_until_they_leave(
    visit: Visit, ada: User, algebra: Participant, sandbox: Sandbox, way: str
) -> None:
    page = visit(ada)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    algebra = Participant.objects.select_related("meeting").get(pk=algebra.pk)
    room = str(algebra.meeting.realtimekit_id)
    assert not is_anybody_in(sandbox, room)
    with page.expect_response("**/_sandbox/visit") as entered:
        page.locator("rtk-setup-screen rtk-button button").last.click()
    assert entered.value.ok
    session = sandbox.world.session(room)
    assert session is not None
    assert [peer.participant_id for peer in session.present] == [algebra.realtimekit_id]
    press_leave(page) if way == "leave" else page.goto("about:blank")
    wait_until(lambda: not is_anybody_in(sandbox, room))


def is_anybody_in(sandbox: Sandbox, room: str) -> bool:
    session = sandbox.world.session(room)
    return session is not None and bool(session.present)


def test_the_token_stays_out_of_page_address_storage_and_console(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    visit(ada)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    algebra.refresh_from_db()
    assert algebra.token
    storage = page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
    )
    claims = algebra.token.split(".")[1]
    for place in (page.content(), storage, *said, *asked):
        assert claims not in place


def test_nothing_offends_against_the_content_security_policy(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    page.add_init_script(
        "window.offences = []; document.addEventListener('securitypolicyviolation',"
        " (event) => window.offences.push(`${event.effectiveDirective} ${event.blockedURI}`))"
    )
    visit(ada)
    press_join(page, "Algebra, group 7")
    expect_setup_screen(page, name="Ada Example")
    assert page.evaluate("window.offences") == []


def test_without_the_vendors_files_the_page_joins_and_says_what_is_missing(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    page.route("**/vendor/**", lambda route: route.fulfill(status=404, body="not found"))
    visit(ada)
    press_join(page, "Algebra, group 7")
    expect_screen(page, "ui_missing")
    expect(page.get_by_text("The meeting UI is not installed on this server.")).to_contain_text("valid until")
    algebra.refresh_from_db()
    assert str(algebra.token) not in page.content()


def test_a_refused_pass_is_renewed_once_and_then_reported(
    visit: Visit, ada: User, algebra: Participant, page: Page, sandbox: Sandbox
) -> None:
    stand_in_for_cloudflare(page, REFUSING_SDK)
    visit(ada, f"/m/{algebra.meeting_id}/")
    page.locator("[data-join]").click()
    expect_screen(page, "pass_refused")
    tokens = page.evaluate("window.attempts")
    assert len(set(tokens)) == len(tokens) == 2
    assert sandbox.requests.count("participants.refresh") == 1


def test_a_pass_refused_because_the_door_has_closed_is_explained_by_the_server(
    visit: Visit, ada: User, algebra: Participant, page: Page
) -> None:
    stand_in_for_cloudflare(page, REFUSING_SDK)
    closed = {"code": "closed", "message": "The meeting is over.", "closes_at": "2027-01-11T09:00:00Z"}
    visit(ada, f"/m/{algebra.meeting_id}/")
    expect_screen(page, "ready")
    page.route("**/admission/", lambda route: route.fulfill(body=json.dumps(closed), content_type="application/json"))
    page.locator("[data-join]").click()
    expect_screen(page, "closed")
    assert len(page.evaluate("window.attempts")) == 1
