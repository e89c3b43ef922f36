"""What is repeated, how often and after what wait: reads freely, writes only when not delivered."""

from collections.abc import Callable
from random import Random

import pytest

from participants.realtimekit import (
    Deadline,
    NotDelivered,
    OutcomeUnknown,
    RealtimeKit,
    RealtimeKitError,
)
from participants.realtimekit.errors import FailureKind
from participants.realtimekit.retry import Repeat, choose_wait
from tests.realtimekit.conftest import FakeTime, MakeClient, ScriptedServer, data, hang_up, reply
from tests.realtimekit.samples import CUSTOM_ID, MEETING_ID, PARTICIPANT_ID, TOKEN, meeting, participant

Operation = Callable[[RealtimeKit], object]
LIMITED = reply(429, {"message": "slow down"})

MAKING: list[Operation] = [
    lambda client: client.meetings.create(title="Algebra"),
    lambda client: client.participants.add(MEETING_ID, custom_participant_id=CUSTOM_ID, preset_name="p"),
]
SETTING: list[Operation] = [
    lambda client: client.meetings.patch(MEETING_ID, title="Algebra"),
    lambda client: client.participants.patch(MEETING_ID, PARTICIPANT_ID, name="Ada"),
    lambda client: client.participants.delete(MEETING_ID, PARTICIPANT_ID),
    lambda client: client.participants.refresh_token(MEETING_ID, PARTICIPANT_ID),
    lambda client: client.active_session.kick(MEETING_ID, participant_ids=[PARTICIPANT_ID]),
    lambda client: client.active_session.kick_all(MEETING_ID),
]
READING: list[Operation] = [
    lambda client: client.meetings.get(MEETING_ID),
    lambda client: client.participants.list(MEETING_ID),
    lambda client: client.presets.get("x"),
    lambda client: client.active_session.get(MEETING_ID),
]


@pytest.mark.parametrize("operation", MAKING + SETTING)
@pytest.mark.parametrize("trouble", [hang_up, reply(500, b""), reply(200, b"{")], ids=["lost", "500", "unreadable"])
def test_a_write_in_doubt_is_never_sent_twice(
    server: ScriptedServer, client: RealtimeKit, operation: Operation, trouble: Callable[..., None]
) -> None:
    server.will(trouble)
    with pytest.raises(OutcomeUnknown):
        operation(client)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("operations", "sent"), [(MAKING, 2), (SETTING, 3), (READING, 3)], ids=["making", "setting", "reading"]
)
def test_a_call_that_was_not_delivered_is_sent_again_a_few_times(
    server: ScriptedServer, client: RealtimeKit, operations: list[Operation], sent: int
) -> None:
    for operation in operations:
        server.requests.clear()
        server.will(*[LIMITED] * sent)
        with pytest.raises(NotDelivered):
            operation(client)
        assert len(server.requests) == sent


@pytest.mark.parametrize("operation", READING)
def test_a_read_in_doubt_is_sent_three_times(
    server: ScriptedServer, client: RealtimeKit, operation: Operation
) -> None:
    server.will(hang_up, reply(502, b"<html>"), reply(200, b""))
    with pytest.raises(OutcomeUnknown) as caught:
        operation(client)
    assert caught.value.code == "unreadable_answer"
    assert len(server.requests) == 3


def test_a_read_succeeds_after_trouble(server: ScriptedServer, client: RealtimeKit, fake_time: FakeTime) -> None:
    server.will(reply(503, b""), hang_up, data(meeting()))
    assert client.meetings.get(MEETING_ID).id == MEETING_ID
    assert len(fake_time.slept) == 2


