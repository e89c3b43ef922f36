"""API keys: another back end enrols people and issues tokens; a key is nobody, and goes no further than it says."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from participants.errors import KeyEnded
from participants.models import Actor, ApiKey, Batch, Event, EventKind, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import apikeys
from participants.states import KeyScope
from tests.api.conftest import sign_in
from tests.factories import AdminFactory, ApiKeyFactory, MadeMeetingFactory, PresenceFactory, UserFactory, make_secret

pytestmark = pytest.mark.django_db(transaction=True)
YEAR = timedelta(days=365)


def call(secret: str, scheme: str = "Bearer") -> Client:
    return Client(enforce_csrf_checks=True, headers={"Authorization": f"{scheme} {secret}"})


def make(by: Actor, *scopes: KeyScope, meetings: list[Meeting] | None = None) -> tuple[ApiKey, str]:
    return apikeys.make(name="Portal", scopes=scopes or tuple(KeyScope), meetings=meetings, lifetime=YEAR, by=by)


def list_participants(meeting: Meeting) -> str:
    return reverse("api:manage-participants", args=[meeting.pk])


def test_a_back_end_enrols_a_user_and_gets_a_token(meeting: Meeting, by: Actor) -> None:
    client: Any = call(make(by, KeyScope.PARTICIPANTS_WRITE, KeyScope.TOKENS_ISSUE, meetings=[meeting])[1])
    user = UserFactory()
    made = client.post(list_participants(meeting), {"user": user.username}, content_type="application/json")
    assert made.status_code == 201
    path = reverse("api:manage-participant-token", args=[made.json()["id"]])
    answer = client.post(path, {}, content_type="application/json")
    assert answer.status_code == 200
    assert answer.json()["token"]
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Api-Key"])
def test_the_scheme_may_be_written_in_any_of_these_ways(by: Actor, scheme: str) -> None:
    assert call(make(by)[1], scheme).get(reverse("api:manage-meetings")).status_code == 200


def test_only_a_digest_of_the_secret_is_stored(by: Actor) -> None:
    key, secret = make(by)
    stored = " ".join(str(value) for value in ApiKey.objects.filter(pk=key.pk).values().get().values())
    assert key.digest == sha256(secret.encode()).hexdigest()
    assert secret not in stored
    assert secret not in str(list(Event.objects.values("data")))
    assert len(secret) - len(key.prefix) >= 35


def test_each_event_tells_the_key(meeting: Meeting, by: Actor) -> None:
    key, secret = make(by)
    client: Any = call(secret)
    client.post(list_participants(meeting), {"user": UserFactory().username}, content_type="application/json")
    event = Event.objects.get(kind=EventKind.ENROLLED)
    assert (event.actor_kind, event.key, event.actor, event.actor_name) == ("key", key, None, "Portal")


def test_a_batch_started_by_a_key_goes_on_in_its_name(meeting: Meeting, by: Actor) -> None:
    key, secret = make(by)
    client: Any = call(secret)
    path, body = reverse("api:manage-enrolments", args=[meeting.pk]), {"people": [UserFactory().username]}
    assert client.post(path, body, content_type="application/json").status_code == 202
    batch = Batch.objects.get()
    assert (batch.started_key, batch.task_key, batch.started_by) == (key, key, None)
    assert Event.objects.get(kind=EventKind.ENROLLED).key == key


def test_the_answer_tells_which_key_started_a_batch(meeting: Meeting, by: Actor) -> None:
    client: Any = call(make(by)[1])
    path, body = reverse("api:manage-enrolments", args=[meeting.pk]), {"people": [UserFactory().username]}
    answer = client.post(path, body, content_type="application/json").json()
    assert (answer["started_by"], answer["started_by_key"]) == (None, "Portal")


def test_minutes_corrected_by_a_key_tell_the_key(by: Actor) -> None:
    row = PresenceFactory()
    key, secret = make(by, KeyScope.REPORTS_CORRECT, meetings=[row.participant.meeting])
    client: Any = call(secret)
    path, body = reverse("api:manage-attendance-correction", args=[row.pk]), {"seconds": 60, "reason": "A line down."}
    told = client.put(path, body, content_type="application/json").json()["correction"]
    assert (told["seconds"], told["by"], told["by_key"]) == (60, None, "Portal")
    event = Event.objects.get(kind=EventKind.CORRECTED)
    assert (event.actor_kind, event.key) == ("key", key)
    page = sign_in(AdminFactory()).get(reverse("admin:participants_presence_change", args=[row.pk]))
    assert "Corrected by API key Portal" in page.content.decode()
    assert client.delete(path).json()["correction"] is None
    row.refresh_from_db()
    assert row.corrected_key is None


def test_a_file_taken_by_a_key_is_audited_and_holds_its_meetings_alone(by: Actor) -> None:
    row, other = PresenceFactory(), PresenceFactory()
    key, secret = make(by, KeyScope.REPORTS_READ, meetings=[row.participant.meeting])
    answer: Any = call(secret).get(reverse("api:manage-attendance-export"))
    text = b"".join(answer.streaming_content).decode()
    assert str(row.participant.custom_participant_id) in text
    assert str(other.participant.custom_participant_id) not in text
    event = Event.objects.get(kind=EventKind.EXPORT_DOWNLOADED)
    assert (event.key, event.actor_name) == (key, "Portal")


def test_a_key_that_may_moderate_puts_people_out_and_removes_nobody(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    remote = str(ada.realtimekit_id)
    sandbox.world.join(str(meeting.realtimekit_id), remote)
    key, secret = make(by, KeyScope.SESSIONS_MODERATE, meetings=[meeting])
    client: Any = call(secret)
    body = {"participants": [str(ada.pk)]}
    answer = client.post(reverse("api:manage-meeting-kick", args=[meeting.pk]), body, content_type="application/json")
    assert answer.json() == {"results": [{"participant": str(ada.pk), "outcome": "kicked"}]}
    assert Event.objects.get(kind=EventKind.KICKED).key == key
    refused = client.delete(reverse("api:manage-participant", args=[ada.pk]))
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("rck_" + "a" * 43, "no such"),
        ("rck_", "no API key"),
        ("rck_" + "ä" * 43, "no API key"),
        ("rck_" + "a" * 5000, "no API key"),
        ("", "not accepted here"),
        ("nonsense", "not accepted here"),
    ],
)
def test_what_is_no_key_is_401_and_told_how(secret: str, told: str) -> None:
    answer = call(secret).get(reverse("api:manage-meetings"))
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_authenticated"
    assert told in answer.json()["detail"]
    assert answer["WWW-Authenticate"] == 'Bearer realm="rollcall", error="invalid_token"'


def test_a_refused_key_does_not_fall_back_to_the_session() -> None:
    client = sign_in(AdminFactory())
    answer = client.get(reverse("api:me"), headers={"Authorization": "Bearer rck_" + "a" * 43})
    assert answer.status_code == 401


def test_a_key_beside_a_session_is_the_key() -> None:
    boss = AdminFactory()
    secret = make_secret(ApiKeyFactory(scopes=["meetings:read"]).name)
    answer = sign_in(boss).get(reverse("api:manage-connection"), headers={"Authorization": f"Bearer {secret}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("path", ["/api/v1/me/", "/api/v1/me/attendance/", "/api/v1/meetings/"])
def test_a_key_is_no_person(by: Actor, path: str) -> None:
    answer = call(make(by)[1]).get(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "person_needed")


def test_a_key_opens_no_admin_page(by: Actor) -> None:
    client = call(make(by)[1])
    for name in ("index", "participants_meeting_changelist", "participants_apikey_add", "connection"):
        assert client.get(reverse(f"admin:{name}")).status_code == 302


def test_a_missing_scope_is_named(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    answer = call(make(by, KeyScope.MEETINGS_READ)[1]).get(list_participants(meeting))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert "'participants:read'" in answer.json()["detail"]


def test_a_missing_scope_says_nothing_of_what_there_is(by: Actor) -> None:
    client = call(make(by, KeyScope.CONNECTION_READ)[1])
    known = client.get(reverse("api:manage-meeting", args=[MadeMeetingFactory().pk]))
    unknown = client.get(reverse("api:manage-meeting", args=["0190a3a0-0000-7000-8000-000000000000"]))
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())


def test_a_key_to_chosen_meetings_lists_no_other(by: Actor) -> None:
    own, _ = MadeMeetingFactory(), MadeMeetingFactory()
    found = call(make(by, meetings=[own])[1]).get(reverse("api:manage-meetings")).json()["results"]
    assert [item["id"] for item in found] == [str(own.pk)]


@pytest.mark.parametrize("method", ["post", "patch"])
def test_a_key_names_no_managers(by: Actor, method: str) -> None:
    client: Any = call(make(by)[1])
    meeting, user = MadeMeetingFactory(), UserFactory()
    path = reverse("api:manage-meetings") if method == "post" else reverse("api:manage-meeting", args=[meeting.pk])
    body = {"title": "Mine", "managers": [user.username]}
    assert getattr(client, method)(path, body, content_type="application/json").status_code == 403
    assert not user.managed_meetings.exists()


@pytest.mark.parametrize("source", [{"from_users": {"is_active": True}}, {"from_group": 1}])
def test_a_key_looks_through_no_users(by: Actor, source: dict[str, Any]) -> None:
    client: Any = call(make(by)[1])
    path = reverse("api:manage-enrolments", args=[MadeMeetingFactory().pk])
    answer = client.post(path, source | {"dry_run": True}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_use_is_noted_once_a_minute(by: Actor) -> None:
    with time_machine.travel("2027-01-11T08:00:00Z", tick=False) as clock:
        key, secret = make(by)
        noted = []
        for seconds in (0, 30, 31):
            clock.shift(seconds)
            assert call(secret).get(reverse("api:manage-meetings")).status_code == 200
            key.refresh_from_db()
            noted.append(key.last_used_at)
    assert noted[0] is not None
    assert noted[0] == noted[1]
    assert noted[2] == noted[0] + timedelta(seconds=61)


def test_a_key_ends_with_its_time(by: Actor) -> None:
    with time_machine.travel("2027-01-11T08:00:00Z", tick=False) as clock:
        _, secret = make(by)
        clock.shift(YEAR.total_seconds())
        answer = call(secret).get(reverse("api:manage-meetings"))
    assert answer.status_code == 401
    assert "expired" in answer.json()["detail"]


def test_after_a_rotation_both_secrets_work_for_the_overlap_and_then_the_new_one(by: Actor) -> None:
    with time_machine.travel("2027-01-11T08:00:00Z", tick=False) as clock:
        key, old = make(by)
        new = apikeys.rotate(key, overlap=timedelta(hours=1), by=by)
        clock.shift(3599)
        assert [apikeys.find(secret).pk for secret in (old, new)] == [key.pk, key.pk]
        clock.shift(1)
        assert [call(secret).get(reverse("api:manage-meetings")).status_code for secret in (old, new)] == [401, 200]


def test_a_rotation_without_overlap_ends_the_old_secret_at_once(by: Actor) -> None:
    key, old = make(by)
    new = apikeys.rotate(key, overlap=timedelta(), by=by)
    assert [call(secret).get(reverse("api:manage-meetings")).status_code for secret in (old, new)] == [401, 200]


def test_of_two_rotations_at_once_the_first_holds(by: Actor) -> None:
    key, _ = make(by)
    same = ApiKey.objects.get(pk=key.pk)
    new = apikeys.rotate(key, overlap=timedelta(hours=1), by=by)
    with pytest.raises(KeyEnded):
        apikeys.rotate(same, overlap=timedelta(hours=1), by=by)
    assert apikeys.find(new).pk == key.pk


def test_a_revoked_key_is_refused_with_both_secrets_and_rotates_no_more(by: Actor) -> None:
    key, old = make(by)
    new = apikeys.rotate(key, overlap=timedelta(hours=1), by=by)
    assert [apikeys.revoke(key, by=by), apikeys.revoke(key, by=by)] == [True, False]
    for secret in (old, new):
        assert call(secret).get(reverse("api:manage-meetings")).status_code == 401
    with pytest.raises(KeyEnded):
        apikeys.rotate(key, overlap=timedelta(), by=by)
    assert Event.objects.filter(kind=EventKind.API_KEY_REVOKED).count() == 1


def test_each_key_has_a_limit_of_its_own(settings: LazySettings, by: Actor) -> None:
    settings.API_KEY_RATE = (2, 3600)
    with time_machine.travel(timezone.now(), tick=False):
        busy, other = call(make(by)[1]), call(make(by)[1])
        seen = [busy.get(reverse("api:manage-meetings")).status_code for _ in range(3)]
        assert seen == [200, 200, 429]
        assert other.get(reverse("api:manage-meetings")).status_code == 200


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_refused_credentials_are_limited_per_address_and_good_ones_are_let_in(
    settings: LazySettings, by: Actor, first: str, last: str
) -> None:
    settings.REFUSED_RATE = (2, 3600)
    path = reverse("api:manage-meetings")
    guess = call("rck_" + "a" * 43)
    with time_machine.travel(timezone.now(), tick=False):
        assert [guess.get(path, REMOTE_ADDR=first).status_code for _ in range(2)] == [401, 401]
        answer = call("eyJ.no.token").get(path, REMOTE_ADDR=last)
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert 1 <= int(answer["Retry-After"]) <= 3600
        assert call(make(by)[1]).get(path, REMOTE_ADDR=last).status_code == 200
        assert sign_in(AdminFactory()).get(path, REMOTE_ADDR=last).status_code == 200
        assert guess.get(path, REMOTE_ADDR="2001:db8:1:3::1").status_code == 401


@pytest.mark.parametrize(
    "name",
    ["manage-meetings", "manage-participants", "manage-sessions", "manage-meeting-attendance", "manage-attendance"],
)
def test_a_list_asks_the_database_as_often_for_many_rows_as_for_few(by: Actor, name: str) -> None:
    meeting = MadeMeetingFactory()
    client = call(make(by, meetings=[meeting, *MadeMeetingFactory.create_batch(5)])[1])
    path = reverse(f"api:{name}", args=[] if name in ("manage-meetings", "manage-attendance") else [meeting.pk])
    PresenceFactory(session__meeting=meeting)
    counts = []
    for more in (1, 5):
        PresenceFactory.create_batch(more, session__meeting=meeting)
        client.get(path)  # notes that the key was used
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_only_the_fields_asked_for_are_answered(by: Actor) -> None:
    meeting = MadeMeetingFactory()
    client, item = call(make(by)[1]), reverse("api:manage-meeting", args=[meeting.pk])
    assert client.get(f"{item}?fields=id,title").json() == {"id": str(meeting.pk), "title": meeting.title}
    page = client.get(reverse("api:manage-meetings") + "?fields=id&page_size=1").json()
    assert (set(page), page["results"]) == ({"next", "previous", "results"}, [{"id": str(meeting.pk)}])
    refused = client.get(f"{item}?fields=id,secret")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "unknown_field")
