"""``screenshots``: the pictures of the documentation, taken from a freshly seeded stack."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from participants.demo import cast
from participants.demo.browser import CHROMIUM
from participants.demo.failures import DemoError
from participants.demo.folder import PROJECT, Folder
from participants.demo.ports import HOST, find_free
from participants.demo.provider import Provider
from participants.demo.receiver import Receiver
from participants.demo.stack import Stack

TARGET = PROJECT / "docs" / "screenshots"
_ADMIN = "/admin/participants"
_ENROL = f"{_ADMIN}/meeting/{cast.ALGEBRA.id}/enrol/"
_CLASS_LIST = (
    "Pupil;E-mail address;Form\n"
    "Ada Example;ada@demo.example;7a\n"
    "Elif Demir;elif@demo.example;7a\n"
    "Bob Baker;bob@demo.example;7b\n"
    "Heidi Vogel;heidi@demo.example;7b\n"
    "Kofi Mensah;kofi@demo.example;7b\n"
    "Unknown Pupil;unknown@demo.example;7b\n"
)
_SETTINGS = {"HOOKS_ALLOW_HTTP": "true", "HOOKS_ALLOW_PRIVATE": "true"}
"""The receiver of the outgoing webhook is on this machine."""
_GUESTS = (("Noor Haddad", "noor@guest.example"), ("Tomás Silva", "tomas@guest.example"))
_PATIENCE = 20_000.0  # ms
_NO_GUTTER = "document.documentElement.style.scrollbarGutter = 'auto'"
"""Pictures show no scrollbar, so they need no room for one. By script, since the pages refuse foreign styles."""


@dataclass(frozen=True)
class Look:
    suffix: str
    width: int
    height: int
    dark: bool = False
    density: float = 1.0


WIDE = Look("", 1280, 800)
DARK = Look("-dark", 1280, 800, dark=True)
TALL = Look("", 1280, 1040)
PHONE = Look("-phone", 360, 740, density=2.0)


@dataclass(frozen=True)
class Shot:
    """A picture of what a person sees at a path, after some clicks."""

    name: str
    who: cast.Account
    path: str
    looks: tuple[Look, ...] = (WIDE,)
    click: Callable[[Page], None] = lambda page: None
    asks_factor: bool = False
    """Where the server says STAFF_MFA=required."""


def _open_greta(page: Page) -> None:
    # Followed, not clicked: on a phone the list is laid out as cards.
    page.goto(page.locator("#result_list tbody th a").first.get_attribute("href") or "")
    page.get_by_text("Can they join?").first.scroll_into_view_if_needed()


def _open_filters(page: Page) -> None:
    page.locator(".rc-drawer > summary").click()


def _test_connection(page: Page) -> None:
    page.goto(page.locator("a[href*='/connection/']").first.get_attribute("href") or "")
    page.get_by_role("button", name="Test the connection").click()
    page.wait_for_load_state()


def _enrol_three(page: Page) -> None:
    form = page.locator("form").filter(has=page.locator("[name=users]"))
    for name in (cast.ADA.name, "Elif Demir", "Kofi Mensah"):
        form.locator(".select2-selection").first.click()
        page.locator("input.select2-search__field").last.fill(name.split()[0])
        page.locator(".select2-results__option--highlighted").filter(has_text=name.split()[0]).first.click()


def _send_enrolment(page: Page) -> None:
    _enrol_three(page)
    form = page.locator("form").filter(has=page.locator("[name=users]"))
    form.get_by_role("button", name="Enrol", exact=True).click()
    expect(page.get_by_text(cast.ADA.name).first).to_be_visible()


def _look_at_class_list(page: Page) -> None:
    page.get_by_label("Upload a file").check()
    file: FilePayload = {"name": "class.csv", "mimeType": "text/csv", "buffer": _CLASS_LIST.encode()}
    page.locator("[name=file]").set_input_files(file)
    page.get_by_role("button", name="Look at it first").click()
    page.get_by_role("button", name="Look at it first").click()
    expect(page.get_by_role("button", name="Find")).to_be_visible()


def _open_first(page: Page) -> None:
    page.goto(page.locator("#result_list tbody th a").first.get_attribute("href") or "")


def _compare(page: Page) -> None:
    page.get_by_role("button", name="Compare with RealtimeKit").click()
    page.wait_for_url("**/driftreport/**")


def _fill_in_key(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("School portal")
    for scope in ("participants:write", "tokens:issue"):
        page.get_by_label(f"({scope})").check()


def _wait_for_lesson(page: Page) -> None:
    """Deliveries take a moment to come in and to be worked on."""
    expect(page.locator("[data-column=left] li")).to_have_count(1)
    expect(page.locator("[data-column=missing] li")).to_have_count(2)


def _speak_german(page: Page) -> None:
    _wait_for_list(page)
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("button", name="Beitreten").first).to_be_visible()


def _wait_for_countdown(page: Page) -> None:
    expect(page.locator(".countdown")).to_be_visible()


def _wait_for_text(page: Page) -> None:
    expect(page.get_by_role("checkbox")).to_be_visible()


def _leave(page: Page) -> None:
    _press_join(page)
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("button", name="Join again")).to_be_visible()


def _wait_for_list(page: Page) -> None:
    expect(page.get_by_role("button", name="Join").first).to_be_visible()


def _press_join(page: Page) -> None:
    page.get_by_role("button", name="Join").first.click()
    expect(page.locator("rtk-setup-screen").first).to_be_visible()
    page.wait_for_load_state("networkidle")


def _invite(page: Page, name: str, email: str) -> None:
    page.goto(f"{_ADMIN}/invitation/send/{cast.ALGEBRA.id}/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_role("heading", name="Invited")).to_be_visible()


def _reload_until(page: Page, text: str, count: int) -> None:
    """A worker is at it."""
    for _ in range(40):
        if page.locator("#content-main").get_by_text(text, exact=True).count() >= count:
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(f"The page never said {text} {count} times")


def _invite_guests(page: Page) -> None:
    for name, email in _GUESTS:
        _invite(page, name, email)
    page.goto(f"{_ADMIN}/invitation/?meeting={cast.ALGEBRA.id}")
    _reload_until(page, "Sent", len(_GUESTS))


def _ask_to_be_let_in(page: Page) -> None:
    page.locator("[name=takes_requests]").check()
    page.locator("[name=_save]").click()
    browser, site = page.context.browser, page.url.partition("/admin/")[0]
    assert browser is not None
    with browser.new_context(base_url=site) as context:
        visitor = _sign_in(context, next(account for account in cast.PEOPLE if account.username == "kofi"))
        visitor.goto(f"/m/{cast.MATHS.id}/")
        visitor.get_by_label("Ask to be let in").fill("I am new at school, and Ms Rossi said that I should ask here.")
        visitor.get_by_role("button", name="Ask to be let in").click()
        expect(visitor.get_by_role("heading", name="You have asked to be let in")).to_be_visible()
    page.goto(f"{_ADMIN}/accessrequest/")
    _open_first(page)


def _add_hook(page: Page) -> None:
    with Receiver() as receiver:
        page.get_by_label("Name").fill("Timetable")
        page.locator("[name=url]").fill(f"{receiver.address}/rollcall")
        page.locator("[name=_save]").click()
        page.get_by_role("link", name="Continue").click()
        address = page.url
        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_text("The receiver took it.")).to_be_visible()
        for name, email in _GUESTS:
            _invite(page, f"{name} of 7b", f"7b.{email}")
        page.goto(address)
        _reload_until(page, "Delivered", 1 + len(_GUESTS))


def _open_log(page: Page) -> None:
    _reload_until(page, "Delivered", 2 + len(_GUESTS))  # the demo begins with one


SHOTS = (
    Shot("admin-index", cast.ADMIN, "/admin/", (WIDE, DARK)),
    Shot("meetings", cast.ADMIN, f"{_ADMIN}/meeting/", (WIDE, PHONE)),
    Shot("participants", cast.ADMIN, f"{_ADMIN}/participant/", (WIDE, DARK, PHONE)),
    Shot("can-they-join", cast.ADMIN, f"{_ADMIN}/participant/?q=greta", (WIDE, PHONE), _open_greta),
    Shot("attendance", cast.ADMIN, f"{_ADMIN}/presence/?came=false", (WIDE, PHONE)),
    Shot("attendance-filters", cast.ADMIN, f"{_ADMIN}/presence/", (WIDE,), _open_filters),
    Shot("sessions", cast.ADMIN, f"{_ADMIN}/session/", (WIDE,)),
    Shot("report", cast.ADMIN, f"{_ADMIN}/meeting/{cast.CHEMISTRY.id}/report/", (WIDE, DARK, PHONE)),
    Shot("live-board", cast.ADMIN, f"{_ADMIN}/meeting/{cast.PHYSICS.id}/board/", (WIDE,), _wait_for_lesson),
    Shot("reports", cast.ADMIN, "/admin/reports/", (WIDE,)),
    Shot("connection", cast.ADMIN, "/admin/", (WIDE, DARK), _test_connection),
    Shot("join-list", cast.ADA, "/", (WIDE, DARK, PHONE), _wait_for_list),
    Shot("join-setup", cast.ADA, "/", (WIDE, PHONE), _press_join),
    Shot("join-waiting", cast.ADA, f"/m/{cast.STAFF.id}/", (WIDE, PHONE), _wait_for_countdown),
    Shot("join-consent", cast.BOB, f"/m/{cast.LECTURE.id}/", (TALL,), _wait_for_text),
    Shot("join-left", cast.ADA, "/", (PHONE,), _leave),
    Shot("join-german", cast.ADA, "/", (PHONE,), _speak_german),
    Shot("enrol", cast.ADMIN, _ENROL, (PHONE, WIDE), _enrol_three),
    Shot("enrol-many", cast.ADMIN, _ENROL.replace("/enrol/", "/enrol-many/"), (WIDE, PHONE), _look_at_class_list),
    Shot("batch", cast.ADMIN, f"{_ADMIN}/batch/", (WIDE, DARK), _open_first),
    Shot("groups", cast.ADMIN, f"{_ADMIN}/meeting/{cast.MATHS.id}/change/"),
    Shot("same-person", cast.ADMIN, f"{_ADMIN}/person/?q=Kofi+M.", (WIDE,), _open_first),
    Shot("comparison", cast.ADMIN, f"{_ADMIN}/meeting/{cast.MATHS.id}/change/", (WIDE,), _compare),
    Shot("api-key", cast.ADMIN, f"{_ADMIN}/apikey/add/", (WIDE,), _fill_in_key),
    Shot("enrol-results", cast.ADMIN, _ENROL, (WIDE,), _send_enrolment),
    # Last, since they change what the lists above would show.
    Shot("second-factor", cast.MANAGER, "/accounts/2fa/set-up/", (TALL,), asks_factor=True),
    Shot("access-request", cast.ADMIN, f"{_ADMIN}/meeting/{cast.MATHS.id}/change/", (WIDE,), _ask_to_be_let_in),
    Shot("invitations", cast.ADMIN, f"{_ADMIN}/meeting/", (WIDE,), _invite_guests),
    Shot("webhook", cast.ADMIN, f"{_ADMIN}/hook/add/", (WIDE,), _add_hook),
    Shot("webhook-log", cast.ADMIN, f"{_ADMIN}/hookmessage/", (WIDE,), _open_log),
)


def take(only: str = "") -> None:
    """Those whose name begins so. Raises DemoError naming the picture that could not be taken."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rollcall-screenshots-") as name:
        web = find_free(8000)  # the addresses on the pictures are those of a demo
        stack = Stack(Folder(Path(name)), web, find_free(8787, avoid=(web,)), settings=_SETTINGS)
        try:
            stack.start()
            with Provider(stack) as provider:
                for name in ("Priya Raman", "Visiting lecturer"):
                    provider.add_stranger(cast.MATHS.title, name)
                provider.open_lesson(cast.PHYSICS.title, leaving=1, missing=2)
            shots = [shot for shot in SHOTS if shot.name.startswith(only)]
            strict = _serve_strictly(stack) if any(shot.asks_factor for shot in shots) else ""
            with _started_browser() as browser:
                for shot in shots:
                    for look in shot.looks:
                        _photograph(browser, strict if shot.asks_factor else stack.web, shot, look)
        finally:
            stack.stop()


