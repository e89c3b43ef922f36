"""Lines for machines: who asked for what, which rows it was about, what it took; never a secret or an e-mail."""

import contextvars
import json
import logging
import re
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from config.logs import FIELDS, describe
from participants.models import Actor, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import apikeys, invitations, meetings, passes, sync
from participants.states import KeyScope
from tests.factories import (
    AdminFactory,
    GuestFactory,
    MeetingFactory,
    ParticipantFactory,
    UserFactory,
)
from tests.watch.conftest import ReadLines

pytestmark = pytest.mark.django_db
ACCESS, REMOTE = "participants.access", "participants.realtimekit"


@pytest.fixture
def meeting(sandbox: Sandbox, by: Actor) -> Meeting:
    """A meeting made at the sandbox."""
    made = MeetingFactory()
    assert meetings.try_now(made, by=by) is None
    return made


@pytest.fixture
def ada(meeting: Meeting, by: Actor) -> Participant:
    """Somebody enrolled there, whose token is fresh."""
    row = ParticipantFactory(meeting=meeting)
    passes.converge(by=by)
    row.refresh_from_db()
    return row


def join(client: Client, row: Participant) -> int:
    assert row.person.user is not None
    client.force_login(row.person.user)
    answer = client.post(reverse("api:join", args=[row.meeting_id]), {}, content_type="application/json")
    return answer.status_code


def test_a_cached_join_is_one_line(client: Client, ada: Participant, read_lines: ReadLines) -> None:
    assert join(client, ada) == 200
    (line,) = [line for line in read_lines() if line["logger"] != REMOTE]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert re.fullmatch(r"[0-9a-f]{32}", line.pop("request_id"))
    assert line.pop("ms") > 0
    assert line.pop("message").startswith("POST api:join status=200 caller=session verdict=ok cache=hit ms=")
    assert ada.person.user is not None
    assert line == {
        "level": "INFO",
        "logger": ACCESS,
        "user": ada.person.user.pk,
        "participant": str(ada.pk),
        "meeting": str(ada.meeting_id),
        "method": "POST",
        "route": "api:join",
        "status": 200,
        "caller": "session",
        "verdict": "ok",
        "cache": "hit",
    }


def test_a_refused_join_says_why(client: Client, ada: Participant, read_lines: ReadLines) -> None:
    Participant.objects.update(state="removed")
    assert join(client, ada) == 403
    (line,) = read_lines(ACCESS)
    assert (line["status"], line["verdict"], line["cache"]) == (403, "removed", "none")


def test_a_remote_call_is_a_line_that_names_the_row_and_the_request(
    client: Client, sandbox: Sandbox, meeting: Meeting, read_lines: ReadLines
) -> None:
    row = ParticipantFactory(meeting=meeting)
    assert join(client, row) == 200
    sandbox.faults.add("server_error", operation="participants.refresh", status=500)
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    assert join(client, row) == 503
    asked = {"participants.add", "participants.refresh_token"}
    added, failed = [line for line in read_lines(REMOTE) if line["operation"] in asked]
    assert (added["operation"], added["outcome"], added["attempt"]) == ("participants.add", "ok", 1)
    assert (failed["operation"], failed["outcome"]) == ("participants.refresh_token", "server_error")
    assert failed["status"] == 500
    assert failed["ms"] > 0
    assert failed["cf_ray"]
    access = read_lines(ACCESS)
    assert [line["cache"] for line in access] == ["miss", "none"]
    assert [line["verdict"] for line in access] == ["ok", "provider_unavailable"]
    for line, its in zip((added, failed), access, strict=True):
        assert line["request_id"] == its["request_id"]
        assert (line["user"], line["meeting"]) == (row.person.user.pk, str(row.meeting_id))
        assert line["participant"] == str(row.pk)


def test_a_worker_s_remote_call_names_the_row_it_was_for(meeting: Meeting, by: Actor, read_lines: ReadLines) -> None:
    rows = ParticipantFactory.create_batch(2, meeting=meeting)
    contextvars.Context().run(lambda: passes.converge(by=by))
    added = [line for line in read_lines(REMOTE) if line["operation"] == "participants.add"]
    assert {line["participant"] for line in added} == {str(row.pk) for row in rows}
    assert {line["meeting"] for line in added} == {str(meeting.pk)}
    assert all("request_id" not in line for line in added)


def test_repeats_are_numbered(sandbox: Sandbox, by: Actor, read_lines: ReadLines) -> None:
    sandbox.faults.add("server_error", operation="presets.list", status=503, times=1)
    sync.pull(by=by)
    attempts = [line["attempt"] for line in read_lines(REMOTE) if line["operation"] == "presets.list"]
    assert attempts[:2] == [1, 2]


