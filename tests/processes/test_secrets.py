"""After the whole main job no token can be read anywhere: not in logs, pages, error bodies or the database."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from django.db import connection
from django.utils import timezone

from participants.models import Actor, Participant
from participants.sandbox import Sandbox
from participants.services import meetings
from tests.factories import AdminFactory, MeetingFactory, UserFactory
from tests.processes.conftest import Server, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
ADMIN_PAGES = (
    "/admin/",
    "/admin/connection/",
    "/admin/participants/meeting/",
    "/admin/participants/meeting/{meeting}/change/",
    "/admin/participants/meeting/{meeting}/enrol/",
    "/admin/participants/participant/",
    "/admin/participants/participant/{participant}/change/",
    "/admin/participants/person/",
    "/admin/participants/event/",
    "/api/v1/manage/meetings/",
    "/api/v1/manage/meetings/{meeting}/participants/",
    "/api/v1/manage/participants/{participant}/",
    "/api/v1/meetings/",
    "/api/v1/me/",
    "/",
    "/m/{meeting}/",
)


def read_tables() -> Iterator[str]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            yield repr(cursor.fetchall())


def read_files() -> Iterator[bytes]:
    if connection.vendor == "sqlite":
        for suffix in ("", "-wal"):
            path = Path(f"{connection.settings_dict['NAME']}{suffix}")
            if path.exists():
                yield path.read_bytes()


def test_no_token_is_readable_anywhere_after_the_main_job(
    sandbox: Sandbox, start_server: Callable[[], Server], by: Actor, transactional_db: None
) -> None:
    meeting = MeetingFactory()
    meetings.try_now(meeting, by=by)
    admin, ada = AdminFactory(), UserFactory(username="ada")
    server = start_server()
    staff, guest = sign_in(admin), sign_in(ada)
    participants = f"{server.address}/api/v1/manage/meetings/{meeting.pk}/participants/"
    join = f"{server.address}/api/v1/meetings/{meeting.pk}/join/"
    row = staff.post(participants, json={"user": "ada"}, timeout=15).json()
    tokens = [guest.post(join, json={}, timeout=15).json()["token"]]
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    tokens.append(guest.post(join, json={}, timeout=15).json()["token"])
    issued = staff.post(f"{server.address}/api/v1/manage/participants/{row['id']}/token/", json={}, timeout=15)
    assert issued.json()["token"] in tokens
    seen = list(_visit_pages(server, staff, str(meeting.pk), row["id"]))
    seen += list(_provoke_errors(server, sandbox, staff, guest, join, row["id"]))
    tokens += re.findall(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", " ".join(seen))
    haystacks = [*seen, server.log.read_text(), *read_tables()]
    for secret in (*tokens, sandbox.api_token):
        assert not any(secret in text for text in haystacks)
        assert not any(secret.encode() in data for data in read_files())


def _visit_pages(server: Server, staff: requests.Session, meeting: str, participant: str) -> Iterator[str]:
    for path in ADMIN_PAGES:
        answer = staff.get(server.address + path.format(meeting=meeting, participant=participant), timeout=15)
        assert answer.status_code == 200, (path, answer.status_code)
        yield answer.text


def _provoke_errors(
    server: Server,
    sandbox: Sandbox,
    staff: requests.Session,
    guest: requests.Session,
    join: str,
    participant: str,
) -> Iterator[str]:
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    for kind, options in (
        ("server_error", {"status": 500, "shape": "html"}),
        ("refuse", {"status": 401, "shape": "C"}),
        ("malformed", {"body": "wrong_types"}),
        ("malformed", {"body": "html"}),
    ):
        sandbox.faults.clear()
        sandbox.faults.add(kind, operation="participants.refresh", **options)
        yield _post(guest, join)
    sandbox.faults.clear()
    yield staff.delete(f"{server.address}/api/v1/manage/participants/{participant}/", timeout=15).text
    yield _post(guest, join)


def _post(session: requests.Session, address: str) -> str:
    answer = session.post(address, json={}, timeout=15)
    assert answer.status_code != 200
    return answer.text
