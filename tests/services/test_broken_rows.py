"""Something broken holds up nothing but itself: neither the rest of a pass nor the worker that runs it."""

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from participants.models import Actor, Batch, BatchRow, DriftItem, DriftReport, Meeting, Participant
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import batches, bulkwork, drift, groups, passes
from participants.services.rosters import parse_text
from participants.states import DriftAction, DriftKind, DriftOutcome
from tests.factories import (
    DriftItemFactory,
    DriftReportFactory,
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    ParticipantFactory,
    PersonFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


def begin(by: Actor) -> Batch:
    """Stored, and nothing worked on yet."""
    return batches.start(
        meeting=MadeMeetingFactory(),
        entries=parse_text("ada@example.org"),
        preset=None,
        pre_enrol=True,
        by=by,
        deadline=Deadline.after(0),
    )


@pytest.fixture
def broken(by: Actor) -> Batch:
    """A batch whose first row can't be understood, as one of another version's might be."""
    made = begin(by)
    BatchRow.objects.filter(batch=made).update(entry={"no": "such field"})
    return made


@pytest.fixture
def waiting(meeting: Meeting) -> Participant:
    made: Participant = ParticipantFactory(meeting=meeting)
    return made


def test_a_batch_that_trips_over_a_defect_stops_no_other_work(
    sandbox: Sandbox, broken: Batch, waiting: Participant, by: Actor
) -> None:
    later = begin(by)
    passes.tick(by=by)
    waiting.refresh_from_db()
    assert waiting.state == "enrolled"
    assert batches.measure(later).counts["enrolled"] == 0  # its meeting is none of the sandbox's
    assert BatchRow.objects.filter(batch=later, code="").exists()


def test_a_batch_that_failed_is_not_tried_again_at_once(sandbox: Sandbox, broken: Batch, by: Actor) -> None:
    assert not passes.tick(by=by).unfinished
    assert not bulkwork.has_work()
    broken.refresh_from_db()
    assert broken.lease_until is not None


def test_a_decision_that_trips_over_a_defect_waits_and_stops_no_other(
    sandbox: Sandbox, meeting: Meeting, waiting: Participant, by: Actor
) -> None:
    for _ in range(2):
        report = DriftReport.objects.create(meeting=meeting, total=1, via="tests")
        DriftItem.objects.create(
            report=report,
            kind=DriftKind.REMOTE_ONLY,
            action=DriftAction.OURS,  # which it does not allow
            outcome=DriftOutcome.WAITING,
        )
    passes.tick(by=by)
    waiting.refresh_from_db()
    assert waiting.state == "enrolled"
    assert set(DriftItem.objects.values_list("outcome", flat=True)) == {"waiting"}
    assert not DriftReport.objects.filter(next_attempt_at=None).exists()
    assert not DriftReport.objects.exclude(lease_id=None).exists()


def test_a_decision_on_a_meeting_that_realtimekit_does_not_know_holds_up_no_other(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    fine = DriftReportFactory(meeting=meeting, applied_at=timezone.now())
    DriftItemFactory(report=fine, kind="unidentified", action="remove", outcome="waiting", remote_ids=["x"])
    row = EnrolledFactory(meeting__realtimekit_id="00000000-0000-4000-8000-00000000dead")
    lost = DriftReportFactory(meeting=row.meeting, applied_at=timezone.now())  # the newest comes first
    DriftItemFactory(
        report=lost,
        kind="local_only",
        action="add_again",
        outcome="waiting",
        participant=row,
        recorded_id=row.realtimekit_id,
    )
    drift.survey(by=by)
    assert [item.outcome for item in fine.items.all()] == ["no_longer_true"]
    (item,) = lost.items.all()
    assert (item.outcome, "does not know the meeting" in lost.items.get().detail) == ("waiting", True)


def test_a_meeting_whose_members_cannot_be_stored_holds_up_no_other(
    sandbox: Sandbox, waiting: Participant, by: Actor
) -> None:
    group = Group.objects.create(name="7b")
    person = PersonFactory(user=UserFactory())
    group.user_set.add(person.user)
    bad, good = MadeMeetingFactory(), MadeMeetingFactory()
    # Somebody else there carries this person's id already, so the row can't be made.
    EnrolledFactory(meeting=bad, person=GuestFactory(), custom_participant_id=person.custom_participant_id)
    Meeting.groups.through.objects.bulk_create(
        Meeting.groups.through(meeting=meeting, group=group) for meeting in (bad, good)
    )
    assert groups.follow(by=by).enrolled == 1
    assert Participant.objects.filter(meeting=good, person=person).exists()
    passes.tick(by=by)
    waiting.refresh_from_db()
    assert waiting.state == "enrolled"
