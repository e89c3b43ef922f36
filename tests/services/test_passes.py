"""Converging passes and the tick."""

import io
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.utils import timezone

from participants.models import Actor, BatchRow, Meeting, Participant
from participants.models.budget import Ledger, Limits
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import batches, passes, people, removal
from participants.services.rosters import parse_text
from tests.factories import (
    DriftItemFactory,
    DriftReportFactory,
    EnrolledFactory,
    MadeMeetingFactory,
    MeetingFactory,
    ParticipantFactory,
    UserFactory,
)
from tests.services.conftest import enrol

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_pass_finishes_pending_meetings_and_participants(sandbox: Sandbox, by: Actor) -> None:
    first, second = ParticipantFactory(), ParticipantFactory()
    outcome = passes.converge(by=by)
    assert passes.list_unsettled(timezone.now()) == (0, 0)
    assert (outcome.waiting, outcome.trouble) == (0, "")
    for row in (first, second):
        row.refresh_from_db()
        assert row.state == "enrolled"
        (remote,) = sandbox.world.participants(row.meeting.realtimekit_id)
        assert remote.id == row.realtimekit_id


def test_a_second_pass_finds_nothing_to_do(sandbox: Sandbox, by: Actor) -> None:
    ParticipantFactory()
    passes.converge(by=by)
    sandbox.requests.clear()
    assert passes.converge(by=by) == passes.Outcome()
    assert sandbox.requests.all() == []


def test_while_realtimekit_is_down_rows_wait_and_say_for_what(sandbox: Sandbox, by: Actor) -> None:
    meeting = MeetingFactory()
    sandbox.faults.down()
    outcome = passes.converge(by=by, deadline=Deadline.after(4))
    meeting.refresh_from_db()
    assert (outcome.settled, outcome.waiting) == (0, 1)
    assert outcome.trouble
    assert meeting.last_error_code
    assert meeting.next_attempt_at is not None
    assert meeting.next_attempt_at - timezone.now() <= timedelta(seconds=60)


def test_a_misconfiguration_ends_the_pass_at_the_first_row(
    sandbox: Sandbox, by: Actor, settings: LazySettings
) -> None:
    MeetingFactory.create_batch(3)
    settings.REALTIMEKIT_API_TOKEN = "wrong"
    outcome = passes.converge(by=by)
    assert outcome.trouble
    assert sandbox.requests.count("meetings.create") == 1
    assert set(Meeting.objects.values_list("state", flat=True)) == {"pending"}


def test_without_credentials_a_pass_says_which_are_missing(by: Actor, settings: LazySettings) -> None:
    MeetingFactory()
    settings.REALTIMEKIT_APP_ID = ""
    assert "REALTIMEKIT_APP_ID" in passes.converge(by=by).trouble


