from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from participants.errors import PersonBlocked, WrongState
from participants.models import Actor, Event, EventKind, Meeting, Participant, Person
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import enrolment, passes, people, removal, tokens
from participants.states import ParticipantState, Source
from tests.factories import PersonFactory
from tests.services.conftest import enrol

pytestmark = pytest.mark.django_db(transaction=True)


def test_removing_kicks_deletes_and_kicks_again(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    sandbox.world.start_session(str(meeting.realtimekit_id), [str(ada.realtimekit_id)])
    sandbox.requests.clear()
    report = removal.remove(ada, by=by)
    assert [row.pk for row in report.done] == [ada.pk]
    assert [request.operation for request in sandbox.requests.all()] == [
        "active_session.kick",
        "participants.delete",
        "active_session.kick",
    ]
    assert sandbox.world.participants(str(meeting.realtimekit_id)) == []
    ada.refresh_from_db()
    assert (ada.state, ada.token, ada.realtimekit_id) == (ParticipantState.REMOVED, None, None)


def test_a_removal_holds_here_while_realtimekit_is_down_and_there_once_it_is_back(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    sandbox.faults.down()
    report = removal.remove(ada, by=by)
    ada.refresh_from_db()
    assert [row.pk for row in report.waiting] == [ada.pk]
    assert report.trouble is not None
    assert (ada.state, ada.token) == (ParticipantState.REMOVING, None)
    sandbox.faults.up()
    passes.converge(by=by)
    ada.refresh_from_db()
    assert ada.state == ParticipantState.REMOVED
    assert sandbox.world.participants(str(meeting.realtimekit_id)) == []


def test_a_refresh_in_flight_when_somebody_is_removed_throws_its_token_away(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    claimed = Participant.objects.with_relations().get(pk=ada.pk)

    class RemovingMeanwhile:
        """A client during whose refresh the participant is removed."""

        class participants:  # noqa: N801 - the client's attribute
            @staticmethod
            def refresh_token(room: str, remote_id: str, *, deadline: Deadline) -> object:
                token = real.participants.refresh_token(room, remote_id, deadline=deadline)
                removal.remove(ada, by=by)
                return token

    from participants.gateway import get_client

    real = get_client()
    tokens.refresh(claimed, deadline=Deadline.after(5), by=by, client=RemovingMeanwhile())  # type: ignore[arg-type]  # as little of a client as a refresh needs
    ada.refresh_from_db()
    assert (ada.state, ada.token) == (ParticipantState.REMOVED, None)


def test_an_add_in_flight_is_waited_for_listed_and_deleted(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    person = PersonFactory()
    row, _ = enrolment.store(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by)
    soon = timezone.now() + timedelta(seconds=20)
    Participant.objects.filter(pk=row.pk).update(outcome_unknown=True, attempts=1, lease_id=row.pk, lease_until=soon)
    report = removal.remove(row, by=by)
    assert report.waiting
    # The Add arrives only now, after the removal has looked.
    sandbox.world.add_participant(str(meeting.realtimekit_id), row.custom_participant_id, "group_call_participant")
    Participant.objects.update(verify_after=timezone.now() - timedelta(seconds=1))
    passes.converge(by=by)
    row.refresh_from_db()
    assert row.state == ParticipantState.REMOVED
    assert sandbox.world.participants(str(meeting.realtimekit_id)) == []


def test_what_shows_up_late_after_a_removal_is_deleted_a_minute_later(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    row, _ = enrolment.store(meeting=meeting, person=PersonFactory(), preset=None, source=Source.ADMIN, by=by)
    Participant.objects.update(outcome_unknown=True, attempts=1)
    removal.remove(row, by=by)
    row.refresh_from_db()
    assert row.state == ParticipantState.REMOVED
    assert row.verify_after is not None
    sandbox.world.add_participant(str(meeting.realtimekit_id), row.custom_participant_id, "group_call_participant")
    Participant.objects.update(verify_after=timezone.now() - timedelta(seconds=1))
    passes.tick(by=by)
    assert sandbox.world.participants(str(meeting.realtimekit_id)) == []


def test_a_restored_participant_is_added_anew(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    old = ada.realtimekit_id
    removal.remove(ada, by=by)
    result = enrolment.restore(ada, by=by)
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert result.participant.state == ParticipantState.ENROLLED
    assert result.participant.realtimekit_id == remote.id != old


def test_a_participant_restored_before_the_deletion_held_is_deleted_first(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    old_token, old_id = ada.token, ada.realtimekit_id
    sandbox.faults.down()
    removal.remove(ada, by=by)
    sandbox.faults.up()
    enrolment.restore(ada, by=by)
    ada.refresh_from_db()
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert (ada.state, ada.realtimekit_id) == (ParticipantState.ENROLLED, remote.id)
    assert remote.id != old_id
    assert not sandbox.world.accepts(old_token)


def test_only_a_removed_participant_is_restored(ada: Participant, by: Actor) -> None:
    with pytest.raises(WrongState):
        enrolment.restore(ada, by=by)


def test_deactivating_a_user_removes_them_everywhere_and_reactivating_restores_nothing(
    sandbox: Sandbox, meeting: Meeting, ada: Participant
) -> None:
    user = ada.person.user
    assert user is not None
    user.is_active = False
    user.save()
    ada.refresh_from_db()
    assert ada.state == ParticipantState.REMOVED
    assert sandbox.world.participants(str(meeting.realtimekit_id)) == []
    user.is_active = True
    user.save()
    ada.refresh_from_db()
    assert ada.state == ParticipantState.REMOVED


def test_a_tick_removes_those_deactivated_in_bulk(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    User.objects.update(is_active=False)
    assert passes.tick(by=by).withdrawn == 1
    ada.refresh_from_db()
    assert ada.state == ParticipantState.REMOVED


def test_deleting_a_user_removes_them_and_keeps_the_person(
    sandbox: Sandbox, meeting: Meeting, ada: Participant
) -> None:
    assert ada.person.user is not None
    ada.person.user.delete()
    ada.refresh_from_db()
    person = Person.objects.get()
    assert ada.state == ParticipantState.REMOVED
    assert (person.user, person.email) == (None, "")
    assert person.blocked_at is not None
    assert sandbox.world.participants(str(meeting.realtimekit_id)) == []


def test_blocking_removes_from_every_meeting_and_unblocking_restores_nothing(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    report = people.block(ada.person, reason="rude", by=by)
    assert len(report.done) == 1
    with pytest.raises(PersonBlocked):
        enrolment.restore(ada, by=by)
    assert people.unblock(ada.person, by=by)
    ada.refresh_from_db()
    assert ada.state == ParticipantState.REMOVED
    kinds = set(Event.objects.filter(person=ada.person).values_list("kind", flat=True))
    assert {EventKind.BLOCKED, EventKind.UNBLOCKED, EventKind.REMOVING, EventKind.REMOVED} <= kinds


def test_removing_twice_is_harmless(ada: Participant, by: Actor) -> None:
    removal.remove(ada, by=by)
    report = removal.remove(ada, by=by)
    assert [row.pk for row in report.done] == [ada.pk]
    assert Event.objects.filter(kind=EventKind.REMOVED).count() == 1


def test_a_row_never_sent_anywhere_is_removed_without_a_call(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    row, _ = enrolment.store(meeting=meeting, person=PersonFactory(), preset=None, source=Source.ADMIN, by=by)
    sandbox.requests.clear()
    removal.remove(row, by=by)
    row.refresh_from_db()
    assert row.state == ParticipantState.REMOVED
    assert sandbox.requests.all() == []


def test_a_deletion_that_answers_404_is_believed_only_with_the_meeting_and_its_list(
    sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    sandbox.faults.add("refuse", operation="participants.delete", status=404, message="no such participant")
    report = removal.remove(ada, by=by)
    assert report.waiting
    assert len(sandbox.world.participants(str(meeting.realtimekit_id))) == 1
    passes.converge(by=by)
    assert sandbox.world.participants(str(meeting.realtimekit_id)) == []


def test_one_pass_removes_before_it_adds(sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor) -> None:
    sandbox.faults.down()
    removal.remove(ada, by=by)
    enrol(meeting, by, "bob")
    sandbox.faults.up()
    sandbox.requests.clear()
    passes.converge(by=by)
    operations = [request.operation for request in sandbox.requests.all()]
    assert operations.index("participants.delete") < operations.index("participants.add")
