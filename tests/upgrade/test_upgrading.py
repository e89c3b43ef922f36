"""An installation of the first schema, brought to the newest: nothing lost, nobody doubled, and it works."""

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from rest_framework.test import APIClient

from participants.models import Actor, ApiKey, Event, Hook, Meeting, Message, Participant, Person, Presence, Session
from participants.sandbox import Sandbox
from participants.services import passes
from participants.states import MeetingState, MeetingStatus, ParticipantState
from tests.factories import NOW
from tests.upgrade.conftest import Lived
from tests.upgrade.installation import Installation, Rows, load_apps, read_rows
from tests.upgrade.lived import ALGEBRA, BEGAN, FRESH, LATIN

NOTHING = "No migrations to apply."
NEWEST = MigrationLoader(None).graph.leaf_nodes("participants")[0][1]
LISTS = (
    *("meeting", "participant", "person", "session", "presence", "event", "batch", "delivery", "driftreport"),
    *("invitation", "accessrequest", "message", "hook", "hookmessage", "apikey", "preset"),
)


def find(name: str) -> Participant:
    return Participant.objects.get(custom_participant_id=name)


@pytest.fixture
def remote(copy: Installation, sandbox: Sandbox) -> Meeting:
    """The meeting that people were enrolled in, as it stands at RealtimeKit, where ids are given."""
    made = sandbox.world.create_meeting(ALGEBRA)
    for row in Participant.objects.filter(meeting__title=ALGEBRA, realtimekit_id__isnull=False):
        there = sandbox.world.add_participant(
            made.id, row.custom_participant_id, "group_call_participant", name=row.person.display_name
        )
        Participant.objects.filter(pk=row.pk).update(realtimekit_id=there.id)
    Meeting.objects.filter(title=ALGEBRA).update(realtimekit_id=made.id)
    sandbox.requests.clear()
    return Meeting.objects.get(title=ALGEBRA)


def assert_kept(rows: Rows, now: Rows, last: Rows) -> None:
    """Each of the rows is there with all of its columns, as they were last written."""
    for table, written in rows.items():
        assert len(now[table]) == len(last[table]), table
        for key, row in written.items():
            assert {name: now[table][key][name] for name in row} == {name: last[table][key][name] for name in row}, (
                table
            )


def test_no_table_of_a_schema_that_landed_was_left_empty(lived: Lived) -> None:
    """Or what became of its rows would not be known."""
    empty = {
        (migration, model.__name__)
        for migration, written in lived.written.items()
        for model in load_apps(migration).get_app_config("participants").get_models(include_auto_created=True)
        if not written[model._meta.db_table]
    }
    assert empty == set()


def test_every_row_is_there_with_all_that_it_said(lived: Lived, copy: Installation) -> None:
    now = read_rows()
    for written in lived.written.values():
        assert_kept(written, now, list(lived.written.values())[-1])


def test_going_back_keeps_what_the_older_schema_knew_and_coming_again_fills_in_the_rest(
    lived: Lived, copy: Installation
) -> None:
    before = read_rows()
    MigrationExecutor(connection).migrate([("participants", "0020_choices")])
    assert_kept(lived.written["0020_choices"], read_rows(), before)
    MigrationExecutor(connection).migrate([("participants", NEWEST)])
    assert {name: rows for name, rows in read_rows().items() if name.startswith("participants_")} == {
        name: rows for name, rows in before.items() if name.startswith("participants_")
    }


def test_new_columns_of_old_rows_say_what_is_so(copy: Installation) -> None:
    first, second = Session.objects.filter(realtimekit_id__in=["session-0", "session-1"]).order_by("started_at")
    # Bob's ten minutes were corrected to fifteen.
    assert (first.expected_count, first.came_count, first.absent_count, first.present_seconds) == (
        3,
        2,
        1,
        3000 + 900,
    )
    assert (second.expected_count, second.came_count, second.absent_count, second.present_seconds) == (3, 1, 2, 1200)
    untold = Session.objects.get(realtimekit_id="session-x")
    assert (untold.expected_count, untold.came_count, untold.present_seconds) == (0, 0, 0)
    assert set(Presence.objects.values_list("meeting__title", flat=True)) == {ALGEBRA}
    assert set(Presence.objects.values_list("began_at", flat=True)) == {first.started_at, second.started_at}
    came = {row.custom_participant_id: row.first_came_at for row in Participant.objects.all() if row.first_came_at}
    assert came == {"ada": BEGAN, "bob": BEGAN}


