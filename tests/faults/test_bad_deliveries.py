"""Ten thousand deliveries on a bad way: after one repair, the attendance is that which was played."""

import hashlib
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from participants.models import Actor, Attendance, Delivery, Meeting, Participant, Presence, Session
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import attendance, meetings, registration, repair, webhookkeys
from participants.states import DeliveryState
from tests import histories
from tests.factories import MeetingFactory
from tests.faults import deliveries
from tests.faults.conftest import MakeStack, make_users
from tests.faults.deliveries import Post
from tests.histories import Deed, Room, Step
from tests.services.conftest import enrol_user

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Size:
    """``people`` are enrolled in each of the ``meetings``; ``strangers`` and a recorder come as well."""

    deliveries: int
    meetings: int
    people: int
    strangers: int = 2


BOUNDED = Size(deliveries=600, meetings=3, people=6)
FULL = Size(deliveries=10_000, meetings=10, people=20)
SIZES = [
    pytest.param(BOUNDED, id="bounded"),
    pytest.param(FULL, id="full", marks=pytest.mark.faults),
]
BUDGET = (30_000, 60.0)


def furnish(sandbox: Sandbox, by: Actor, size: Size, begins: datetime) -> list[Room]:
    """Meetings of the same people, and a room at RealtimeKit that is none of ours."""
    rooms = []
    with time_machine.travel(begins - timedelta(hours=1)):
        users = make_users(size.people, "pupil")
        for number in range(size.meetings):
            made: Meeting = MeetingFactory(title=f"Lesson {number}")
            assert meetings.try_now(made, by=by) is None
            guests = [str(enrol_user(made, user, by).realtimekit_id) for user in users]
            rooms.append(Room(str(made.realtimekit_id), [*guests, *invite_strangers(sandbox, made, size)]))
    theirs = sandbox.world.create_meeting("None of ours").id
    guest = sandbox.world.add_participant(theirs, "somebody-elses", "group_call_participant")
    return [*rooms, Room(theirs, [guest.id])]


def invite_strangers(sandbox: Sandbox, meeting: Meeting, size: Size) -> list[str]:
    """Participants that RealtimeKit has and we don't: some with a key, one that records."""
    named = [(f"stranger-{number}", f"Stranger {number}") for number in range(size.strangers)]
    return [
        sandbox.world.add_participant(str(meeting.realtimekit_id), key, "group_call_participant", name=name).id
        for key, name in [*named, ("", "RealtimeKit Recorder")]
    ]


def draw_steps(sandbox: Sandbox, rooms: Sequence[Room], chance: random.Random, wanted: int) -> Iterator[Step]:
    """Coming and going until so many deliveries are on their way; the fuller a room, the more go."""
    for number in range(100 * wanted):
        if number % 50 == 0 and len(sandbox.deliveries.all()) >= wanted - 2 * len(rooms):
            return
        place = chance.randrange(len(rooms))
        session = sandbox.world.session(rooms[place].meeting_id)
        inside = len(session.present) if session else 0
        deed: Deed = "join"
        if chance.random() < inside / (inside + 8):
            deed = chance.choices(("leave", "leave_all", "end"), (80, 14, 6))[0]
        present = [peer.participant_id for peer in session.present] if session else []
        guests = rooms[place].guests
        who = guests.index(chance.choice(present)) if deed != "join" else chance.randrange(len(guests))
        yield Step(chance.choice((chance.randrange(400), chance.randrange(20_000))), place, who, deed)


