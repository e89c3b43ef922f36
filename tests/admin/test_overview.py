import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.admin.conftest import make_with_token, sign_in
from tests.factories import MadeMeetingFactory, ParticipantFactory, StaffFactory

pytestmark = pytest.mark.django_db
EVERYWHERE = (
    "",
    "connection/",
    "participants/",
    "auth/",
    *(f"participants/{n}/" for n in ("meeting", "participant", "presence", "session", "person", "preset", "event")),
)


def read_cards(html: str) -> dict[str, str]:
    return dict(re.findall(r'<span class="rc-label">(.*?)</span><span class="rc-number[^"]*">(.*?)</span>', html))


def test_the_cards_count_what_is_going_on(staff: Client) -> None:
    make_with_token()
    ParticipantFactory(meeting=MadeMeetingFactory(status="INACTIVE"))
    ParticipantFactory(state="failed", meeting=MadeMeetingFactory())
    cards = read_cards(staff.get("/admin/").content.decode())
    assert cards == {"Meetings open now": "2", "Enrolled": "1", "Pending": "1", "Failed": "1", "Connection": "Test"}


def test_a_managers_cards_count_their_meetings_only() -> None:
    manager, desk = StaffFactory(), Client()
    ParticipantFactory(meeting=MadeMeetingFactory())
    mine = ParticipantFactory(meeting=MadeMeetingFactory())
    mine.meeting.managers.add(manager)
    desk.force_login(manager)
    html = desk.get("/admin/").content.decode()
    assert read_cards(html) == {"Meetings open now": "1", "Enrolled": "0", "Pending": "1", "Failed": "0"}
    assert "Latest events" not in html


def test_the_page_of_an_app_lists_what_there_is_to_see_of_it() -> None:
    html = sign_in("view_meeting", "view_person", "view_group").get("/admin/participants/").content.decode()
    assert "/admin/participants/meeting/" in html
    assert "/admin/participants/person/" in html
    assert "/admin/participants/preset/" not in html
    assert "/admin/auth/group/" not in html.partition('id="content-main"')[2]
    assert read_cards(html) == {}


def test_without_rights_there_is_nothing_to_see() -> None:
    html = sign_in().get("/admin/").content.decode()
    assert read_cards(html) == {}
    assert "/admin/participants/" not in html


@pytest.mark.parametrize("path", EVERYWHERE)
def test_no_page_has_inline_script_or_style(staff: Client, path: str) -> None:
    make_with_token()
    answer = staff.get(f"/admin/{path}")
    html = answer.content.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)
    assert "script-src 'self'" in answer["Content-Security-Policy"]


def test_our_templates_have_no_inline_script_or_style() -> None:
    for template in (Path(settings.BASE_DIR) / "templates" / "admin").rglob("*.html"):
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", template.read_text()), template


def test_presets_are_synced_only_by_whom_may() -> None:
    assert "Sync now" in sign_in("view_preset", "change_meeting").get("/admin/participants/preset/").content.decode()
    assert "Sync now" not in sign_in("view_preset").get("/admin/participants/preset/").content.decode()


def test_events_are_read_only(staff: Client) -> None:
    assert staff.get("/admin/participants/event/add/").status_code == 403
    assert staff.get("/admin/participants/preset/add/").status_code == 403


def test_a_stranger_is_asked_to_sign_in() -> None:
    for path in EVERYWHERE:
        assert Client().get(f"/admin/{path}").status_code == 302


def test_pages_that_may_not_be_seen_are_not_linked() -> None:
    row = make_with_token()
    html = sign_in("view_participant").get("/admin/participants/participant/").content.decode()
    assert f"/admin/participants/meeting/{row.meeting_id}/" not in html
    for name in ("meeting", "person", "preset"):
        html = sign_in(f"view_{name}").get(f"/admin/participants/{name}/").content.decode()
        assert "/admin/participants/participant/" not in html


def test_a_package_that_guards_the_sign_in_is_called_so(staff: Client) -> None:
    html = staff.get("/admin/").content.decode()
    assert "Sign-in protection" in html
    assert "Axes</a>" not in html