def _serve_strictly(stack: Stack) -> str:
    """A second web server, which asks staff for a second factor."""
    port = find_free(stack.web_port + 1, avoid=(stack.sandbox_port,))
    stack.settings = {**stack.settings, "STAFF_MFA": "required"}
    stack.serve("strict", "config.wsgi:application", port)
    site = f"http://{HOST}:{port}"
    stack.wait_until_answers(f"{site}/accounts/login/")
    return site


def _photograph(browser: Browser, site: str, shot: Shot, look: Look) -> None:
    target = TARGET / f"{shot.name}{look.suffix}.png"
    context = browser.new_context(
        base_url=site,
        viewport={"width": look.width, "height": look.height},
        device_scale_factor=look.density,
        color_scheme="dark" if look.dark else "light",
        reduced_motion="reduce",
        permissions=["camera", "microphone"],
    )
    context.set_default_timeout(_PATIENCE)
    try:
        page = _sign_in(context, shot.who)
        page.goto(shot.path)
        shot.click(page)
        page.wait_for_load_state("networkidle")
        page.evaluate(_NO_GUTTER)
        page.screenshot(path=target, animations="disabled")
    except (PlaywrightError, AssertionError) as error:
        raise DemoError(f"{target.name} could not be taken: {error}") from None
    finally:
        context.close()
    print(f"{target.relative_to(PROJECT)}  {target.stat().st_size // 1024} KB", flush=True)


def _sign_in(context: BrowserContext, account: cast.Account) -> Page:
    page = context.new_page()
    page.goto("/accounts/login/")
    page.locator("[name=username]").fill(account.username)
    page.locator("[name=password]").fill(cast.PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(lambda address: "login" not in address)
    return page


@contextmanager
def _started_browser() -> Iterator[Browser]:
    arguments = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses to start as root with it
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
