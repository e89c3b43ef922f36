"""What docs/spa.md gives to people who write their own page, run as they would run it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, Route

from participants.models import Actor, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import meetings
from tests.browser.conftest import Visit
from tests.browser.screens import expect_screen

pytestmark = pytest.mark.browser
DOCS = Path(__file__).parents[2] / "docs"
CATCH = "(error) => ({ code: error.code, retryAfter: error.retryAfter, status: error.status })"


def read_example() -> str:
    """The copy-and-paste block."""
    (block,) = re.findall(r"```js\n(.*?)```", (DOCS / "spa.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(block)


@pytest.fixture
def own(visit: Visit, ada: User, algebra: Participant) -> Page:
    """A page of the same site where Ada is signed in."""
    page = visit(ada)
    expect_screen(page, "list")
    return page


def enter(page: Page, row: Participant, sdk: str, wish: str = "{}") -> Any:
    """What the example makes of a meeting with an SDK whose ``init`` is this expression of ``options``."""
    script = (
        f"async () => {{ window.tokens = []; window.RealtimeKitClient = {{ init: async (options) => {{ {sdk} }} }};"
    )
    return page.evaluate(f"{script} {read_example()} return enter('{row.meeting_id}', {wish}).catch({CATCH}); }}")


def test_the_example_enters_a_meeting_with_a_token(own: Page, algebra: Participant) -> None:
    token = enter(own, algebra, "return options.authToken;")
    algebra.refresh_from_db()
    assert token == algebra.token


def test_the_example_tells_what_to_agree_to_and_enters_once_that_is_sent(own: Page, algebra: Participant) -> None:
    meetings.store(algebra.meeting, by=Actor(via="tests"), consent_text="It is recorded.", changed=[])
    assert enter(own, algebra, "return options.authToken;")["code"] == "consent_required"
    text = own.evaluate(f"fetch('/api/v1/meetings/{algebra.meeting_id}/admission/').then((answer) => answer.json())")
    wish = f"{{ consent: '{text['consent']['id']}' }}"
    assert enter(own, algebra, "return options.authToken;", wish) == Participant.objects.get(pk=algebra.pk).token


def test_the_example_renews_a_refused_token_once(own: Page, algebra: Participant, sandbox: Sandbox) -> None:
    refuse_first = "window.tokens.push(options.authToken); if (window.tokens.length === 1) throw { code: '0004' };"
    assert enter(own, algebra, f"{refuse_first} return window.tokens.length;") == 2
    assert sandbox.requests.count("participants.refresh") == 1
    algebra.refresh_from_db()
    assert own.evaluate("window.tokens[1]") == algebra.token


def test_the_example_says_why_a_refused_token_is_not_renewed(own: Page, algebra: Participant) -> None:
    close = f"await fetch('/close/{algebra.meeting_id}'); throw {{ code: '0004' }};"

    def shut(route: Route) -> None:
        Meeting.objects.filter(pk=algebra.meeting_id).update(closes_at=timezone.now())
        route.fulfill(body="")

    own.route("**/close/**", shut)
    assert enter(own, algebra, close)["code"] == "closed"


def test_the_example_says_why_somebody_may_not_join(own: Page, algebra: Participant) -> None:
    later = timezone.now() + timedelta(minutes=10)
    Meeting.objects.filter(pk=algebra.meeting_id).update(opens_at=later)
    refused = enter(own, algebra, "return 'never';")
    assert refused["code"] == "too_early"
    assert 590 <= refused["retryAfter"] <= 600


def use_client(page: Page, work: str) -> Any:
    """The result of an expression of ``rollcall``, the typed client."""
    source = (DOCS / "client" / "rollcall.js").read_text(encoding="utf-8")
    page.route("**/rollcall.js", lambda route: route.fulfill(body=source, content_type="text/javascript"))
    script = f"const {{ connect }} = await import('/rollcall.js'); const rollcall = connect(); return {work}"
    return page.evaluate(f"async () => {{ {script}.catch({CATCH}); }}")


def test_the_typed_client_reads_and_joins(own: Page, ada: User, algebra: Participant) -> None:
    assert use_client(own, "rollcall.me()")["username"] == "ada"
    (meeting,) = use_client(own, "rollcall.meetings()")["results"]
    assert meeting["title"] == "Algebra, group 7"
    assert use_client(own, f"rollcall.meeting('{algebra.meeting_id}')")["verdict"]["code"] == "ok"
    assert use_client(own, f"rollcall.admission('{algebra.meeting_id}')")["code"] == "ok"
    joined = use_client(own, f"rollcall.join('{algebra.meeting_id}')")
    algebra.refresh_from_db()
    assert joined["token"] == algebra.token


def test_the_typed_client_needs_no_cookie_that_it_could_read(own: Page, algebra: Participant) -> None:
    own.evaluate("Object.defineProperty(document, 'cookie', { get: () => '' })")
    assert "token" in use_client(own, f"rollcall.join('{algebra.meeting_id}')")


def test_the_typed_clients_problems_carry_code_status_and_wait(own: Page, algebra: Participant) -> None:
    later = timezone.now() + timedelta(minutes=10)
    Meeting.objects.filter(pk=algebra.meeting_id).update(opens_at=later)
    refused = use_client(own, f"rollcall.join('{algebra.meeting_id}')")
    assert (refused["code"], refused["status"]) == ("too_early", 403)
    assert 590 <= refused["retryAfter"] <= 600
    own.route("**/api/**", lambda route: route.abort())
    assert use_client(own, "rollcall.me()") == {"code": "network", "retryAfter": None, "status": 0}
