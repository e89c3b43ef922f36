from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from participants.models import Actor, Event, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import enrolment, people, removal
from participants.states import ParticipantState, Source
from tests.api.conftest import sign_in
from tests.factories import MeetingFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def join(client: APIClient, meeting: Meeting, **body: Any) -> Any:
    return client.post(f"/api/v1/meetings/{meeting.pk}/join/", body, format="json")


def test_a_join_answers_with_the_documented_body(as_ada: APIClient, meeting: Meeting, ada: Participant) -> None:
    answer = join(as_ada, meeting)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Request-ID"]
    body = answer.json()
    assert body["token"] == ada.token
    assert body["expiry_source"] == "jwt"
    assert body["expires_at"].endswith("Z")
    assert body["refresh_after"] < body["expires_at"]
    assert body["participant"] == {
        "id": str(ada.pk),
        "realtimekit_id": ada.realtimekit_id,
        "custom_participant_id": ada.person.custom_participant_id,
        "name": "Ada Example",
        "preset": "group_call_participant",
    }
    assert body["meeting"] == {
        "id": str(meeting.pk),
        "realtimekit_id": meeting.realtimekit_id,
        "title": "Algebra, group 7",
        "status": "ACTIVE",
        "opens_at": None,
        "closes_at": None,
    }


def test_a_fresh_join_costs_one_query_no_write_and_no_remote_call(
    as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox, django_assert_num_queries: Any
) -> None:
    join(as_ada, meeting)
    sandbox.requests.clear()
    with django_assert_num_queries(2) as captured:  # session with user, participant
        join(as_ada, meeting)
    assert all(query["sql"].lstrip().upper().startswith("SELECT") for query in captured.captured_queries)
    assert sandbox.requests.all() == []