def test_nobody_is_sent_what_they_did_not_ask_for(copy: Installation) -> None:
    """What came later is off for meetings, people and events that were there before."""
    assert not Meeting.objects.filter(sends_notices=True).exists()
    assert not Meeting.objects.filter(takes_requests=True).exists()
    assert list(Message.objects.values_list("address", flat=True)) == ["gil@example.com"]
    assert set(Event.objects.values_list("address", flat=True)) <= {None, ""}
    assert not Person.objects.filter(merged_into__isnull=False).exists()


def test_secrets_are_read_with_the_key_they_were_written_with(copy: Installation) -> None:
    assert find("ada").token == FRESH
    assert Message.objects.get().secret == "rci_not-sent-yet"
    assert Hook.objects.get().secret == "whsec_keep-me"
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM participants_participant WHERE token IS NOT NULL")
        assert not any(FRESH in token for (token,) in cursor.fetchall())


def test_whoever_has_a_token_joins_with_it_and_nobody_is_asked(remote: Meeting, sandbox: Sandbox) -> None:
    with time_machine.travel(NOW, tick=False):
        client = APIClient()
        client.force_login(User.objects.get(username="ada"))
        answer = client.post(f"/api/v1/meetings/{remote.pk}/join/", {}, format="json")
    assert (answer.status_code, answer.json()["token"]) == (200, FRESH)
    assert sandbox.requests.all() == []


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("emil", 403, "blocked"), ("dora", 409, "enrolment_failed"), ("boss", 403, "not_enrolled")],
    ids=["blocked", "failed", "not-enrolled"],
)
def test_whoever_was_kept_out_still_is(remote: Meeting, sandbox: Sandbox, name: str, status: int, code: str) -> None:
    with time_machine.travel(NOW, tick=False):
        client = APIClient()
        client.force_login(User.objects.get(username=name))
        answer = client.post(f"/api/v1/meetings/{remote.pk}/join/", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert sandbox.requests.all() == []


def test_what_was_wanted_is_carried_out_and_nobody_is_doubled(remote: Meeting, sandbox: Sandbox, by: Actor) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        for _ in range(3):
            passes.tick(by=by)
            clock.shift(120)
    assert find("carl").state == ParticipantState.ENROLLED
    assert find("fred").state == ParticipantState.REMOVED
    assert Meeting.objects.get(title=LATIN).state == MeetingState.CREATED
    assert Meeting.objects.get(title=LATIN).applied_status == MeetingStatus.INACTIVE  # it opens tomorrow
    there = [each.custom_participant_id for each in sandbox.world.participants(str(remote.realtimekit_id))]
    assert sorted(there) == ["ada", "bob", "carl", "gil"]
    assert Participant.objects.filter(meeting=remote).count() == 7


def test_staff_open_every_list(copy: Installation) -> None:
    client = Client()
    client.force_login(User.objects.get(username="boss"))
    lists = [f"participants/{name}/" for name in LISTS]
    assert {path: client.get(f"/admin/{path}").status_code for path in ["", *lists, "auth/user/"]} == dict.fromkeys(
        ["", *lists, "auth/user/"], 200
    )


def test_what_was_done_before_is_append_only_too(copy: Installation, by: Actor) -> None:
    assert Event.objects.filter(kind="participant.enrolled", participant=find("ada"), actor__username="boss").exists()
    assert ApiKey.objects.get().meetings.get().title == ALGEBRA


def test_migrating_again_does_nothing(lived: Lived, copy: Installation) -> None:
    before = read_rows()
    assert NOTHING not in lived.said
    assert NOTHING in copy.migrate()
    assert read_rows() == before
