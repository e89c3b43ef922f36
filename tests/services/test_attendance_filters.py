from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group

from participants.models import Participant, Person, Presence
from participants.services import attendancefilters, mirror
from participants.services.mirror import PeerNews, SessionNews
from participants.states import KnownBy
from tests.factories import NOW, BatchFactory, EnrolledFactory, MadeMeetingFactory, PresetFactory, UserFactory

pytestmark = pytest.mark.django_db
Scene = dict[str, Participant]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def scene() -> Scene:
    """A lesson of an hour: ada on time, bob late and short, eve never; and zoe in another room, still there."""
    meeting, other = MadeMeetingFactory(opens_at=at(0), closes_at=at(60)), MadeMeetingFactory()
    with time_machine.travel(at(-60), tick=False):
        rooms = {"ada": meeting, "bob": meeting, "eve": meeting, "zoe": other}
        people: Scene = {}
        for name, room in rooms.items():
            people[name] = EnrolledFactory(meeting=room, custom_participant_id=name)
    hear(meeting, "s1", {"ada": (0, 60), "bob": (20, 35)}, ended_at=at(60))
    hear(other, "s2", {"zoe": (10, None)})
    return people


def hear(meeting: Any, session_id: str, peers: dict[str, tuple[int, int | None]], **told: Any) -> None:
    news = SessionNews(session_id, meeting.realtimekit_id, started_at=at(0), **told)
    for name, (begin, end) in peers.items():
        peer = PeerNews(f"peer-{name}", name, joined_at=at(begin), left_at=None if end is None else at(end))
        with time_machine.travel(at(70), tick=False):
            mirror.merge_peer(news, peer, known_by=KnownBy.WEBHOOK)


def ask(**asked: object) -> set[str]:
    values, problems = attendancefilters.read({name: str(value) for name, value in asked.items()})
    assert problems == {}
    rows = list(attendancefilters.narrow(Presence.objects.all(), values))
    assert len(rows) == len({row.pk for row in rows})
    return {row.participant.custom_participant_id for row in rows}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, {"ada", "bob", "eve", "zoe"}),
        ({"came": "true"}, {"ada", "bob", "zoe"}),
        ({"came": "no"}, {"eve"}),
        ({"never_joined": "1"}, {"eve"}),
        ({"joined_after": "2027-01-11T08:10:00Z"}, {"bob", "zoe"}),
        ({"joined_before": "2027-01-11T08:10:00+00:00"}, {"ada"}),
        ({"joined_before": "2027-01-12"}, {"ada", "bob", "zoe"}),
        ({"started_after": "2027-01-11", "started_before": "2027-01-12", "came": "false"}, {"eve"}),
        ({"present_less_than_percent": "50", "live": "false"}, {"bob", "eve"}),
        ({"present_less_than_minutes": "15"}, {"eve"}),
        ({"present_less_than_minutes": "15.5"}, {"bob", "eve"}),
        ({"late_more_than_minutes": "19"}, {"bob"}),
        ({"left_early_more_than_minutes": "20"}, {"bob"}),
        ({"live": "true"}, {"zoe"}),
        ({"present": "true"}, {"zoe"}),
        ({"corrected": "true"}, set()),
        ({"came": " ", "something_else": "x"}, {"ada", "bob", "eve", "zoe"}),
    ],
)
def test_each_question_finds_who_it_asks_for(scene: Scene, asked: dict[str, str], found: set[str]) -> None:
    assert ask(**asked) == found


def test_questions_about_where_people_come_from(scene: Scene) -> None:
    teacher, ada, zoe = UserFactory(username="teacher"), scene["ada"], scene["zoe"]
    group, second = Group.objects.create(name="7b"), Group.objects.create(name="7c")
    assert ada.person.user is not None
    ada.person.user.groups.add(group, second)
    batch = BatchFactory(meeting=ada.meeting)
    host = PresetFactory(name="group_call_host")
    Participant.objects.filter(pk=ada.pk).update(batch=batch, enrolled_by=teacher, preset=host)
    zoe.meeting.managers.add(teacher, UserFactory())
    assert ask(meeting=zoe.meeting.pk) == {"zoe"}
    assert ask(person=ada.person_id) == ask(batch=batch.pk) == ask(preset="group_call_host") == {"ada"}
    assert ask(group="7b") == ask(group=second.pk) == {"ada"}
    assert ask(enrolled_by="teacher") == ask(enrolled_by=teacher.pk) == {"ada"}
    assert ask(manager="teacher") == {"zoe"}
    assert ask(session=Presence.objects.get(participant=zoe).session_id) == {"zoe"}
    assert ask(group="7b", meeting=zoe.meeting.pk) == set()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("meeting", "seven"),
        ("came", "maybe"),
        ("present_less_than_percent", "-1"),
        ("present_less_than_minutes", "nan"),
        ("late_more_than_minutes", "1e400"),
        ("joined_after", "2027-13-01"),
        ("joined_after", "0001-01-01T00:00:00+14:00"),
        ("joined_before", "soon"),
        ("preset", "a\x00b"),
    ],
)
def test_what_cannot_be_read_is_told_by_name(name: str, text: str) -> None:
    values, problems = attendancefilters.read({name: text})
    assert (values, list(problems)) == ({}, [name])


def test_a_time_without_an_offset_is_of_the_time_zone_in_force() -> None:
    values, _ = attendancefilters.read({"joined_after": "2027-01-11T08:00:00"})
    assert values["joined_after"] == datetime(2027, 1, 11, 8, 0, tzinfo=UTC)


def test_a_set_of_people_is_the_same_rows_in_another_form(scene: Scene) -> None:
    members = Participant.objects.filter(pk__in=[scene["ada"].pk, scene["zoe"].pk])
    rows = attendancefilters.among(Presence.objects.order_by("participant"), "participant", members)
    assert {row.participant.custom_participant_id for row in rows} == {"ada", "zoe"}
    assert not attendancefilters.among(Presence.objects.all(), "participant", members.none()).exists()


@pytest.mark.parametrize(
    "asked", [{}, {"came": "true"}, {"preset": "group_call_host"}, {"preset": "nobody's"}, {"group": "7b"}]
)
def test_rows_are_the_same_in_whatever_form_a_page_is_looked_for(scene: Scene, asked: dict[str, str]) -> None:
    Participant.objects.filter(pk=scene["bob"].pk).update(preset=PresetFactory(name="group_call_host"))
    group, user = Group.objects.create(name="7b"), scene["eve"].person.user
    assert user is not None
    user.groups.add(group)
    values, _ = attendancefilters.read(asked)
    rows, few = attendancefilters.find(Presence.objects.all(), values)
    assert few
    assert set(rows) == set(attendancefilters.narrow(Presence.objects.all(), values))


def test_somebody_merged_is_asked_for_by_either_person(scene: Scene) -> None:
    ada, eve = scene["ada"].person, scene["eve"].person
    Person.objects.filter(pk=eve.pk).update(merged_into=ada)
    assert ask(person=ada.pk) == ask(person=eve.pk) == {"ada", "eve"}
    assert ask(person=scene["bob"].person_id) == {"bob"}