@pytest.mark.parametrize("size", SIZES)
def test_what_was_played_is_what_is_known_after_one_repair(
    sandbox: Sandbox, transactional_db: None, by: Actor, make_stack: MakeStack, seed: int, size: Size
) -> None:
    chance = random.Random(seed)
    stack = make_stack(servers=2, workers=0, budget=BUDGET)
    begins = timezone.now().replace(microsecond=0) - timedelta(days=2)
    rooms = furnish(sandbox, by, size, begins)
    registration.repair(registration.join(stack.addresses[0]), by=by)
    assert webhookkeys.fetch() is not None
    histories.intercept(sandbox)
    began = time.monotonic()
    ends = histories.play(sandbox, rooms, draw_steps(sandbox, rooms, chance, size.deliveries), begins)
    assert ends < timezone.now()
    parcels = histories.list_parcels(sandbox)
    assert len(parcels) >= size.deliveries
    mail = deliveries.spoil(parcels, chance)
    tell(f"{len(parcels)} deliveries of {len(sandbox.world.sessions.all())} sessions were played", began)

    stack.start()
    post, began = Post(stack.addresses), time.monotonic()
    with deliveries.working(threads=2):
        post.send(mail)
        tell(f"{sum((post.genuine + post.forged).values())} letters were sent", began)
    tell("they were worked off", began)
    assert set(post.genuine) == {200}
    assert post.forged == {401: len(mail.forged)}
    check_deliveries(mail)

    began = time.monotonic()
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        repair.find_missed(deadline=Deadline.after(300))
        assert repair.pull_due(by=by, deadline=Deadline.after(600)).failed == 0
    tell("they were repaired", began)
    truth = histories.check(sandbox)
    check_expected(size, truth)
    check_strangers(truth)
    check_people(truth)


def tell(what: str, began: float) -> None:
    sys.stderr.write(f"{what} in {time.monotonic() - began:.1f} s\n")


def check_deliveries(mail: deliveries.Mail) -> None:
    """One row for each genuine one that arrived, worked on, and none of a forged one."""
    rows = dict(Delivery.objects.values_list("body_hash", "repeats"))
    sent = [hashlib.sha256(letter.body).hexdigest() for letter in mail.genuine]
    assert rows.keys() == set(sent)
    assert sum(rows.values()) == len(sent) - len(mail.kept)
    assert not Delivery.objects.exclude(state=DeliveryState.DONE).exists()
    assert not Attendance.objects.filter(joined_at__year=2020).exists()
    assert not Session.objects.filter(started_at__year=2020).exists()


def check_expected(size: Size, truth: histories.Book) -> None:
    """Everybody who was enrolled has a row in every session of ours, come or not."""
    ours = Session.objects.exclude(meeting=None)
    assert (
        Presence.objects.filter(was_enrolled=True).count() == Presence.objects.count() == ours.count() * size.people
    )
    assert Presence.objects.exclude(first_joined_at=None).count() == len(truth.stays)
    assert Session.objects.filter(meeting=None).exists()
    assert not Session.objects.filter(ended_at=None).exists()


def check_strangers(truth: histories.Book) -> None:
    """Recorders and people we don't know are kept apart: in rows of their own, and in nobody's attendance."""
    recorded = {key for key, tab in truth.tabs.items() if not tab.custom_id}
    assert set(Attendance.objects.filter(is_recorder=True).values_list("peer_id", flat=True)) == recorded
    assert recorded
    known = set(Participant.objects.values_list("custom_participant_id", flat=True))
    strange = {key for key, tab in truth.tabs.items() if tab.custom_id not in known}
    assert set(Attendance.objects.filter(participant=None).values_list("peer_id", flat=True)) == strange


def check_people(truth: histories.Book) -> None:
    """The report of each meeting says of each person what their sessions add up to."""
    for meeting in Meeting.objects.all():
        people = list(Participant.objects.with_relations().filter(meeting=meeting))
        for record in attendance.describe(meeting, people):
            stays = [
                stay
                for (session, who), stay in truth.stays.items()
                if who == record.custom_participant_id
                and truth.runs[session].meeting_id == str(meeting.realtimekit_id)
            ]
            assert len(record.stays) == sum(stay.connections for stay in stays)
            # Each session is rounded by itself.
            assert abs(record.seconds_present - sum(stay.seconds for stay in stays)) <= len(stays)
            assert record.first_joined_at == min((stay.first_joined_at for stay in stays), default=None)