def test_callers_are_told_apart_by_kind_and_number_alone(
    client: Client, ada: Participant, by: Actor, read_lines: ReadLines
) -> None:
    admin = AdminFactory()
    _, secret = apikeys.make(name="Portal", scopes=tuple(KeyScope), meetings=None, lifetime=timedelta(days=9), by=by)
    path = reverse("api:manage-meeting", args=[ada.meeting_id])
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get(path).status_code == 200
    client.force_login(admin)
    assert client.get(path).status_code == 200
    assert Client().get(path).status_code == 401
    by_key, by_session, by_nobody = read_lines(ACCESS)
    assert (by_key["caller"], "user" in by_key, bool(by_key["key"])) == ("key", False, True)
    assert (by_session["caller"], by_session["user"]) == ("session", admin.pk)
    assert (by_nobody["caller"], "user" in by_nobody) == ("anonymous", False)
    assert {line["meeting"] for line in read_lines(ACCESS)} == {str(ada.meeting_id)}


def test_no_line_of_a_request_asks_the_database_who_calls(
    client: Client, ada: Participant, read_lines: ReadLines, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(AdminFactory())
    with django_assert_num_queries(0):
        client.get("/texts/de.js")
    (line,) = read_lines(ACCESS)
    assert (line["route"], line["caller"]) == ("texts", "anonymous")


@pytest.mark.parametrize("path", ["/healthz/", "/readyz/"])
def test_probes_are_not_written_down(client: Client, read_lines: ReadLines, path: str) -> None:
    client.get(path)
    assert read_lines(ACCESS) == []


def test_ids_tokens_and_queries_of_a_path_are_not_written_down(client: Client, read_lines: ReadLines) -> None:
    client.get("/nowhere/eyJhbGciOiJSUzI1NiJ9.eyJleHAi/?email=ada@example.org")
    client.get("/accounts/login/?next=/?email=ada@example.org")
    text = json.dumps(read_lines())
    assert "ada@example.org" not in text
    assert "eyJ" not in text
    assert [line["route"] for line in read_lines(ACCESS)] == ["unmatched", "login"]


def test_nothing_gets_into_a_line_that_is_not_listed(read_lines: ReadLines) -> None:
    extra = {"email": "ada@example.org", "request": "GET /?token=x", "operation": "eyJhbGciOiJSUzI1NiJ9.x", "ms": 3}
    logging.getLogger("participants").warning("Odd", extra=extra)
    (line,) = read_lines()
    assert set(line) <= {"time", "level", "logger", "message", "error", *FIELDS}
    assert (line["operation"], line["ms"]) == ("[token]", 3)


def test_a_traceback_is_masked_like_every_text(read_lines: ReadLines) -> None:
    try:
        raise ValueError(f"eyJhbGciOiJSUzI1NiJ9.e.s {django_settings.REALTIMEKIT_API_TOKEN}")
    except ValueError:
        logging.getLogger("participants").exception("It failed")
    (line,) = read_lines()
    assert line["error"].endswith("ValueError: [token] [api token]")


def test_a_guest_is_named_by_the_participant(
    client: Client, by: Actor, read_lines: ReadLines, ada: Participant
) -> None:
    guest = ParticipantFactory(meeting=ada.meeting, person=GuestFactory(email="gus@example.org"))
    issued = invitations.issue(guest, by=by, mail=False)
    client.post("/api/v1/invitations/redeem/", {"secret": issued.secret}, content_type="application/json")
    client.post(reverse("api:join", args=[guest.meeting_id]), {}, content_type="application/json")
    line = read_lines(ACCESS)[-1]
    assert (line["caller"], line["participant"], line["verdict"]) == ("guest", str(guest.pk), "ok")
    assert "gus@example.org" not in json.dumps(read_lines())


def test_a_user_who_asks_nothing_of_the_database_is_no_stranger_to_the_next_request(
    client: Client, ada: Participant, read_lines: ReadLines
) -> None:
    join(client, ada)
    Client().get("/accounts/login/")
    assert "participant" not in read_lines(ACCESS)[-1]
    assert "user" not in read_lines(ACCESS)[-1]


def test_a_thread_keeps_no_request_when_it_is_over(client: Client) -> None:
    client.get("/accounts/login/")
    assert describe.get()() == {}
    assert describe.get() is dict


def test_a_user_with_an_address_for_a_name_is_a_number(client: Client, read_lines: ReadLines) -> None:
    user = UserFactory(username="ada@example.org", email="ada@example.org")
    client.force_login(user)
    client.get(reverse("api:me"))
    (line,) = read_lines(ACCESS)
    assert line["user"] == user.pk
    assert "ada@example.org" not in json.dumps(line)