def test_an_expired_token_is_refreshed_for_the_same_participant(
    as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    body = join(as_ada, meeting).json()
    assert body["token"] != ada.token
    assert body["participant"]["realtimekit_id"] == ada.realtimekit_id
    assert sandbox.requests.count("participants.refresh") == 1
    assert sandbox.world.participant_of(body["token"]) == ada.realtimekit_id
    assert join(as_ada, meeting).json()["token"] == body["token"]
    assert sandbox.requests.count("participants.refresh") == 1


def test_a_usable_token_is_refreshed_at_most_once_a_minute(
    as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    now = timezone.now()
    Participant.objects.update(token_expires_at=now + timedelta(hours=2), token_issued_at=now - timedelta(days=99))
    sandbox.faults.down()
    assert join(as_ada, meeting).json()["token"] == ada.token
    sandbox.faults.up()
    assert join(as_ada, meeting).json()["token"] == ada.token
    assert sandbox.requests.count("participants.refresh") <= 1
    with time_machine.travel(now + timedelta(seconds=61)):
        assert join(as_ada, meeting).json()["token"] != ada.token


def test_a_usable_token_is_answered_at_once_while_another_request_refreshes(
    as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    now = timezone.now()
    Participant.objects.update(
        token_expires_at=now + timedelta(hours=2),
        token_issued_at=now - timedelta(days=99),
        lease_id=ada.pk,
        lease_until=now + timedelta(seconds=30),
    )
    assert join(as_ada, meeting).json()["token"] == ada.token
    assert sandbox.requests.count("participants.refresh") == 0


def test_an_expired_token_while_realtimekit_is_down_is_a_503_with_a_wait(
    as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    sandbox.faults.down()
    answer = join(as_ada, meeting)
    assert answer.status_code == 503
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "provider_unavailable"
    assert int(answer["Retry-After"]) >= 1
    ada.refresh_from_db()
    assert ada.state == ParticipantState.ENROLLED


def test_a_rejected_api_token_is_misconfigured_and_only_staff_see_which(
    as_ada: APIClient, meeting: Meeting, ada: Participant, ada_user: User, settings: LazySettings
) -> None:
    Participant.objects.update(token=None, token_expires_at=None)
    settings.REALTIMEKIT_API_TOKEN = "wrong"
    answer = join(as_ada, meeting)
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_misconfigured")
    assert "reason" not in answer.json()
    ada_user.is_staff = True
    ada_user.save()
    assert "reason" in join(as_ada, meeting).json()
    assert Participant.objects.get().state == ParticipantState.ENROLLED


def test_the_sdk_may_ask_for_another_token_once_a_minute(
    as_ada: APIClient, meeting: Meeting, ada: Participant
) -> None:
    renewed = join(as_ada, meeting, refresh=True)
    assert renewed.status_code == 200
    assert renewed.json()["token"] != ada.token
    again = join(as_ada, meeting, refresh=True)
    assert (again.status_code, again.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(again["Retry-After"]) <= 60
    assert join(as_ada, meeting).json()["token"] == renewed.json()["token"]


def test_a_participant_deleted_remotely_is_added_again_once(
    as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    sandbox.world.remove_participant(str(meeting.realtimekit_id), str(ada.realtimekit_id))
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    answer = join(as_ada, meeting)
    assert answer.status_code == 200
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert answer.json()["participant"]["realtimekit_id"] == remote.id != ada.realtimekit_id
    assert sandbox.world.participant_of(answer.json()["token"]) == remote.id


def test_a_mistyped_account_erases_nothing(
    as_ada: APIClient, meeting: Meeting, ada: Participant, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_APP_ID = "22222222-2222-4333-8444-555555555555"
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    assert join(as_ada, meeting).json()["code"] == "provider_misconfigured"
    ada.refresh_from_db()
    assert (ada.state, ada.realtimekit_id is not None) == (ParticipantState.ENROLLED, True)


def test_a_join_finishes_an_enrolment_that_realtimekit_has_not_got(
    as_ada: APIClient, meeting: Meeting, ada_user: User, sandbox: Sandbox, by: Actor
) -> None:
    sandbox.faults.down()
    person = people.person_of(ada_user, by)
    enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    sandbox.faults.up()
    assert join(as_ada, meeting).status_code == 200
    assert len(sandbox.world.participants(str(meeting.realtimekit_id))) == 1


def test_a_removed_person_is_refused_and_their_token_revoked(
    as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox, by: Actor
) -> None:
    token = join(as_ada, meeting).json()["token"]
    removal.remove(ada, by=by)
    answer = join(as_ada, meeting)
    assert (answer.status_code, answer.json()["code"]) == (403, "removed")
    assert not sandbox.world.accepts(token)
    ada.refresh_from_db()
    assert ada.token is None


def test_nobody_signed_in_is_401(meeting: Meeting) -> None:
    answer = join(APIClient(), meeting)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_post_without_csrf_is_refused(meeting: Meeting, ada: Participant, ada_user: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(ada_user)
    answer = join(client, meeting)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


def test_each_refusal_has_its_status_code_and_datum(
    as_ada: APIClient, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    def refuse(**columns: Any) -> tuple[int, dict[str, Any]]:
        Meeting.objects.filter(pk=meeting.pk).update(
            **{"status": "ACTIVE", "opens_at": None, "closes_at": None, **columns}
        )
        answer = join(as_ada, meeting)
        return answer.status_code, answer.json()

    status, body = refuse(status="INACTIVE")
    assert (status, body["code"]) == (403, "meeting_inactive")
    status, body = refuse(opens_at=datetime(2999, 1, 1, tzinfo=UTC))
    assert (status, body["code"], body["opens_at"]) == (403, "too_early", "2999-01-01T00:00:00Z")
    status, body = refuse(closes_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert (status, body["code"], body["closes_at"]) == (403, "closed", "2020-01-01T00:00:00Z")
    Participant.objects.update(state="failed", last_error_detail="No preset found")
    status, body = refuse()
    assert (status, body["code"], body["reason"]) == (409, "enrolment_failed", "No preset found")
    people.block(ada.person, reason="rude", by=by)
    assert refuse()[1]["code"] == "blocked"


def test_unknown_and_foreign_meetings_are_told_apart(as_ada: APIClient, meeting: Meeting) -> None:
    assert join(as_ada, meeting).json()["code"] == "not_enrolled"
    missing = as_ada.post("/api/v1/meetings/00000000-0000-4000-8000-000000000000/join/", {}, format="json")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    garbled = as_ada.post("/api/v1/meetings/not-an-id/join/", {}, format="json")
    assert (garbled.status_code, garbled["Content-Type"]) == (404, "application/problem+json")


def test_an_open_meeting_enrols_whoever_is_signed_in_until_it_is_full(
    sandbox: Sandbox, transactional_db: None, by: Actor
) -> None:
    meeting = MeetingFactory(admission="signed_in", capacity=1)
    first, second = sign_in(UserFactory()), sign_in(UserFactory())
    assert join(first, meeting).status_code == 200
    refused = join(second, meeting)
    assert (refused.status_code, refused.json()["code"], refused.json()["capacity"]) == (403, "full", 1)
    assert Participant.objects.get().source == "signed_in"
    removal.remove(Participant.objects.get(), by=by)
    assert join(first, meeting).json()["code"] == "removed"


def test_joins_are_limited_per_person_and_never_per_address(
    as_ada: APIClient, meeting: Meeting, ada: Participant, settings: LazySettings
) -> None:
    settings.JOIN_RATE = (3, 60)
    with time_machine.travel(timezone.now(), tick=False):
        codes = [join(as_ada, meeting).status_code for _ in range(4)]
        other = join(sign_in(UserFactory()), meeting)
    assert codes == [200, 200, 200, 429]
    assert other.json()["code"] == "not_enrolled"


def test_a_token_without_exp_is_assumed_to_live_for_the_setting(
    sandbox: Sandbox, as_ada: APIClient, meeting: Meeting, ada: Participant
) -> None:
    sandbox.token_lifetime = None
    Participant.objects.update(token_expires_at=timezone.now() - timedelta(minutes=1))
    body = join(as_ada, meeting).json()
    assert body["expiry_source"] == "assumed"
    expires = datetime.fromisoformat(body["expires_at"])
    assert timedelta(days=99) < expires - timezone.now() <= timedelta(days=100)


def test_a_token_that_no_key_decrypts_counts_as_none(
    as_ada: APIClient, meeting: Meeting, ada: Participant, settings: LazySettings
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = ["YW5vdGhlciBrZXksIHRoaXJ0eS10d28gYnl0ZXMhISE="]
    answer = join(as_ada, meeting)
    assert answer.status_code == 200
    assert answer.json()["token"] != ada.token


def test_an_unknown_field_is_refused_with_its_name(as_ada: APIClient, meeting: Meeting, ada: Participant) -> None:
    answer = join(as_ada, meeting, refesh=True)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "refesh"


def test_a_join_that_finds_the_remote_room_still_closed_opens_it(
    as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    sandbox.world.set_meeting_status(str(meeting.realtimekit_id), "INACTIVE")
    Meeting.objects.update(applied_status="INACTIVE")
    assert join(as_ada, meeting).status_code == 200
    assert sandbox.world.meetings()[0].status == "ACTIVE"


def test_a_join_leaves_no_event_when_answered_from_the_cache(
    as_ada: APIClient, meeting: Meeting, ada: Participant
) -> None:
    before = Event.objects.count()
    join(as_ada, meeting)
    assert Event.objects.count() == before


def test_the_token_is_nowhere_in_plain_text(ada: Participant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM participants_participant")
        (stored,) = cursor.fetchone()
    assert stored.startswith("gAAAA")  # Fernet
    assert ada.token not in stored
