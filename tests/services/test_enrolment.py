import pytest

from participants.errors import (
    InactiveUser,
    MeetingFull,
    ParticipantRemoved,
    PersonBlocked,
    PresetGone,
    PresetMissing,
    UnknownPreset,
)
from participants.models import Actor, Event, EventKind, Meeting, Participant
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import enrolment, passes, people, presets, removal
from participants.states import ParticipantState, Source
from tests.factories import GuestFactory, MeetingFactory, PersonFactory, PresetFactory
from tests.services.conftest import enrol

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_enrolled_person_exists_remotely_under_their_custom_id(
    sandbox: Sandbox, meeting: Meeting, ada: Participant
) -> None:
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert ada.state == ParticipantState.ENROLLED
    assert remote.id == ada.realtimekit_id
    assert remote.custom_participant_id == ada.person.custom_participant_id
    assert remote.preset_name == "group_call_participant"
    assert remote.name == "Ada Example"
    assert sandbox.world.participant_of(ada.token) == remote.id
    assert ada.token_expiry_source == "jwt"


def test_enrolling_twice_changes_nothing_and_calls_nothing(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    sandbox.requests.clear()
    host = PresetFactory(name="group_call_host")
    again = enrolment.enrol(meeting=meeting, person=ada.person, preset=host, source=Source.API, by=by)
    assert not again.created
    assert again.participant.pk == ada.pk
    assert again.participant.preset.name == "group_call_participant"
    assert sandbox.requests.all() == []


def test_a_first_enrolment_makes_a_pending_meeting_first(sandbox: Sandbox, transactional_db: None, by: Actor) -> None:
    row = enrol(MeetingFactory(title="Chemistry"), by)
    (remote,) = sandbox.world.meetings()
    assert remote.title == "Chemistry"
    assert row.meeting.realtimekit_id == remote.id
    assert row.state == ParticipantState.ENROLLED


def test_enrolling_while_realtimekit_is_down_leaves_a_pending_row_that_converging_finishes(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    sandbox.faults.down()
    row = enrol(meeting, by)
    assert row.state == ParticipantState.PENDING
    assert row.last_error_code
    assert row.next_attempt_at is not None
    sandbox.faults.up()
    passes.converge(by=by)
    row.refresh_from_db()
    assert row.state == ParticipantState.ENROLLED
    assert row.last_error_code == ""
    assert len(sandbox.world.participants(str(meeting.realtimekit_id))) == 1


def test_a_preset_refused_by_realtimekit_fails_the_row_with_its_reason(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    sandbox.world.remove_preset("group_call_participant")
    row = enrol(meeting, by)
    assert row.state == ParticipantState.FAILED
    assert "preset" in row.last_error_detail.lower()
    assert sandbox.requests.count("participants.add") == 1
    assert Event.objects.filter(kind=EventKind.FAILED, participant=row).exists()


def test_a_failed_row_is_retried_by_enrolling_again(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    sandbox.faults.add("refuse", operation="participants.add", status=422, message='"name" is bad')
    row = enrol(meeting, by)
    assert row.state == ParticipantState.FAILED
    again = enrolment.enrol(meeting=meeting, person=row.person, preset=None, source=Source.ADMIN, by=by)
    assert again.participant.pk == row.pk
    assert again.participant.state == ParticipantState.ENROLLED


def test_a_removed_person_is_not_enrolled_again_without_restoring(
    meeting: Meeting, ada: Participant, by: Actor
) -> None:
    removal.remove(ada, by=by)
    with pytest.raises(ParticipantRemoved):
        enrolment.enrol(meeting=meeting, person=ada.person, preset=None, source=Source.ADMIN, by=by)


def test_a_blocked_person_is_not_enrolled(meeting: Meeting, by: Actor) -> None:
    person = PersonFactory()
    people.block(person, reason="spam", by=by)
    person.refresh_from_db()
    with pytest.raises(PersonBlocked):
        enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)


def test_a_deactivated_user_is_not_enrolled(meeting: Meeting, by: Actor) -> None:
    person = PersonFactory(user__is_active=False)
    with pytest.raises(InactiveUser):
        enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)


def test_capacity_counts_pending_and_enrolled_rows(meeting: Meeting, ada: Participant, by: Actor) -> None:
    Meeting.objects.filter(pk=meeting.pk).update(capacity=1)
    with pytest.raises(MeetingFull):
        enrol(meeting, by, "bob")
    removal.remove(ada, by=by)
    assert enrol(meeting, by, "eve").state == ParticipantState.ENROLLED


def test_a_meeting_without_default_preset_needs_one_named(by: Actor, sandbox: Sandbox) -> None:
    meeting = MeetingFactory(default_preset=None)
    with pytest.raises(PresetMissing):
        enrol(meeting, by)
    assert Participant.objects.count() == 0


def test_a_preset_gone_remotely_takes_no_new_enrolments_and_keeps_the_old(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    sandbox.world.remove_preset("group_call_participant")
    presets.sync(deadline=Deadline.after(5))
    with pytest.raises(PresetGone):
        enrol(meeting, by, "bob")
    ada.refresh_from_db()
    assert ada.state == ParticipantState.ENROLLED


def test_an_unknown_preset_is_looked_up_remotely_before_it_is_refused(
    sandbox: Sandbox, transactional_db: None
) -> None:
    sandbox.world.add_preset("lecture-host")
    assert presets.resolve("lecture-host", deadline=Deadline.after(5)).name == "lecture-host"
    with pytest.raises(UnknownPreset):
        presets.resolve("no-such-preset", deadline=Deadline.after(5))
    assert sandbox.requests.count("presets.list") == 2


def test_a_changed_preset_and_name_are_applied_remotely(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    presets.sync(deadline=Deadline.after(5))
    host = presets.resolve("group_call_host", deadline=Deadline.after(5))
    result = enrolment.change(ada, by=by, preset=host, name="Ada L.")
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert (remote.preset_name, remote.name) == ("group_call_host", "Ada L.")
    assert result.participant.applied_preset == "group_call_host"
    assert remote.id == ada.realtimekit_id


def test_a_change_made_while_realtimekit_is_down_is_applied_by_converging(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    sandbox.faults.down()
    assert enrolment.change(ada, by=by, name="Countess").trouble is not None
    sandbox.faults.up()
    passes.converge(by=by)
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert remote.name == "Countess"


def test_a_refused_change_is_not_repeated_until_edited_again(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    sandbox.faults.add("refuse", operation="participants.patch", status=400, message="no", times=None)
    enrolment.change(ada, by=by, name="Countess")
    passes.converge(by=by)
    assert sandbox.requests.count("participants.patch") == 1
    ada.refresh_from_db()
    assert ada.state == ParticipantState.ENROLLED
    assert ada.last_error_code == "change_refused"


def test_a_guest_is_enrolled_by_name_and_email(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    guest = GuestFactory(display_name="Grace Guest")
    row = enrolment.enrol(meeting=meeting, person=guest, preset=None, source=Source.API, by=by).participant
    assert row.state == ParticipantState.ENROLLED
    assert sandbox.world.participants(str(meeting.realtimekit_id))[0].name == "Grace Guest"


def test_every_step_leaves_an_event_with_who_and_through_what(ada: Participant) -> None:
    kinds = list(Event.objects.filter(participant=ada).order_by("created_at").values_list("kind", "via"))
    assert kinds == [(EventKind.ENROLLED, "tests"), (EventKind.ADDED, "tests")]