def test_an_add_that_was_not_delivered_succeeds_the_second_time(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(LIMITED, data(participant(token=TOKEN), status=201))
    issued = client.participants.add(MEETING_ID, custom_participant_id=CUSTOM_ID, preset_name="p")
    assert issued.participant.id == PARTICIPANT_ID


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_plain_no_is_never_repeated(server: ScriptedServer, client: RealtimeKit, status: int) -> None:
    server.will(reply(status, b""))
    with pytest.raises(RealtimeKitError):
        client.meetings.get(MEETING_ID)
    assert len(server.requests) == 1


def test_the_wait_asked_for_is_kept(server: ScriptedServer, client: RealtimeKit, fake_time: FakeTime) -> None:
    server.will(reply(429, b"", {"Retry-After": "5"}), data(meeting()))
    client.meetings.get(MEETING_ID)
    (slept,) = fake_time.slept
    assert 5.0 <= slept < 5.5


def test_a_wait_that_does_not_fit_is_not_begun(
    server: ScriptedServer, client: RealtimeKit, fake_time: FakeTime
) -> None:
    server.will(reply(429, b"", {"Retry-After": "11"}))
    with pytest.raises(NotDelivered) as caught:
        client.meetings.get(MEETING_ID, deadline=Deadline.after(10, clock=fake_time.clock))
    assert caught.value.retry_after == 11.0
    assert fake_time.slept == []
    assert len(server.requests) == 1


def test_without_a_deadline_a_call_ends_within_thirty_seconds(
    server: ScriptedServer, client: RealtimeKit, fake_time: FakeTime
) -> None:
    wait = reply(429, b"", {"Retry-After": "20"})
    server.will(wait, wait)
    with pytest.raises(NotDelivered):
        client.meetings.get(MEETING_ID)
    assert len(server.requests) == 2
    assert sum(fake_time.slept) < 30


def test_an_expired_deadline_sends_nothing(server: ScriptedServer, client: RealtimeKit, fake_time: FakeTime) -> None:
    deadline = Deadline.after(1, clock=fake_time.clock)
    fake_time.now += 2
    assert deadline.expired
    assert deadline.remaining() == 0.0
    with pytest.raises(NotDelivered) as caught:
        client.meetings.create(title="Algebra", deadline=deadline)
    assert caught.value.code == "deadline_exceeded"
    assert server.requests == []


def test_the_guard_runs_before_every_attempt_and_may_forbid_it(
    server: ScriptedServer, make_client: MakeClient
) -> None:
    class ForbiddenError(Exception):
        pass

    forbidden = ForbiddenError("not inside a transaction")
    asked: list[str] = []

    def guard(operation: str, deadline: Deadline) -> None:
        asked.append(operation)
        if len(asked) == 3:
            raise forbidden

    server.will(LIMITED, LIMITED, LIMITED)
    with pytest.raises(ForbiddenError) as caught:
        make_client(server.url, before_call=guard).meetings.get(MEETING_ID)
    assert caught.value is forbidden
    assert asked == ["meetings.get"] * 3
    assert len(server.requests) == 2


def test_a_guard_that_waits_too_long_costs_the_call_its_time(
    server: ScriptedServer, make_client: MakeClient, fake_time: FakeTime
) -> None:
    client = make_client(server.url, before_call=lambda operation, deadline: fake_time.sleep(40))
    with pytest.raises(NotDelivered) as caught:
        client.meetings.get(MEETING_ID)
    assert caught.value.code == "deadline_exceeded"
    assert server.requests == []


def wait_for(attempt: int, **changes: object) -> float | None:
    arguments = {"retry_after": None, "remaining": 30.0, "random": Random(7), **changes}
    return choose_wait(Repeat.FREELY, FailureKind.NOT_DELIVERED, attempt=attempt, **arguments)  # type: ignore[arg-type]  # shortened for reading


def test_waits_grow_with_jitter_and_end_after_the_third_attempt() -> None:
    first, second = wait_for(1), wait_for(2)
    assert first is not None
    assert second is not None
    assert 0.125 <= first <= 0.25 < second <= 0.5
    assert wait_for(3) is None


def test_no_wait_outlives_the_deadline() -> None:
    assert wait_for(1, remaining=0.1) is None
    assert wait_for(1, retry_after=3.0, remaining=3.0) is None
    assert wait_for(1, retry_after=3.0, remaining=3.5) is not None
