import pytest
from django.db import transaction
from django.utils import timezone

from participants.models import Actor, Event, EventKind
from participants.models.event import ActorKind, record
from participants.models.whereabouts import client_address
from tests.factories import EnrolledFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(by: Actor) -> Event:
    return record(EventKind.ENROLLED, by, participant=EnrolledFactory())


def test_an_event_is_never_changed(event: Event) -> None:
    event.data = {"rewritten": True}
    with pytest.raises(TypeError):
        event.save()
    with pytest.raises(TypeError):
        event.save(update_fields=["data"])
    with pytest.raises(TypeError):
        Event.objects.update(kind=EventKind.REMOVED)
    with pytest.raises(TypeError):
        Event.objects.filter(pk=event.pk).update(data={})
    with pytest.raises(TypeError), transaction.atomic():
        Event.objects.bulk_update([event], ["data"])
    assert Event.objects.get().data == {}


def test_an_event_is_never_deleted(event: Event) -> None:
    with pytest.raises(TypeError):
        event.delete()
    with pytest.raises(TypeError):
        Event.objects.all().delete()
    assert Event.objects.count() == 1


def test_a_participant_brings_meeting_and_person_along(event: Event) -> None:
    assert event.participant
    assert (event.meeting, event.person) == (event.participant.meeting, event.participant.person)


def test_an_event_keeps_who_through_what_and_the_request() -> None:
    user = UserFactory(username="boss")
    event = record(EventKind.SYNCED, Actor.of(user, via="command", request_id="r" * 70), meetings=3)
    assert (event.actor, event.actor_name, event.actor_kind) == (user, "boss", ActorKind.USER)
    assert (event.via, event.request_id, event.data) == ("command", "r" * 64, {"meetings": 3})
    assert abs((timezone.now() - event.created_at).total_seconds()) < 60


def test_nobody_in_particular_is_the_system(by: Actor) -> None:
    event = record(EventKind.SYNCED, by)
    assert (event.actor, event.actor_name, event.actor_kind) == (None, "", ActorKind.SYSTEM)


def test_the_newest_event_comes_first(by: Actor) -> None:
    made = [record(EventKind.SYNCED, by, number=number) for number in range(3)]
    assert list(Event.objects.all()) == made[::-1]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("", ""),
        ("unix:/run/socket", ""),
    ],
)
def test_of_an_address_only_the_network_is_kept(by: Actor, address: str, network: str) -> None:
    token = client_address.set(address)
    assert record(EventKind.SYNCED, by).address == network
    client_address.reset(token)
