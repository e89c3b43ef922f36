"""Users who go are told to RealtimeKit after the transaction of their form; no token is kept in the open."""

import json
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core import serializers
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from participants.models import Actor, Event, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import enrolment, meetings, people
from participants.states import ParticipantState, Source
from tests.factories import AdminFactory, MeetingFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(AdminFactory(username="boss"))
    return client


@pytest.fixture
def row(sandbox: Sandbox, by: Actor) -> Participant:
    meeting: Meeting = MeetingFactory()
    assert meetings.try_now(meeting, by=by) is None
    person = people.person_of(UserFactory(username="ada"), by)
    return enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by).participant


def test_a_user_deleted_in_the_admin_is_deleted_at_realtimekit_too(staff: Client, row: Participant) -> None:
    user = row.person.user
    assert user is not None
    answer = staff.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"}, follow=True)
    assert answer.status_code == 200
    row.refresh_from_db()
    assert row.state == ParticipantState.REMOVED
    assert row.realtimekit_id is None


def test_users_deleted_by_the_bulk_action_are_deleted_at_realtimekit_too(staff: Client, row: Participant) -> None:
    assert row.person.user is not None
    form = {"action": "delete_selected", "_selected_action": [row.person.user.pk], "post": "yes"}
    assert staff.post(reverse("admin:auth_user_changelist"), form, follow=True).status_code == 200
    row.refresh_from_db()
    assert row.state == ParticipantState.REMOVED


def test_a_user_deactivated_in_the_admin_form_is_removed_at_realtimekit_too(staff: Client, row: Participant) -> None:
    user = row.person.user
    assert user is not None
    form = {"username": "ada", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    assert staff.post(reverse("admin:auth_user_change", args=[user.pk]), form).status_code == 302
    row.refresh_from_db()
    assert row.state == ParticipantState.REMOVED


def test_no_token_is_kept_in_the_open(staff: Client, row: Participant, sandbox: Sandbox) -> None:
    seen = {row.token}
    ada = Client()
    assert row.person.user is not None
    ada.force_login(row.person.user)
    for body in ({}, {"refresh": True}):
        answer = ada.post(reverse("api:join", args=[row.meeting_id]), body, content_type="application/json")
        assert answer.headers["Cache-Control"] == "no-store"
        seen.add(answer.json()["token"])
    Participant.objects.update(refresh_asked_at=None, token_expires_at=timezone.now() + timedelta(hours=1))
    pages = []
    for name in ("refresh", "change_preset", "remove", "restore", "retry"):
        url = reverse("admin:participants_participant_act", args=[row.pk, name])
        form = {"post": "yes", "preset": str(row.preset_id)}
        pages += [staff.get(url), staff.post(url, form, follow=True)]
        row.refresh_from_db()
        seen.add(row.token)
    pages.append(staff.get(reverse("admin:participants_participant_change", args=[row.pk])))
    kept = serializers.serialize("json", [*Event.objects.all(), *LogEntry.objects.all(), *Session.objects.all()])
    kept += json.dumps([session.get_decoded() for session in Session.objects.all()])
    kept += "".join(page.content.decode() for page in pages)
    kept += str(list(Meeting.objects.values_list("raw")))
    for secret in filter(None, {*seen, sandbox.api_token}):
        assert secret not in kept
