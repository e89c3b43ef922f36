"""Who waits for a call, who is told at once, and what is learnt from answers."""

from dataclasses import dataclass, field
from random import Random

import pytest

from participants.realtimekit import HELD_BACK, Deadline, NotDelivered, Pacer, RealtimeKitError, Urgency
from participants.realtimekit.errors import ERROR_OF_KIND, FailureKind
from tests.realtimekit.conftest import FakeTime, MakeClient, ScriptedServer, data, hang_up, reply
from tests.realtimekit.samples import MEETING_ID, meeting


@dataclass
class Book:
    """A ledger that says what a test wrote into it: nothing may be called before ``free_at``."""

    time: FakeTime
    free_at: float = 0.0
    code: str = "budget_exhausted"
    failures: int = 0
    told: list[object] = field(default_factory=list)

    def take(self, *, background: bool, past_breaker: bool) -> int | None:
        held = self.time.now < self.free_at and not (past_breaker and self.code == "breaker_open")
        return None if held else self.failures

    def find_hold(self, *, background: bool, past_breaker: bool) -> tuple[str, float]:
        return self.code, self.free_at - self.time.now

    def pause(self, seconds: float | None) -> None:
        self.told.append(seconds)

    def note_failure(self) -> None:
        self.told.append("failure")

    def note_success(self) -> None:
        self.told.append("success")


@pytest.fixture
def book(fake_time: FakeTime) -> Book:
    return Book(fake_time)


def admit(book: Book, urgency: Urgency, *, within: float = 10.0) -> float:
    """Seconds waited. Raises NotDelivered."""
    began = book.time.now
    pacer = Pacer(book, lambda: urgency, sleep=book.time.sleep, random=Random(7))
    pacer.admit("presets.list", Deadline.after(within, clock=book.time.clock))
    return book.time.now - began


@pytest.mark.parametrize("urgency", Urgency)
def test_a_call_there_is_room_for_waits_for_nothing(book: Book, urgency: Urgency) -> None:
    assert admit(book, urgency) == 0.0


def test_somebody_at_the_door_waits_briefly_for_the_budget(book: Book, fake_time: FakeTime) -> None:
    book.free_at = fake_time.now + 1.0
    assert 1.0 <= admit(book, Urgency.INTERACTIVE) < 1.3


def test_somebody_at_the_door_is_told_at_once_when_the_wait_would_be_long(book: Book, fake_time: FakeTime) -> None:
    book.free_at = fake_time.now + 3.0
    with pytest.raises(NotDelivered) as caught:
        admit(book, Urgency.INTERACTIVE)
    assert (caught.value.code, caught.value.retry_after) == ("budget_exhausted", 3.0)
    assert fake_time.slept == []


@pytest.mark.parametrize("urgency", [Urgency.INTERACTIVE, Urgency.PROBE])
def test_nobody_at_the_door_waits_for_a_pause(book: Book, fake_time: FakeTime, urgency: Urgency) -> None:
    book.code, book.free_at = "paused", fake_time.now + 20.0
    with pytest.raises(NotDelivered) as caught:
        admit(book, urgency, within=60)
    assert (caught.value.code, caught.value.retry_after) == ("paused", 20.0)
    assert fake_time.slept == []


def test_the_last_second_of_a_pause_is_waited_out(book: Book, fake_time: FakeTime) -> None:
    book.code, book.free_at = "paused", fake_time.now + 0.9
    assert 0.9 <= admit(book, Urgency.INTERACTIVE) < 1.3


def test_nobody_at_the_door_waits_for_a_breaker(book: Book, fake_time: FakeTime) -> None:
    book.code, book.free_at = "breaker_open", fake_time.now + 0.5
    with pytest.raises(NotDelivered):
        admit(book, Urgency.INTERACTIVE)
    assert fake_time.slept == []
    assert admit(book, Urgency.PROBE) == 0.0


@pytest.mark.parametrize("code", sorted(HELD_BACK))
def test_background_work_waits_its_turn_whatever_it_waits_for(book: Book, fake_time: FakeTime, code: str) -> None:
    book.code, book.free_at = code, fake_time.now + 15.0
    assert 15.0 <= admit(book, Urgency.BACKGROUND, within=20) < 16.0


def test_background_work_gives_up_while_there_is_time_for_nothing_but_a_doubt(
    book: Book, fake_time: FakeTime
) -> None:
    book.free_at = fake_time.now + 19.0
    with pytest.raises(NotDelivered):
        admit(book, Urgency.BACKGROUND, within=20)
    assert fake_time.slept == []


def learn(book: Book, error: RealtimeKitError | None) -> list[object]:
    pacer = Pacer(book, lambda: Urgency.INTERACTIVE, sleep=book.time.sleep)
    pacer.admit("presets.list", Deadline.after(10, clock=book.time.clock))
    pacer.learn("presets.list", error)
    return book.told


def fail(kind: FailureKind, code: str, retry_after: float | None = None) -> RealtimeKitError:
    return ERROR_OF_KIND[kind]("presets.list", code, "", retry_after=retry_after)


@pytest.mark.parametrize("retry_after", [None, 0.0, 7.0])
def test_a_429_pauses_everybody_and_is_no_failure(book: Book, retry_after: float | None) -> None:
    assert learn(book, fail(FailureKind.NOT_DELIVERED, "rate_limited", retry_after)) == [retry_after]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FailureKind.NOT_DELIVERED, "connection_refused"),
        (FailureKind.NOT_DELIVERED, "name_lookup_failed"),
        (FailureKind.OUTCOME_UNKNOWN, "read_timeout"),
        (FailureKind.OUTCOME_UNKNOWN, "connection_lost"),
        (FailureKind.OUTCOME_UNKNOWN, "server_error"),
    ],
)
def test_silence_and_errors_of_the_server_count(book: Book, kind: FailureKind, code: str) -> None:
    assert learn(book, fail(kind, code)) == ["failure"]


@pytest.mark.parametrize("kind", [FailureKind.REFUSED, FailureKind.ABSENT, FailureKind.MISCONFIGURED])
def test_any_answer_of_sense_ends_a_row_of_failures(book: Book, kind: FailureKind) -> None:
    book.failures = 4
    assert learn(book, fail(kind, "whatever")) == ["success"]


def test_a_success_is_told_only_where_there_were_failures(book: Book) -> None:
    assert learn(book, None) == []
    book.failures = 1
    assert learn(book, None) == ["success"]


def test_a_client_tells_of_every_attempt(server: ScriptedServer, make_client: MakeClient) -> None:
    told: list[tuple[str, str | None]] = []
    client = make_client(
        server.url, after_call=lambda operation, error: told.append((operation, error.code if error else None))
    )
    server.will(reply(429, b""), hang_up, data(meeting()))
    client.meetings.get(MEETING_ID)
    assert told == [("meetings.get", "rate_limited"), ("meetings.get", "connection_lost"), ("meetings.get", None)]


def test_an_attempt_that_was_not_made_is_not_told_of(server: ScriptedServer, make_client: MakeClient) -> None:
    told: list[str] = []
    client = make_client(server.url, after_call=lambda operation, error: told.append(operation))
    with pytest.raises(NotDelivered):
        client.meetings.get(MEETING_ID, deadline=Deadline.after(0))
    assert told == []
