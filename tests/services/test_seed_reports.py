"""Made-up attendance is as the services would have written it, and the same whenever it is made."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from participants.management import scaledata
from participants.management.scalepeople import Plan
from participants.models import Attendance, Meeting, Participant, Presence, Session
from participants.services import presence, tallies
from tests.factories import NOW, MeetingFactory

PLAN = Plan(participants=120, sessions=40, attendance=400, now=NOW)


def read(model: type[Any], *names: str) -> list[Any]:
    return list(model.objects.order_by("pk").values_list(*names))


@pytest.mark.django_db(transaction=True)
def test_there_is_as_much_of_everything_as_was_asked_for() -> None:
    told: list[tuple[int, int]] = []
    assert scaledata.make(PLAN, lambda done, of: told.append((done, of))) == 400
    assert (Participant.objects.count(), Session.objects.count(), Presence.objects.count()) == (120, 40, 400)
    assert told[-1] == (PLAN.meetings, PLAN.meetings)
    assert Session.objects.live().exists()
    assert Presence.objects.filter(is_present=True).exists()
    assert Presence.objects.filter(first_joined_at=None).exists()
    assert Presence.objects.filter(late_seconds__gt=600).exists()
    assert Attendance.objects.exclude(participant=None).count() >= Presence.objects.exclude(connections=0).count()
    assert User.objects.create(username="the-next-one").pk > PLAN.users


@pytest.mark.django_db(transaction=True)
def test_copies_and_counts_are_those_that_the_services_keep() -> None:
    scaledata.make(PLAN)
    for row in Presence.objects.select_related("session"):
        assert row.began_at == tallies.find_beginning(row.session)
        assert row.meeting_id == row.session.meeting_id == row.participant.meeting_id
    columns = ("pk", "expected_count", "came_count", "absent_count", "present_seconds")
    sessions, people = read(Session, *columns), read(Participant, "pk", "first_came_at")
    for session in Session.objects.all():
        tallies.tally(session)
    tallies.note_first([pk for pk, _ in people])
    assert read(Session, *columns) == sessions
    assert read(Participant, "pk", "first_came_at") == people


@pytest.mark.django_db(transaction=True)
def test_measuring_anew_finds_what_was_made_up() -> None:
    scaledata.make(PLAN)
    session = Session.objects.ended().filter(came_count__gt=3)[0]
    columns = ("pk", "first_joined_at", "last_left_at", "is_present", "connections", "rejoins", "late_seconds")
    before = list(session.presences.order_by("pk").values_list(*columns))
    presence.recompute(session)
    assert list(session.presences.order_by("pk").values_list(*columns)) == before


@pytest.mark.django_db(transaction=True)
def test_the_same_seed_makes_the_same_rows() -> None:
    scaledata.make(PLAN)
    made = [read(model, "pk", "created_at") for model in _MADE]
    seconds = read(Presence, "pk", "seconds", "late_seconds", "first_joined_at")
    call_command("flush", interactive=False, verbosity=0)
    scaledata.make(PLAN)
    assert [read(model, "pk", "created_at") for model in _MADE] == made
    assert read(Presence, "pk", "seconds", "late_seconds", "first_joined_at") == seconds


_MADE = (Meeting, Participant, Session, Presence, Attendance)


@pytest.mark.django_db
def test_nothing_is_made_unless_told_so_or_where_there_are_meetings() -> None:
    with pytest.raises(CommandError, match="say --yes"):
        call_command("seed_reports")
    with pytest.raises(CommandError, match="larger than nothing"):
        call_command("seed_reports", "--yes", "--sessions=0")
    MeetingFactory()
    with pytest.raises(CommandError, match="an empty one"):
        call_command("seed_reports", "--yes")
    assert Meeting.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_command_says_what_it_made(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("seed_reports", "--yes", "--participants=20", "--sessions=5", "--attendance=40")
    assert "40 rows of attendance." in capsys.readouterr().out
