"""A creating call that is sent twice under one Idempotency-Key makes one thing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from participants.errors import CallInProgress
from participants.models import Actor, Batch, IdempotentCall, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import chores, idempotency
from participants.services.idempotency import Turn
from tests.api.conftest import sign_in
from tests.factories import (
    AdminFactory,
    ApiKeyFactory,
    EnrolledFactory,
    MadeMeetingFactory,
    PresetFactory,
    UserFactory,
    make_secret,
)

pytestmark = pytest.mark.django_db(transaction=True)
CREATE = "/api/v1/manage/meetings/"


@pytest.fixture
def staff(settings: LazySettings) -> Any:
    settings.REALTIMEKIT_API_TOKEN = ""  # what waits for RealtimeKit is answered as pending, at once
    return sign_in(AdminFactory())


def post(client: Any, path: str, body: Any, key: str = "k-1") -> Any:
    return client.post(path, body, format="json", headers={"Idempotency-Key": key})


def test_the_same_call_again_is_answered_as_before_and_makes_nothing(staff: Any) -> None:
    first, again = post(staff, CREATE, {"title": "A"}), post(staff, CREATE, {"title": "A"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Meeting.objects.count() == 1


@pytest.mark.parametrize(
    "name", ["manage-participants", "manage-enrolments", "manage-removals", "manage-preset-changes"]
)
def test_each_creating_call_keeps_its_answer(staff: Any, name: str) -> None:
    row = EnrolledFactory()
    bodies: dict[str, dict[str, Any]] = {
        "manage-participants": {"user": UserFactory().username},
        "manage-enrolments": {"people": [UserFactory().username]},
        "manage-removals": {"all": True},
        "manage-preset-changes": {"all": True, "preset": PresetFactory(name="other").name},
    }
    path = reverse(f"api:{name}", args=[row.meeting_id])
    first, again = (post(staff, path, bodies[name]) for _ in range(2))
    assert (first.status_code, again.status_code) == ((201, 201) if name == "manage-participants" else (202, 202))
    assert again.json() == first.json()
    assert Batch.objects.count() == (name != "manage-participants")
    assert Participant.objects.count() == (2 if name in ("manage-participants", "manage-enrolments") else 1)


def test_the_order_of_fields_makes_no_other_call(staff: Any) -> None:
    post(staff, CREATE, {"title": "A", "capacity": 3})
    assert post(staff, CREATE, {"capacity": 3, "title": "A"})["Idempotency-Replayed"] == "true"


def test_another_body_or_path_under_the_key_is_refused(staff: Any) -> None:
    post(staff, CREATE, {"title": "A"})
    path = reverse("api:manage-participants", args=[Meeting.objects.get().pk])
    for answer in (post(staff, CREATE, {"title": "B"}), post(staff, path, {"user": UserFactory().username})):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert (Meeting.objects.count(), Participant.objects.count()) == (1, 0)


def test_keys_of_different_callers_do_not_meet(staff: Any) -> None:
    post(staff, CREATE, {"title": "A"})
    assert "Idempotency-Replayed" not in post(sign_in(AdminFactory()), CREATE, {"title": "A"})
    secret = make_secret(ApiKeyFactory().name)
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "k-1"}
    answer: Any = Client().post(CREATE, {"title": "A"}, content_type="application/json", headers=headers)
    assert "Idempotency-Replayed" not in answer
    assert Meeting.objects.count() == 3


def test_a_refusal_is_not_kept(staff: Any) -> None:
    assert post(staff, CREATE, {"title": "A", "capacity": 0}).status_code == 400
    assert not IdempotentCall.objects.exists()
    assert post(staff, CREATE, {"title": "A", "capacity": 1}).status_code == 201


def test_a_dry_run_is_no_creating_call(staff: Any) -> None:
    path = reverse("api:manage-enrolments", args=[MadeMeetingFactory().pk])
    body = {"people": [UserFactory().username], "dry_run": True}
    assert [post(staff, path, body).status_code for _ in range(2)] == [200, 200]
    assert not IdempotentCall.objects.exists()


def test_rights_are_looked_at_before_a_kept_answer_is_given(staff: Any) -> None:
    user, meeting = UserFactory(), MadeMeetingFactory(default_preset=PresetFactory())
    meeting.managers.add(user)
    client, path, body = sign_in(user), reverse("api:manage-participants", args=[meeting.pk]), {"user": user.username}
    assert post(client, path, body).status_code == 201
    meeting.managers.clear()
    assert post(client, path, body).status_code in (403, 404)


@pytest.mark.parametrize("key", ["", " ", "a" * 256, "ä", "a\tb"])
def test_a_key_that_can_not_be_one_is_refused(staff: Any, key: str) -> None:
    answer = post(staff, CREATE, {"title": "A"}, key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert not Meeting.objects.exists()


def test_while_the_first_is_not_answered_the_second_waits(staff: Any) -> None:
    post(staff, CREATE, {"title": "A"})
    row = IdempotentCall.objects.get()
    row.delete()
    told = {"caller": row.caller, "key": "k-2", "fingerprint": row.fingerprint}
    turn = idempotency.begin(**told)
    assert isinstance(turn, Turn)
    answer = post(staff, CREATE, {"title": "A"}, "k-2")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_progress")
    assert answer["Retry-After"] == "2"
    idempotency.give_up(turn)
    assert post(staff, CREATE, {"title": "A"}, "k-2").status_code == 201


def test_two_at_once_make_one_meeting(sandbox: Sandbox) -> None:
    boss = AdminFactory()

    def create() -> Any:
        try:
            return post(sign_in(boss), CREATE, {"title": "A"})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, sandbox.faults.hold("meetings.create") as gate:
        waiting = pool.submit(create)
        gate.wait_for(1)
        beside = post(sign_in(boss), CREATE, {"title": "A"})
        assert (beside.status_code, beside.json()["code"]) == (409, "idempotency_in_progress")
        gate.release()
        first = waiting.result(20)
    again = post(sign_in(boss), CREATE, {"title": "A"})
    assert (first.status_code, again["Idempotency-Replayed"]) == (201, "true")
    assert first.json() == again.json()
    assert (Meeting.objects.count(), len(sandbox.world.meetings())) == (1, 1)


def test_a_call_cut_short_may_be_made_again_after_its_lease() -> None:
    told = {"caller": "user:1", "key": "k", "fingerprint": "f"}
    first = idempotency.begin(**told)
    assert isinstance(first, Turn)
    with pytest.raises(CallInProgress):
        idempotency.begin(**told)
    IdempotentCall.objects.update(lease_until=timezone.now() - timedelta(hours=1))
    second = idempotency.begin(**told)
    assert isinstance(second, Turn)
    assert not idempotency.finish(first, status=201, body="{}"), "whoever lost the lease keeps no answer"
    idempotency.give_up(first)
    assert idempotency.finish(second, status=201, body="{}")


def test_no_answer_with_a_token_is_kept(
    sandbox: Sandbox, ada: Participant, as_ada: Any, meeting: Meeting, by: Actor
) -> None:
    boss = sign_in(AdminFactory())
    for client, path in (
        (as_ada, reverse("api:join", args=[meeting.pk])),
        (boss, reverse("api:manage-participant-token", args=[ada.pk])),
    ):
        answers = [post(client, path, {}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert not any("Idempotency-Replayed" in answer for answer in answers)
    assert not IdempotentCall.objects.exists()


def test_after_a_day_the_key_is_free_and_the_chore_forgets_it(staff: Any, by: Actor) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        post(staff, CREATE, {"title": "A"})
        clock.shift(86_399)
        assert post(staff, CREATE, {"title": "A"})["Idempotency-Replayed"] == "true"
        clock.shift(2)
        assert "Idempotency-Replayed" not in post(staff, CREATE, {"title": "A"})
        clock.shift(86_401)
        assert chores.do("idempotent_calls", by=by)
    assert not IdempotentCall.objects.exists()
    assert Meeting.objects.count() == 2
