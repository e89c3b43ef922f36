"""People whom only RealtimeKit has: adopted, deleted, or left alone."""

import pytest
from django.utils import timezone

from participants.models import Actor, DriftReport, Event, EventKind, Meeting, Participant, Person, Preset
from participants.sandbox import Sandbox
from participants.services import drift, passes, people, removal, sync
from participants.states import DriftAction, ParticipantState
from tests.factories import EnrolledFactory, GuestFactory, ParticipantFactory
from tests.services.drifting import (
    add_remotely,
    age,
    apply,
    find_only_item,
    list_remote,
)

pytestmark = pytest.mark.django_db(transaction=True)


def compare(meeting: Meeting, by: Actor) -> DriftReport:
    return drift.compare(meeting, by=by)


def test_a_stranger_is_adopted_as_a_guest_under_their_own_id(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    remote = add_remotely(sandbox, meeting, "crm-4711", name="Bob  From The Dashboard", preset="group_call_host")
    item = apply(compare(meeting, by), by, DriftAction.ADOPT)
    row = Participant.objects.with_relations().get()
    assert (item.kind, item.outcome, item.participant_id) == ("remote_only", "applied", row.pk)
    assert (row.state, row.source, row.realtimekit_id) == ("enrolled", "sync", remote.id)
    assert (row.custom_participant_id, row.person.custom_participant_id) == ("crm-4711", "crm-4711")
    assert (row.effective_name, row.preset.name, row.token) == ("Bob From The Dashboard", "group_call_host", None)
    assert row.person.user is None
    assert [one.id for one in list_remote(sandbox, meeting)] == [remote.id]
    passes.converge(by=by)
    assert sandbox.requests.count("participants.patch") == 0


def test_a_stranger_whom_we_know_from_elsewhere_is_that_person(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    bob = GuestFactory(display_name="Bob")
    add_remotely(sandbox, meeting, bob.custom_participant_id, name="Bobby")
    apply(compare(meeting, by), by, DriftAction.ADOPT)
    row = Participant.objects.get()
    assert (row.person_id, row.name, row.applied_name) == (bob.pk, "Bobby", "Bobby")
    assert Person.objects.count() == 1


def test_an_adopted_stranger_can_join_and_be_removed(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    add_remotely(sandbox, meeting, "crm-4711", name="Bob")
    apply(compare(meeting, by), by, DriftAction.ADOPT)
    row = Participant.objects.with_relations().get()
    assert removal.remove(row, by=by).done
    assert list_remote(sandbox, meeting) == []


def test_a_stranger_without_a_name_is_adopted_and_not_renamed(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    add_remotely(sandbox, meeting, "crm-4711")
    assert apply(compare(meeting, by), by, DriftAction.ADOPT).outcome == "applied"
    passes.converge(by=by)
    assert sandbox.requests.count("participants.patch") == 0


def test_a_stranger_there_twice_is_adopted_once_and_the_extra_deleted(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    add_remotely(sandbox, meeting, "crm-4711", name="Bob")
    newest = add_remotely(sandbox, meeting, "crm-4711", name="Bob")
    item = apply(compare(meeting, by), by, DriftAction.ADOPT)
    assert item.outcome == "applied"
    assert [one.id for one in list_remote(sandbox, meeting)] == [Participant.objects.get().realtimekit_id]
    assert newest.id in item.remote_ids


def test_a_stranger_is_deleted_and_put_out_of_the_room(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    remote = add_remotely(sandbox, meeting, "crm-4711")
    sandbox.world.start_session(str(meeting.realtimekit_id), [remote.id])
    item = apply(compare(meeting, by), by, DriftAction.REMOVE)
    assert item.outcome == "applied"
    assert list_remote(sandbox, meeting) == []
    session = sandbox.world.session(str(meeting.realtimekit_id))
    assert session is None or session.present == []
    assert Event.objects.get(kind=EventKind.STRANGERS_DELETED).meeting == meeting


def test_a_stranger_who_is_enrolled_meanwhile_is_neither_adopted_nor_deleted(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    bob = GuestFactory()
    remote = add_remotely(sandbox, meeting, bob.custom_participant_id)
    report = compare(meeting, by)
    EnrolledFactory(meeting=meeting, person=bob, realtimekit_id=remote.id)
    assert apply(report, by, DriftAction.REMOVE).outcome == "no_longer_true"
    assert [one.id for one in list_remote(sandbox, meeting)] == [remote.id]


@pytest.mark.parametrize("action", [DriftAction.ADOPT, DriftAction.REMOVE])
def test_a_stranger_who_has_left_meanwhile_is_no_longer_one(
    sandbox: Sandbox, meeting: Meeting, by: Actor, action: DriftAction
) -> None:
    remote = add_remotely(sandbox, meeting, "crm-4711")
    report = compare(meeting, by)
    sandbox.world.remove_participant(str(meeting.realtimekit_id), remote.id)
    assert apply(report, by, action).outcome == "no_longer_true"
    assert not Participant.objects.exists()


def test_adopting_keeps_to_the_capacity(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    ParticipantFactory(meeting=meeting)
    Meeting.objects.update(capacity=1)
    add_remotely(sandbox, meeting, "crm-4711")
    item = apply(compare(meeting, by), by, DriftAction.ADOPT)
    assert (item.outcome, item.code) == ("failed", "full")
    assert Participant.objects.count() == 1


def test_a_blocked_person_is_not_adopted(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    bob = GuestFactory(blocked_at=timezone.now())
    add_remotely(sandbox, meeting, bob.custom_participant_id)
    item = apply(compare(meeting, by), by, DriftAction.ADOPT)
    assert (item.outcome, item.code) == ("failed", "blocked")


def test_somebody_refused_once_who_is_there_all_the_same_is_adopted_not_added(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    row = ParticipantFactory(meeting=meeting, state=ParticipantState.FAILED, last_error_code="refused")
    remote = add_remotely(sandbox, meeting, row.custom_participant_id)
    age()
    apply(compare(meeting, by), by, DriftAction.ADOPT)
    row.refresh_from_db()
    assert (row.state, row.realtimekit_id) == ("enrolled", remote.id)
    assert len(list_remote(sandbox, meeting)) == 1


def test_a_recorder_is_shown_apart_and_never_adopted(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    sync.pull(by=by)
    Preset.objects.filter(name="group_call_host").update(raw={"permissions": {"hidden_participant": True}})
    add_remotely(sandbox, meeting, "recorder-1", preset="group_call_host")
    item = find_only_item(compare(meeting, by))
    assert (item.kind, item.actions) == ("unidentified", ["remove"])
    assert item.safe_action is None


def test_people_found_by_name_are_never_guessed(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    """Only the custom id says who somebody is."""
    known = people.guest(name="Bob", email="bob@example.org", by=by)
    add_remotely(sandbox, meeting, "crm-4711", name="Bob")
    apply(compare(meeting, by), by, DriftAction.ADOPT)
    assert Participant.objects.get().person_id != known.pk
