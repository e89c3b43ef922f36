"""``smoke``: the main job over HTTP, as browsers would do it, against a freshly started stack.

Each step prints what was seen; the first untruth ends the test. No token is ever printed.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from participants.demo import cast
from participants.demo.children import quote_tail
from participants.demo.failures import DemoError
from participants.demo.folder import Folder
from participants.demo.ports import find_any
from participants.demo.provider import Provider
from participants.demo.stack import Stack
from participants.demo.visitor import Page, Visitor

_ROOM = f"/admin/participants/meeting/{cast.ALGEBRA.id}"
_JOIN = f"/api/v1/meetings/{cast.ALGEBRA.id}/join/"
_PARTICIPANTS = "/admin/participants/participant/"
_LONG_AGO = "2020-01-01 00:00:00"


class Untruth(DemoError):
    """Something was seen that should not be so."""


@dataclass
class Job:
    stack: Stack
    staff: Visitor
    ada: Visitor
    provider: Provider
    me: dict[str, Any] = field(default_factory=dict)
    room: str = ""
    joined: dict[str, Any] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)

    def list_steps(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("Staff sign in on the admin page", self.sign_in_staff),
            ("Ada signs in on the join page", self.sign_in_ada),
            ("Ada joins without being enrolled", self.join_too_soon),
            ("Staff enrol Ada with the enrol form", self.enrol),
            ("Ada joins", self.join),
            ("Ada joins again", self.join_again),
            ("Her token expires and she joins", self.join_after_expiry),
            ("Staff remove Ada on the admin page", self.remove),
            ("Ada joins after her removal", self.join_after_removal),
            ("RealtimeKit has forgotten her", self.look_for_remains),
        ]

    def sign_in_staff(self) -> str:
        page = self.staff.sign_in("/admin/login/?next=/admin/", cast.ADMIN.username, cast.PASSWORD)
        _expect(page.status == 200 and page.find_form("password") is None, "the admin index", _name(page))
        status, meeting = self.staff.ask("GET", f"/api/v1/manage/meetings/{cast.ALGEBRA.id}/")
        self.room = str(meeting.get("realtimekit_id") or "")
        _expect(status == 200 and bool(self.room), "a meeting made at RealtimeKit", f"{status}, {self.room!r}")
        return f"{_name(page)}; {cast.ALGEBRA.title!r} is meeting {self.room} at RealtimeKit"

    def sign_in_ada(self) -> str:
        page = self.ada.sign_in("/accounts/login/?next=/", cast.ADA.username, cast.PASSWORD)
        _expect(page.status == 200 and page.find_form("password") is None, "the join page", _name(page))
        status, self.me = self.ada.ask("GET", "/api/v1/me/")
        name = self.me.get("name")
        _expect(status == 200 and name == cast.ADA.name, f"200 and {cast.ADA.name}", f"{status} and {name}")
        return f"{_name(page)}; the API knows her as {name}"

    def join_too_soon(self) -> str:
        return self._expect_refusal("not_enrolled")

    def enrol(self) -> str:
        page = self.staff.open(f"{_ROOM}/enrol/")
        form = page.find_form("users", "preset", "csrfmiddlewaretoken")
        if form is None:
            raise Untruth(f"expected a form with users and preset, saw {_name(page)}")
        preset = form.find_choice("preset", cast.ALGEBRA.preset) or ""
        _expect(bool(preset), f"the preset {cast.ALGEBRA.preset} to choose", str(form.choices.get("preset")))
        result = self.staff.submit(page, form, form.fill({"users": [str(self.me["id"])], "preset": preset}))
        _expect(result.status == 200 and cast.ADA.name in result.text, "a result for Ada", _name(result))
        records = self._count_records()
        _expect(records == 1, "one participant at RealtimeKit", f"{records}")
        return f"{_name(result)} names {cast.ADA.name}; RealtimeKit knows her once"

    def join(self) -> str:
        self.joined = self._expect_admission()
        added = self._count_calls("participants.add")
        return f"200, a token until {self.joined['expires_at']} that RealtimeKit accepts; {added} participants added"

    def join_again(self) -> str:
        before = self.provider.count_calls(self.room)
        self._expect_admission()
        _expect(self.tokens[-1] == self.tokens[-2], "the same token", "another one")
        after = self.provider.count_calls(self.room)
        _expect(before == after, "no call to RealtimeKit", f"{after} after {before}")
        return "200, the same token, and RealtimeKit was not asked"

    def join_after_expiry(self) -> str:
        expire_token(self.stack.folder.database, UUID(self.joined["participant"]["id"]))
        before = self.provider.count_calls(self.room)
        answer = self._expect_admission()
        after = self.provider.count_calls(self.room)
        _expect(self.tokens[-1] != self.tokens[-2], "a new token", "the expired one")
        calls = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name)}
        _expect(calls == {"participants.refresh": 1}, "exactly one participants.refresh", f"{calls}")
        old, new = (said["participant"]["realtimekit_id"] for said in (self.joined, answer))
        _expect(old == new, f"the same participant {old}", f"{new}")
        return f"200, a new token for the same participant {new}, by one refresh"

    def remove(self) -> str:
        row = self.joined["participant"]["id"]
        page = self.staff.open(f"{_PARTICIPANTS}?q={cast.ADA.username}")
        form = page.find_form("action", "_selected_action")
        if form is None:
            raise Untruth(f"expected a list with actions, saw {_name(page)}")
        asked = self.staff.submit(page, form, form.fill({"action": "remove", "_selected_action": [row]}))
        confirmation = asked.find_form("_selected_action", "csrfmiddlewaretoken")
        _expect(asked.status == 200 and confirmation is not None, "a page that asks to confirm", _name(asked))
        assert confirmation is not None
        pressed = confirmation.values + confirmation.buttons[:1]
        done = self.staff.submit(asked, confirmation, pressed)
        _expect(done.status == 200 and cast.ADA.name in done.text, "a message about Ada", _name(done))
        status, shown = self.staff.ask("GET", f"/api/v1/manage/participants/{row}/")
        _expect(shown.get("state") == "removed", "state removed", f"{status}, {shown.get('state')}")
        return f"asked to confirm at {_name(asked)}, then {_name(done)} names her; her state is removed"

    def join_after_removal(self) -> str:
        return self._expect_refusal("removed")

    def look_for_remains(self) -> str:
        records = self._count_records()
        _expect(records == 0, "no participant with her id", f"{records}")
        accepted = [token for token in set(self.tokens) if self.provider.accepts(token)[0]]
        _expect(not accepted, "none of her tokens accepted", f"{len(accepted)} accepted")
        return f"no participant with her id, and none of her {len(set(self.tokens))} tokens is accepted"

    def _expect_admission(self) -> dict[str, Any]:
        status, answer = self.ada.ask("POST", _JOIN, {})
        _expect(status == 200 and bool(answer.get("token")), "200 and a token", f"{status}, {answer.get('code')}")
        accepted, participant = self.provider.accepts(answer["token"])
        theirs = answer["participant"]["realtimekit_id"]
        _expect(accepted and participant == theirs, f"a token of {theirs}", f"{accepted}, {participant}")
        self.tokens.append(answer["token"])
        return answer

    def _expect_refusal(self, code: str) -> str:
        status, answer = self.ada.ask("POST", _JOIN, {})
        seen = f"{status} {answer.get('code')}"
        _expect(seen == f"403 {code}" and "token" not in answer, f"403 {code}", seen)
        return f"{seen}: {answer.get('detail')}"

    def _count_records(self) -> int:
        return self.provider.list_custom_ids(self.room).count(self.me["custom_participant_id"])

    def _count_calls(self, operation: str) -> int:
        return self.provider.count_calls(self.room).get(operation, 0)


def run() -> None:
    """Raises Untruth (a DemoError) at the first step that is not as it should be."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rollcall-smoke-") as name:
        web = find_any()
        stack = Stack(Folder(Path(name)), web, find_any(avoid=(web,)))
        try:
            stack.start(_say)
            _say(f"Ready after {time.monotonic() - started:.1f} s at {stack.web}\n")
            _work_through(stack)
        finally:
            stack.stop()
    _say(f"\nThe main job works. {time.monotonic() - started:.1f} s in all.")


def _work_through(stack: Stack) -> None:
    with Visitor(stack.web) as staff, Visitor(stack.web) as ada, Provider(stack) as provider:
        steps = Job(stack, staff, ada, provider).list_steps()
        for number, (title, step) in enumerate(steps, start=1):
            try:
                seen = step()
            except Untruth as untruth:
                log = quote_tail(stack.folder.log_of("web"))
                raise Untruth(f"{number:>2}. {title}: {untruth}\n{log}") from None
            _say(f"{number:>2}. {title}\n      {seen}")


def expire_token(database: Path, participant: UUID) -> None:
    """In the database, as time would: no clock in a running server can be turned."""
    with closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        done = connection.execute(
            "UPDATE participants_participant SET token_expires_at = ? WHERE id = ?",
            (_LONG_AGO, participant.hex),
        )
        _expect(done.rowcount == 1, "one participant row to expire", f"{done.rowcount}")


def _expect(truth: bool, expected: str, seen: str) -> None:
    if not truth:
        raise Untruth(f"expected {expected}, saw {seen}")


def _name(page: Page) -> str:
    path = "/" + page.address.split("/", 3)[-1].split("?")[0]
    return f"{page.status} {path}"


def _say(text: str) -> None:
    print(text, flush=True)
