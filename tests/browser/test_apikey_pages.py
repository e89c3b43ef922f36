"""The pages of API keys in a browser: a key is made, rotated and revoked, and axe finds nothing on the way."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from participants.models import ApiKey
from tests.browser.conftest import Visit
from tests.browser.screens import follow, measure_width
from tests.browser.test_access import find_violations
from tests.factories import AdminFactory

pytestmark = pytest.mark.browser
LIST = "/admin/participants/apikey/"


@pytest.fixture
def boss(transactional_db: None) -> User:
    user: User = AdminFactory(username="boss")
    return user


def find_secret(page: Page) -> str:
    return page.get_by_label("Secret", exact=True).inner_text().strip()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_key_from_its_making_to_its_end(visit: Visit, boss: User, page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its literals
    page.set_viewport_size({"width": 360, "height": 740})
    found, widths = {}, {}

    def look(state: str) -> None:
        widths[state] = measure_width(page)
        found[state] = find_violations(page)

    visit(boss, f"{LIST}add/")
    follow(page.get_by_role("button", name="Make the key"))
    look("refused")
    page.get_by_label("Name", exact=True).fill("School portal")
    page.get_by_label("(meetings:read)").check()
    page.get_by_label("All meetings").check()
    follow(page.get_by_role("button", name="Make the key"))
    expect(page.get_by_role("heading", name="Copy the secret now")).to_be_visible()
    first = find_secret(page)
    look("secret")
    page.goto(LIST)
    look("list")
    key = ApiKey.objects.get()
    assert first.startswith(key.prefix)
    page.goto(f"{LIST}{key.pk}/change/")
    look("key")
    follow(page.get_by_role("link", name="Rotate"))
    look("rotate")
    follow(page.get_by_role("button", name="Rotate"))
    expect(page.get_by_role("heading", name="Copy the secret now")).to_be_visible()
    assert find_secret(page) != first
    page.goto(f"{LIST}{key.pk}/change/")
    look("rotating")
    follow(page.get_by_role("link", name="Revoke"))
    look("revoke")
    follow(page.get_by_role("button", name="Revoke"))
    expect(page.get_by_text("is revoked and refused from now on")).to_be_visible()
    look("revoked")
    assert {state: violations for state, violations in found.items() if violations} == {}
    assert set(widths.values()) == {360}
