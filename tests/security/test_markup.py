"""Names, titles and what RealtimeKit says are shown as text, never run."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from participants.models import Actor, Event, EventKind, Person, Preset
from participants.models.event import record
from participants.states import DriftKind
from tests.factories import (
    AdminFactory,
    DriftItemFactory,
    DriftReportFactory,
    EnrolledFactory,
    MadeMeetingFactory,
    PersonFactory,
    PresetFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            text = (value or "").strip().lower()
            if name.startswith("on") or name == "style" or text.startswith("javascript:"):
                self.found.append(f"{tag} {name}={value}")
        if tag == "script" and not dict(attrs).get("src") and dict(attrs).get("type") != "application/json":
            self.found.append("inline script")
        if tag == "img" and dict(attrs).get("src") == "x":
            self.found.append("img")


def test_nothing_that_people_or_realtimekit_wrote_runs_on_a_page() -> None:
    boss = AdminFactory(username="boss", first_name=EVIL[:100], last_name="<b>")
    user = UserFactory(first_name="<script>x</script>", last_name=EVIL[:90], email='"<script>"@example.org')
    preset: Preset = PresetFactory(name=EVIL, gone_at=timezone.now())
    meeting = MadeMeetingFactory(
        title=EVIL, default_preset=preset, last_error_code="<script>", last_error_detail=EVIL, capacity=3
    )
    person: Person = PersonFactory(
        user=user, display_name=EVIL, picture_url="javascript:alert(1)", blocked_at=timezone.now(), block_reason=EVIL
    )
    row = EnrolledFactory(
        meeting=meeting,
        person=person,
        preset=preset,
        name=EVIL,
        enrolled_by=boss,
        applied_name=EVIL,
        last_error_code="<script>",
        last_error_detail=EVIL,
    )
    more: dict[str, Any] = {EVIL: [EVIL]}
    record(EventKind.FAILED, Actor(via="<script>", user=boss), participant=row, detail=EVIL, **more)
    event = Event.objects.get()
    report = DriftReportFactory(meeting=meeting, total=1)
    words = {"name": EVIL, "custom_participant_id": EVIL, "ours": EVIL, "theirs": EVIL, "detail": EVIL}
    for kind in DriftKind:
        DriftItemFactory(report=report, kind=kind, participant=row, remote_ids=[EVIL], **words)
    client = Client()
    client.force_login(boss)
    shown: dict[str, Any] = {
        "meeting": meeting,
        "participant": row,
        "person": person,
        "preset": preset,
        "event": event,
        "driftreport": report,
    }
    paths = [
        "/admin/",
        "/",
        f"/m/{meeting.pk}/",
        "/admin/connection/",
        "/admin/auth/user/",
        "/accounts/login/?next=%22%3E%3Cscript%3E",
    ]
    for name, thing in shown.items():
        paths += [
            reverse(f"admin:participants_{name}_changelist"),
            reverse(f"admin:participants_{name}_changelist") + "?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
            reverse(f"admin:participants_{name}_change", args=[thing.pk]),
            reverse(f"admin:participants_{name}_history", args=[thing.pk]),
        ]
    paths += [reverse("admin:participants_meeting_enrol", args=[meeting.pk])]
    paths += [reverse("admin:participants_person_block", args=[person.pk])]
    paths += [
        reverse("admin:participants_participant_act", args=[row.pk, name]) for name in ("remove", "change_preset")
    ]
    for path in paths:
        answer = client.get(path)
        if answer.status_code == 302:
            continue
        reader = Reader()
        reader.feed(answer.content.decode())
        assert reader.found == [], path
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy, path
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_the_api_says_is_json_and_never_a_page() -> None:
    client = Client(headers={"accept": "text/html"})
    client.force_login(AdminFactory())
    meeting = MadeMeetingFactory(title=EVIL)
    for path in (
        reverse("api:manage-meeting", args=[meeting.pk]),
        "/api/v1/<script>/",
        "/api/v1/manage/meetings/?cursor=<script>",
    ):
        answer = client.get(path)
        assert "json" in answer.headers["Content-Type"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        json.loads(answer.content)
