"""The main job against servers that keep the contract each in their own way; only REALTIMEKIT_* differs."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from participants.errors import NotAdmitted
from participants.models import Actor, Meeting, Participant
from participants.services import enrolment, joining, meetings, passes, removal, sync
from participants.states import ParticipantState
from tests.factories import PresetFactory
from tests.standin.conftest import Start, enrol, find_only, make_meeting
from tests.standin.manners import Manners, Shape, list_mixed
from tests.standin.server import Standin

pytestmark = pytest.mark.django_db(transaction=True)

MANY = list_mixed(24, seed=20270111)
ODDLY = [(404, "c"), (404, "html"), (404, "empty"), (410, "a"), (400, "html"), (422, "b"), (500, "a"), (500, "html")]


def join(meeting: Meeting, user: User | None, by: Actor) -> Participant:
    assert user is not None
    return joining.join(meeting_id=meeting.pk, user=user, by=by).participant


def expire(row: Participant) -> None:
    Participant.objects.filter(pk=row.pk).update(token_expires_at=timezone.now() - timedelta(minutes=1))


def check_token(standin: Standin, row: Participant) -> None:
    assert standin.world.owner_of[row.token] == row.realtimekit_id
    find_only(standin, row)


@pytest.mark.parametrize("manners", [pytest.param(manners, id=name) for name, manners in MANY])
def test_the_main_job_is_done(start: Start, by: Actor, manners: Manners) -> None:
    standin = start(manners)
    meeting = make_meeting(by)
    for other in range(3):
        enrol(meeting, by, f"other{other}")
    row = enrol(meeting, by)
    user = row.person.user
    assert row.state == ParticipantState.ENROLLED, row.last_error_detail

    row = join(meeting, user, by)
    check_token(standin, row)
    asked = len(standin.calls)
    assert join(meeting, user, by).token == row.token
    assert len(standin.calls) == asked

    expire(row)
    again = join(meeting, user, by)
    assert again.token != row.token
    assert again.realtimekit_id == row.realtimekit_id
    check_token(standin, again)

    result = enrolment.change(again, by=by, preset=PresetFactory(name="group_call_host"))
    assert result.trouble is None
    assert find_only(standin, result.participant).fields["preset_name"] == "group_call_host"

    standin.world.forget(meeting.realtimekit_id, row.realtimekit_id)
    expire(row)
    added = join(meeting, user, by)
    assert added.realtimekit_id != row.realtimekit_id
    check_token(standin, added)

    report = removal.remove(added, by=by)
    assert report.done, report.trouble
    assert len(standin.world.people_in(meeting.realtimekit_id)) == 3
    with pytest.raises(NotAdmitted, match="removed"):
        join(meeting, user, by)

    assert enrolment.restore(added, by=by).trouble is None
    check_token(standin, join(meeting, user, by))

    assert meetings.edit(meeting, by=by, status="INACTIVE") is None
    assert standin.world.rooms[str(meeting.realtimekit_id)].fields["status"] == "INACTIVE"
    Participant.objects.exclude(verify_after=None).update(verify_after=timezone.now())
    outcome = passes.converge(by=by)
    assert (outcome.waiting, outcome.trouble) == (0, "")
    assert passes.list_unsettled(timezone.now()) == (0, 0)
    assert len(standin.world.people_in(meeting.realtimekit_id)) == 4
    assert sync.pull(by=by).imported == 0
    assert passes.list_unsettled(timezone.now()) == (0, 0)


@pytest.mark.parametrize(("status", "shape"), ODDLY)
def test_an_unknown_preset_ends_in_failed_however_it_is_told(
    start: Start, by: Actor, status: int, shape: Shape
) -> None:
    standin = start(Manners(shape=shape, unknown_preset=status))
    row = enrol(make_meeting(by), by, preset=PresetFactory(name="nowhere_known"))
    assert row.state == ParticipantState.FAILED
    assert standin.world.people_in(row.meeting.realtimekit_id) == []


@pytest.mark.parametrize(("status", "shape"), ODDLY)
def test_a_change_to_an_unknown_preset_waits_for_staff_however_it_is_told(
    start: Start, by: Actor, status: int, shape: Shape
) -> None:
    standin = start(Manners(shape=shape, unknown_preset=status))
    row = enrol(make_meeting(by), by)
    enrolment.change(row, by=by, preset=PresetFactory(name="nowhere_known"))
    row.refresh_from_db()
    assert (row.state, row.last_error_code) == (ParticipantState.ENROLLED, "change_refused")
    find_only(standin, row)
    assert passes.list_unsettled(timezone.now()) == (0, 0)


@pytest.mark.parametrize(("unknown", "shape"), ODDLY)
def test_removing_somebody_who_is_gone_already_is_done_however_it_is_told(
    start: Start, by: Actor, unknown: int, shape: Shape
) -> None:
    standin = start(Manners(shape=shape, unknown=unknown, absent_from_session=unknown))
    row = enrol(make_meeting(by), by)
    standin.world.forget(row.meeting.realtimekit_id, row.realtimekit_id)
    assert removal.remove(row, by=by).done


@pytest.mark.parametrize(("unknown", "shape"), ODDLY)
def test_a_change_of_somebody_who_is_gone_adds_them_anew(start: Start, by: Actor, unknown: int, shape: Shape) -> None:
    standin = start(Manners(shape=shape, unknown=unknown))
    row = enrol(make_meeting(by), by)
    standin.world.forget(row.meeting.realtimekit_id, row.realtimekit_id)
    enrolment.change(row, by=by, preset=PresetFactory(name="group_call_host"))
    passes.converge(by=by)
    row.refresh_from_db()
    assert row.state == ParticipantState.ENROLLED
    assert find_only(standin, row).fields["preset_name"] == "group_call_host"


def test_an_unknown_preset_met_in_doubt_fails_once_lists_have_caught_up(start: Start, by: Actor) -> None:
    standin = start(Manners(unknown_preset=500, shape="html"))
    row = enrol(make_meeting(by), by)
    removal.remove(row, by=by)
    Participant.objects.update(
        state=ParticipantState.PENDING, outcome_unknown=True, preset=PresetFactory(name="nowhere_known")
    )
    passes.converge(by=by)
    row.refresh_from_db()
    assert (row.state, row.last_error_code) == (ParticipantState.PENDING, "preset_not_found")
    Participant.objects.update(verify_after=timezone.now())
    passes.converge(by=by)
    row.refresh_from_db()
    assert row.state == ParticipantState.FAILED
    assert standin.world.people_in(row.meeting.realtimekit_id) == []
