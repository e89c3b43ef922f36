"""The main job through the API, and what is left of it after a kill, against stand-ins unlike the sandbox."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from participants.models import Actor, Participant, Person
from participants.services import enrolment, passes
from participants.states import ParticipantState, Source
from tests.factories import AdminFactory, PersonFactory, PresetFactory, UserFactory
from tests.standin.conftest import Start, find_only, make_meeting
from tests.standin.manners import Duplicate, Manners, list_mixed
from tests.standin.server import Standin

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[2]
MANAGE = "/api/v1/manage"


def sign_in(user: Any) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


@pytest.mark.parametrize("manners", [pytest.param(m, id=name) for name, m in list_mixed(6, seed=7)])
def test_the_main_job_over_http(start: Start, manners: Manners) -> None:
    standin = start(manners)
    ada, staff = UserFactory(username="ada"), sign_in(AdminFactory())
    PresetFactory()
    made = staff.post(f"{MANAGE}/meetings/", {"title": "Algebra", "default_preset": "group_call_participant"}, "json")
    assert (made.status_code, made.json()["state"]) == (201, "created"), made.json()
    meeting = made.json()["id"]
    enrolled = staff.post(f"{MANAGE}/meetings/{meeting}/participants/", {"user": "ada"}, "json")
    assert (enrolled.status_code, enrolled.json()["state"]) == (201, "enrolled"), enrolled.json()
    participant = f"{MANAGE}/participants/{enrolled.json()['id']}/"

    browser, door = sign_in(ada), f"/api/v1/meetings/{meeting}/join/"
    first = browser.post(door, {}, "json").json()
    asked = len(standin.calls)
    assert browser.post(door, {}, "json").json()["token"] == first["token"]
    assert len(standin.calls) == asked
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    again = browser.post(door, {}, "json").json()
    assert again["token"] != first["token"]
    assert again["participant"] == first["participant"]
    assert standin.world.owner_of[again["token"]] == first["participant"]["realtimekit_id"]

    assert staff.delete(participant).json()["remote"] == "deleted"
    refused = browser.post(door, {}, "json")
    assert (refused.status_code, refused.json()["code"]) == (403, "removed")
    assert staff.post(f"{participant}restore/").json()["state"] == "enrolled"
    assert (
        standin.world.owner_of[browser.post(door, {}, "json").json()["token"]]
        != first["participant"]["realtimekit_id"]
    )
    find_only(standin, Participant.objects.with_relations().get())


def start_converging(standin: Standin, settings: LazySettings) -> "subprocess.Popen[bytes]":
    """Another process at work on the same database."""
    database = connection.settings_dict
    address = f"sqlite:///{database['NAME']}"
    if connection.vendor != "sqlite":
        address = f"postgres://{database['USER']}@{str(database['HOST']).replace('/', '%2F')}/{database['NAME']}"
    environment = {
        **os.environ,
        "DATABASE_URL": address,
        "REALTIMEKIT_BASE_URL": standin.base_url,
        "REALTIMEKIT_ACCOUNT_ID": settings.REALTIMEKIT_ACCOUNT_ID,
        "REALTIMEKIT_APP_ID": settings.REALTIMEKIT_APP_ID,
        "REALTIMEKIT_API_TOKEN": settings.REALTIMEKIT_API_TOKEN,
    }
    command = [sys.executable, str(ROOT / "manage.py"), "converge"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("duplicate", ["second", 409])
@pytest.mark.parametrize("lags", [False, True])
def test_a_kill_in_the_middle_of_an_add_loses_nothing_and_doubles_nothing(
    start: Start, settings: LazySettings, by: Actor, duplicate: Duplicate, lags: bool
) -> None:
    standin = start(Manners(duplicate=duplicate))
    person: Person = PersonFactory()
    row, _ = enrolment.store(meeting=make_meeting(by), person=person, preset=None, source=Source.ADMIN, by=by)
    standin.world.lagging = lags
    with standin.hold("participants.add") as gate:
        process = start_converging(standin, settings)
        gate.wait_for(1)
        process.kill()
        process.wait(10)
    row.refresh_from_db()
    assert (row.state, row.outcome_unknown, row.attempts) == (ParticipantState.PENDING, True, 1)
    assert passes.converge(by=by).settled == 0
    for _ in range(4):
        Participant.objects.exclude(lease_until=None).update(lease_until=timezone.now() - timedelta(seconds=1))
        passes.converge(by=by)
        standin.world.settle()
        Participant.objects.exclude(verify_after=None).update(verify_after=timezone.now() - timedelta(seconds=1))
    row.refresh_from_db()
    assert row.state == ParticipantState.ENROLLED
    find_only(standin, row)