def test_people_deactivated_in_bulk_are_removed_by_the_next_tick(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    User.objects.filter(username="ada").update(is_active=False)
    assert passes.tick(by=by).withdrawn == 1
    ada.refresh_from_db()
    assert (ada.state, ada.token) == ("removed", None)
    assert sandbox.world.participants(str(meeting.realtimekit_id)) == []
    assert passes.tick(by=by).withdrawn == 0


def test_a_deactivation_holds_here_even_without_credentials(by: Actor, settings: LazySettings) -> None:
    settings.REALTIMEKIT_API_TOKEN = ""
    row = EnrolledFactory(person__user__is_active=False)
    passes.tick(by=by)
    row.refresh_from_db()
    assert row.state == "removing"


def test_a_removal_comes_before_other_work(sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor) -> None:
    sandbox.faults.down()
    people.block(ada.person, reason="rude", by=by)
    sandbox.faults.up()
    ParticipantFactory.create_batch(3, meeting=meeting)
    sandbox.requests.clear()
    passes.converge(by=by)
    operations = [request.operation for request in sandbox.requests.all()]
    assert operations.index("participants.delete") < operations.index("participants.add")


def test_a_row_under_anothers_lease_is_left_to_it(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    row = ParticipantFactory(meeting=meeting)
    Participant.objects.claim(row.pk, seconds=60)
    sandbox.requests.clear()
    passes.converge(by=by)
    assert sandbox.requests.all() == []


def test_a_lease_that_ran_out_is_taken_over(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    row = ParticipantFactory(meeting=meeting)
    Participant.objects.claim(row.pk, seconds=-1)
    passes.converge(by=by)
    row.refresh_from_db()
    assert row.state == "enrolled"


def test_participants_of_a_refused_meeting_wait_for_staff(sandbox: Sandbox, by: Actor) -> None:
    ParticipantFactory(meeting=MeetingFactory(state="failed"))
    passes.converge(by=by)
    assert sandbox.requests.all() == []


def test_a_pass_out_of_time_calls_nobody(sandbox: Sandbox, by: Actor) -> None:
    ParticipantFactory()
    passes.converge(by=by, deadline=Deadline.after(0))
    assert sandbox.requests.all() == []


@pytest.mark.parametrize("command", ["converge", "tick"])
def test_the_commands_do_one_pass(sandbox: Sandbox, command: str) -> None:
    row = ParticipantFactory()
    call_command(command, stdout=io.StringIO())
    row.refresh_from_db()
    assert row.state == "enrolled"


def test_a_pass_touches_nobody_who_is_settled(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    row = enrol(meeting, by)
    before = row.updated_at
    passes.converge(by=by)
    row.refresh_from_db()
    assert row.updated_at == before


def test_a_pass_that_is_to_end_begins_nothing(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    group = Group.objects.create(name="7b")
    group.user_set.add(UserFactory())
    Meeting.groups.through.objects.create(meeting=meeting, group=group)
    entries = parse_text("ada@example.org")
    over = Deadline.after(0)
    batch = batches.start(meeting=meeting, entries=entries, preset=None, pre_enrol=True, by=by, deadline=over)
    report = DriftReportFactory(meeting=meeting)
    DriftItemFactory(report=report, kind="unidentified", action="remove", outcome="waiting", remote_ids=["x"])
    sandbox.requests.clear()
    assert passes.tick(by=by, is_stopping=lambda: True).unfinished
    assert not Participant.objects.exists()
    assert BatchRow.objects.unworked().filter(batch=batch).exists()
    assert sandbox.requests.all() == []


def test_a_meeting_that_realtimekit_does_not_know_holds_up_only_its_own_rows(sandbox: Sandbox, by: Actor) -> None:
    lost = ParticipantFactory(
        meeting=MadeMeetingFactory(title="A", realtimekit_id="00000000-0000-4000-8000-00000000dead")
    )
    fine = ParticipantFactory()
    outcome = passes.converge(by=by)
    lost.refresh_from_db()
    fine.refresh_from_db()
    assert (lost.state, fine.state) == ("pending", "enrolled")
    assert "does not know the meeting" in outcome.trouble
    assert "does not know the meeting" in lost.last_error_detail


def test_a_pass_tells_of_removals_before_it_turns_to_meetings(sandbox: Sandbox, by: Actor) -> None:
    leaving = enrol(MeetingFactory(), by)
    sandbox.faults.down()
    removal.remove(leaving, by=by, deadline=Deadline.after(1))
    sandbox.faults.up()
    MeetingFactory()
    sandbox.requests.clear()
    passes.converge(by=by)
    operations = [request.operation for request in sandbox.requests.all()]
    assert operations.index("participants.delete") < operations.index("meetings.create")


def test_a_pass_that_waits_for_the_budget_at_its_end_has_more_to_do(
    sandbox: Sandbox, meeting: Meeting, by: Actor, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_BUDGET = (60, 20.0)
    ParticipantFactory.create_batch(10, meeting=meeting)
    outcome = passes.tick(by=by, deadline=Deadline.after(1.5), threads=2)
    assert outcome.unfinished
    assert 0 < sandbox.requests.count("participants.add") < 10


def test_a_pass_held_back_for_longer_is_not_followed_at_once(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    Ledger(Limits(60, 20.0)).take(background=True)
    Ledger(Limits(60, 20.0)).pause(60)
    ParticipantFactory(meeting=meeting)
    outcome = passes.tick(by=by, deadline=Deadline.after(15))
    assert (outcome.unfinished, outcome.waiting) == (False, 1)
