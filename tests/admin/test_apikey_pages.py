"""The pages of API keys: a secret is seen once, and nobody hands out more than they have."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from participants.models import ApiKey, Event, EventKind
from tests.admin.conftest import sign_in
from tests.factories import ApiKeyFactory, MadeMeetingFactory, StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)
ADD = "/admin/participants/apikey/add/"


def fill(**more: Any) -> dict[str, Any]:
    form = {"pk": str(uuid.uuid4()), "name": "Portal", "scopes": ["meetings:read"], "reach": "all", "lifetime": "90"}
    return form | more


def find_secrets(answer: Any) -> list[str]:
    return re.findall(r"rck_[A-Za-z0-9_-]{43}", answer.content.decode())


def act(key: ApiKey, name: str) -> str:
    return reverse(f"admin:participants_apikey_{name}", args=[key.pk])


def test_a_key_is_made_and_its_secret_shown_once(staff: Client) -> None:
    answer = staff.post(ADD, fill())
    (secret,) = find_secrets(answer)
    assert "no-store" in answer["Cache-Control"]
    key = ApiKey.objects.get()
    assert secret.startswith(key.prefix)
    assert timedelta(days=89) < key.expires_at - timezone.now() <= timedelta(days=90)
    for path in (act(key, "change"), reverse("admin:participants_apikey_changelist")):
        assert find_secrets(staff.get(path)) == []
    headers = {"Authorization": f"Bearer {secret}"}
    assert Client().get(reverse("api:manage-meetings"), headers=headers).status_code == 200


def test_a_form_sent_twice_makes_one_key(staff: Client) -> None:
    form = fill()
    staff.post(ADD, form)
    again = staff.post(ADD, form, follow=True)
    assert find_secrets(again) == []
    assert "made already" in again.content.decode()
    assert ApiKey.objects.count() == 1


def test_a_key_to_chosen_meetings(staff: Client) -> None:
    meeting = MadeMeetingFactory()
    staff.post(ADD, fill(reach="chosen", meetings=[str(meeting.pk)]))
    key = ApiKey.objects.get()
    assert (key.all_meetings, list(key.meetings.all())) == (False, [meeting])


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"reach": "chosen"},
        {"reach": "chosen", "meetings": ["x"]},
        {"reach": "chosen", "meetings": ["\0"]},
        {"reach": "chosen", "meetings": ["0190a3a0-0000-7000-8000-000000000000"]},
        {"lifetime": "99999"},
        {"pk": "x"},
    ],
    ids=str,
)
def test_a_wrong_form_makes_nothing(staff: Client, wrong: dict[str, Any]) -> None:
    answer = staff.post(ADD, fill(**wrong))
    assert answer.status_code == 200
    assert find_secrets(answer) == []
    assert not ApiKey.objects.exists()


def test_nobody_hands_out_a_right_they_lack() -> None:
    client = sign_in("manage_apikey", "view_meeting")
    answer = client.post(ADD, fill(scopes=["meetings:read", "tokens:issue"]))
    assert "You may not do this in these meetings yourself: tokens:issue" in answer.content.decode()
    assert not ApiKey.objects.exists()
    assert find_secrets(client.post(ADD, fill()))


def test_a_manager_hands_out_no_more_than_managing() -> None:
    user = StaffFactory(permissions=["manage_apikey"])
    meeting = MadeMeetingFactory()
    meeting.managers.add(user)
    client = Client()
    client.force_login(user)
    form = {"reach": "chosen", "meetings": [str(meeting.pk)]}
    client.post(ADD, fill(scopes=["tokens:issue"], **form))
    client.post(ADD, fill(scopes=["participants:write"]))
    assert not ApiKey.objects.exists()
    assert find_secrets(client.post(ADD, fill(scopes=["participants:write"], **form)))


def test_rotating_shows_a_new_secret_to_those_who_may_have_it(staff: Client) -> None:
    key = ApiKeyFactory()
    before, form = key.digest, {"overlap": "24", "seen": key.prefix}
    assert sign_in("manage_apikey").post(act(key, "rotate"), form).status_code == 403
    assert len(find_secrets(staff.post(act(key, "rotate"), form))) == 1
    key.refresh_from_db()
    assert (key.former_digest, key.former_until > timezone.now()) == (before, True)
    again = staff.post(act(key, "rotate"), form, follow=True)
    assert find_secrets(again) == []
    assert "rotated just now" in again.content.decode()


def test_looking_rotates_and_revokes_nothing(staff: Client) -> None:
    key = ApiKeyFactory()
    before = ApiKey.objects.values().get()
    for name in ("rotate", "revoke", "change"):
        assert staff.get(act(key, name)).status_code == 200
    assert staff.post(act(key, "rotate"), {"seen": key.prefix}).status_code == 200
    assert ApiKey.objects.values().get() == before


def test_revoking_ends_it(staff: Client) -> None:
    key = ApiKeyFactory()
    assert "refused from now on" in staff.post(act(key, "revoke"), follow=True).content.decode()
    key.refresh_from_db()
    assert key.revoked_at
    assert Event.objects.get(kind=EventKind.API_KEY_REVOKED).data["api_key"] == str(key.pk)


@pytest.mark.parametrize(
    ("right", "sees", "acts"), [("view_apikey", 200, 403), ("manage_apikey", 200, 200), ("change_meeting", 403, 403)]
)
def test_the_pages_ask_for_a_right_of_their_own(right: str, sees: int, acts: int) -> None:
    client, key = sign_in(right), ApiKeyFactory()
    assert client.get(reverse("admin:participants_apikey_changelist")).status_code == sees
    assert client.get(act(key, "change")).status_code == sees
    assert client.get(ADD).status_code == acts
    assert client.get(act(key, "revoke")).status_code == acts
    for path in (act(key, "delete"), act(key, "change")):
        client.post(path, {"post": "yes", "name": "Mine"})
    assert ApiKey.objects.get().name == key.name
