"""Lessons played at the sandbox, told of badly, repaired once: what is in our rows is what was played."""

import random
from base64 import b64encode
from datetime import timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from participants.models import Actor, Attendance, Chore, Delivery, Meeting, Presence, Session, WebhookKey
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import inbox, intake, meetings, registration, repair, webhookkeys
from participants.services.intake import Reception
from participants.states import DeliveryState
from tests import histories
from tests.factories import NOW, MeetingFactory, UserFactory
from tests.histories import Room, Step
from tests.services.conftest import enrol_user

pytestmark = pytest.mark.django_db
PEOPLE = 3
HISTORIES = st.lists(
    st.builds(
        Step,
        after=st.one_of(st.integers(0, 10_000), st.integers(0, 3_600_000)),
        room=st.integers(0, 1),
        who=st.integers(0, PEOPLE + 1),
        deed=st.sampled_from(("join", "join", "join", "leave", "leave_all", "end")),
    ),
    min_size=1,
    max_size=24,
)


@pytest.fixture
def rooms(sandbox: Sandbox, db: None, by: Actor) -> list[Room]:
    """Two meetings of the same three people, into which a stranger and a recorder come too."""
    rooms = []
    with time_machine.travel(NOW - timedelta(minutes=10), tick=False):
        registration.repair(registration.join("https://rollcall.example"), by=by)
        webhookkeys.fetch()
        users = [UserFactory(username=f"person{number}") for number in range(PEOPLE)]
        for title in ("Algebra", "Physics"):
            meeting = MeetingFactory(title=title)
            assert meetings.try_now(meeting, by=by) is None
            people = [enrol_user(meeting, user, by) for user in users]
            remote = str(meeting.realtimekit_id)
            strangers = [
                sandbox.world.add_participant(remote, custom_id, "group_call_participant", name=name)
                for custom_id, name in (("stranger", "Somebody"), ("", "RealtimeKit Recorder"))
            ]
            guests = [*(str(person.realtimekit_id) for person in people), *(row.id for row in strangers)]
            rooms.append(Room(remote, guests))
    histories.intercept(sandbox)
    return rooms


def forget(sandbox: Sandbox) -> None:
    for model in (Presence, Attendance, Session, Delivery):
        model.objects.all().delete()
    Chore.objects.all().delete()
    with sandbox.world.lock:
        sandbox.world.sessions.clear()
    sandbox.deliveries.clear()


def tell_badly(sandbox: Sandbox, chance: random.Random, *, lost: float) -> int:
    """Deliveries, some of them lost for good, the others up to three times and in any order; how many arrived."""
    heard = [parcel for parcel in histories.list_parcels(sandbox) if chance.random() >= lost]
    copies = [parcel for parcel in heard for _ in range(chance.randint(1, 3))]
    chance.shuffle(copies)
    for parcel in copies:
        headers = {"rtk-signature": b64encode(parcel.signature).decode(), "rtk-uuid": parcel.uuid}
        assert intake.receive(parcel.body, headers) in (Reception.STORED, Reception.REPEATED)
        if chance.random() < 0.1:
            inbox.work()  # between two of them, as workers do
    inbox.work()
    assert Delivery.objects.filter(state=DeliveryState.DONE).count() == Delivery.objects.count() == len(heard)
    return len(heard)


def repair_once(by: Actor) -> None:
    repair.find_missed(deadline=Deadline.after(30))
    assert repair.pull_due(by=by).failed == 0


def play_and_repair(sandbox: Sandbox, rooms: list[Room], steps: list[Step], seed: int, lost: float) -> None:
    by = Actor(via="tests")
    ends = histories.play(sandbox, rooms, steps, NOW)
    with time_machine.travel(ends, tick=False):
        # As long ago as when it was fetched, no other key is asked for.
        WebhookKey.objects.update(fetched_at=ends)
        tell_badly(sandbox, random.Random(seed), lost=lost)
    with time_machine.travel(ends + timedelta(hours=1), tick=False):
        repair_once(by)
    truth = histories.check(sandbox)
    assert Presence.objects.filter(was_enrolled=True).count() == PEOPLE * len(truth.runs)
    assert not Session.objects.filter(started_known_by="estimated").exists()
    recorded = {key for key, tab in truth.tabs.items() if not tab.custom_id}
    assert set(Attendance.objects.filter(is_recorder=True).values_list("peer_id", flat=True)) == recorded


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=HISTORIES, seed=st.integers(0, 1000), lost=st.sampled_from((0.1, 0.1, 0.5, 1.0)))
def test_any_history_told_badly_and_repaired_once_is_what_was_played(
    sandbox: Sandbox, rooms: list[Room], steps: list[Step], seed: int, lost: float
) -> None:
    forget(sandbox)
    play_and_repair(sandbox, rooms, steps, seed, lost)


@pytest.mark.parametrize("seed", range(4))
def test_after_one_repair_the_rows_of_a_long_day_are_what_was_played_to_the_second(
    sandbox: Sandbox, rooms: list[Room], seed: int
) -> None:
    """Three hours of coming, opening another tab, going and coming back; a third of the deliveries is lost."""
    chance = random.Random(seed)  # repeatable lessons, not a secret
    steps = [
        Step(
            chance.randrange(1, 300_000),
            chance.randrange(2),
            chance.randrange(PEOPLE + 2),
            chance.choices(("join", "leave", "leave_all", "end"), (50, 35, 10, 5))[0],
        )
        for _ in range(80)
    ]
    play_and_repair(sandbox, rooms, steps, seed, lost=1 / 3)
    assert Meeting.objects.count() == len(rooms)
